"""Recordings for the tests of sound: WAV files that are written byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

RATE = 16_000


def wav_bytes(
    samples: bytes,
    *,
    code: int = 1,
    bits: int = 16,
    channels: int = 1,
    rate: int = RATE,
    order: str = "<",
    before: bytes = b"",
    after: bytes = b"",
    sub_format: int | None = None,
    data_size: int | None = None,
    riff_size: int | None = None,
) -> bytes:
    """A WAV file with any header: chunks before and after the samples, and sizes that are wrong."""
    frame = channels * -(-bits // 8)
    stated = code if sub_format is None else 0xFFFE
    form = struct.pack(f"{order}HHIIHH", stated, channels, rate, min(rate * frame, 2**32 - 1), frame, bits)
    if sub_format is not None:
        form += struct.pack("<HHIH", 22, bits, 0, sub_format) + bytes.fromhex("000000001000800000aa00389b71")
    size = len(samples) if data_size is None else data_size
    data = b"data" + struct.pack(f"{order}I", size) + samples + b"\0" * (len(samples) % 2)
    chunks = b"WAVE" + b"fmt " + struct.pack(f"{order}I", len(form)) + form + before + data + after
    riff = len(chunks) if riff_size is None else riff_size
    return (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", riff) + chunks


@pytest.fixture(scope="session")
def make_wav() -> Callable[..., bytes]:
    """Writes a WAV file byte by byte: :func:`wav_bytes`."""
    return wav_bytes


@pytest.fixture(scope="session")
def word() -> np.ndarray:
    """A second of a gliding tone with noise, made of whole numbers only: 16-bit values as float32 (16000,)."""
    time = np.arange(RATE, dtype=np.int64)
    glide = abs((time * (400 + time // 50) // 1000) % 200 - 100) - 50
    noise = (time * 1103515245 + 12345) // 65536 % 256 - 128
    loudness = np.minimum(time, RATE - 1 - time) // 16
    return ((glide * 120 + noise * 20) * loudness // 500 / 32768).astype(np.float32)
