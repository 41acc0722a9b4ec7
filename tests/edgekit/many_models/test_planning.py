"""Which models are converted, and where to."""

from pathlib import Path

import pytest

from edgekit.many_models.planning import plan_configuration, plan_sources
from edgekit.regression.configuration.sections import load_configuration
from edgekit_runtime.errors import ModelFileError


def outputs(sources: list[Path], root: Path, **options: str) -> list[str]:
    """Output paths relative to ``root/out``."""
    return [str(each.output.relative_to(root / "out")) for each in plan_sources(sources, root / "out", options)]


def touch(*paths: Path) -> None:
    """Make empty files."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_keeps_its_paths_and_other_files_are_ignored(tmp_path: Path) -> None:
    models = tmp_path / "models"
    touch(models / "a.h5", models / "sub" / "a.h5", models / "saved" / "saved_model.pb", models / "notes.txt")

    assert outputs([models], tmp_path) == ["a.tflite", "saved.tflite", "sub/a.tflite"]


def test_a_same_name_is_told_apart_by_suffix_then_by_folder(tmp_path: Path) -> None:
    touch(tmp_path / "one" / "a.h5", tmp_path / "one" / "a.keras", tmp_path / "two" / "a.h5", tmp_path / "two" / "b.h5")

    assert outputs([tmp_path / "one", tmp_path / "two"], tmp_path) == [
        "one/a.h5.tflite",
        "a.keras.tflite",
        "two/a.h5.tflite",
        "b.tflite",
    ]


def test_a_model_named_twice_is_converted_once_and_all_makes_folders(tmp_path: Path) -> None:
    touch(tmp_path / "a.h5")

    assert outputs([tmp_path, tmp_path / "a.h5"], tmp_path, quantize="all") == ["a"]


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="has no model"):
        plan_sources([tmp_path], tmp_path / "out", {})


def test_models_of_a_configuration_have_their_own_options(tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text(
        'data = "digits"\n[models.a]\nsource = "a.h5"\nquantize = "int8"\nsamples = 9\n'
        '[models.b]\nsource = "b.h5"\nfile = "out/b.tflite"\n[models.c]\nfile = "c.tflite"\n'
    )

    a, b = plan_configuration(load_configuration(tmp_path / "edgekit.toml"), None)

    assert (a.output, b.output) == (tmp_path / "a.tflite", tmp_path / "out" / "b.tflite")
    assert (a.options["quantize"], a.options["samples"], a.options["data"]) == ("int8", 9, "digits")
    assert b.options["quantize"] == "none"
