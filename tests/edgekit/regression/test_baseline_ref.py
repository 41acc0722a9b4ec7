"""``edgekit check --baseline-ref``: every way in which a change could choose its own judge fails the check."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgekit.cli import cli

CONFIGURATION = """\
data = "data.npz"
[thresholds]
max_slowdown = false
[models.digits]
file = "model.tflite"
[models.other]
file = "other.tflite"
"""
Project = Path


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", "--config", str(folder / "edgekit.toml"), *arguments])


def by_main(folder: Path, *arguments: str) -> Result:
    return run(folder, "--baseline-ref", "main", *arguments)


def failures(result: Result) -> set[str]:
    """``model: rule`` of everything that failed, of a result in JSON."""
    report = json.loads(result.stdout)
    return {
        f"{model['name']}: {rule['rule']}"
        for model in report["models"]
        for rule in model["rules"]
        if rule["verdict"] == "failed"
    }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def edit_record(folder: Path, **fields: object) -> None:
    """Change fields of the record of digits; those of the predictions are named ``answers_…``."""
    path = folder / "edgekit-baseline.json"
    content = json.loads(path.read_text())
    record = content["models"]["digits"]
    for name, value in fields.items():
        (record["answers"] if name.startswith("answers_") else record)[name.removeprefix("answers_")] = value
    path.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def main_branch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose branch ``main`` has two good models, beside a bad model that is not committed."""
    import keras

    folder = tmp_path_factory.mktemp("repository")
    for name, columns in (("model", [0, 1, 2]), ("bad", [1, 2, 0])):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
        model.layers[0].set_weights([5 * np.eye(4, dtype=np.float32)[:, columns], np.zeros(3, np.float32)])
        model.save(folder / f"{name}.keras")
        result = CliRunner().invoke(cli, ["convert", str(folder / f"{name}.keras")])
        assert result.exit_code == 0, result.output
    shutil.copy(folder / "model.tflite", folder / "other.tflite")
    shutil.move(folder / "bad.tflite", folder / "bad")
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    np.savez(folder / "data.npz", x=x, y=x[:, :3].argmax(1))
    (folder / "edgekit.toml").write_text(CONFIGURATION)
    result = run(folder, "--update-baseline")
    assert result.exit_code == 0, result.output
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "edgekit.toml", "edgekit-baseline.json", "model.tflite", "other.tflite", "data.npz")
    git(folder, "commit", "-qm", "models")
    return folder


@pytest.fixture
def repository(main_branch: Path, tmp_path: Path) -> Project:
    folder = tmp_path / "repository"
    shutil.copytree(main_branch, folder)
    return folder


@pytest.fixture
def worse(repository: Project) -> Project:
    """The repository with a worse model in the working tree."""
    shutil.copy(repository / "model.tflite", repository / "old.tflite")
    shutil.copy(repository / "bad", repository / "model.tflite")
    return repository


def set_limit(limit: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "edgekit.toml", "[thresholds]", f"[thresholds]\n{limit}")


def set_own_limit(limit: str) -> Callable[[Path], None]:
    return lambda folder: edit(
        folder / "edgekit.toml", "[models.other]", f"[models.digits.thresholds]\n{limit}\n[models.other]"
    )


def update(folder: Path) -> None:
    assert run(folder, "--update-baseline").exit_code == 0


def other_baseline(folder: Path) -> None:
    edit(folder / "edgekit.toml", "[thresholds]", 'baseline = "mine.json"\n[thresholds]')
    update(folder)


def delete_section(folder: Path) -> None:
    edit(folder / "edgekit.toml", '[models.digits]\nfile = "model.tflite"\n', "")
    update(folder)


def add_in_front(line: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "edgekit.toml", "[thresholds]", f"{line}\n[thresholds]")


@pytest.mark.parametrize(
    ("attack", "rule"),
    [
        pytest.param(lambda folder: None, "accuracy", id="nothing else"),
        pytest.param(set_limit("max_drop = 1.0"), "configuration max_drop", id="max_drop"),
        pytest.param(set_own_limit("max_drop = 1.0"), "configuration max_drop", id="own max_drop"),
        pytest.param(set_limit("significance = 1e-300"), "configuration significance", id="significance"),
        pytest.param(set_limit("new_operators = true"), "configuration new_operators", id="new_operators"),
        pytest.param(set_limit("max_size_growth = 9.0"), "configuration max_size_growth", id="max_size_growth"),
        pytest.param(delete_section, "configuration models", id="section deleted"),
        pytest.param(
            lambda folder: edit(folder / "edgekit.toml", '"model.tflite"', '"old.tflite"'),
            "configuration file",
            id="file of the old model",
        ),
        pytest.param(other_baseline, "configuration baseline", id="another baseline"),
        pytest.param(update, "baseline", id="own update"),
        pytest.param(add_in_front("seed = 1"), "configuration seed", id="seed"),
        pytest.param(
            lambda folder: edit(folder / "edgekit.toml", "[models.other]", 'examples = "all"\n[models.other]'),
            "configuration examples",
            id="examples",
        ),
        pytest.param(
            lambda folder: edit(folder / "edgekit.toml", '"data.npz"', '"digits"'), "configuration data", id="data"
        ),
        pytest.param(
            lambda folder: edit(folder / "edgekit.toml", "[models.other]", 'source = "model.keras"\n[models.other]'),
            "configuration source",
            id="source",
        ),
    ],
)
def test_a_worse_model_fails_whatever_the_change_does_to_its_judge(
    attack: Callable[[Path], None], rule: str, worse: Project
) -> None:
    attack(worse)
    result = by_main(worse, "--json")
    assert result.exit_code == 3, result.output
    assert f"digits: {rule}" in failures(result)


@pytest.mark.parametrize("fields", [{"answers_labelled": False}, {"top1": 0.2}, {"samples": 7}], ids=str)
@pytest.mark.parametrize("arguments", [(), ("--digests-only",), ("--baseline-ref", "main")], ids=str)
def test_a_baseline_that_contradicts_its_predictions_is_an_error_or_a_failure(
    fields: dict[str, object], arguments: tuple[str, ...], repository: Project
) -> None:
    edit_record(repository, **fields)
    result = run(repository, *arguments)
    assert result.exit_code == (3 if "main" in arguments else 1)
    assert "main" in arguments or "was edited" in result.stderr or "are damaged" in result.stderr


def test_predictions_of_another_model_are_an_error_even_without_a_reference(worse: Project) -> None:
    honest = json.loads((worse / "edgekit-baseline.json").read_text())["models"]["digits"]["top1"]
    update(worse)
    edit_record(worse, top1=honest)
    result = run(worse)
    assert result.exit_code == 1
    assert "contradicts itself or its data: top1" in result.stderr


def test_predictions_called_unlabelled_are_an_error_for_labelled_data(worse: Project) -> None:
    edit_record(worse, answers_labelled=False, top1=None)
    result = run(worse)
    assert result.exit_code == 1
    assert "labelled was edited" in result.stderr


def test_an_edited_size_of_the_same_file_is_an_error(repository: Project) -> None:
    edit_record(repository, size_bytes=10_000_000)
    assert run(repository).exit_code == 1


def test_a_model_of_the_baseline_that_the_configuration_does_not_name_fails(worse: Project) -> None:
    edit(worse / "edgekit.toml", '[models.digits]\nfile = "model.tflite"\n', "")
    for arguments in ((), ("--digests-only",)):
        result = run(worse, "--json", *arguments)
        assert result.exit_code == 3
        assert failures(result) == {"digits: configuration models"}
    reports = [
        text
        for name in ("junit", "markdown", "html", "history")
        for text in (f"--{name}", str(worse / f"report.{name}"))
    ]
    result = run(worse, *reports)
    assert result.exit_code == 3, result.output
    assert "Failed: digits (configuration models)." in result.stdout
    assert all("configuration models" in Path(path).read_text() for path in reports[1::2])


@pytest.mark.parametrize("shadow", ["beside", "below"])
def test_two_configurations_in_reach_are_an_error(shadow: str, worse: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (worse / "edgekit.toml").read_text()
    section = text.replace("[thresholds]", "[tool.edgekit.thresholds]").replace("[models.", "[tool.edgekit.models.")
    (worse / "edgekit.toml").unlink()
    (worse / "pyproject.toml").write_text("[tool.edgekit]\n" + section)
    folder = worse if shadow == "beside" else worse / "below"
    folder.mkdir(exist_ok=True)
    (folder / "edgekit.toml").write_text(text)
    monkeypatch.chdir(folder)
    for arguments in ([], ["--baseline-ref", "main"], ["--digests-only"]):
        result = CliRunner().invoke(cli, ["check", *arguments])
        assert result.exit_code == 2
        assert "Several configurations" in result.stderr
        assert "pyproject.toml" in result.stderr


@pytest.mark.parametrize("change", ["record", "source", "source everywhere"])
def test_digests_only_passes_nothing_that_it_did_not_compare(change: str, worse: Project) -> None:
    path = worse / "edgekit-baseline.json"
    content = json.loads(path.read_text())
    if change == "record":
        del content["models"]["digits"]
    else:
        edit(worse / "edgekit.toml", "[models.other]", 'source = "model.keras"\n[models.other]')
    if change == "source everywhere":
        edit(worse / "edgekit.toml", 'file = "other.tflite"', 'source = "model.keras"')
        for record in content["models"].values():
            record["made_with"] = {"edgekit": "1"}
    path.write_text(json.dumps(content))
    result = run(worse, "--digests-only")
    assert result.exit_code == {"source": 3, "source everywhere": 2, "record": 1}[change], result.output
    if change == "source everywhere":
        assert "nothing to compare" in result.stderr
        allowed = run(worse, "--digests-only", "--allow-empty")
        assert allowed.exit_code == 0, allowed.output
        assert "Nothing was compared. Not compared: digits, other." in allowed.stdout


def test_an_update_of_the_baseline_writes_history_and_reports(worse: Project) -> None:
    kinds = ("junit", "markdown", "html", "history")
    files = {kind: worse / f"update.{kind}" for kind in kinds}
    result = run(
        worse, "--update-baseline", *(text for kind, path in files.items() for text in (f"--{kind}", str(path)))
    )
    assert result.exit_code == 0, result.output
    for path in files.values():
        assert f"Wrote {path}." in result.stderr
    entries = [json.loads(line) for line in files["history"].read_text().splitlines()]
    assert [(entry["model"], entry["passed"]) for entry in entries] == [("digits", True), ("other", True)]
    assert "the model is the new baseline" in files["html"].read_text()
    assert "the model is the new baseline" in files["markdown"].read_text()


@pytest.mark.parametrize("key", ["data", "calibration"])
def test_data_that_is_code_is_refused_before_it_runs(key: str, worse: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (worse / "evil.py").write_text("from pathlib import Path\nPath('ran').touch()\ndef f(): return iter(())\n")
    edit(worse / "edgekit.toml", "[models.other]", f'{key} = "python:evil:f"\n[models.other]')
    monkeypatch.chdir(worse)
    result = by_main(worse)
    assert result.exit_code == 2
    assert "--allow-python-data" in result.stderr
    assert not (worse / "ran").exists()
    if key == "data":
        assert by_main(worse, "--allow-python-data", "--allow-loosening").exit_code == 1
        assert (worse / "ran").exists()


def test_a_change_that_only_tightens_or_rebuilds_passes(repository: Project) -> None:
    set_limit("max_drop = 0.0\nsignificance = 0.05\nstrict = true\nmin_agreement = 0.5\nmax_error_growth = 0.0")(
        repository
    )
    edit(repository / "edgekit.toml", "max_slowdown = false", "max_slowdown = 5")
    edit(repository / "edgekit.toml", "[models.digits]", 'targets = ["tflite-runtime-2.14"]\n[models.digits]')
    edit(repository / "edgekit.toml", 'targets = ["tflite-runtime-2.14"]\n', "")
    edit(repository / "edgekit.toml", "[models.other]", "samples = 7\n[models.other]")
    result = by_main(repository, "--json")
    assert result.exit_code == 0, result.output


def test_a_model_that_the_reference_does_not_know_is_judged_by_its_own_record(repository: Project) -> None:
    (repository / "edgekit.toml").write_text(CONFIGURATION + '[models.new]\nfile = "bad"\n')
    assert by_main(repository).exit_code == 1
    update(repository)
    assert by_main(repository).exit_code == 0


def test_loosening_that_is_allowed_is_a_warning_and_the_model_is_still_judged(worse: Project) -> None:
    set_limit("max_size_growth = 9.0")(worse)
    result = by_main(worse, "--json", "--allow-loosening")
    assert failures(result) == {"digits: accuracy"}
    set_limit("max_drop = 1.0")(worse)
    result = by_main(worse, "--json", "--allow-loosening")
    assert result.exit_code == 0, result.output
    warnings = [r["rule"] for r in json.loads(result.stdout)["models"][0]["rules"] if r["verdict"] == "warning"]
    assert {"configuration max_drop", "configuration max_size_growth"} <= set(warnings)


def test_data_whose_change_is_allowed_is_judged_by_the_new_record(repository: Project) -> None:
    add_in_front("seed = 1")(repository)
    assert by_main(repository, "--allow-loosening").exit_code == 1
    update(repository)
    assert by_main(repository).exit_code == 3
    assert by_main(repository, "--allow-loosening").exit_code == 0


def test_a_removed_target_fails(repository: Project) -> None:
    add_in_front('targets = ["tflite-runtime-2.14"]')(repository)
    git(repository, "commit", "-qam", "a target")
    edit(repository / "edgekit.toml", 'targets = ["tflite-runtime-2.14"]\n', "")
    assert failures(by_main(repository, "--json")) == {f"{m}: configuration targets" for m in ("digits", "other")}


@pytest.mark.parametrize(
    ("ref", "code", "problem"),
    [
        ("absent", 2, "exactly one commit called absent"),
        ("--output=x", 2, "takes the name of a commit"),
        ("", 2, "takes the name of a commit"),
        ("main:edgekit.toml", 2, "exactly one commit"),
        ("twice", 2, "ambiguous"),
        ("empty", 1, "empty has no file edgekit.toml"),
    ],
)
def test_a_reference_that_says_nothing_is_a_sentence(ref: str, code: int, problem: str, repository: Project) -> None:
    git(repository, "branch", "twice")
    git(repository, "tag", "twice")
    git(repository, "checkout", "-q", "--orphan", "empty")
    git(repository, "rm", "-q", "--cached", "edgekit.toml")
    git(repository, "commit", "-qm", "no configuration")
    result = run(repository, "--baseline-ref", ref)
    assert result.exit_code == code, result.output
    assert problem in " ".join(result.stderr.split())


def test_outside_of_a_repository_there_is_no_reference(repository: Project) -> None:
    shutil.rmtree(repository / ".git")
    result = by_main(repository)
    assert result.exit_code == 1
    assert "does not belong to a git repository" in result.stderr


def test_paths_are_those_of_the_repository_also_from_a_folder_below(repository: Project) -> None:
    below = repository / "below"
    below.mkdir()
    for name in ("edgekit.toml", "edgekit-baseline.json", "model.tflite", "other.tflite", "data.npz"):
        git(repository, "mv", name, f"below/{name}")
    git(repository, "commit", "-qm", "moved")
    assert by_main(below).exit_code == 0
    (below / "edgekit-baseline.json").unlink()
    assert by_main(below).exit_code == 1


@pytest.mark.parametrize("arguments", [("--digests-only",), ("--update-baseline",)], ids=str)
def test_options_that_do_not_go_together_are_refused(arguments: tuple[str, ...], repository: Project) -> None:
    assert by_main(repository, *arguments).exit_code == 2
    assert run(repository, "--allow-loosening").exit_code == 2
