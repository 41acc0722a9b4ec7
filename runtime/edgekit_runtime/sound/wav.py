"""Reads WAV files from untrusted sources.

Sizes in a header are never believed: nothing is allocated before the file is known to contain it, and a recording
longer than a limit is refused before its samples are read.

Source of the format: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991), and
"Multiple Channel Audio Data and WAVE Files" (Microsoft, 2007) for WAVE_FORMAT_EXTENSIBLE.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, Union

import numpy as np

from edgekit_runtime.errors import DataError
from edgekit_runtime.regular_file import NotARegularFileError, open_regular_file

#: A recording in a file: its path, or the bytes of the file.
WavSource = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview]
#: Ten minutes at 48,000 Hz in stereo. What a model classifies is seconds long; longer recordings are streamed.
MAX_WAV_SAMPLES = 57_600_000
SAMPLE_RATES = range(1_000, 384_001)

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
#: Type and size of a sample by the format's code and the sample's size in bytes.
_ENCODINGS = {
    (_PCM, 1): "u1",
    (_PCM, 2): "i2",
    (_PCM, 3): "i3",
    (_PCM, 4): "i4",
    (_FLOAT, 4): "f4",
    (_FLOAT, 8): "f8",
}
#: Position of the GUID of the sub-format in the chunk ``fmt``: two bytes with one of the codes above, then these.
_SUB_FORMAT = 24
_SUB_FORMAT_REST = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
_MOST_CHANNELS = 64
#: A program that writes to a pipe cannot know the length. Some write 0, others the largest number, or almost that.
_SMALLEST_UNKNOWN_LENGTH = 0x7FFF_0000
#: Far more chunks than programs write before the samples; each one costs a read.
_MOST_CHUNKS = 1000
_LARGEST_FORMAT_BYTES = 1000
#: Floats beyond 1 are clipped in playback. A mix may contain some, but none as large as this.
LOUDEST = 100.0


class WavHeader(NamedTuple):
    """What the header of a WAV file says, checked against the file's size.

    Attributes:
        sample_rate: Sample rate in Hz.
        channels: Number of channels.
        encoding: Type of a sample and its size in bytes: ``u1``, ``i2``, ``i3``, ``i4``, ``f4`` or ``f8``.
        byte_order: ``<`` for little-endian, ``>`` for big-endian.
        frames: Number of samples per channel.
    """

    sample_rate: int
    channels: int
    encoding: str
    byte_order: str
    frames: int = 0

    @property
    def frame_bytes(self) -> int:
        """Size of one sample of all channels, in bytes."""
        return self.channels * int(self.encoding[1])


def read_wav(source: WavSource, *, max_samples: int = MAX_WAV_SAMPLES) -> tuple[int, np.ndarray]:
    """Read a WAV file with 8, 16, 24 or 32 bits, or with floats of 32 or 64 bits.

    Args:
        source: Path of the file, or its bytes.
        max_samples: Largest number of samples, over all channels; checked before any sample is read.
    Returns:
        Sample rate in Hz, and float32 samples from -1 to 1, of shape (samples, channels).
    Raises:
        DataError: The file is missing, damaged, truncated, too long or empty, or has another encoding.
    """
    with _opened(source) as (name, file):
        header = _read_header(name, file)
        if header.frames * header.channels > max_samples:
            raise DataError(
                f"{name} is too long to be read at once.",
                expected=f"at most {max_samples:,} samples",
                received=f"{header.frames:,} samples in each of {header.channels} channels,"
                f" {header.frames / header.sample_rate:,.0f} seconds",
                next_step="cut it, or pass its blocks to stream(): edgekit_runtime.sound.wav.wav_blocks()",
            )
        return header.sample_rate, _read_frames(name, file, header, header.frames)


def read_wav_start(source: WavSource, wanted: Callable[[int], int]) -> tuple[int, np.ndarray]:
    """Read only the start of a WAV file of any length.

    Args:
        source: Path of the file, or its bytes.
        wanted: Returns the number of samples per channel to read, for the sample rate of the file.
    Returns:
        See :func:`read_wav`; fewer samples if the recording is shorter.
    Raises:
        DataError: See :func:`read_wav`.
    """
    with _opened(source) as (name, file):
        header = _read_header(name, file)
        frames = min(header.frames, wanted(header.sample_rate))
        return header.sample_rate, _read_frames(name, file, header, frames)


def read_wav_header(source: WavSource) -> WavHeader:
    """Read the header of a WAV file; its samples are not read.

    Raises:
        DataError: See :func:`read_wav`; a recording may have any length.
    """
    with _opened(source) as (name, file):
        return _read_header(name, file)


def wav_blocks(source: WavSource, block_samples: int) -> Iterator[np.ndarray]:
    """Read a WAV file of any length block by block, in constant memory.

    Args:
        source: Path of the file, or its bytes.
        block_samples: Number of samples per channel in each block; the last block may be shorter.
    Yields:
        float32 samples of shape (samples, channels).
    Raises:
        DataError: See :func:`read_wav`.
    """
    with _opened(source) as (name, file):
        header = _read_header(name, file)
        for start in range(0, header.frames, block_samples):
            yield _read_frames(name, file, header, min(block_samples, header.frames - start))


@contextmanager
def _opened(source: WavSource) -> Iterator[tuple[str, BinaryIO]]:
    """The name of a source for messages, and its content as a file."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield "The recording", io.BytesIO(source)
        return
    name = os.fspath(source)
    try:
        file = open_regular_file(source)
    except FileNotFoundError:
        raise DataError(f"{name} does not exist.", next_step="check the path") from None
    except NotARegularFileError as error:
        raise DataError(f"{name} is {error.strerror}, not a recording.", next_step="pass WAV files") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise DataError(f"{name} cannot be read.", received=reason) from error
    with file:
        yield name, file


def _read_header(name: str, file: BinaryIO) -> WavHeader:
    """Read all chunks up to the samples, and leave the file at the first sample."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    order = {b"RIFF": "<", b"RIFX": ">"}.get(head[:4])
    if order is None or head[8:] != b"WAVE":
        raise _unreadable(name, "a file of another kind" if size else "an empty file")
    # The size in the RIFF header is often wrong. It only shows whether a program finished the file.
    is_finished = struct.unpack(f"{order}I", head[4:8])[0] + 8 == size
    header: WavHeader | None = None
    for _ in range(_MOST_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8:
            break
        kind, length = struct.unpack(f"{order}4sI", chunk)
        start = file.tell()
        if kind == b"data":
            if header is None:
                raise _unreadable(name, "samples before their format")
            if length >= _SMALLEST_UNKNOWN_LENGTH or (length == 0 and not is_finished):
                length = size - start
            return _with_frames(name, header, length, size - start)
        if kind == b"fmt ":
            header = _format(name, file.read(min(length, _LARGEST_FORMAT_BYTES)), order)
        # Not beyond the end, which a position of 32 bits might not express.
        file.seek(_next_chunk(file, min(start + length, size), length))
    raise _unreadable(name, "an end before the samples")


def _next_chunk(file: BinaryIO, end: int, length: int) -> int:
    """Position of the chunk that follows. After an odd length comes a padding byte, which some programs omit."""
    if length % 2 == 0:
        return end
    file.seek(end)
    return end + 1 if file.read(1) in (b"\0", b"") else end


def _format(name: str, chunk: bytes, order: str) -> WavHeader:
    """Read the chunk ``fmt``; the number of samples is not known yet."""
    if len(chunk) < 16:
        raise _unreadable(name, f"a format of {len(chunk)} bytes")
    code, channels, rate, _, frame_bytes, bits = struct.unpack(f"{order}HHIIHH", chunk[:16])
    if code == _EXTENSIBLE and chunk[_SUB_FORMAT + 2 : _SUB_FORMAT + 16] == _SUB_FORMAT_REST:
        (code,) = struct.unpack_from("<H", chunk, _SUB_FORMAT)
    # Samples of 12 or 20 bits are stored in the upper bits of the next whole number of bytes.
    encoding = _ENCODINGS.get((code, -(-bits // 8)))
    if encoding is None:
        raise DataError(
            f"{name} has an encoding that is not supported.",
            expected="integers (PCM) of 8, 16, 24 or 32 bits, or floats of 32 or 64 bits",
            received=f"format {code} with {bits} bits",
            next_step="convert it, for example with: ffmpeg -i recording.wav -c:a pcm_s16le converted.wav",
        )
    header = WavHeader(rate, channels, encoding, order)
    if rate not in SAMPLE_RATES or not 1 <= channels <= _MOST_CHANNELS or frame_bytes != header.frame_bytes:
        raise DataError(
            f"{name} has a header that cannot be right.",
            expected=f"{SAMPLE_RATES[0]:,} to {SAMPLE_RATES[-1]:,} Hz, and 1 to {_MOST_CHANNELS} channels",
            received=f"{rate:,} Hz, {channels} channels of {bits} bits, in {frame_bytes} bytes",
            next_step="save it again as 16-bit WAV",
        )
    return header


def _with_frames(name: str, header: WavHeader, length: int, present: int) -> WavHeader:
    if length > present:
        seconds = length / header.frame_bytes / header.sample_rate
        raise DataError(
            f"{name} is truncated.",
            expected=f"{length:,} bytes of samples, {seconds:,.1f} seconds, as its header declares",
            received=f"{present:,} bytes",
            next_step="copy or record it again",
        )
    frames = length // header.frame_bytes
    if frames == 0:
        raise DataError(f"{name} is empty.", expected="a recording", received="no samples")
    return header._replace(frames=frames)


def _read_frames(name: str, file: BinaryIO, header: WavHeader, frames: int) -> np.ndarray:
    length = frames * header.frame_bytes
    content = file.read(length)
    if len(content) < length:
        raise _unreadable(name, "a file that became shorter while it was read")
    return to_floats(_values(content, header), name).reshape(frames, header.channels)


def _values(content: bytes, header: WavHeader) -> np.ndarray:
    if header.encoding != "i3":
        return np.frombuffer(content, f"{header.byte_order}{header.encoding}")
    # 24 bits are copied to the upper three bytes of 32.
    wide = np.zeros((len(content) // 3, 4), np.uint8)
    first = 1 if header.byte_order == "<" else 0
    wide[:, first : first + 3] = np.frombuffer(content, np.uint8).reshape(-1, 3)
    return wide.view(f"{header.byte_order}i4")[:, 0]


def to_floats(samples: np.ndarray, name: str = "The array") -> np.ndarray:
    """Convert samples as recorders return them to float32 from -1 to 1.

    Args:
        samples: uint8 (128 is silence), int16, int32, or floats from -1 to 1, of any shape.
        name: Name of the recording, for messages.
    Returns:
        float32 of the same shape.
    Raises:
        DataError: The samples have another dtype, or some are NaN, infinite, or far beyond 1.
    """
    dtype = samples.dtype
    if dtype == np.uint8:
        # Only 8-bit WAV is unsigned.
        return (samples.astype(np.float32) - np.float32(128)) * np.float32(1 / 128)
    if dtype.kind == "i" and dtype.itemsize in (2, 4):
        return (samples * 0.5 ** (8 * dtype.itemsize - 1)).astype(np.float32)
    if dtype.kind != "f":
        raise DataError(
            f"{name} does not contain samples of a recording.",
            expected="uint8, int16, int32, or floats from -1 to 1",
            received=str(dtype),
        )
    with np.errstate(over="ignore", invalid="ignore"):
        peak = float(np.abs(samples).max()) if samples.size else 0.0
    # The largest of values with a NaN among them is NaN, and every comparison with NaN is false.
    if not peak <= LOUDEST:
        raise DataError(
            f"{name} holds values far from those of a recording.",
            expected="finite floats from -1 to 1",
            received="NaN" if np.isnan(peak) else f"values up to {peak:.3g}",
            next_step="save it with 16 bits, or divide the values",
        )
    return samples.astype(np.float32)


def _unreadable(name: str, received: str) -> DataError:
    return DataError(
        f"{name} could not be read as WAV.",
        expected="a whole WAV file",
        received=received,
        next_step="save it again as 16-bit WAV",
    )
