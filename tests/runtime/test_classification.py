from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.classification import LabelScore, class_count, labels_for, rank, read_labels, split_labels
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


#: Characters other than newlines at which ``str.splitlines`` splits.
INSIDE_A_LABEL = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def test_only_newlines_end_a_label(tmp_path: Path) -> None:
    labels = tuple(f"a{character}b{character}" for character in INSIDE_A_LABEL)
    path = tmp_path / "labels.txt"
    path.write_bytes("\n".join(labels).encode())
    assert read_labels(path) == labels
    assert split_labels("\n".join(labels) + "\n") == labels


def test_packed_labels_of_windows_and_empty_ones_keep_their_places() -> None:
    assert split_labels("a\r\n\r\nb") == ("a", "", "b")
    assert split_labels("") == ()


@pytest.mark.parametrize(
    ("shapes", "classes"),
    [
        ([(-1, 10)], 10),
        ([(1, 1)], 2),
        ([(-1, 8, 8, 3)], 0),
        ([(10,)], 0),
        ([(-1, 10), (-1, 10)], 0),
        ([(-1, -1)], 0),
        ([], 0),
    ],
)
def test_classes_are_counted_where_one_output_holds_a_row_of_scores(
    shapes: list[tuple[int, ...]], classes: int
) -> None:
    assert class_count(shapes) == classes


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
    with pytest.raises(UsageError, match="3 labels, one per class"):
        labels_for(("a", "b"), 3)
