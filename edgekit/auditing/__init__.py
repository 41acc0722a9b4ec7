"""``edgekit audit``: finds problems in a .tflite made by any tool."""
