"""Formats the names of models for figures."""

from __future__ import annotations


def model_name(mode: str) -> str:
    """The name of a quantization mode in a legend; "none" becomes "float32", since it could mean no model."""
    return "float32" if mode == "none" else mode
