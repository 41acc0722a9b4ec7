"""Generates sequences: translations from an encoder and a decoder, transcripts from a model that ends in CTC."""
