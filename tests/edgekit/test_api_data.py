"""``edgekit.load_data`` and the forms of data in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.api.data import data_of
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.readers.memory import _KeptItems, memory_data
from edgekit_converters.lowering import ModelInput

RNG = np.random.default_rng(5)
X = RNG.integers(0, 256, (200, 4, 4, 1), dtype=np.uint8)
Y = np.arange(200) % 4


def batches(size: int = 16) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(X), size):
        yield X[start : start + size], Y[start : start + size]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    return tmp_path / "data.npz"


FORMS: dict[str, Callable[[], Any]] = {
    "pair": lambda: (X, Y),
    "pair of wide integers": lambda: (X.astype(np.int64), Y.astype(np.float64)),
    "dict": lambda: {"x": X, "y": Y},
    "generator": batches,
    "generator function": lambda: batches,
    "list of batches": lambda: list(batches()),
    "single examples": lambda: zip(X, Y, strict=True),
    "lists, as a DataLoader gives": lambda: [[x, y] for x, y in batches()],
    "function that returns arrays": lambda: lambda: (X, Y),
    "labels with an axis of one": lambda: (X, Y[:, np.newaxis]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_data_set_of_the_same_npz(form: str, stored: Path) -> None:
    data, from_file = edgekit.load_data(FORMS[form]()), edgekit.load_data(str(stored))
    assert data.digest == from_file.digest
    np.testing.assert_array_equal(data.x_test, from_file.x_test)
    assert data.x_train.dtype == np.uint8
    assert data.labels == ("0", "1", "2", "3")


def test_a_path_is_accepted_as_text_and_as_path(stored: Path) -> None:
    assert edgekit.load_data(stored).digest == edgekit.load_data(str(stored)).digest


def test_class_names_become_numbers() -> None:
    data = edgekit.load_data((X, np.array(["ant", "bee"])[Y % 2]))
    assert data.labels == ("ant", "bee")
    assert set(data.y_test.tolist()) == {0, 1}


def test_class_names_in_batches_become_numbers() -> None:
    names = np.array(["bee", "antelope"])[Y % 2]
    data = edgekit.load_data([(X[:1], names[:1]), (X[1:], names[1:])])
    assert data.labels == ("antelope", "bee")
    assert set(data.y_test.tolist()) == {0, 1}


def test_batches_of_rows_are_not_single_examples() -> None:
    rows = RNG.normal(size=(60, 7)).astype(np.float32)
    data = edgekit.load_data([(rows[:20], Y[:20]), (rows[20:], Y[20:60])])
    assert data.x_train.shape == (48, 7)


def test_a_test_part_stays_one() -> None:
    data = edgekit.load_data({"x_train": X[:150], "y_train": Y[:150], "x_test": X[150:], "y_test": Y[150:]})
    np.testing.assert_array_equal(data.x_test, X[150:])


def test_a_data_set_shows_itself() -> None:
    text = repr(edgekit.load_data((X, Y)))
    assert text.splitlines()[:2] == ["<Data set arrays in memory>", "  to learn from  160 examples, 4 × 4 × 1 uint8"]
    assert "4 classes" in text


STREAMED: dict[str, Callable[[], Any]] = {
    name: form for name, form in FORMS.items() if name not in ("pair of wide integers",)
} | {"inputs only": lambda: X, "inputs by name": lambda: {"image": X}, "list of inputs": lambda: [X[:100], X[100:]]}


@pytest.mark.parametrize("form", STREAMED)
def test_every_form_gives_a_model_the_same_inputs_twice(form: str) -> None:
    source = data_of(STREAMED[form]())
    opened = open_data(DataRequest(source), [ModelInput("image", (-1, 4, 4, 1), "float32", pixels=(0.0, 1.0))])
    for _ in range(2):
        read = np.concatenate([batch.inputs["image"] for batch in opened.everything.batches(64)])
        np.testing.assert_allclose(read, X / np.float32(255), rtol=1e-6)
    calibration, held_back = (
        {row.tobytes() for batch in part.batches(32) for row in batch.inputs["image"]}
        for part in (opened.calibration, opened.held_back)
    )
    assert calibration
    assert held_back
    assert not calibration & held_back


def test_an_iterator_without_end_is_read_only_as_far_as_it_is_used() -> None:
    given = []

    def endless() -> Iterator[np.ndarray]:
        while True:
            given.append(1)
            yield np.full((2, 3), len(given), np.float32)

    opened = open_data(DataRequest(data_of(endless())), [ModelInput("x", (-1, 3), "float32")])
    stream = opened.everything.sample(10, seed=0)
    assert sum(map(len, stream.batches(4))) == sum(map(len, stream.batches(4))) == 10
    assert len(given) == 5


def test_an_iterator_that_fills_one_array_again_and_again_is_copied() -> None:
    def reused() -> Iterator[np.ndarray]:
        array = np.zeros(2)
        for number in range(3):
            array[:] = number
            yield array

    kept = _KeptItems(reused())
    assert [each.tolist() for each in kept] == [each.tolist() for each in kept] == [[0, 0], [1, 1], [2, 2]]


def test_an_iterator_larger_than_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgekit.datasets.readers.memory._MOST_KEPT_BYTES", 1000)
    source = memory_data(np.zeros((2, 10)) for _ in range(100))
    assert source is not None
    with pytest.raises(edgekit.DataError, match="more than can be kept") as raised:
        list(source.read())
    assert "a function that returns a new iterator" in raised.value.next_step


@pytest.mark.parametrize("data", [3, None, 2.5, b"digits", object()], ids=lambda data: type(data).__name__)
def test_what_is_not_data_is_a_type_error_with_advice(data: object) -> None:
    with pytest.raises(TypeError) as raised:
        edgekit.load_data(data)
    error = raised.value
    assert isinstance(error, edgekit.EdgekitError)
    assert (error.problem, error.received) == ("data is not data.", type(data).__name__)
    assert error.next_step == "pass data=(x, y) with numpy arrays"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (X, "No labels came with arrays in memory"),
        ((X, Y[:10]), "labels of arrays in memory do not fit"),
        ((X, np.zeros(200, int)), "one class only"),
        ([], "gave no examples"),
        ("no-such-file.npz", "There is no data set no-such-file.npz"),
        ("", "data is empty"),
        ([(X[:2], Y[:2]), X[2:4]], "an item that is not labelled examples"),
        ([(X[:2], Y[:2]), (X[2:4, :3], Y[2:4])], "examples differ in size"),
    ],
    ids=["no labels", "few labels", "one class", "empty", "missing", "empty text", "mixed", "sizes"],
)
def test_unfit_data_is_reported(data: Any, problem: str) -> None:
    with pytest.raises(edgekit.EdgekitError, match=problem):
        edgekit.load_data(data)


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"seed": "1"}, TypeError, "seed is not a whole number"),
        ({"seed": True}, TypeError, "seed is not a whole number"),
        ({"seed": -1}, edgekit.UsageError, "seed is out of bounds"),
        ({"seed": 2**32}, edgekit.UsageError, "seed is out of bounds"),
        ({"channels": 2}, edgekit.UsageError, "channels has an unknown value"),
        ({"image_size": 28}, TypeError, "image_size has the wrong type"),
        ({"image_size": (0, 3)}, edgekit.UsageError, "image_size is out of bounds"),
    ],
    ids=str,
)
def test_wrong_options_are_named(options: dict[str, Any], error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=problem):
        edgekit.load_data((X, Y), **options)
