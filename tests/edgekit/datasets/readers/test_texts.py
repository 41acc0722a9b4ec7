"""Data of texts: tables, JSON lines, lines and folders become what the device makes of the same strings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.datasets.kinds import find_kind
from edgekit.datasets.opening import DataRequest, ModelData, open_data
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError
from edgekit_runtime.tensor_info import TensorInfo
from edgekit_runtime.text import TextInput
from edgekit_runtime.text.lookup import LookupTokenizer

TOKENS = ("", "[UNK]", "cat", "dog", "sun")


def text_input(name: str = "line", strings: int | None = None, **options: Any) -> ModelInput:
    size = strings or 3
    tokenizer = LookupTokenizer(TOKENS, unknown=1, name="whole" if strings else "words", standardize="lower")
    info = TensorInfo(name, (-1, size), np.dtype("int32"), None, 0)
    raw = TextInput(tokenizer, info, part="v.txt", strings=strings, **options)
    return ModelInput(name, (-1, size), "int32", raw=raw)


def opened(path: Path, model_input: ModelInput | None = None, **options: Any) -> ModelData:
    return open_data(DataRequest(str(path), **options), [model_input or text_input()])


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


ROWS = [[2, 0, 0], [3, 4, 0], [1, 2, 2]]


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        pytest.param("a.csv", "text,label\ncat,pet\nDog sun,other\n日本 cat cat,pet\n", ("other", "pet"), id="csv"),
        pytest.param(
            "a.tsv", "label\tline\npet\tcat\nother\tDog sun\npet\t日本 cat cat\n", ("other", "pet"), id="named"
        ),
        pytest.param("a.csv", "cat;pet\nDog sun;other\n日本 cat cat;pet\n", ("other", "pet"), id="without a heading"),
        pytest.param("a.csv", "cat\nDog sun\n日本 cat cat\n", (), id="one column"),
        pytest.param(
            "a.csv", 'id,text,label\n1,cat,0\n2,"Dog sun",1\n3,"日本 cat cat",0\n', (), id="numbers as labels"
        ),
        pytest.param("a.txt", "cat\n\nDog sun\r\n日本 cat cat", (), id="lines"),
        pytest.param(
            "a.jsonl",
            '{"text": "cat", "label": "pet"}\n\n{"text": "Dog sun", "label": "other"}\n'
            '{"text": "日本 cat\\ncat", "label": "pet", "more": 1}\n',
            ("other", "pet"),
            id="json lines",
        ),
    ],
)
def test_texts_of_a_file(name: str, content: str, labels: tuple[str, ...], tmp_path: Path) -> None:
    data = opened(written(tmp_path, name, content))
    (batch,) = data.everything.batches(10)
    assert batch.inputs["line"].tolist() == ROWS
    assert batch.inputs["line"].dtype == np.int32
    assert batch.raw["line"][0] == "cat"
    assert data.labels == labels
    truth = None if batch.y is None else batch.y.tolist()
    assert truth == ([1, 0, 1] if labels else [0, 1, 0] if "label" in content else None)


def test_a_folder_with_one_file_per_text(tmp_path: Path) -> None:
    for name, text in (("pet/1", "cat"), ("pet/2", "Dog\nsun"), ("sky/1", "sun é")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        written(tmp_path, f"{name}.txt", text)
    data = opened(tmp_path)
    (batch,) = data.everything.batches(10)
    assert batch.inputs["line"].tolist() == [[2, 0, 0], [3, 4, 0], [4, 1, 0]]
    assert data.labels == ("pet", "sky")
    assert batch.y is not None and batch.y.tolist() == [0, 0, 1]


def test_a_text_beside_images_does_not_make_a_folder_of_texts(tmp_path: Path) -> None:
    for name in ("a.png", "README.txt"):
        (tmp_path / name).write_bytes(b"")
    assert find_kind(str(tmp_path)).name == "images"


def test_columns_of_several_strings(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "first,second,label\ncat,dog,1\nx,SUN,0\n")
    (batch,) = opened(path, text_input(strings=2)).everything.batches(10)
    assert batch.inputs["line"].tolist() == [[2, 3], [1, 4]]
    lines = written(tmp_path, "a.jsonl", '{"line": ["cat", "dog"]}\n{"line": ["x", "SUN"]}\n')
    (batch,) = opened(lines, text_input(strings=2)).everything.batches(10)
    assert batch.inputs["line"].tolist() == [[2, 3], [1, 4]]


def test_whole_numbers(tmp_path: Path) -> None:
    tokenizer = LookupTokenizer(["-1", "7", "5"], name="whole", standardize="none", unknown=0)
    info = TensorInfo("n", (-1, 1), np.dtype("int32"), None, 0)
    raw = TextInput(tokenizer, info, part="v.txt", strings=1, are_integers=True)
    numbers = ModelInput("n", (-1, 1), "int32", raw=raw)
    for path in (
        written(tmp_path, "a.csv", "n,label\n7,0\n9,1\n"),
        written(tmp_path, "a.jsonl", '{"n": 7}\n{"n": 9}\n'),
    ):
        (batch,) = opened(path, numbers).everything.batches(10)
        assert batch.inputs["n"].tolist() == [[1], [0]]
    with pytest.raises(DataError, match="do not fit the input n"):
        opened(written(tmp_path, "b.csv", "n,label\nseven,0\n"), numbers)


def test_inputs_of_several_kinds_in_json_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path, "a.jsonl", '{"line": "cat", "size": [1, 2], "label": 1}\n{"line": "x", "size": [3, 4], "label": 0}\n'
    )
    data = open_data(DataRequest(str(path)), [text_input(), ModelInput("size", (-1, 2), "float32")])
    (batch,) = data.everything.batches(10)
    assert batch.inputs["line"].tolist() == [[2, 0, 0], [1, 0, 0]]
    assert batch.inputs["size"].tolist() == [[1, 2], [3, 4]]
    assert set(batch.raw) == {"line"}


def test_slices_and_other_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "topic,line,who\npet,cat,me\nsky,sun,you\n")
    (batch,) = opened(path, label_column="topic", slice_by="who").everything.batches(10)
    assert batch.groups is not None and batch.groups.tolist() == ["me", "you"]
    lines = written(tmp_path, "a.jsonl", '{"text": "cat", "topic": "pet", "who": "me"}\n')
    (batch,) = opened(lines, label_column="topic", slice_by="who").everything.batches(10)
    assert batch.groups is not None and batch.groups.tolist() == ["me"]


def test_equal_texts_are_one_example(tmp_path: Path) -> None:
    data = opened(written(tmp_path, "a.txt", "cat\ndog\ncat\n"))
    first, second, third = data.everything.source.digests  # type: ignore[attr-defined]
    assert first == third != second


@pytest.mark.parametrize("texts", [np.array(["cat", "Dog sun"]), np.array(["cat", "Dog sun"], object)], ids=["U", "O"])
def test_texts_in_memory(texts: np.ndarray) -> None:
    from edgekit.datasets.readers.memory import memory_data

    data = memory_data((texts, np.array([0, 1])))
    assert data is not None
    (batch,) = open_data(DataRequest(data), [text_input()]).everything.batches(10)
    assert batch.inputs["line"].tolist() == ROWS[:2]
    assert batch.raw["line"].tolist() == ["cat", "Dog sun"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "text,label\n", "no examples"),
        ("a.csv", "text,label\ncat\n", "another number of columns"),
        ("a.csv", "a,b,label\ncat,dog,1\n", "which column has the texts"),
        ("a.csv", "cat,dog,1\n", "which column has the texts"),
        ("a.jsonl", "cat\n", "is not JSON"),
        ("a.jsonl", "[1]\n", "is not an object"),
        ("a.jsonl", '{"label": 1}\n', "has no text"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}\n', "line 2 has no label"),
        ("a.jsonl", '{"text": 3}\n', "not texts"),
        ("a.jsonl", '{"text": ["a", "b"]}\n{"text": "a"}\n', "not texts"),
        ("a.jsonl", '{"text": "a", "label": [1]}\n{"text": "b", "label": [1, 2]}\n', "labels"),
        ("a.jsonl", "[" * 100_000 + "\n", "is not JSON"),
        ("a.txt", "\n\n", "no examples"),
    ],
)
def test_what_is_not_data_of_texts_is_refused(name: str, content: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        next(iter(opened(written(tmp_path, name, content)).everything.batches(10)))


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "a.txt", "a.jsonl"):
        (tmp_path / name).write_bytes(b"text,label\n\xff\xfe,1\n")
        with pytest.raises(DataError, match="could not be read"):
            opened(tmp_path / name)


def test_half_of_a_surrogate_pair_in_json_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", json.dumps({"text": "\ud800"}) + "\n")
    with pytest.raises(Exception, match="UTF-8"):
        next(iter(opened(path).everything.batches(10)))
