"""Names of models as figures show them."""

from __future__ import annotations


def model_name(mode: str) -> str:
    """A quantization mode as a figure's legend names it: "none" reads as if there were no model."""
    return "float32" if mode == "none" else mode
