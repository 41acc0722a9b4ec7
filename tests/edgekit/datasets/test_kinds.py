"""A kind of data needs one record: commands open it, and the help and the error for unknown data list it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from edgekit.commands.shared.options import data_option
from edgekit.datasets import kinds, load_dataset
from edgekit.datasets.kinds import DataKind, Form
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.readers.stored_arrays import arrays_source
from edgekit.datasets.source import Source
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "pages" / "guides" / "data.md"
ROW = ModelInput("row", (-1, 3), "float32")


def read_json_lines(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    examples = [json.loads(line) for line in Path(request.source).read_text().splitlines()]
    arrays = {key: np.array([example[key] for example in examples]) for key in ("x", "y")}
    return arrays_source(request.source, arrays, [each.name for each in inputs])


JSON_LINES = DataKind(".rows", Form.FILE, "one object per line", read_json_lines, suffixes=frozenset({".rows"}))


@pytest.fixture
def with_a_dummy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, JSON_LINES))


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "data.rows"
    path.write_text("\n".join(json.dumps({"x": [row, 0.5, -row], "y": row % 2}) for row in range(20)))
    return path


def help_of_data() -> str:
    @click.command()
    @data_option(True, "Data")
    def command(data: str) -> None:
        """Not run."""

    return " ".join(CliRunner().invoke(command, ["--help"]).stdout.split())


@pytest.mark.usefixtures("with_a_dummy")
def test_data_of_a_new_kind_is_opened_once_it_has_a_record(lines: Path) -> None:
    data = open_data(DataRequest(str(lines)), [ROW])
    (batch,) = data.everything.batches(20)
    assert batch.inputs["row"].dtype == np.float32
    assert batch.inputs["row"][3].tolist() == [3, 0.5, -3]
    assert batch.y is not None
    assert batch.y.tolist() == [0, 1] * 10
    assert (data.calibration.count, data.held_back.count) == (16, 4)


@pytest.mark.usefixtures("with_a_dummy")
def test_data_of_a_new_kind_is_trained_on(lines: Path) -> None:
    data = load_dataset(lines)
    held_back = open_data(DataRequest(str(lines)), [ROW]).held_back
    (batch,) = held_back.batches(20)
    np.testing.assert_array_equal(data.x_test, batch.inputs["row"])
    np.testing.assert_array_equal(data.y_test, batch.y)
    assert len(data.x_train) == 16


@pytest.mark.usefixtures("with_a_dummy")
def test_a_new_kind_is_in_the_help_and_in_the_error_for_unknown_data(tmp_path: Path) -> None:
    assert "(.npz, .npy, .csv, .jsonl, .txt, IDX, COCO JSON, .rows)" in help_of_data()
    with pytest.raises(DataError) as caught:
        open_data(DataRequest(str(tmp_path / "absent")), [ROW])
    assert "(.npz, .npy, .csv, .jsonl, .txt, IDX, COCO JSON, .rows)" in caught.value.expected


def test_without_the_record_the_file_is_refused(lines: Path) -> None:
    assert ".rows" not in help_of_data()
    with pytest.raises(DataError, match="is not a data set") as caught:
        open_data(DataRequest(str(lines)), [ROW])
    assert caught.value.expected == (
        "digits, mnist, fashion-mnist; a file (.npz, .npy, .csv, .jsonl, .txt, IDX, COCO JSON); a folder of images, "
        ".wav, .npy or .txt files, with or without one sub-folder per class; or python:module:function"
    )


def test_the_table_of_the_guide_agrees_with_the_records() -> None:
    head = "| `--data` | form | what it holds |\n|---|---|---|\n"
    rows = GUIDE.read_text().partition(head)[2].partition("\n\n")[0].splitlines()
    assert rows == [f"| `{kind.name}` | {kind.form.value} | {kind.help} |" for kind in kinds.KINDS]


@pytest.mark.parametrize("form", [Form.FILE, Form.FOLDER], ids=lambda form: form.name)
def test_no_suffix_means_two_kinds(form: Form) -> None:
    suffixes = [suffix for kind in kinds.KINDS if kind.form is form for suffix in kind.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


def test_arrays_are_recognized_without_their_suffix(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.ones((20, 3), np.float32))
    (tmp_path / "x.npz").rename(tmp_path / "x")
    assert kinds.find_kind(str(tmp_path / "x")).name == ".npz"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is not a data set"):
        kinds.find_kind(str(tmp_path / "pipe"))
