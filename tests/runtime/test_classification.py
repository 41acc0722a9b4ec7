from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.classification import LabelScore, labels_for, rank, read_labels
from edgekit_runtime.errors import DataError, UsageError


def test_best_first_and_ties_in_order() -> None:
    scores = np.array([[0.25, 0.5, 0.25], [0.0, 0.0, 0.0]], np.float32)
    first, second = rank(scores, ("a", "b", "c"), top_k=2)
    assert (first.label, first.score, first.index) == ("b", 0.5, 1)
    assert first.top == (LabelScore("b", 0.5), LabelScore("a", 0.25))
    assert (second.label, second.index) == ("a", 0)


def test_more_asked_than_there_are_classes() -> None:
    (answer,) = rank(np.array([[1.0, 2.0]]), ("a", "b"), top_k=5)
    assert [entry.label for entry in answer.top] == ["b", "a"]


def test_to_dict() -> None:
    (answer,) = rank(np.array([[0.5, 0.25]], np.float32), ("a", "b"), top_k=1)
    assert answer.to_dict() == {"label": "a", "score": 0.5, "index": 0, "top": [{"label": "a", "score": 0.5}]}


def test_labels_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("Käse\n\n Brot \n", encoding="utf-8")
    assert read_labels(path) == ("Käse", "Brot")
    assert read_labels(["x", "y"]) == ("x", "y")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["missing", "binary"])
def test_unreadable_labels(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"labels\.txt"):
        read_labels(path)


def test_labels_must_fit_the_classes() -> None:
    assert labels_for((), 3) == ("0", "1", "2")
    assert labels_for(("a", "b"), 2) == ("a", "b")
    with pytest.raises(UsageError, match="3 labels, one a class"):
        labels_for(("a", "b"), 3)
