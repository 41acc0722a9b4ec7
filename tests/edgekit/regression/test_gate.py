"""``edgekit check`` on the reference CNN: what passes, what fails and by which rule, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from click.testing import Result

Check = Callable[..., Result]
FailedRules = Callable[..., set[str]]


def test_the_baseline_itself_passes(project: Path, check: Check, failed_rules: FailedRules) -> None:
    assert failed_rules(project) == set()
    result = check(project)
    assert result.exit_code == 0
    assert "bit-identical to the baseline's model" in result.output
    assert "Passed: 1 model" in result.output


def test_the_baseline_is_small_and_the_same_bytes_again(project: Path, check: Check) -> None:
    written = (project / "edgekit-baseline.json").read_bytes()
    assert len(written) < 3000
    assert check(project, "--update-baseline").exit_code == 0
    assert (project / "edgekit-baseline.json").read_bytes() == written


def test_int8_passes_where_float32_was_the_baseline(
    variants_folder: Path, tmp_path: Path, check: Check, failed_rules: FailedRules, configuration: str
) -> None:
    (tmp_path / "edgekit.toml").write_text(configuration.replace("[thresholds]", "[thresholds]\nmin_agreement = 0.98"))
    shutil.copy(variants_folder / "model-none.tflite", tmp_path / "model.tflite")
    assert check(tmp_path, "--update-baseline").exit_code == 0
    shutil.copy(variants_folder / "model-int8.tflite", tmp_path / "model.tflite")
    # QUANTIZE and DEQUANTIZE are new to the device, and have to be allowed.
    assert failed_rules(tmp_path) == {"operators"}
    text = (tmp_path / "edgekit.toml").read_text()
    (tmp_path / "edgekit.toml").write_text(text.replace("[thresholds]", "[thresholds]\nnew_operators = true"))
    assert failed_rules(tmp_path) == set()


def test_other_data_than_the_baselines_is_refused(project: Path, check: Check) -> None:
    text = (project / "edgekit.toml").read_text()
    (project / "edgekit.toml").write_text("seed = 1\n" + text)
    result = check(project)
    assert result.exit_code == 1
    assert "was made with other data" in result.stderr
    assert "edgekit check --update-baseline --model digits" in result.stderr
    assert check(project, "--update-baseline").exit_code == 0
    assert check(project).exit_code == 0


def test_an_update_shows_what_changes(
    project: Path, hasty_model: Path, check: Check, failed_rules: FailedRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(hasty_model, project / "model.tflite")
    monkeypatch.setenv("COLUMNS", "240")
    result = check(project, "--update-baseline")
    assert result.exit_code == 0
    top1 = next(line for line in result.output.splitlines() if "top-1" in line)
    assert top1.count("%") == 2
    assert "changed" in top1
    labels = next(line for line in result.output.splitlines() if " labels " in line)
    assert "changed" not in labels
    assert failed_rules(project) == set()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "There is no baseline", id="missing"),
        pytest.param("{", "is damaged", id="no-json"),
        pytest.param("[]", "is damaged", id="no-object"),
        pytest.param('{"schema_version": 1, "models": {"digits": {}}}', "is damaged", id="no-fields"),
        pytest.param('{\n<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> topic\n}', "merge conflict", id="conflict"),
        pytest.param('{"schema_version": 2, "models": {}}', "another version of edgekit", id="newer"),
        pytest.param('{"schema_version": 1, "models": {}}', "has no model digits", id="other-models"),
    ],
)
def test_a_bad_baseline_is_a_sentence(content: str | None, problem: str, project: Path, check: Check) -> None:
    path = project / "edgekit-baseline.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    result = check(project)
    assert result.exit_code == 1
    assert problem in result.stderr
    assert "--update-baseline" in result.stderr


def test_mistakes_of_usage_exit_with_2(project: Path, check: Check) -> None:
    assert check(project, "--model", "absent").exit_code == 2
    (project / "edgekit.toml").write_text("models = 1")
    assert check(project).exit_code == 2


def test_a_missing_model_exits_with_1(project: Path, check: Check) -> None:
    (project / "model.tflite").unlink()
    result = check(project)
    assert result.exit_code == 1
    assert "does not exist" in result.stderr


def test_a_source_is_converted_and_gives_the_same_bytes(
    trained_folder: Path, tmp_path: Path, check: Check, configuration: str
) -> None:
    shutil.copy(trained_folder / "model.h5", tmp_path / "model.h5")
    text = configuration.replace('file = "model.tflite"', 'source = "model.h5"\nquantize = "int8"')
    (tmp_path / "edgekit.toml").write_text(text)
    assert check(tmp_path, "--update-baseline").exit_code == 0
    result = check(tmp_path)
    assert result.exit_code == 0, result.output
    assert "byte-identical to the baseline's conversion" in result.output
    # Made in another way than the baseline, it is converted twice.
    (tmp_path / "edgekit.toml").write_text(text + "samples = 100\n")
    result = check(tmp_path)
    assert result.exit_code == 0, result.output
    assert "byte-identical to a second conversion" in result.output


def test_no_tensorflow_where_only_tflite_files_are_compared(project: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys\nfrom edgekit.cli import cli\n"
        f"try: cli(['check', '--config', {str(project / 'edgekit.toml')!r}])\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib', 'litert_quantizer') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_reports_are_written_where_they_are_asked_for(
    project: Path, hasty_model: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="an oracle of the dev extra")
    junitparser = pytest.importorskip("junitparser", reason="an oracle of the dev extra")
    shutil.copy(hasty_model, project / "model.tflite")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    result = check(
        project,
        "--json",
        "--junit",
        str(project / "j.xml"),
        "--markdown",
        str(project / "c.md"),
        "--html",
        str(project / "r.html"),
    )
    assert result.exit_code == 3
    schema = json.loads(resources.files("edgekit.reports").joinpath("check.schema.json").read_text())
    jsonschema.validate(json.loads(result.stdout), schema)
    assert result.stderr.count("::error ") == 1
    assert junitparser.JUnitXml.fromfile(str(project / "j.xml")).failures == 1
    assert (project / "c.md").read_text().startswith("## edgekit check: failed")
    report = (project / "r.html").read_text()
    assert "Change of the confusion matrix" in report
    assert "Reliability" in report
    assert "data:image/png;base64," in report
    assert (project / "summary.md").read_text().startswith("## edgekit check: failed")
