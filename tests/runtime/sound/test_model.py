"""A packed model of sound: ``tests/data/sound/tones.tflite`` tells high tones from low ones and from silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import DataError, EdgekitError, ModelFileError, TensorMismatchError, UsageError
from edgekit_runtime.inputs.raw_inputs import read_raw_input
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.golden import read_golden, replay
from edgekit_runtime.sound.streaming import HeardSound, Listening

TONES = Path(__file__).resolve().parents[2] / "data" / "sound" / "tones.tflite"
RATE = 16_000


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with edgekit_runtime.load(TONES) as loaded:
        yield loaded


def tone(hertz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def labels(results: list[edgekit_runtime.Classification]) -> list[str]:
    return [result.label for result in results]


def test_files_arrays_and_lists_are_classified(model: Model, make_wav: Callable[..., bytes], tmp_path: Path) -> None:
    path = tmp_path / "low.wav"
    path.write_bytes(make_wav(np.rint(tone(300, 0.25) * 32767).astype("<i2").tobytes()))
    assert labels(model.classify(path)) == ["low"]
    assert labels(model.classify(str(path))) == ["low"]
    assert labels(model.classify([path, path.read_bytes()])) == ["low", "low"]
    assert labels(model.classify(tone(2500, 0.25), sample_rate=RATE)) == ["high"]
    assert labels(model.classify([tone(2500, 1), np.zeros(4000)], sample_rate=RATE)) == ["high", "silence"]
    assert labels(model.classify(tone(2500, 0.25, 44_100), sample_rate=44_100)) == ["high"]
    assert len(model.classify(path, top_k=3)[0].top) == 3
    assert labels(list(model.stream([path, str(path)], top_k=1))) == ["low", "low"]


def test_what_is_not_a_recording_is_refused(model: Model, tflite_folder: Path) -> None:
    with pytest.raises(TensorMismatchError, match="sample rate") as error:
        model.classify(tone(300, 0.25))
    assert "16,000" in error.value.expected
    with pytest.raises(TensorMismatchError, match="not a recording"):
        model.classify(np.zeros((96, 96, 32), np.uint8), sample_rate=RATE)
    with pytest.raises(TensorMismatchError, match="sample rate"):
        model.classify(np.zeros((28, 28), np.uint8))
    with pytest.raises(DataError, match="could not be read as WAV"):
        model.classify(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UsageError, match="not a sample rate"):
        model.classify(tone(300, 0.25), sample_rate=0)
    with pytest.raises(UsageError, match="top_k"):
        model.classify(tone(300, 0.25), top_k=0, sample_rate=RATE)


def test_a_model_of_images_refuses_recordings(make_wav: Callable[..., bytes], tflite_folder: Path) -> None:
    with edgekit_runtime.load(tflite_folder / "cnn_float32.tflite") as images:
        with pytest.raises(TensorMismatchError, match="recording or string"):
            images.classify(np.zeros((12, 12), np.uint8), sample_rate=RATE)
        with pytest.raises(EdgekitError):
            images.classify(make_wav(bytes(100)))
        with pytest.raises(TensorMismatchError, match="sound"):
            images.stream([tone(300, 1)], sample_rate=RATE)


def test_golden_recordings_catch_a_changed_hop(model: Model) -> None:
    report = model.verify()
    assert report.passed
    golden = read_golden(TONES.read_bytes())
    assert golden.inputs[0].dtype == np.int16
    # A hop of 150 samples and a length that gives as many frames as before.
    fields = {**model.manifest.raw_preprocessing["mel"], "hop_length": 150, "samples": 22 * 150 + 400}
    changed = read_raw_input(fields, lambda name: b"", model.inputs[0])
    again = replay(model, golden, {"mel": changed})
    assert (again.passed, again.prepared_equal) == (False, False)
    with pytest.raises(ModelFileError, match="prepared differently"):
        again.require_passed()


def pieces(samples: np.ndarray, length: int) -> Iterator[np.ndarray]:
    for start in range(0, len(samples), length):
        yield samples[start : start + length]


@pytest.mark.parametrize("block", [100, 1000, 100_000])
@pytest.mark.parametrize("rate", [RATE, 48_000])
def test_a_stream_is_heard_in_windows(model: Model, block: int, rate: int) -> None:
    quiet = np.zeros(rate, np.float32)
    sound = np.concatenate([quiet, tone(300, 0.5, rate), quiet, tone(2500, 0.5, rate), quiet])
    listening = Listening(hop_seconds=0.125, smoothing_seconds=0.25, threshold=0.6, ignored_labels=["silence"])
    heard = list(model.stream(pieces(sound, block), sample_rate=rate, listening=listening))
    assert [each.label for each in heard] == ["low", "high"]
    assert heard[0].seconds == pytest.approx(1.3, abs=0.2)
    assert heard[1].seconds == pytest.approx(2.8, abs=0.2)
    assert heard[0].index == 1
    assert heard[0].to_dict().keys() == {"seconds", "label", "score", "index"}


def test_a_long_sound_is_reported_again_after_the_refractory_time(model: Model) -> None:
    listening = Listening(hop_seconds=0.25, smoothing_seconds=0, refractory_seconds=1)
    heard = list(model.stream([tone(300, 3)], sample_rate=RATE, listening=listening))
    assert [each.seconds for each in heard] == [0.25, 1.25, 2.25]


def test_scores_are_averaged(model: Model) -> None:
    # One window of a high tone among low ones is not enough for half of the mean of four.
    sound = np.concatenate([tone(300, 1), tone(2500, 0.25), tone(300, 1)])
    listening = Listening(hop_seconds=0.25, smoothing_seconds=1, threshold=0.5, refractory_seconds=0)
    heard = list(model.stream([sound], sample_rate=RATE, listening=listening))
    assert {each.label for each in heard} == {"low"}
    unsmoothed = listening._replace(smoothing_seconds=0)
    again: list[HeardSound] = list(model.stream([sound], sample_rate=RATE, listening=unsmoothed))
    assert {each.label for each in again} == {"low", "high"}


def test_hops_longer_than_a_window_and_short_streams(model: Model) -> None:
    listening = Listening(hop_seconds=1, smoothing_seconds=0, refractory_seconds=0)
    heard = list(model.stream(pieces(tone(300, 3), 333), sample_rate=RATE, listening=listening))
    assert [each.seconds for each in heard] == [0.25, 1.25, 2.25]
    short = list(model.stream([tone(300, 0.2)], sample_rate=RATE))
    assert [(each.label, each.seconds) for each in short] == [("low", 0.2)]
    assert list(model.stream([], sample_rate=RATE)) == []


@pytest.mark.parametrize(
    "listening",
    [
        Listening(hop_seconds=0),
        Listening(hop_seconds=float("nan")),
        Listening(smoothing_seconds=-1),
        Listening(refractory_seconds=float("inf")),
        Listening(threshold=2),
        Listening(ignored_labels=["noise"]),
    ],
)
def test_impossible_options_of_a_stream_are_refused(model: Model, listening: Listening) -> None:
    with pytest.raises(UsageError):
        model.stream([tone(300, 1)], sample_rate=RATE, listening=listening)


def test_a_stream_needs_its_sample_rate_and_finite_samples(model: Model) -> None:
    with pytest.raises(UsageError, match="sample rate of the stream"):
        model.stream([tone(300, 1)], listening=Listening())
    with pytest.raises(DataError, match="far from those"):
        list(model.stream([np.full(5000, np.nan)], sample_rate=RATE))
    with pytest.raises(TensorMismatchError, match="not a recording"):
        list(model.stream(["a.wav"], sample_rate=RATE))  # type: ignore[list-item]
