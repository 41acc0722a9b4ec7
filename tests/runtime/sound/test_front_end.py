from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from edgekit_runtime.errors import UsageError
from edgekit_runtime.sound.exact_arithmetic import cosine, natural_logarithm, sine
from edgekit_runtime.sound.fourier import PowerSpectrum
from edgekit_runtime.sound.front_end import FrontEnd, Spectrogram

SPEECH = FrontEnd(400, 160, mel_bands=40, lower_hz=20, upper_hz=7600, compression="log", offset=1e-6)


def test_cosine_sine_and_logarithm() -> None:
    turns = [(part, count) for count in (1, 2, 3, 7, 512, 1000) for part in range(count)]
    exact = np.array([[np.cos(2 * np.pi * part / count), np.sin(2 * np.pi * part / count)] for part, count in turns])
    own = np.array([[cosine(part, count), sine(part, count)] for part, count in turns])
    assert np.abs(own - exact).max() < 2e-15
    values = np.exp(np.random.default_rng(0).uniform(-80, 80, 10_000)).astype(np.float32)
    own, exact = natural_logarithm(values), np.log(values.astype(np.float64))
    assert own.dtype == np.float32
    assert (np.abs(own - exact) <= 2 * np.spacing(np.abs(own))).all()
    near_one = np.linspace(0.5, 2, 10_000, dtype=np.float32)
    assert np.abs(natural_logarithm(near_one) - np.log(near_one.astype(np.float64))).max() < 2e-7
    assert natural_logarithm(np.ones(3, np.float32)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("length", [4, 6, 8, 26, 400, 480, 512, 1200, 2048, 32_768])
def test_power_spectrum_equals_the_transform(length: int) -> None:
    spectrum = PowerSpectrum(length)
    frames = np.random.default_rng(length).normal(size=(length, min(3, spectrum.block))).astype(np.float32)
    wanted = np.abs(np.fft.rfft(frames.astype(np.float64), axis=0)) ** 2
    power = spectrum(frames.reshape(length // 2, 2, -1))
    assert power.dtype == np.float32
    assert np.abs(power - wanted).max() < 1e-6 * wanted.max()


@pytest.mark.parametrize("length", [0, 2, 401, 34, 65_536])
def test_lengths_that_cannot_be_transformed_are_refused(length: int) -> None:
    with pytest.raises(UsageError, match="FFT length"):
        PowerSpectrum(length)


@pytest.mark.parametrize(
    ("front_end", "shape"),
    [
        # (16000 - 400) // 160 + 1
        pytest.param(SPEECH, (98, 40), id="mel"),
        pytest.param(FrontEnd(512, 256, padding="reflect"), (63, 257), id="centered"),
        pytest.param(FrontEnd(512, 256, padding="constant", layout="bands_time"), (257, 63), id="bands-first"),
        pytest.param(FrontEnd(16_000, 1), (1, 8193), id="one-frame"),
    ],
)
def test_shapes(front_end: FrontEnd, shape: tuple[int, ...], word: np.ndarray) -> None:
    values = Spectrogram(front_end, 16_000)(word)
    assert values.shape == shape
    assert values.dtype == np.float32
    assert front_end.frames(front_end.shortest(front_end.frames(16_000))) == front_end.frames(16_000)


def test_a_spectrum_worked_by_hand() -> None:
    # A constant of 1 through a Hann window of 4: 0, 0.5, 1, 0.5; the sum is 2, bin 1 is -1, bin 2 is 0.
    values = Spectrogram(FrontEnd(4, 4), 8000)(np.ones(8, np.float32))
    assert values.tolist() == [[4, 1, 0], [4, 1, 0]]
    values = Spectrogram(FrontEnd(4, 4, power=1, mean=(1.0, 0.0, 0.0), std=(2.0,)), 8000)(np.ones(4, np.float32))
    assert values.tolist() == [[0.5, 0.5, 0]]


def test_silence_becomes_the_floor() -> None:
    silence = np.zeros(1000, np.float32)
    assert np.unique(Spectrogram(FrontEnd(256, 128, compression="db", floor=1e-10), 8000)(silence)).tolist() == [-100]
    assert np.unique(Spectrogram(FrontEnd(256, 128, compression="log", offset=1.0), 8000)(silence)).tolist() == [0]


def test_top_db_limits_the_range(word: np.ndarray) -> None:
    front_end = FrontEnd(512, 256, compression="db", floor=1e-10)
    whole = Spectrogram(front_end, 16_000)(word)
    cut = Spectrogram(FrontEnd.from_dict({**front_end.to_dict(), "top_db": 30}), 16_000)(word)
    assert whole.max() - whole.min() > 60
    assert cut.max() == whole.max()
    assert cut.min() == pytest.approx(whole.max() - 30, abs=1e-5)


@pytest.mark.parametrize(
    ("front_end", "digest"),
    [
        pytest.param(SPEECH, "46ea5183ab38f56c", id="log-mel"),
        pytest.param(FrontEnd(512, 256, padding="reflect", power=1), "65ed251f4a09677f", id="magnitudes"),
        pytest.param(
            FrontEnd(
                480, 160, 480, "hamming", "constant", 64, "slaney", "slaney",
                compression="db", floor=1e-10, top_db=80.0, mean=(-30.0,), std=(12.0,), layout="bands_time",
            ),
            "6d2bfafac411b61e",
            id="decibels",
        ),
    ],
)  # fmt: skip
def test_bits_do_not_depend_on_the_processor(front_end: FrontEnd, digest: str, word: np.ndarray) -> None:
    values = Spectrogram(front_end, 16_000)(word)
    assert hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()[:16] == digest


def test_blocks_do_not_change_a_value(word: np.ndarray) -> None:
    spectrogram = Spectrogram(SPEECH, 16_000)
    minute = np.tile(word, 4)
    long, short = spectrogram(minute), spectrogram(minute[160 * 200 : 160 * 200 + 16_000])
    assert np.array_equal(long[200 : 200 + len(short)], short)


def test_fields_return_from_json() -> None:
    front_end = FrontEnd(640, 320, mel_bands=3, mean=(1.0, 2.0, 3.0), std=(2.0,), compression="db", floor=1e-5)
    assert FrontEnd.from_dict(json.loads(json.dumps(front_end.to_dict()))) == front_end
    assert FrontEnd.from_dict({"frame_length": 400, "hop_length": 160}).to_dict() == {
        "frame_length": 400,
        "hop_length": 160,
        "fft_length": 512,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frame_length", 0),
        ("frame_length", 400.0),
        ("frame_length", True),
        ("frame_length", "400"),
        ("frame_length", 10**9),
        ("hop_length", 0),
        ("fft_length", 200),
        ("fft_length", 401),
        ("fft_length", 2 * 419),
        ("fft_length", [512]),
        ("window", "kaiser"),
        ("window", ["hann"]),
        ("padding", None),
        ("mel_bands", -1),
        ("mel_bands", 10**6),
        ("mel_scale", "bark"),
        ("mel_norm", 1),
        ("lower_hz", -5),
        ("lower_hz", float("nan")),
        ("upper_hz", 0),
        ("power", 3),
        ("compression", "log2"),
        ("compression", "log"),
        ("floor", -1),
        ("reference", 0),
        ("top_db", float("inf")),
        ("mean", []),
        ("mean", [1, 2]),
        ("mean", ["1"]),
        ("mean", None),
        ("std", 0),
        ("layout", "NCHW"),
        ("hop", 160),
    ],
)
def test_hostile_fields_are_refused(field: str, value: Any) -> None:
    with pytest.raises(UsageError) as error:
        FrontEnd.from_dict({"frame_length": 400, "hop_length": 160, field: value})
    assert error.value.expected


def test_missing_fields_are_named() -> None:
    with pytest.raises(UsageError) as error:
        FrontEnd.from_dict({"frame_length": 400})
    assert error.value.received == "no hop_length"


def test_mel_bands_above_half_the_sample_rate_are_refused() -> None:
    with pytest.raises(UsageError, match="upper_hz"):
        Spectrogram(SPEECH, 8000)
