"""The configuration: where it is found, what it may say, and what a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit.regression.configuration.files import find_configuration
from edgekit.regression.configuration.sections import load_configuration
from edgekit.regression.rules.registry import all_thresholds
from edgekit.regression.rules.thresholds import MAX_DROP, MAX_SLOWDOWN, STRICT
from edgekit_runtime.errors import UsageError

MODEL = '[models.a]\nfile = "a.tflite"\n'


def write(folder: Path, text: str, name: str = "edgekit.toml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_models_own_settings_come_before_those_of_the_section(tmp_path: Path) -> None:
    loaded = load_configuration(
        write(
            tmp_path,
            """
            data = "digits"
            [thresholds]
            max_drop = 0.02
            strict = true
            [models.a]
            file = "models/a.tflite"
            [models.b]
            source = "b.h5"
            data = "mine.npz"
            thresholds = {max_drop = 0.1, max_slowdown = false}
            """,
        )
    )
    assert loaded.settings.limits_of("a")[MAX_DROP] == 0.02
    assert loaded.settings.limits_of("b")[MAX_DROP] == 0.1
    assert loaded.settings.limits_of("b")[STRICT] is True
    assert loaded.settings.limits_of("a")[MAX_SLOWDOWN] == 0.25
    assert loaded.settings.limits_of("b")[MAX_SLOWDOWN] is False
    assert loaded.resolve("models/a.tflite") == tmp_path / "models" / "a.tflite"
    assert loaded.data_of("a") == "digits"
    assert loaded.data_of("b") == "mine.npz"
    (tmp_path / "mine.npz").touch()
    assert loaded.data_of("b") == str(tmp_path / "mine.npz")


def test_it_is_found_here_or_above(tmp_path: Path) -> None:
    inner = tmp_path / "one" / "two"
    inner.mkdir(parents=True)
    write(tmp_path / "one", "[project]\nname = 'x'\n", "pyproject.toml")
    project = write(tmp_path, "[tool.edgekit.models.a]\nfile = 'a.tflite'\n", "pyproject.toml")
    assert find_configuration(inner) == project
    assert load_configuration(project).settings.models["a"].file == "a.tflite"


def test_a_second_configuration_in_reach_is_an_error_up_to_the_root_of_the_repository(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "inner").mkdir()
    write(tmp_path, MODEL)
    assert find_configuration(repository / "inner") == tmp_path / "edgekit.toml"
    own = write(repository, MODEL)
    assert find_configuration(repository / "inner") == own
    below = write(repository / "inner", MODEL)
    with pytest.raises(UsageError, match="Several configurations") as caught:
        find_configuration(repository / "inner")
    assert caught.value.received == f"{below}, {own}"


def test_without_one_an_example_is_shown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No configuration for edgekit check was found") as caught:
        find_configuration(tmp_path)
    assert "[tool.edgekit.models.digits]" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        pytest.param("dta = 'digits'\n" + MODEL, "[top] has an unknown key", "did you mean data?", id="top"),
        pytest.param(MODEL + "sorce = 'x'\n", "[models.a] has an unknown key", "did you mean source?", id="model"),
        pytest.param(
            "[thresholds]\nmax_dropp = 0.1\n" + MODEL,
            "[thresholds] has an unknown key",
            "did you mean max_drop?",
            id="limit",
        ),
        pytest.param(
            MODEL + "thresholds = {max_growth = 1}\n", "[models.a.thresholds]", "max_size_growth?", id="own-limit"
        ),
        pytest.param(MODEL + "quantise = 'int8'\n", "[models.a]", "did you mean quantize?", id="british"),
        pytest.param(MODEL + "zzz = 1\n", "[models.a] has an unknown key", "remove it", id="nothing-near"),
        pytest.param(
            "[thresholds]\nmax_drop = '1 %'\n" + MODEL, "thresholds.max_drop has a wrong value", "a number", id="type"
        ),
        pytest.param("[thresholds]\nmax_drop = 5\n" + MODEL, "thresholds.max_drop", "less than or equal to 1", id="5"),
        pytest.param("[thresholds]\nstrict = 1\n" + MODEL, "thresholds.strict", "true or false", id="no-bool"),
        pytest.param("seed = 'x'\n" + MODEL, "seed has a wrong value", "a whole number", id="seed"),
        pytest.param("[models]\na = 'a.tflite'\n", "models.a has a wrong value", "a section of keys", id="no-section"),
        pytest.param("[models.a]\ndata = 'digits'\n", "models.a has a wrong value", "source =", id="no-file"),
        pytest.param("data = 'digits'\n", "models is missing", "", id="no-models"),
        pytest.param("[models]\n", "names no model", "", id="empty-models"),
        pytest.param("data = \n", "not valid TOML", "line 1", id="no-toml"),
    ],
)
def test_a_mistake_names_file_and_key(text: str, problem: str, hint: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_configuration(path)
    message = str(caught.value)
    assert str(path) in message
    assert problem in message
    assert hint in message


def test_mistakes_in_pyproject_name_the_section(tmp_path: Path) -> None:
    path = write(tmp_path, "[tool.edgekit]\n[tool.edgekit.modles.a]\nfile = 'a'\n", "pyproject.toml")
    with pytest.raises(UsageError, match=r"\[tool\.edgekit\] has a key .* \(1 more after it\)|models is missing"):
        load_configuration(path)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The configuration .* does not exist"):
        load_configuration(tmp_path / "absent.toml")


def test_the_example_in_the_help_is_a_configuration_of_the_defaults(tmp_path: Path) -> None:
    text = CliRunner().invoke(cli, ["check", "--help"]).stdout
    example = text[text.index("[tool.edgekit]\n") : text.index("Options:")]
    path = write(tmp_path, "\n".join(line.strip() for line in example.splitlines()), "pyproject.toml")
    shown = load_configuration(path)
    defaults = {threshold.name: threshold.default for threshold in all_thresholds()}
    assert set(shown.settings.thresholds) == set(defaults)
    assert shown.settings.limits_of("digits").values == {**defaults, "min_agreement": 0.98}
