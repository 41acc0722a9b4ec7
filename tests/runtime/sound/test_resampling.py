from __future__ import annotations

import hashlib

import numpy as np
import pytest

from edgekit_runtime.errors import UsageError
from edgekit_runtime.sound.resampling import resample, samples_before

RATES = [(8000, 16_000), (44_100, 16_000), (48_000, 16_000), (22_050, 16_000), (16_000, 44_100), (16_000, 11_025)]


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
@pytest.mark.parametrize("count", [1, 7, 1000, 70_001])
def test_equals_scipy(from_rate: int, to_rate: int, count: int) -> None:
    scipy = pytest.importorskip("scipy.signal", reason="SciPy is not installed")
    samples = np.random.default_rng(count).normal(0, 0.2, count).astype(np.float32)
    wanted = scipy.resample_poly(samples.astype(np.float64), to_rate, from_rate)
    resampled = resample(samples, from_rate, to_rate)
    assert resampled.dtype == np.float32
    assert resampled.shape == wanted.shape
    assert np.abs(resampled - wanted).max() < 2e-7


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
def test_the_start_depends_on_the_start_only(from_rate: int, to_rate: int, word: np.ndarray) -> None:
    whole = resample(word, from_rate, to_rate)[:500]
    start = word[: samples_before(500, from_rate, to_rate)]
    assert np.array_equal(resample(start, from_rate, to_rate)[:500], whole)
    assert len(start) < len(word)


def test_a_tone_keeps_its_pitch_and_an_inaudible_one_vanishes() -> None:
    time = np.arange(48_000) / 48_000
    low = resample(np.sin(2 * np.pi * 440 * time), 48_000, 16_000)
    assert np.abs(np.fft.rfft(low)).argmax() == 440
    # 15 kHz would appear as 1 kHz if samples were merely dropped.
    assert np.abs(resample(np.sin(2 * np.pi * 15_000 * time), 48_000, 16_000)[200:-200]).max() < 0.01


def test_an_equal_rate_changes_nothing(word: np.ndarray) -> None:
    assert resample(word, 16_000, 16_000) is word


def test_bits_do_not_depend_on_the_processor(word: np.ndarray) -> None:
    resampled = resample(word, 16_000, 11_025)
    assert hashlib.sha256(resampled.astype("<f4").tobytes()).hexdigest()[:16] == "e15f50d0c4f0bbd3"


@pytest.mark.parametrize("rate", [0, -1, 999, 10**9, 16_000.0, True, "16000", None])
def test_impossible_rates_are_refused(rate: object) -> None:
    with pytest.raises(UsageError, match="not a sample rate"):
        resample(np.zeros(3, np.float32), 16_000, rate)  # type: ignore[arg-type]


def test_rates_without_a_common_factor_are_refused() -> None:
    with pytest.raises(UsageError, match="hardly a common factor"):
        resample(np.zeros(3, np.float32), 383_999, 16_000)
