"""``edgekit audit``: what is wrong with a .tflite, whoever made it."""
