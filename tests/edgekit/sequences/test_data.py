"""Pairs of sources and sequences, from files and from memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.datasets.readers.memory import memory_data
from edgekit.sequences.data import read_pairs
from edgekit_runtime.errors import DataError

TEXTS = {
    "pairs.csv": 'source,tokens\n"one, two",eins\nthree,drei\n',
    "pairs.tsv": "tokens\tsource\neins\tone, two\ndrei\tthree\n",
    "other.csv": '\ufeffenglish,german\r\n"one, two",eins\r\nthree,drei\r\n',
    "pairs.jsonl": '{"source": "one, two", "tokens": "eins"}\n\n{"source": "three", "tokens": "drei"}\n',
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(TEXTS[name].encode())
    pairs = read_pairs(str(tmp_path / name), ["source"], "tokens")
    assert pairs.name == name
    assert list(pairs.inputs["source"]) == ["one, two", "three"]
    assert list(pairs.sequences) == ["eins", "drei"]


def test_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "pairs.npz", a=np.ones((3, 2)), b=np.zeros((3, 4)), tokens=np.ones((3, 5), int))
    pairs = read_pairs(str(tmp_path / "pairs.npz"), ["a", "b"], "tokens")
    assert {name: values.shape for name, values in pairs.inputs.items()} == {"a": (3, 2), "b": (3, 4)}
    assert len(pairs) == 3
    in_memory = memory_data({"x": np.ones((3, 2)), "y": np.ones((3, 5), int)})
    assert in_memory is not None
    assert read_pairs(in_memory, ["a"], "tokens").inputs["a"].shape == (3, 2)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("pairs.txt", "a", "not data of pairs"),
        ("pairs.csv", "source,tokens\na\n", "differs from the first"),
        ("pairs.csv", "source,tokens\na,b,c\n", "differs from the first"),
        ("pairs.csv", "a,b,c\n1,2,3\n", "does not have what"),
        ("pairs.csv", "source,tokens\n", "does not have what"),
        ("pairs.csv", "", "does not have what"),
        ("pairs.csv", "source,tokens\n" + "a" * 1_000_002, "could not be read"),
        ("pairs.jsonl", "[1]\n", "could not be read"),
        ("pairs.jsonl", "[" * 100_000, "could not be read"),
        ("pairs.jsonl", '{"source": 1, "tokens": "b"}\n', "differs from the first"),
        ("pairs.csv", "source,tokens\n\xff\xfe", "could not be read"),
    ],
)
def test_damaged_texts_are_refused(tmp_path: Path, name: str, content: str, problem: str) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=problem):
        read_pairs(str(tmp_path / name), ["source"], "tokens")


@pytest.mark.parametrize("data", [np.zeros(3), {"source": np.zeros(3), "tokens": np.zeros(2)}], ids=["array", "counts"])
def test_other_data_is_refused(data: Any) -> None:
    found = memory_data(data)
    assert found is not None
    with pytest.raises(DataError, match=r"has no names|one sequence for each source"):
        read_pairs(found, ["source"], "tokens")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not be read"):
        read_pairs(str(tmp_path / "none.csv"), ["source"], "tokens")
