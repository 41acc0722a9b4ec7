"""Reads examples from each form of data: arrays, folders, images, recordings, tables, functions."""
