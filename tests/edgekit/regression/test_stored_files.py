"""Baselines, histories and configurations with fields of any type: a sentence each, and never another error."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit.regression.baseline.content_digest import ContentDigest
from edgekit.regression.baseline.stored import LatencyRatio, ModelRecord, read_baseline, update_baseline, write_baseline
from edgekit.regression.configuration.sections import load_configuration
from edgekit.regression.history import HistoryEntry, append_history, read_history
from edgekit.reports.history import draw_history
from edgekit_runtime.errors import EdgekitError, UsageError

RECORD = ModelRecord(
    file="model.tflite",
    sha256="0" * 64,
    content=ContentDigest("1" * 64, ("2" * 32, "3" * 64)),
    size_bytes=100_000,
    operators=(("CONV_2D", 3), ("SOFTMAX", 1)),
    labels=("cat", "dog"),
    provenance=(("source_sha256", "4" * 64),),
    made_with=(),
    data="digits",
    data_sha256="5" * 64,
    samples=4,
    top1=0.75,
    mean_absolute_error=None,
    reliability=((4, 0.9, 0.75),),
    answers={"kind": "classes", "classes": 2, "labelled": True, "samples": 4, "values": "eJxjYGBgAAAABAAB"},
    latency=LatencyRatio(0.5, 0.4, 0.6, 0.03, "small", "a machine"),
)
ENTRY = HistoryEntry(
    time="2026-01-01T00:00:00+00:00",
    commit="0123456789abcdef",
    model="digits",
    passed=True,
    failed_rules=(),
    sha256="0" * 64,
    size_bytes=100_000,
    top1=0.98,
    mean_absolute_error=None,
    latency_ratio=0.5,
    p50_ms=0.03,
    machine="a machine",
    data="digits",
    samples=360,
)
NOT_A_VALUE = object()
#: As JSON has them, for a field of any type.
VALUES: list[Any] = [
    None, "text", "", -1, 0, 1.5, 1e300, -1e300, 10**400, True, [], {}, [[]], [1, 2, 3], {"a": 1}, "\ud800",
    "$\\frac{$", math.nan, math.inf, NOT_A_VALUE,
]  # fmt: skip


def changed(fields: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every field of some JSON, at any depth, changed to every value, with its dotted name."""
    for key in fields if isinstance(fields, dict) else range(len(fields)):
        here = (*path, key)
        if isinstance(fields[key], (dict, list)):
            yield from ((name, _with(fields, key, inner)) for name, inner in changed(fields[key], here))
        for value in VALUES:
            yield ".".join(map(str, here)), _with(fields, key, value)


def _with(fields: Any, key: Any, value: Any) -> Any:
    copied = copy.copy(fields)
    if value is NOT_A_VALUE:
        del copied[key]
    else:
        copied[key] = value
    return copied


def test_a_baseline_comes_back_as_it_was(tmp_path: Path) -> None:
    write_baseline(tmp_path / "baseline.json", {"digits": RECORD, "other": replace(RECORD, latency=None, labels=())})
    assert read_baseline(tmp_path / "baseline.json") == {
        "digits": RECORD,
        "other": replace(RECORD, latency=None, labels=()),
    }


def test_a_field_of_another_type_in_a_baseline_is_a_sentence_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(path, {"digits": RECORD})
    refused = 0
    for name, content in changed(json.loads(path.read_text())):
        path.write_text(json.dumps(content))
        try:
            read_baseline(path)
        except EdgekitError as error:
            refused += 1
            assert str(path) in error.problem
            # The place of half a Unicode character is a line and column, not a field.
            if error.expected != "JSON" and "another edgekit" not in error.problem:
                assert error.expected.startswith(name.rpartition(".")[0]), str(error)
    assert refused > 300


@pytest.mark.parametrize(
    ("changes", "expected", "received"),
    [
        ({"size_bytes": 0}, "models.digits.size_bytes: Input should be greater than 0", "0"),
        ({"size_bytes": "many"}, "models.digits.size_bytes: a whole number", '"many"'),
        ({"top1": [1]}, "models.digits.top1: a number", "a list"),
        ({"latency": "fast"}, "models.digits.latency: a section of keys", '"fast"'),
        ({"top1": 1e300}, "models.digits.top1: Input should be less than or equal to 1", "1e+300"),
    ],
    ids=["no size", "size", "top1", "latency", "a top1 beyond sense"],
)
def test_what_is_said_of_a_wrong_field(changes: dict[str, Any], expected: str, received: str, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(path, {"digits": RECORD})
    content = json.loads(path.read_text())
    content["models"]["digits"] |= changes
    path.write_text(json.dumps(content))
    with pytest.raises(EdgekitError, match=r"baseline\.json is damaged") as caught:
        read_baseline(path)
    assert (caught.value.expected, caught.value.received) == (expected, received)


DEEP = "[" * 200_000
#: Bytes that are no JSON object, whatever reads them.
NO_OBJECTS = [
    b"",
    b"[]",
    b"5",
    b"null",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b"{}",
    DEEP.encode(),
    b'{"a":' * 100_000,
    b"\0" * 100,
]


@pytest.mark.parametrize("content", NO_OBJECTS, ids=lambda content: str(content[:12]))
def test_a_baseline_of_anything_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_bytes(content)
    with pytest.raises(EdgekitError, match="is damaged"):
        read_baseline(path)


def test_a_bad_line_of_a_history_blocks_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    append_history(path, [ENTRY])
    good = path.read_bytes()
    bad = [json.dumps(content).encode() for _, content in changed(json.loads(good))]
    path.write_bytes(good + b"\n".join([*bad, *NO_OBJECTS]) + b"\n" + good)
    entries, unread = read_history(path)
    assert entries[0] == entries[-1] == ENTRY
    assert len(entries) + unread == len(bad) + sum(bool(line.strip()) for line in NO_OBJECTS) + 2
    assert unread > len(bad) / 2
    # What could be read can be shown and drawn, whatever it holds.
    for arguments in ([], ["--output", str(tmp_path / "history.png")], ["--output", str(tmp_path / "history.svg")]):
        result = CliRunner().invoke(cli, ["history", str(path), "--last", "40", *arguments])
        assert result.exit_code == 0, result.output
        assert f"{unread} lines of {path} could not be read and are left out." in result.stderr
        assert max(map(len, result.stdout.splitlines())) < 240


def test_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    names = ("$\\frac{$", "_hidden", "x" * 500)
    draw_history([replace(ENTRY, model=name, commit="$\\frac{$" + name) for name in names], tmp_path / "history.svg")
    assert (tmp_path / "history.svg").stat().st_size > 0


@pytest.mark.parametrize("content", NO_OBJECTS, ids=lambda content: str(content[:12]))
@pytest.mark.parametrize("name", ["edgekit.toml", "pyproject.toml"])
def test_a_configuration_of_anything_is_a_sentence(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=name):
        load_configuration(tmp_path / name)


SETTINGS = {
    "data": '"digits"', "baseline": '"b.json"', "seed": "1", "targets": "[]", "thresholds": "{max_slowdown = false}",
    "models.a.file": '"a.tflite"', "models.a.quantize": '"int8"', "models.a.samples": "4", "models.a.io": '"int8"',
    "models.a.input_shape": "[4]", "models.a.examples": '"all"', "models.a.pixel_range": "[0.0, 1.0]",
    "models.a.targets": "[]", "models.a.thresholds": "{}",
    **{f"thresholds.{name}": "1" for name in ("max_drop", "significance", "strict", "max_slowdown", "new_operators")},
}  # fmt: skip
TOML_VALUES = [
    "5", "-1", "1.5", "inf", "nan", '"text"', '""', '"\\u0000"', "true", "false", "[]", "[[[]]]", "[1, 'x']", "{}",
    "{a = {b = []}}", "1979-05-27", "1" * 5000, "1979-13-45", "[" * 100_000,
]  # fmt: skip


def test_a_field_of_another_type_in_a_configuration_is_a_sentence_that_names_it(tmp_path: Path) -> None:
    path, refused = tmp_path / "edgekit.toml", 0
    for name in SETTINGS:
        for value in TOML_VALUES:
            path.write_text(
                "\n".join(f"{key} = {given}" for key, given in ({"models.a.file": '"a"'} | {name: value}).items())
            )
            try:
                load_configuration(path)
            except UsageError as error:
                refused += 1
                assert str(path) in error.problem
                if "not valid TOML" not in error.problem:
                    assert name in error.problem, str(error)
    assert refused > 200


def test_the_limit_of_latency_is_named_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text('models.a.file = "a"\nthresholds.max_slowdown = "fast"\n')
    with pytest.raises(UsageError, match=r"edgekit\.toml: thresholds\.max_slowdown has a wrong value") as caught:
        load_configuration(tmp_path / "edgekit.toml")
    assert (caught.value.expected, caught.value.received) == ("a number of at least 0, or false", '"fast"')


def test_a_pyproject_whose_tool_is_no_section_has_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("tool = 5\n")
    result = CliRunner().invoke(cli, ["check", "--config", str(tmp_path / "pyproject.toml")])
    assert result.exit_code == 2
    assert "models is missing" in result.stderr


def test_updates_at_the_same_time_keep_each_others_records(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(path, {"old": RECORD, "gone": RECORD})
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from edgekit.regression.baseline.stored import read_baseline, update_baseline\n"
        "path, name = Path(sys.argv[1]), sys.argv[2]\n"
        "record = read_baseline(path)['old']\n"
        "for number in range(20):\n"
        "    names = {'old', *(f'{model}{each}' for model in 'abc' for each in range(20))}\n"
        "    update_baseline(path, {f'{name}{number}': record}, names)\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "abc"]
    assert [process.wait() for process in processes] == [0, 0, 0]
    # The folder holds no lock file, and what left the configuration has left the baseline.
    assert set(read_baseline(path)) == {"old", *(f"{model}{number}" for model in "abc" for number in range(20))}
    assert list(tmp_path.iterdir()) == [path]


def test_an_update_returns_what_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "baseline.json"
    assert update_baseline(path, {"a": RECORD}) == {}
    assert update_baseline(path, {"b": RECORD}) == {"a": RECORD}
    assert set(read_baseline(path)) == {"a", "b"}
