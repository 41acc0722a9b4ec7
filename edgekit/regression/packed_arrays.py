"""Packs arrays as short texts for a committed file, and reads them back without trusting their claims."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

#: A damaged file can claim any count in a few bytes.
_MOST_VALUES = 100_000_000


def packed_array(values: np.ndarray) -> dict[str, Any]:
    """Plain values for JSON: the number of values, and their compressed bytes."""
    return {"samples": len(values), "values": base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()}


def unpacked_array(packed: dict[str, Any], dtype: str) -> np.ndarray:
    """Read what :func:`packed_array` made.

    Args:
        packed: The plain values.
        dtype: Type of the values.
    Raises:
        ValueError, KeyError, TypeError, zlib.error: The entry is damaged.
    """
    samples = int(packed["samples"])
    if not 0 <= samples <= _MOST_VALUES:
        raise ValueError(f"{samples} predictions")
    # Never unpacks more than the stated count, whatever the file contains.
    stored = zlib.decompressobj().decompress(
        base64.b64decode(packed["values"], validate=True), samples * np.dtype(dtype).itemsize + 1
    )
    values = np.frombuffer(stored, dtype)
    if len(values) != samples:
        raise ValueError(f"{len(values)} predictions, but the file states {samples}")
    return values
