"""``edgekit.check`` and ``edgekit.update_baseline``: the command's verdicts, errors and files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit
from edgekit.cli import cli

DATA = Path(__file__).resolve().parents[1] / "data" / "tflite"
RNG = np.random.default_rng(8)
CONFIGURATION = """
data = "data.npz"
[thresholds]
max_slowdown = false
[models.digits]
file = "model.tflite"
examples = "all"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A model with labels that it is right about, and a baseline of it."""
    from edgekit_runtime import load

    x = RNG.random((200, 12, 12, 1), dtype=np.float32)
    shutil.copy(DATA / "cnn_float32.tflite", tmp_path / "model.tflite")
    np.savez(tmp_path / "data.npz", x=x, y=np.asarray(load(tmp_path / "model.tflite").predict(x)).argmax(1))
    (tmp_path / "edgekit.toml").write_text(CONFIGURATION)
    edgekit.update_baseline(tmp_path / "edgekit.toml")
    return tmp_path


def by_the_command(folder: Path, *arguments: str) -> Any:
    result = CliRunner().invoke(cli, ["check", "--config", str(folder / "edgekit.toml"), "--json", *arguments])
    assert result.exit_code in (0, 3), result.output
    return json.loads(result.stdout)


def spoil(project: Path) -> None:
    """Another model in its place: half of its predictions are others."""
    content = bytearray((DATA / "cnn_int8_io_float32.tflite").read_bytes())
    (project / "model.tflite").write_bytes(content)


@pytest.mark.parametrize("form", [str, Path])
def test_it_gives_the_verdict_that_the_command_prints(form: Callable[[Path], Any], project: Path) -> None:
    result = edgekit.check(form(project / "edgekit.toml"))
    assert isinstance(result, edgekit.CheckResult)
    assert result.passed
    result.require_passed()
    assert json.loads(json.dumps(result.to_dict())) == by_the_command(project)


def test_a_model_that_got_worse_is_a_result_and_raises_when_asked_to(project: Path) -> None:
    spoil(project)
    result = edgekit.check(project / "edgekit.toml", strict=True, models=["digits"])
    assert json.loads(json.dumps(result.to_dict())) == by_the_command(project, "--strict", "--model", "digits")
    assert not result.passed
    assert result.models[0].failed_rules
    with pytest.raises(edgekit.BelowThresholdError, match="worse than its baseline allows"):
        result.require_passed()


def test_the_configuration_of_the_current_folder_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert edgekit.check().passed


def test_digests_only_needs_no_data(project: Path) -> None:
    (project / "data.npz").unlink()
    assert edgekit.check(project / "edgekit.toml", digests_only=True).passed
    spoil(project)
    result = edgekit.check(project / "edgekit.toml", digests_only=True)
    assert result.models[0].failed_rules == ("digest",)


def test_a_new_baseline_says_what_it_replaced(project: Path) -> None:
    path = project / "edgekit-baseline.json"
    before = path.read_bytes()
    update = edgekit.update_baseline(str(project / "edgekit.toml"), models="digits")
    assert isinstance(update, edgekit.BaselineUpdate)
    assert (update.path, set(update.before), set(update.models)) == (path, {"digits"}, {"digits"})
    assert path.read_bytes() == before
    assert repr(update).splitlines()[1].split(":")[0].strip() == "digits  same file"
    assert json.loads(json.dumps(update.to_dict())) == by_the_command(project, "--update-baseline")
    spoil(project)
    assert "other file" in repr(edgekit.update_baseline(project / "edgekit.toml"))


def test_results_show_themselves(project: Path) -> None:
    assert repr(edgekit.check(project / "edgekit.toml")) == "<Check of 1 model: passed>\n  digits  passed"
    spoil(project)
    result = edgekit.check(project / "edgekit.toml", strict=True)
    text, page = repr(result), result._repr_html_()
    assert text.startswith("<Check of 1 model: failed>")
    assert all(f"digits: {rule}" in text for rule in result.models[0].failed_rules)
    assert "<table>" in page
    # Neither holds a thousand numbers.
    assert len(text) < 3000
    assert len(repr(result.models[0])) < 5000


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"config": 3}, TypeError, "config is not a path"),
        ({"config": "no-such.toml"}, edgekit.UsageError, "no-such.toml does not exist"),
        ({"models": ["letters"]}, edgekit.UsageError, "has no model letters"),
        ({"models": 3}, TypeError, "models has the wrong type"),
        ({"strict": "yes"}, TypeError, "strict is not True or False"),
        ({"layers": 1}, TypeError, "layers is not True or False"),
        ({"baseline_ref": 3}, TypeError, "baseline_ref is not a text"),
        ({"digests_only": True, "strict": True}, edgekit.UsageError, "--digests-only compares every file"),
        ({"digests_only": True, "baseline_ref": "HEAD"}, edgekit.UsageError, "--baseline-ref does not go with"),
        ({"allow_loosening": True}, edgekit.UsageError, "need --baseline-ref"),
        ({"allow_python_data": True}, edgekit.UsageError, "need --baseline-ref"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(
    options: dict[str, Any], error: type[Exception], problem: str, project: Path
) -> None:
    with pytest.raises(error, match=problem) as raised:
        edgekit.check(**{"config": project / "edgekit.toml"} | options)
    assert isinstance(raised.value, edgekit.EdgekitError)


def test_no_configuration_is_an_error_with_an_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(edgekit.UsageError, match="No configuration for edgekit check") as raised:
        edgekit.check()
    assert "[tool.edgekit" in raised.value.next_step


def test_a_commit_judges_what_the_working_folder_loosened(project: Path) -> None:
    import subprocess

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)

    git("init", "--quiet")
    git("add", "-A")
    git("commit", "--quiet", "-m", "baseline")
    config = project / "edgekit.toml"
    assert edgekit.check(config, baseline_ref="HEAD").passed
    config.write_text(CONFIGURATION.replace("max_slowdown = false", "max_slowdown = false\nmax_drop = 0.9"))
    loosened = edgekit.check(config, baseline_ref="HEAD")
    assert not loosened.passed
    assert edgekit.check(config, baseline_ref="HEAD", allow_loosening=True).passed
