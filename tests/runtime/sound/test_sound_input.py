from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from edgekit_runtime.errors import DataError, EdgekitError, ModelFileError, TensorMismatchError, UsageError
from edgekit_runtime.inputs.raw_inputs import read_raw_input
from edgekit_runtime.sound.front_end import FrontEnd
from edgekit_runtime.sound.sound_input import SoundInput, SoundSettings

MEL = FrontEnd(400, 160, mel_bands=40, compression="log", offset=1e-6)


class Tensor(NamedTuple):
    name: str
    shape: tuple[int, ...]


def sound_input(shape: tuple[int, ...], front_end: FrontEnd | None = None, samples: int | None = None) -> SoundInput:
    return SoundInput(SoundSettings(16_000, samples, front_end), Tensor("sound", shape))


@pytest.mark.parametrize(
    ("shape", "front_end", "samples"),
    [
        pytest.param((1, 16_000), None, 16_000, id="waveform"),
        pytest.param((1, 16_000, 1), None, 16_000, id="column"),
        pytest.param((-1, 98, 40), MEL, 15_920, id="frames"),
        pytest.param((1, 98, 40, 1), MEL, 15_920, id="one-channel"),
        pytest.param((1, 1, 98, 40), MEL, 15_920, id="channel-first"),
        pytest.param((1, 40, 101), FrontEnd(400, 160, padding="reflect", mel_bands=40, layout="bands_time"), 16_000,
                     id="bands-first"),
    ],
)  # fmt: skip
def test_length_follows_from_the_input(
    shape: tuple[int, ...], front_end: FrontEnd | None, samples: int, word: np.ndarray
) -> None:
    sound = sound_input(shape, front_end)
    assert sound.samples == samples
    values = sound.prepare(word)
    assert values.dtype == np.float32
    assert values.shape == (1, *shape[1:])


def test_open_sizes_need_a_length() -> None:
    with pytest.raises(UsageError, match="length of the recordings") as error:
        sound_input((1, -1))
    assert "samples" in error.value.expected
    assert sound_input((1, -1), samples=8000).prepare(np.ones(5, np.float32)).shape == (1, 8000)
    assert sound_input((1, -1, 40), MEL, samples=16_000).prepare(np.ones(5, np.float32)).shape == (1, 98, 40)


@pytest.mark.parametrize("shape", [(1, 98, 41), (1, 40, 98), (1, 98), (1,), (1, 2, 98, 40), (1, 0)])
def test_a_front_end_for_another_input_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as error:
        sound_input(shape, MEL)
    assert error.value.next_step


def test_all_forms_of_one_recording_are_equal(make_wav: Callable[..., bytes], word: np.ndarray, tmp_path: Path) -> None:
    sound = sound_input((1, 98, 40), MEL)
    codes = (word * 32768).astype(np.int16)
    path = tmp_path / "word.wav"
    path.write_bytes(make_wav(codes.astype("<i2").tobytes()))
    wanted = sound.prepare(word)
    forms: list[Any] = [
        path, str(path), path.read_bytes(), codes, codes[:, np.newaxis], word.astype(np.float64),
        codes.astype(np.int32) << 16, np.stack([word, word], 1), word[np.newaxis], [word], (path,), iter([codes]),
    ]  # fmt: skip
    for form in forms:
        assert np.array_equal(sound.prepare(form), wanted)
    many = sound.prepare([path, word, codes])
    assert many.shape == (3, 98, 40)
    assert sound.prepare([]).shape == (0, 98, 40)
    assert sound.prepare(np.stack([word, word])).shape == (2, 98, 40)


def test_long_recordings_are_cut_and_short_ones_filled_with_silence() -> None:
    sound = sound_input((1, 8))
    assert sound.prepare(np.full(100, 0.5, np.float32)).tolist() == [[0.5] * 8]
    assert sound.prepare(np.full(3, 0.5, np.float32)).tolist() == [[0.5] * 3 + [0] * 5]


def test_other_sample_rates_are_converted(make_wav: Callable[..., bytes]) -> None:
    sound = sound_input((1, 16_000))
    time = np.arange(48_000) / 48_000
    tone = np.rint(8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    from_array = sound.prepare_at(tone, 48_000)
    assert np.abs(np.fft.rfft(from_array[0])).argmax() == 440
    assert np.array_equal(sound.prepare(make_wav(tone.astype("<i2").tobytes(), rate=48_000)), from_array)


def test_arrays_need_a_sample_rate() -> None:
    sound = sound_input((1, 16_000))
    with pytest.raises(TensorMismatchError, match="sample rate") as error:
        sound.prepare_at(np.zeros(100, np.float32), None)
    assert "16,000" in error.value.expected


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(np.zeros(0, np.float32), id="empty"),
        pytest.param(np.zeros((0, 2), np.float32), id="empty-stereo"),
        pytest.param(np.full(100, np.nan, np.float32), id="nan"),
        pytest.param(np.array([0, np.inf]), id="infinity"),
        pytest.param(np.full(100, 12_000.0), id="codes-as-floats"),
        pytest.param(np.zeros((1, 2, 3, 4), np.float32), id="four-axes"),
        pytest.param(np.zeros((96, 96, 32), np.uint8), id="no-channels"),
        pytest.param(np.float32(1), id="scalar"),
        pytest.param(np.array(["a.wav"]), id="array-of-names"),
        pytest.param([0.1, 0.2], id="list-of-numbers"),
        pytest.param(3, id="number"),
        pytest.param(None, id="none"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="image"),
        pytest.param("missing.wav", id="missing"),
        pytest.param([np.zeros((2, 3, 4), np.float32)], id="several-in-one"),
    ],
)
def test_what_is_not_a_recording_is_refused(example: Any) -> None:
    with pytest.raises((DataError, TensorMismatchError)) as error:
        sound_input((1, 98, 40), MEL).prepare(example)
    assert error.value.expected or error.value.next_step


def test_silence_and_a_single_sample_are_recordings() -> None:
    sound = sound_input((1, 98, 40), MEL)
    silence = sound.prepare(np.zeros(16_000, np.float32))
    assert np.unique(silence).tolist() == [np.float32(np.log(1e-6))]
    assert np.isfinite(sound.prepare(np.ones(1, np.float32))).all()


def test_golden_recordings_have_16_bits(word: np.ndarray) -> None:
    sound = sound_input((1, 98, 40), MEL)
    codes = sound.as_golden(np.stack([word, word])[:, : sound.samples])
    assert codes.dtype == np.int16
    assert np.array_equal(codes[0], (word * 32768)[: sound.samples])
    assert np.array_equal(sound.golden_values(codes), sound.prepare([word, word]))
    prepared = sound.prepare(word)
    assert sound.golden_values(prepared) is prepared
    assert sound.is_raw(codes)
    assert not sound.is_raw(prepared)
    assert sound.as_golden(np.array([[1.0, -1.0, -7.0]])).tolist() == [[32767, -32768, -32768]]


def test_fields_return_from_the_manifest(word: np.ndarray) -> None:
    sound = sound_input((1, 98, 40), MEL)
    read = read_raw_input(sound.to_dict(), lambda name: b"", Tensor("sound", (1, 98, 40)))  # type: ignore[arg-type]
    assert read.to_dict() == sound.to_dict()
    assert np.array_equal(read.prepare(word), sound.prepare(word))
    assert sound_input((1, 4000)).to_dict() == {"kind": "sound", "sample_rate": 16_000, "samples": 4000}


@pytest.mark.parametrize(
    "changes",
    [
        {"sample_rate": None},
        {"sample_rate": "16000"},
        {"sample_rate": 10**12},
        {"samples": -1},
        {"samples": 10**12},
        {"samples": 1.5},
        {"samples": 200},
        {"hop_length": 1},
        {"hop_length": 161},
        {"mel_bands": 41},
        {"upper_hz": 9000},
        {"unknown": 1},
        {"frame_length": {"a": 1}},
    ],
)
def test_hostile_fields_are_refused(changes: dict[str, Any]) -> None:
    fields = {**sound_input((1, 98, 40), MEL).to_dict(), **changes}
    with pytest.raises(EdgekitError) as error:
        read_raw_input(fields, lambda name: b"", Tensor("sound", (1, 98, 40)))  # type: ignore[arg-type]
    assert isinstance(error.value, ModelFileError)
    assert "damaged" in error.value.problem
