"""Inspects, packs, signs, verifies and exports finished .tflite files."""
