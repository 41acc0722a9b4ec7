"""Converts an encoder and a decoder into one file that generates sequences, and judges what it generates."""
