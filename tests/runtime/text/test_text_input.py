"""The input of a model that takes texts: arrays equal to Keras's, golden texts, and what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import ModelFileError, TensorMismatchError, UsageError
from edgekit_runtime.tensor_info import TensorInfo
from edgekit_runtime.text import TextInput, read_raw_input
from edgekit_runtime.text.lookup import LookupTokenizer
from edgekit_runtime.text.wordpiece import make_wordpiece

WORDS = ["", "[UNK]", "one", "two"]


def info_of(*sizes: int, dtype: str = "int32") -> TensorInfo:
    """An input of these sizes, without the batch axis."""
    return TensorInfo("text", (1, *sizes), np.dtype(dtype), None, 0)


def words(*sizes: int, tokens: list[str] = WORDS, **options: Any) -> TextInput:
    """An input of words."""
    dtype = "int32" if options.get("output", "int") == "int" else "float32"
    return TextInput(LookupTokenizer(tokens, unknown=1), info_of(*sizes, dtype=dtype), part="v.txt", **options)


@pytest.mark.parametrize("case", ["padded", "multi_hot", "count", "tf_idf"])
def test_arrays_are_those_of_keras(
    case: str, keras_tokens: ModuleType, texts: list[str], keras_checksums: dict[str, list[str]]
) -> None:
    options = keras_tokens.VECTORS[case]
    vocabulary = keras_tokens.vocabulary_of(case)
    weights = None
    if case == "tf_idf":
        given = keras_tokens.idf_weights(len(vocabulary))
        weights = np.array([np.mean(given), *given], np.float32)
    length = options.get("output_sequence_length") or options.get("max_tokens") or len(vocabulary) + 1
    tokens = ["", "[UNK]", *vocabulary] if case == "padded" else ["[UNK]", *vocabulary]
    text_input = TextInput(
        LookupTokenizer(tokens, unknown=tokens.index("[UNK]")),
        info_of(length, dtype="int32" if case == "padded" else "float32"),
        part="v.txt",
        output=options.get("output_mode", "int"),
        weights=weights,
    )
    rows = text_input.prepare(texts)
    assert rows.dtype == (np.int32 if case == "padded" else np.float32)
    dtype = "<f4" if case == "tf_idf" else "<i4"
    assert keras_tokens.checksums(list(rows.astype(dtype)), dtype) == keras_checksums[case]


@pytest.mark.parametrize(
    ("examples", "rows"),
    [
        pytest.param("one two", [[2, 3, 0]], id="a string"),
        pytest.param(b"one", [[2, 0, 0]], id="bytes"),
        pytest.param(["one", "two x one two"], [[2, 0, 0], [3, 1, 2]], id="a list"),
        pytest.param([["one"], ["two"]], [[2, 0, 0], [3, 0, 0]], id="a column"),
        pytest.param(np.array(["one", "two two"]), [[2, 0, 0], [3, 3, 0]], id="an array"),
        pytest.param(np.array([b"one"], object), [[2, 0, 0]], id="an array of objects"),
        pytest.param((text for text in ("one",)), [[2, 0, 0]], id="a generator"),
        pytest.param("", [[0, 0, 0]], id="an empty string"),
    ],
)
def test_examples_are_padded_and_cut(examples: Any, rows: list[list[int]]) -> None:
    assert words(3).prepare(examples).tolist() == rows


def test_no_examples_are_an_empty_array() -> None:
    assert words(3).prepare([]).shape == (0, 3)


def test_without_a_fixed_length_the_longest_text_decides() -> None:
    assert words(-1).prepare(["one", "two two two two"]).tolist() == [[2, 0, 0, 0], [3, 3, 3, 3]]
    assert words(-1).prepare("").tolist() == [[0]]


def test_pieces_keep_the_token_at_the_end() -> None:
    tokens = make_wordpiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"])
    text_input = TextInput(tokens, info_of(4), part="v.txt")
    assert text_input.prepare(["a", "a a a a"]).tolist() == [[2, 4, 3, 0], [2, 4, 4, 3]]


def test_several_strings_per_example() -> None:
    colors = LookupTokenizer(["[UNK]", "red", "blue"], name="whole", standardize="none", unknown=0)
    pair = TextInput(colors, info_of(2), part="v.txt", strings=2)
    assert pair.prepare([["red", "x"], ["blue", "red"]]).tolist() == [[1, 0], [2, 1]]
    assert pair.prepare(["red", "x"]).tolist() == [[1, 0]]
    hot = TextInput(colors, info_of(2, 3, dtype="float32"), part="v.txt", strings=2, output="one_hot")
    assert hot.prepare(["red", "x"]).tolist() == [[[0, 1, 0], [1, 0, 0]]]
    with pytest.raises(TensorMismatchError) as caught:
        pair.prepare([["red"]])
    assert (caught.value.expected, caught.value.received) == ("2 strings for each example", "1 of them")


def test_whole_numbers_are_looked_up() -> None:
    tokens = LookupTokenizer(["-1", "7", "5"], name="whole", standardize="none", unknown=0)
    numbers = TextInput(tokens, info_of(1), part="v.txt", strings=1, are_integers=True)
    assert numbers.prepare(np.array([[5], [7], [9]])).tolist() == [[2], [1], [0]]
    assert numbers.prepare(7).tolist() == [[1]]
    assert numbers.is_raw(np.array([7])) and not numbers.is_raw(np.array(["7"]))
    golden = numbers.as_golden(np.array([[5]], np.int32))
    assert numbers.golden_values(golden).tolist() == [[2]]
    with pytest.raises(TensorMismatchError, match="not an example"):
        numbers.prepare(["7"])


@pytest.mark.parametrize("examples", [3, None, [3], [None], [["one", "two"]], "\ud800"], ids=repr)
def test_what_is_not_a_text_is_refused(examples: Any) -> None:
    with pytest.raises(TensorMismatchError):
        words(3).prepare(examples)


def test_golden_texts_are_bytes_that_become_the_texts_again() -> None:
    text_input = words(3)
    texts = np.array(["", "one \x00 two", "日本 two", "é" * 150], object)
    golden = text_input.as_golden(texts)
    assert golden.dtype == np.uint8 and golden.shape == (4, 200)
    found = text_input.golden_examples(golden)
    assert found is not None
    assert [text.decode() for text in found] == ["", "one \x00 two", "日本 two", "é" * 100]
    np.testing.assert_array_equal(text_input.golden_values(golden), text_input.prepare(texts))
    prepared = np.array([[2, 3, 0]], np.int32)
    assert text_input.golden_values(prepared) is prepared


def test_a_text_input_is_read_again() -> None:
    weights = np.array([0.1, 1 / 3, 2.0, 1e-30], np.float32)
    made = words(5, output="tf_idf", weights=weights)
    fields = json.loads(json.dumps(made.to_dict()))
    read = read_raw_input(fields, made.parts().__getitem__, info_of(5, dtype="float32"))
    assert (read.to_dict(), read.parts()) == (fields, made.parts())
    np.testing.assert_array_equal(read.prepare("one x two one"), made.prepare("one x two one"))
    assert read.weights is not None
    np.testing.assert_array_equal(read.weights, weights)


@pytest.mark.parametrize(
    "changes",
    [
        {"output": "sum"},
        {"output": "count"},
        {"output": "tf_idf"},
        {"padding": 4},
        {"padding": "0"},
        {"padding": True},
        {"strings": 0},
        {"strings": "1"},
        {"are_integers": 1},
        {"tokenizer": None},
        {"tokenizer": {"name": "words", "unknown": 9}},
        {"part": 3},
        {"part": "edgekit.json"},
        {"sha256": {}},
        {"sha256": {"v.txt": "0"}},
        {"sha256": None},
    ],
    ids=str,
)
def test_damaged_fields_are_refused(changes: dict[str, Any]) -> None:
    made = words(3)
    with pytest.raises(ModelFileError, match="damaged"):
        read_raw_input({**made.to_dict(), **changes}, lambda name: made.parts().get(name, b""), info_of(3))
    for missing in made.to_dict():
        fields = {name: value for name, value in made.to_dict().items() if name != missing}
        if missing != "kind":
            with pytest.raises(ModelFileError, match="damaged"):
                read_raw_input(fields, made.parts().__getitem__, info_of(3))


def test_weights_that_are_not_finite_are_refused() -> None:
    made = words(4, output="tf_idf", weights=np.array([1, 2, 3, np.nan], np.float32))
    with pytest.raises(ModelFileError) as caught:
        read_raw_input(made.to_dict(), made.parts().__getitem__, info_of(4, dtype="float32"))
    assert caught.value.received == "Its weights are not finite."


@pytest.mark.parametrize(("sizes", "output"), [((-1, -1), "int"), ((3,), "count"), ((-1,), "multi_hot"), ((), "count")])
def test_an_input_of_another_shape_is_refused(sizes: tuple[int, ...], output: str) -> None:
    with pytest.raises(UsageError, match="does not belong to the input"):
        words(*sizes, output=output)


def packed(folder: Path, tflite_folder: Path, tokens: list[str]) -> Path:
    """A model of five tokens with three outputs that takes texts."""
    text_input = words(5, tokens=tokens)
    path = folder / "text.tflite"
    path.write_bytes((tflite_folder / "embedding_int32.tflite").read_bytes())
    with zipfile.ZipFile(path, "a") as parts:
        for name, content in text_input.parts().items():
            parts.writestr(name, content)
        fields = {
            "schema_version": 3,
            "task": {"inputs": {"keras_tensor_20": "text"}, "outputs": {"output_0": "classes"}},
            "preprocessing": {"keras_tensor_20": text_input.to_dict()},
        }
        parts.writestr("edgekit.json", json.dumps(fields))
    return path


def test_a_packed_model_classifies_texts(tflite_folder: Path, tmp_path: Path) -> None:
    model = edgekit_runtime.load(packed(tmp_path, tflite_folder, WORDS))
    scores = np.asarray(model.predict(np.array([[2, 1, 3, 0, 0]], np.int32)))[0]
    (found,) = model.classify("One other two!", top_k=3)
    assert [each.score for each in found.top] == sorted(scores.tolist(), reverse=True)
    assert len(model.classify(["one", "two", ""])) == 3
    assert model.task.inputs["keras_tensor_20"].name == "text"
    with pytest.raises(TensorMismatchError, match="UTF-8"):
        model.classify("one \udcff")


def test_a_word_of_a_megabyte_is_classified(tflite_folder: Path, tmp_path: Path) -> None:
    model = edgekit_runtime.load(packed(tmp_path, tflite_folder, WORDS))
    assert model.classify("x" * 1_000_000) == model.classify("y")


def test_nothing_of_text_is_imported_before_it_is_used(tflite_folder: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    path = packed(tmp_path, tflite_folder, WORDS)
    code = (
        f"import sys, edgekit_runtime; model = edgekit_runtime.load({str(path)!r});"
        "assert not [name for name in sys.modules if name.startswith('edgekit_runtime.text')];"
        "model.classify('one'); assert 'edgekit_runtime.text' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
