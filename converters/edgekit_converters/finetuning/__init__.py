"""Fine-tuning of a float .tflite for the integers that it will be quantized to, by distillation from itself."""
