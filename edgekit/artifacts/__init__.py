"""What is done with a finished .tflite: looking into it, packing, signing, verifying, exporting."""
