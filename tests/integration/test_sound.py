"""A model of sound, from a folder of WAV files to the device: convert, validate, predict, pack, verify."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit_runtime
from edgekit.cli import cli
from edgekit.datasets.front_end_presets import PRESETS
from edgekit.datasets.sound_options import read_sound_options
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.sound.front_end import FrontEnd

SOUND = Path(__file__).resolve().parents[1] / "data" / "sound"
RANDOM = np.random.default_rng(0)


def run(*arguments: object, exit_code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result.output


def report(*arguments: object, exit_code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(cli, [*map(str, arguments), "--json"])
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def write_wav(path: Path, hertz: float, *, rate: int, seconds: float = 0.25, loudness: float = 0.5) -> Path:
    time = np.arange(int(rate * seconds)) / rate
    samples = loudness * np.sin(2 * np.pi * hertz * time) + RANDOM.normal(0, 0.002, len(time))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings in each of three folders, at 16, 44.1 and 48 kHz, some too short and some too long."""
    folder = tmp_path_factory.mktemp("recordings")
    for label, low, high, loudness in (("low", 200, 500, 0.4), ("high", 1500, 3500, 0.4), ("silence", 100, 200, 0)):
        (folder / label).mkdir()
        for number in range(12):
            rate, seconds = (16_000, 44_100, 48_000)[number % 3], (0.25, 0.3)[number % 2]
            hertz = RANDOM.uniform(low, high)
            write_wav(folder / label / f"{number}.wav", hertz, rate=rate, seconds=seconds, loudness=loudness)
    return folder


@pytest.fixture(scope="module")
def converted(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("converted") / "tones-int8.tflite"
    options = ["--quantize", "int8", "--data", recordings, "--front-end", SOUND / "tones.json", "-o", output]
    run("convert", SOUND / "tones.keras", *options)
    return output


def test_a_model_of_spectrograms_is_calibrated_from_wav_files(converted: Path, recordings: Path) -> None:
    model = edgekit_runtime.load(converted, verify=True)
    assert model.labels == ("high", "low", "silence")
    assert {name: kind.name for name, kind in model.task.inputs.items()} == {"mel": "sound"}
    fields = model.manifest.raw_preprocessing["mel"]
    assert (fields["sample_rate"], fields["samples"], fields["hop_length"]) == (16_000, 4000, 160)
    assert model.manifest.provenance["golden"]["examples"] >= 1
    for label in model.labels:
        results = model.classify(sorted((recordings / label).iterdir()))
        assert [result.label for result in results] == [label] * 12


def test_it_is_validated_from_wav_files(converted: Path, recordings: Path) -> None:
    result = report("validate", SOUND / "tones.keras", converted, "--data", recordings, "--everything")
    assert result["agreement"]["reference_top1"] == 1
    assert result["agreement"]["candidate_top1"] == 1


def test_predict_takes_wav_files_and_folders(converted: Path, recordings: Path) -> None:
    one = report("predict", converted, recordings / "low" / "0.wav", "--top-k", 1)
    assert one["results"][0]["answers"][0]["label"] == "low"
    many = report("predict", converted, recordings)
    assert len(many["results"]) == 36
    (recordings.parent / "broken.wav").write_bytes(b"RIFF")
    two = report("predict", converted, recordings / "low" / "0.wav", recordings.parent / "broken.wav", exit_code=1)
    assert len(two["unreadable"]) == 1
    assert "images only" in run("predict", converted, recordings, "--draw", "x.png", exit_code=2)


def test_pack_keeps_and_replaces_the_front_end(converted: Path, recordings: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.tflite"
    run("pack", converted, "-o", kept)
    before, after = (edgekit_runtime.load(path).manifest.raw_preprocessing for path in (converted, kept))
    assert before == after
    fields = json.loads((SOUND / "tones.json").read_text())
    (tmp_path / "hop.json").write_text(json.dumps({**fields, "hop_length": 150, "samples": 3700}))
    changed = tmp_path / "changed.tflite"
    run("pack", converted, "--front-end", tmp_path / "hop.json", "--data", recordings, "-o", changed)
    manifest = edgekit_runtime.load(changed, verify=True).manifest
    assert manifest.raw_preprocessing["mel"]["hop_length"] == 150


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(["--front-end", "log-mel"], "do not become the input mel", id="other-front-end"),
        pytest.param(["--front-end", "log-mell"], "one of log-mel, stft", id="unknown-preset"),
        pytest.param(["--front-end", SOUND / "tones.keras"], "could not be read as JSON", id="not-json"),
        pytest.param(["--sample-rate", "16000"], "do not become the input mel", id="waveform"),
        pytest.param(["--sample-rate", "1"], "not a sample rate", id="rate"),
    ],
)
def test_a_front_end_that_does_not_fit_is_refused(options: list[object], says: str, tmp_path: Path) -> None:
    output = run("pack", SOUND / "tones.tflite", *options, "-o", tmp_path / "x.tflite", exit_code=1 if "JSON" in says
                 or "one of" in says else 2)  # fmt: skip
    assert says in " ".join(output.split())
    assert not (tmp_path / "x.tflite").exists()


def test_data_for_spectrograms_without_a_front_end_names_the_option(recordings: Path, tmp_path: Path) -> None:
    output = run("convert", SOUND / "tones.keras", "--data", recordings, "-o", tmp_path / "x.tflite", exit_code=1)
    assert "--front-end" in output


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid_and_may_have_another_sample_rate(preset: str) -> None:
    settings = read_sound_options(preset, 48_000).settings
    assert settings is not None
    assert settings.sample_rate == 48_000
    assert isinstance(settings.front_end, FrontEnd)


@pytest.mark.parametrize("fields", [{}, {"frame_length": 400, "hop_length": 160}, {"sample_rate": 16_000, "hop": 1}])
def test_incomplete_fields_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises((UsageError, DataError)):
        read_sound_options(fields, None)


def test_audit_reads_recordings_through_the_packed_front_end(recordings: Path) -> None:
    output = run("audit", SOUND / "tones.tflite", "--data", recordings, exit_code=0)
    assert "--front-end" not in output


def test_a_front_end_in_the_graph_stays_there(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((4000,), name="wave"),
        keras.layers.MelSpectrogram(fft_length=512, sequence_stride=160, sampling_rate=16_000, num_mel_bins=20),
        keras.layers.GlobalAveragePooling1D(data_format="channels_first"),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.save(tmp_path / "mel.keras")
    run("convert", tmp_path / "mel.keras", "--sample-rate", 16_000, "-o", tmp_path / "mel.tflite")
    device = edgekit_runtime.load(tmp_path / "mel.tflite", verify=True)
    assert device.manifest.raw_preprocessing == {"wave": {"kind": "sound", "sample_rate": 16_000, "samples": 4000}}
    samples = RANDOM.normal(0, 0.1, 4000).astype(np.float32)
    expected = model.predict(samples[np.newaxis], verbose=0)[0]
    (result,) = device.classify(samples, sample_rate=16_000)
    assert result.index == expected.argmax()
    assert result.score == pytest.approx(expected.max(), abs=1e-3)


def test_the_guide_lists_every_preset_and_every_field() -> None:
    guide = (SOUND.parents[2] / "docs" / "pages" / "guides" / "sound.md").read_text()
    for name, preset in PRESETS.items():
        assert f"| `{name}` | {preset.help} |" in guide
    for field in FrontEnd.__dataclass_fields__:
        assert f"`{field}`" in guide
