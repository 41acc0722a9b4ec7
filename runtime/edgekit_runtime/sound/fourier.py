"""The power spectrum of frames of real samples, with the same bits on every processor.

``np.fft`` is faster for one frame, but its results depend on the processor and on NumPy's version. This transform uses
additions and multiplications of whole arrays only, see ``exact_arithmetic``.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from edgekit_runtime.errors import UsageError
from edgekit_runtime.sound.exact_arithmetic import cosine, sine

#: Half a second at 48,000 Hz; more than any front end uses.
LARGEST_FFT = 32_768
#: A butterfly of an odd factor takes its square many operations.
_FACTORS = (4, 2, 3, 5, 7, 11, 13)
#: Enough values at once to make NumPy's calls worthwhile, and few enough to stay in a processor's cache.
_BLOCK_VALUES = 65_536


class PowerSpectrum:
    """Computes squared magnitudes of the discrete Fourier transform of real frames.

    A real transform of N samples is a complex one of N/2, which is split by its factors (Stockham's order, which needs
    no reordering). Frames are along the last axis, so that all operations work on contiguous memory; the first axis
    holds real and imaginary parts.

    Args:
        length: N, an even number whose other prime factors are at most 13.
    Raises:
        UsageError: The length is not such a number.
    """

    def __init__(self, length: int) -> None:
        factors = factors_of(length)
        if not factors:
            raise UsageError(
                "The FFT length is not supported.",
                expected=f"an even number up to {LARGEST_FFT:,} without prime factors above {_FACTORS[-1]}",
                received=str(length),
                next_step="use the next power of two; frames are padded with zeros",
            )
        self.length = length
        self.block = max(1, _BLOCK_VALUES // length)
        """Number of frames that are best transformed at once."""
        self._buffers: list[np.ndarray] = []
        self._stages: list[tuple[int, _Roots]] = []
        remaining = length // 2
        for factor in factors:
            products = [[part * k for k in range(1, factor)] for part in range(remaining // factor)]
            self._stages.append((factor, _Roots(products, remaining, self.block)))
            remaining //= factor
        self._roots = _Roots([[part] for part in range(length // 4 + 1)], length, self.block)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Transform frames.

        Args:
            frames: float32 (N/2, 2, frames), at most ``block`` frames: sample ``2 i + j`` of each at index (i, j).
        Returns:
            Squared magnitudes, float32 (N/2 + 1, frames).
        """
        # Memory is reused: the system would clear it for each call, which takes a third of the time. A thread that
        # finds none makes its own.
        buffers = self._buffers.pop() if self._buffers else np.empty((3, self.length * self.block), np.float32)
        values = frames.transpose(1, 0, 2)[:, :, np.newaxis]
        for index, (factor, roots) in enumerate(self._stages):
            values = _stage(values, factor, roots, buffers[index % 2], buffers[2])
        power = self._unpack(values.reshape(2, -1, values.shape[-1]), buffers[len(self._stages) % 2], buffers[2])
        self._buffers.append(buffers)
        return power

    def _unpack(self, half: np.ndarray, buffer: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Squared magnitudes of the real transform, from the complex one of half its length."""
        _, count, frames = half.shape
        middle = count // 2 + 1
        ahead, back = half[:, :middle], np.empty((2, middle, frames), np.float32)
        back[:, 0], back[:, 1:] = half[:, 0], half[:, : count - middle : -1]
        # Twice the transforms of the even and of the odd samples, up to the middle.
        even, odd = np.empty_like(back), _part_of(buffer, back.shape)
        np.add(ahead[0], back[0], out=even[0])
        np.subtract(ahead[1], back[1], out=even[1])
        np.add(ahead[1], back[1], out=odd[0])
        np.subtract(back[0], ahead[0], out=odd[1])
        self._roots.turn(odd[:, :, np.newaxis, np.newaxis], other)
        power = np.empty((count + 1, frames), np.float32)
        # Above the middle are the complex conjugates of their differences.
        np.subtract(even, odd, out=back)
        _sum_of_squares(back, power[count - middle + 1 :][::-1])
        even += odd
        _sum_of_squares(even, power[:middle])
        power *= 0.25
        return power


class _Roots:
    """Multiplies by roots of unity, ``exp(-2 pi i numerator / denominator)``.

    Args:
        numerators: Rows and columns of numerators.
        denominator: Order of the root.
        frames: Largest number of frames.
    """

    def __init__(self, numerators: list[list[int]], denominator: int, frames: int) -> None:
        cos = np.array([[cosine(part, denominator) for part in row] for row in numerators])
        sin = np.array([[sine(part, denominator) for part in row] for row in numerators])
        # Repeated for each frame: NumPy would otherwise start a loop of its own for each number.
        self._cos, self._sin = (
            np.repeat(table.astype(np.float32)[..., np.newaxis, np.newaxis], frames, axis=-1)
            for table in (cos, np.stack([sin, -sin]))
        )

    def turn(self, values: np.ndarray, buffer: np.ndarray) -> None:
        """Multiply values (2, rows, columns, s, frames), real parts first, in place."""
        frames = values.shape[-1]
        swapped = np.multiply(values[::-1], self._sin[..., :frames], out=_part_of(buffer, values.shape))
        values *= self._cos[..., :frames]
        values += swapped


def _part_of(buffer: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return buffer[: math.prod(shape)].reshape(shape)


def _sum_of_squares(values: np.ndarray, out: np.ndarray) -> None:
    values *= values
    np.add(values[0], values[1], out=out)


@lru_cache(maxsize=8)
def factors_of(length: int) -> tuple[int, ...]:
    """The factors of half the length of a real transform; empty if the length is not supported."""
    if length % 2 or not 4 <= length <= LARGEST_FFT:
        return ()
    remaining, factors = length // 2, []
    for factor in _FACTORS:
        while remaining % factor == 0:
            factors.append(factor)
            remaining //= factor
    return tuple(factors) if remaining == 1 else ()


def _stage(values: np.ndarray, factor: int, roots: _Roots, buffer: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One step of Stockham's transform: (2, n, s, frames) becomes (2, n / factor, factor · s, frames), in a buffer."""
    _, size, stride, frames = values.shape
    values = values.reshape(2, factor, size // factor, stride, frames)
    out = _part_of(buffer, (2, size // factor, factor, stride, frames))
    butterfly = {4: _butterfly_4, 2: _butterfly_2}.get(factor, _butterfly)
    butterfly(values.swapaxes(0, 1), out.transpose(2, 0, 1, 3, 4))
    # The last stage has only the root 1, and so has the first value of each butterfly.
    if size > factor:
        roots.turn(out[:, :, 1:], other)
    return out.reshape(2, size // factor, factor * stride, frames)


def _butterfly_2(values: np.ndarray, out: np.ndarray) -> None:
    np.add(values[0], values[1], out=out[0])
    np.subtract(values[0], values[1], out=out[1])


def _butterfly_4(values: np.ndarray, out: np.ndarray) -> None:
    sum_02, difference_02 = values[0] + values[2], values[0] - values[2]
    sum_13, difference_13 = values[1] + values[3], values[1] - values[3]
    np.add(sum_02, sum_13, out=out[0])
    np.subtract(sum_02, sum_13, out=out[2])
    # The second difference times -i, then times i.
    np.add(difference_02[0], difference_13[1], out=out[1, 0])
    np.subtract(difference_02[1], difference_13[0], out=out[1, 1])
    np.subtract(difference_02[0], difference_13[1], out=out[3, 0])
    np.add(difference_02[1], difference_13[0], out=out[3, 1])


def _butterfly(values: np.ndarray, out: np.ndarray) -> None:
    """The transform of an odd prime length along the first axis, by its definition."""
    length = len(values)
    for k in range(length):
        total = out[k]
        total[...] = values[0]
        for j in range(1, length):
            cos, sin = cosine(j * k, length), sine(j * k, length)
            total += values[j] * cos
            total[0] += values[j, 1] * sin
            total[1] -= values[j, 0] * sin
