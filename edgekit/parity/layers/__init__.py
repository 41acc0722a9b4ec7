"""Compares the tensors inside two models, layer by layer."""
