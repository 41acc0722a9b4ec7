"""Reads what edgekit packs into a model file: manifest, golden examples, signature."""
