"""Layers of text move out of a model: the device makes of texts what Keras makes of them, or the file is refused."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit_converters.keras_files.load import LoadedModel, load_keras_model
from edgekit_converters.keras_files.summary import summarize
from edgekit_converters.keras_files.upgrade import UpgradedModel, upgrade
from edgekit_converters.lowering.keras.model import lower_keras_model, run_keras_model
from edgekit_converters.lowering.keras.texts import KerasTexts, text_layers_by_input
from edgekit_runtime.errors import ModelFileError, UnsafeModelError

TEXTS = Path(__file__).parents[2] / "data" / "text"
LINES = ["The cat sat.", "a dog ran", "the DOG sat on a mat", "", "x y", "日本 cat\u2028the"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of saved models that begin with layers of text."""
    import keras

    keras.utils.set_random_seed(3)
    folder = tmp_path_factory.mktemp("text_models")

    def adapted(layer: Any) -> Any:
        layer.adapt(LINES[:-1])
        return layer

    def sequential(name: str, shape: tuple[int, ...], layer: Any, *rest: Any, dtype: str = "string") -> None:
        layers = keras.layers
        model = keras.Sequential([keras.Input(shape, dtype=dtype, name="line"), layer, *rest, layers.Dense(3)])
        model.save(folder / f"{name}.keras")

    def embedded() -> tuple[Any, Any]:
        return keras.layers.Embedding(60, 4, mask_zero=True), keras.layers.GlobalAveragePooling1D()

    layers = keras.layers
    sequential("words", (1,), adapted(layers.TextVectorization(output_sequence_length=5)), *embedded())
    sequential("open_length", (), adapted(layers.TextVectorization(standardize="lower")), *embedded())
    sequential("characters", (1,), adapted(layers.TextVectorization(split="character", ngrams=2)), *embedded())
    sequential("counts", (1,), adapted(layers.TextVectorization(output_mode="count", max_tokens=20)))
    sequential("weighted", (), adapted(layers.TextVectorization(output_mode="tf_idf", ngrams=(1, 2))))
    given = layers.TextVectorization(
        vocabulary=["cat", "dog"],
        idf_weights=[0.3, 0.7],
        output_mode="tf_idf",
        pad_to_max_tokens=True,
        max_tokens=6,
        standardize=None,
    )
    sequential("weights_given", (1,), given)
    names = ["red", "\n", "[UNK]", "blue"]
    sequential("one_name", (1,), layers.StringLookup(vocabulary=names, output_mode="one_hot"))
    sequential("masked", (2,), layers.StringLookup(vocabulary=names, mask_token="", output_mode="multi_hot"))
    lookup = layers.StringLookup(vocabulary=["red", "blue"], mask_token="", num_oov_indices=0)
    sequential("names", (3,), lookup, layers.Embedding(9, 4), layers.Flatten())
    numbers = layers.IntegerLookup()
    numbers.adapt(np.array([5, 7, 7]))
    sequential("numbers", (1,), numbers, layers.Embedding(9, 4), layers.Flatten(), dtype="int64")
    text, color = keras.Input((1,), dtype="string", name="a?b"), keras.Input((1,), dtype="string", name="a b")
    words = adapted(layers.TextVectorization(output_sequence_length=4, output_mode="int"))(text)
    both = layers.Concatenate()([*[layers.Flatten()(layers.Embedding(30, 2)(words)) for _ in range(2)],
                                 layers.StringLookup(vocabulary=["red"], output_mode="count")(color)])  # fmt: skip
    keras.Model({"text": text, "color": color}, layers.Dense(3)(both)).save(folder / "two.keras")
    keras.Sequential([keras.Input((1,), dtype="string"), adapted(layers.TextVectorization())]).save(
        folder / "adapted.h5"
    )
    return folder


EXAMPLES: dict[str, Any] = {
    "masked": [["red", ""], ["\n", "[UNK]"], ["blue", "x"]],
    "names": [["red", "blue", ""], ["", "", ""]],
    "one_name": ["red", "\n", "[UNK]", "blue", "x", ""],
    "numbers": [5, 7, 0, -1, 9],
}


@pytest.mark.parametrize(
    "name",
    [
        "words",
        "open_length",
        "characters",
        "counts",
        "weighted",
        "weights_given",
        "one_name",
        "masked",
        "names",
        "numbers",
    ],
)
def test_the_device_makes_of_texts_what_keras_makes_of_them(name: str, folder: Path) -> None:
    import keras
    import tensorflow as tf

    loaded = load_keras_model(folder / f"{name}.keras")
    layers = text_layers_by_input(loaded)
    examples = np.array(EXAMPLES.get(name, LINES), np.int64 if name == "numbers" else object)
    by_device = layers["line"].text_input.prepare(examples)
    by_keras = KerasTexts(layers).prepared({"line": examples})["line"]
    assert by_device.dtype == by_keras.dtype == layers["line"].dtype
    np.testing.assert_array_equal(by_device, by_keras)
    # What is left, run on these arrays, is the model that was saved.
    whole = keras.models.load_model(folder / f"{name}.keras")
    column = examples.reshape(len(examples), *whole.inputs[0].shape[1:])
    expected = np.asarray(whole(tf.constant(column.tolist(), whole.inputs[0].dtype)))
    (found,) = run_keras_model(loaded.model, {"line": by_device}).values()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert "layers of text" in loaded.steps


def test_several_inputs_keep_their_names_and_vocabularies(folder: Path) -> None:
    loaded = load_keras_model(folder / "two.keras")
    layers = text_layers_by_input(loaded)
    assert set(layers) == {"text", "color"}
    assert {each.text_input.part for each in layers.values()} == {"vocabulary_a_b.txt", "vocabulary_a_b_1.txt"}
    lowered, _ = lower_keras_model(loaded.model, name="two")
    shapes = {name: lowered.description.tensors[index].shape_signature for name, index in _inputs(lowered)}
    assert shapes == {"text": (-1, 4), "color": (-1, 2)}


def _inputs(model: Any) -> Any:
    return model.description.signatures[0].inputs


@pytest.mark.parametrize("name", ["words", "characters", "weighted", "names"])
def test_no_operator_for_strings_and_no_flex_is_left(name: str, folder: Path) -> None:
    lowered, _ = lower_keras_model(load_keras_model(folder / f"{name}.keras").model, name=name)
    assert all(tensor.dtype != "string" for tensor in lowered.description.tensors)
    assert not [each.name for each in lowered.description.operators if each.name in ("CUSTOM", "HASHTABLE_LOOKUP")]


def test_a_vocabulary_that_h5_does_not_store_is_asked_for(folder: Path) -> None:
    with pytest.raises(ModelFileError, match="has no vocabulary in this file") as caught:
        load_keras_model(folder / "adapted.h5")
    assert "save the model as .keras" in caught.value.next_step
    assert "has no vocabulary" in summarize(folder / "adapted.h5").refusal


def test_inspection_says_that_the_layer_is_moved(folder: Path) -> None:
    summary = summarize(folder / "words.keras")
    assert "layers of text" in summary.upgrades
    assert summary.refusal == ""


def _with_vocabulary(source: Path, target: Path, content: bytes, times: int = 1) -> Path:
    """The same archive with another vocabulary."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as changed:
        for member in archive.namelist():
            is_vocabulary = member.endswith("vocabulary.txt")
            with changed.open(member, "w", force_zip64=True) as file:
                for _ in range(times if is_vocabulary else 1):
                    file.write(content if is_vocabulary else archive.read(member))
    return target


@pytest.mark.parametrize(
    ("content", "times", "error", "words"),
    [
        pytest.param(b"\n[UNK]\na\na\n", 1, ModelFileError, "contradicts itself", id="a token twice"),
        pytest.param(b"\n[UNK]\n\xff\n", 1, ModelFileError, "contradicts itself", id="not UTF-8"),
        pytest.param(b"", 1, ModelFileError, "contradicts itself", id="nothing"),
        pytest.param(b"a\n" * 500_000, 100, ModelFileError, "larger than it can be", id="100 MB"),
        pytest.param(b"\0" * 1_000_000, 40, UnsafeModelError, "would grow", id="zeros that unpack"),
    ],
)
def test_hostile_vocabularies_are_refused(
    content: bytes, times: int, error: type[Exception], words: str, folder: Path, tmp_path: Path
) -> None:
    path = _with_vocabulary(folder / "words.keras", tmp_path / "hostile.keras", content, times)
    with pytest.raises(error, match=words):
        load_keras_model(path)


def test_a_word_with_an_end_of_line_of_unicode_is_one_word(folder: Path, tmp_path: Path) -> None:
    content = "\n[UNK]\na\u2028b\na".encode()
    loaded = load_keras_model(_with_vocabulary(folder / "words.keras", tmp_path / "unicode.keras", content))
    assert text_layers_by_input(loaded)["line"].text_input.prepare("a\u2028b a b").tolist() == [[2, 3, 1, 0, 0]]


def _layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": "words", **config},
        "registered_name": None,
    }


def _upgraded(*layers: dict[str, Any], shape: tuple[int | None, ...] = (None, 1)) -> UpgradedModel:
    start = _layer("InputLayer", batch_shape=list(shape), dtype="string")
    start["config"]["name"] = "line"
    root = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": [start, *layers]}}
    return upgrade(root, "3.15.0", "tensorflow", lambda root: {})


NAMES = ["red", "blue"]


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        pytest.param(
            _layer("TextVectorization", vocabulary=NAMES, standardize={"class_name": "function", "config": "mine"}),
            (None, 1),
            "standardizes texts by a function of your own",
            id="standardize",
        ),
        pytest.param(
            _layer("TextVectorization", vocabulary=NAMES, split={"class_name": "function", "config": "mine"}),
            (None, 1),
            "splits texts by a function of your own",
            id="split",
        ),
        pytest.param(
            _layer("TextVectorization", vocabulary=NAMES, ragged=True), (None, 1), "returns ragged tensors", id="ragged"
        ),
        pytest.param(
            _layer("TextVectorization", vocabulary=NAMES, split=None), (None,), "without a second axis", id="no split"
        ),
        pytest.param(
            _layer("TextVectorization", vocabulary=NAMES), (None, 2), "takes 2 texts for each example", id="two texts"
        ),
        pytest.param(_layer("StringLookup"), (None, 1), "has no vocabulary in this file", id="no vocabulary"),
        pytest.param(_layer("StringLookup", vocabulary=NAMES, invert=True), (None, 1), "into strings", id="invert"),
        pytest.param(
            _layer("StringLookup", vocabulary=NAMES, num_oov_indices=2), (None, 1), "by a hash", id="several unknown"
        ),
        pytest.param(
            _layer("StringLookup", vocabulary=NAMES, encoding="latin-1"), (None, 1), "'latin-1'", id="encoding"
        ),
        pytest.param(
            _layer("StringLookup", vocabulary=NAMES, output_mode="count"), (None,), "output mode count", id="no axis"
        ),
        pytest.param(_layer("StringLookup", vocabulary=NAMES), (None, None), "of shape", id="open shape"),
    ],
)
def test_what_a_text_input_cannot_do_is_refused_in_one_sentence(
    layer: dict[str, Any], shape: tuple[int | None, ...], words: str
) -> None:
    with pytest.raises(ModelFileError, match=words) as caught:
        _upgraded(layer, shape=shape)
    assert "'words'" in caught.value.problem and "cannot be moved out of the model" in caught.value.problem
    assert caught.value.next_step


@pytest.mark.parametrize(
    "config",
    [
        {"vocabulary": "abc"},
        {"vocabulary": [1]},
        {"vocabulary": []},
        {"vocabulary": ["a", "a"]},
        {"vocabulary": NAMES, "max_tokens": 2},
        {"vocabulary": NAMES, "output_mode": "sum"},
        {"vocabulary": NAMES, "output_mode": "tf_idf"},
        {"vocabulary": NAMES, "output_mode": "tf_idf", "idf_weights": [1.0]},
        {"vocabulary": NAMES, "output_mode": "tf_idf", "idf_weights": [[1.0, 2.0]]},
        {"vocabulary": NAMES, "ngrams": "many"},
        {"vocabulary": NAMES, "output_sequence_length": "5"},
        {"vocabulary": NAMES, "output_sequence_length": -3},
        {"vocabulary": NAMES, "pad_to_max_tokens": True, "output_mode": "count"},
        {"vocabulary": ["\ud800"]},
    ],
    ids=str,
)
def test_descriptions_that_contradict_themselves_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ModelFileError):
        _upgraded(_layer("TextVectorization", **config))


def test_a_layer_behind_another_one_is_refused() -> None:
    with pytest.raises(ModelFileError, match="not directly behind an input"):
        _upgraded(_layer("Identity", name="first"), _layer("StringLookup", vocabulary=NAMES))


def test_a_text_that_two_layers_read_is_refused() -> None:
    def node(name: str) -> list[dict[str, Any]]:
        history = {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}
        return [{"args": [history], "kwargs": {}}]

    start = {**_layer("InputLayer", batch_shape=[None, 1], dtype="string"), "name": "line", "inbound_nodes": []}
    start["config"]["name"] = "line"
    readers = [
        {**_layer("StringLookup", vocabulary=NAMES), "name": name, "inbound_nodes": node("line")} for name in ("a", "b")
    ]
    for each in readers:
        each["config"] = {**each["config"], "name": each["name"]}
    ends = {"input_layers": ["line", 0, 0], "output_layers": [["a", 0, 0], ["b", 0, 0]]}
    root = {"class_name": "Functional", "config": {"name": "m", "layers": [start, *readers], **ends}}
    with pytest.raises(ModelFileError, match=r"'a' .*not directly behind an input"):
        upgrade(root, "3.15.0", "tensorflow", lambda root: {})


def test_special_tokens_in_a_vocabulary_are_found_as_keras_finds_them() -> None:
    for vocabulary, tokens in (
        (["", "[UNK]", "a"], ("", "[UNK]", "a")),
        (["a", "[UNK]"], ("", "[UNK]", "a", "[UNK]")),
    ):
        layer = _upgraded(_layer("TextVectorization", vocabulary=vocabulary)).text_layers["line"]
        assert layer.text_input.tokenizer.tokens == tokens  # type: ignore[attr-defined]
    assert layer.text_input.prepare("a b").tolist() == [[2, 1]]


def test_files_of_keras_2_with_a_vocabulary_are_read() -> None:
    stored = {
        "class_name": "Sequential",
        "config": {
            "name": "m",
            "layers": [
                {
                    "class_name": "TextVectorization",
                    "config": {
                        "name": "words",
                        "batch_input_shape": [None, 1],
                        "dtype": "string",
                        "output_mode": "tf-idf",
                        "ngrams": {"class_name": "__tuple__", "items": [1, 2]},
                        "vocabulary": ["a", "b", "a b"],
                        "idf_weights": [1.0, 2.0, 6.0],
                    },
                },
                {"class_name": "Dense", "config": {"name": "d", "units": 2}},
            ],
        },
    }
    (layer,) = upgrade(stored, "2.13.1", "tensorflow", lambda root: {}).text_layers.values()
    assert layer.text_input.prepare("A b c").tolist() == [[2 * 3.0, 1.0, 2.0, 6.0]]


def test_checksums_of_keras_tokens_are_those_of_this_keras() -> None:
    """The fixture of the runtime's tests, made again by the Keras that is installed."""
    found = subprocess.run([sys.executable, str(TEXTS / "make_keras_tokens.py")], capture_output=True, check=True)
    assert json.loads(found.stdout) == json.loads((TEXTS / "keras_tokens.json").read_text())
    assert importlib.util.find_spec("tensorflow")


def test_unknown_words_are_counted(folder: Path) -> None:
    loaded: LoadedModel = load_keras_model(folder / "counts.keras")
    assert text_layers_by_input(loaded)["line"].text_input.prepare("cat none none")[0, 0] == 2
