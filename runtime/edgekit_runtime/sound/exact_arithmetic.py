"""Cosines and logarithms that are meant to have the same bits on every processor.

``math.cos``, ``np.log`` and matrix products round differently from one processor or version to the next: they use
other instructions, other orders of summation, and fused multiplications. Single additions and multiplications do not,
by IEEE 754. Everything here and in the spectrograms is made of these, so that a workstation and a device prepare the
same recording to the same bytes. Divisions and square roots of float32 are computed in float64 and rounded, which gives
the correctly rounded result: NumPy approximates them on 32-bit ARM, whose vector unit has no such instructions.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_TWO_PI = 6.283185307179586
_LN_2 = 0.6931471805599453
_SQRT_HALF = 0.7071067811865476
#: Terms of the series below: enough for float64 and, for logarithms, for float32.
_COSINE_TERMS, _LOGARITHM_TERMS = 9, 4


def cosine(numerator: int, denominator: int) -> float:
    """The cosine of ``numerator / denominator`` turns, with an error below 2e-15."""
    numerator %= denominator
    # Symmetry leads to an eighth of a turn, where the series converges fast.
    if 2 * numerator > denominator:
        numerator = denominator - numerator
    if 4 * numerator > denominator:
        return -cosine(denominator - 2 * numerator, 2 * denominator)
    if 8 * numerator > denominator:
        return _sine_series(_TWO_PI * (denominator - 4 * numerator) / (4 * denominator))
    return _cosine_series(_TWO_PI * numerator / denominator)


def sine(numerator: int, denominator: int) -> float:
    """The sine of ``numerator / denominator`` turns, with an error below 2e-15."""
    return cosine(4 * numerator - denominator, 4 * denominator)


@lru_cache(maxsize=8)
def cosines(count: int) -> np.ndarray:
    """The cosines of 0, 1, …, ``count - 1`` parts of a turn divided into ``count``: float64 (count,)."""
    table = np.array([cosine(part, count) for part in range(count)])
    table.setflags(write=False)
    return table


def _cosine_series(angle: float) -> float:
    square, total = angle * angle, 0.0
    for term in range(_COSINE_TERMS, 0, -1):
        total = (1 + total) * -square / ((2 * term - 1) * (2 * term))
    return 1 + total


def _sine_series(angle: float) -> float:
    square, total = angle * angle, 0.0
    for term in range(_COSINE_TERMS, 0, -1):
        total = (1 + total) * -square / (2 * term * (2 * term + 1))
    return angle * (1 + total)


def divided(values: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """The quotients of float32 values, correctly rounded to float32."""
    return np.divide(values, divisors, dtype=np.float64).astype(np.float32)


def square_root(values: np.ndarray) -> np.ndarray:
    """The square roots of float32 values, correctly rounded to float32."""
    return np.sqrt(values, dtype=np.float64).astype(np.float32)


def natural_logarithm(values: np.ndarray) -> np.ndarray:
    """The natural logarithm, within two units in the last place of float32.

    Args:
        values: Positive and finite, float32 of any shape.
    Returns:
        float32 of the same shape.
    Source:
        log m = 2 artanh((m - 1) / (m + 1)), with m from sqrt(1/2) to sqrt(2).
    """
    fraction, exponent = np.frexp(values)
    # 1 where the fraction is doubled.
    is_low = (fraction < _SQRT_HALF).astype(np.float32)
    fraction *= is_low + 1
    ratio = fraction - 1
    fraction += 1
    ratio = divided(ratio, fraction)
    square = ratio * ratio
    total = np.full_like(ratio, 1 / (2 * _LOGARITHM_TERMS + 1))
    for term in range(_LOGARITHM_TERMS - 1, -1, -1):
        total *= square
        total += 1 / (2 * term + 1)
    ratio *= 2
    total *= ratio
    total += (exponent - is_low).astype(np.float32) * _LN_2
    return total
