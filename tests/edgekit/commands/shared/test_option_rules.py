"""Options that contradict each other are usage errors before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("convert M --all --quantize int8 --data digits", "--all and --quantize contradict each other."),
        ("convert M --label-column species", "--label-column does nothing without --data."),
        ("convert M --samples 9", "--samples does nothing without --data or --random-calibration."),
        ("convert M --quantize int8 --repair auto", "--repair does nothing without --data."),
        ("convert M --quantize int8 --random-calibration --repair off", "--repair does nothing without --data."),
        ("convert M --quantize dynamic --data digits --repair auto", "--repair does nothing for --quantize dynamic."),
        ("convert M --quantize int8 --random-calibration --data digits", "--random-calibration and --data exclude"),
        ("convert M --scheme per-tensor", "--scheme per-tensor does nothing"),
        ("convert M --quantize float16 --scheme per-tensor", "--scheme per-tensor does nothing"),
        ("convert M --strict", "--strict applies to a budget."),
        ("convert M --io int8", "--io int8 does not go with --quantize none"),
        ("validate M M --data digits --open", "--open does nothing without --html."),
        ("validate M M M --data digits --layers", "accept only one TFLITE"),
        ("check --open", "--open does nothing without --html."),
        ("check --digests-only --strict", "--digests-only and --strict contradict each other."),
        ("check --update-baseline --baseline-ref main", "--update-baseline and --baseline-ref contradict each other."),
        ("check --allow-loosening", "--allow-loosening does nothing without --baseline-ref."),
        ("predict M M --csv --json", "--csv and --json contradict each other."),
        ("devices check pi-arm64 M", "Pass either --data or --random."),
        ("devices check pi-arm64 M --data digits --random", "Pass either --data or --random."),
    ],
)
def test_a_contradiction_is_a_usage_error(arguments: str, message: str, tmp_path: Path) -> None:
    model = tmp_path / "model.h5"
    model.write_bytes(b"never opened")
    result = CliRunner().invoke(cli, [str(model) if word == "M" else word for word in arguments.split()])
    assert result.exit_code == 2
    text = result.stdout if "--json" in arguments else result.stderr
    assert message in text
    assert list(tmp_path.iterdir()) == [model]


def test_defaults_contradict_nothing(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.h5")
    result = CliRunner().invoke(cli, ["convert", missing, "--all", "--random-calibration", "--samples", "4"])
    assert result.exit_code == 1
    assert "missing.h5" in result.stderr
