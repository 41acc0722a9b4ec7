"""What the shell completes besides commands and options."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit.parity.metrics import METRICS


def _completed(*words: str) -> list[tuple[str, str]]:
    *arguments, incomplete = words
    shell = ShellComplete(cli, {}, "edgekit", "_EDGEKIT_COMPLETE")
    return [(item.value, item.type) for item in shell.get_completions(arguments, incomplete)]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("convert", "m.h5", "--target", "tflite-runtime"), ["tflite-runtime-2.5", "tflite-runtime-2.14"]),
        (("inspect", "m.tflite", "--target", "tflite-m"), ["tflite-micro"]),
        (("convert", "m.h5", "--metric", "m"), ["mean_iou", "mse", "mae"]),
        (("convert", "m.h5", "--metric", "boxes=r"), ["boxes=r2", "boxes=rmse"]),
        (("convert", "m.h5", "--quantize", "int"), ["int8", "int16x8", "int4"]),
        (("convert", "m.h5", "--task", "r"), ["regression"]),
        (("validate", "--data", "fas"), ["fashion-mnist", "fas"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_values_are_completed(words: tuple[str, ...], values: list[str]) -> None:
    assert sorted(value for value, _ in _completed(*words)) == sorted(values)


@pytest.mark.parametrize("words", [("convert", "mod"), ("convert", "m.h5", "--data", "fold")])
def test_models_and_data_are_completed_as_files(words: tuple[str, ...]) -> None:
    assert (words[-1], "file") in _completed(*words)


def test_every_metric_is_in_the_help() -> None:
    text = " ".join(CliRunner().invoke(cli, ["convert", "--help"]).stdout.split())
    assert [name for name in METRICS if name not in text] == []
