"""SavedModel folders are lowered and run by the signature that is meant, whoever saved them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from edgekit_converters.lowering.saved_model import LoadedSavedModel
from edgekit_runtime.errors import ConversionError, ModelFileError, UnsafeModelError, UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel

KERAS_2 = Path(__file__).parents[2] / "data" / "saved_models"


def answers(model: TfliteModel, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What LiteRT answers, by output name; a model with a fixed batch is asked one example at a time."""
    interpreter = Interpreter(model_content=model.content)
    runner = interpreter.get_signature_runner()
    fixed = any(details["shape_signature"][0] == 1 for details in runner.get_input_details().values())
    count = len(next(iter(inputs.values())))
    if not fixed:
        return dict(runner(**inputs))
    parts = [runner(**{name: x[n : n + 1] for name, x in inputs.items()}) for n in range(count)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.parametrize(
    ("name", "input_shape", "batch"),
    [
        ("keras2_cnn", None, "dynamic"),
        ("keras2_lstm", None, "1"),
        ("keras2_gru_with_open_length", (5, 2), "1"),
        ("keras2_embedding", None, "dynamic"),
    ],
)
def test_keras_2_with_the_state_of_its_optimizer(
    name: str, input_shape: tuple[int, ...] | None, batch: str, tmp_path: Path
) -> None:
    shutil.unpack_archive(KERAS_2 / f"{name}.zip", tmp_path)
    with np.load(KERAS_2 / f"{name}.npz") as arrays:
        examples = {key.partition(" ")[::2]: arrays[key] for key in arrays.files}
    inputs = {key: values for (role, key), values in examples.items() if role == "input"}
    outputs = {key: values for (role, key), values in examples.items() if role == "output"}
    loaded = LoadedSavedModel(tmp_path, input_shape=input_shape)
    model, lowered_batch = loaded.lower()
    assert lowered_batch == batch
    for got in (answers(model, inputs), loaded.run(inputs)):
        assert got.keys() == outputs.keys()
        for key, values in outputs.items():
            np.testing.assert_allclose(got[key], values, atol=1e-5)


def test_a_fixed_batch_for_a_target(tmp_path: Path) -> None:
    shutil.unpack_archive(KERAS_2 / "keras2_cnn.zip", tmp_path)
    model, batch = LoadedSavedModel(tmp_path).lower(fixed_batch=True)
    (details,) = Interpreter(model_content=model.content).get_input_details()
    assert (batch, details["shape_signature"].tolist()) == ("1", [1, 6, 6, 1])


def test_an_exported_keras_3_model_answers_as_before(
    small_cnn: Any, small_cnn_inputs: np.ndarray, tmp_path: Path
) -> None:
    small_cnn.export(tmp_path / "exported", verbose=False)
    model, _ = LoadedSavedModel(tmp_path / "exported").lower()
    (got,) = answers(model, {"picture": small_cnn_inputs}).values()
    np.testing.assert_allclose(got, small_cnn.predict(small_cnn_inputs, verbose=0), atol=1e-6)


class EncoderAndDecoder(tf.Module):
    """Two functions, as exports for training on a device or of an autoencoder have them."""

    def __init__(self) -> None:
        super().__init__()
        self.a = tf.Variable(np.arange(12, dtype=np.float32).reshape(4, 3))
        self.b = tf.Variable(np.arange(12, dtype=np.float32).reshape(6, 2))
        # Beside the path to both: nothing that they need.
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1]), 0)

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def encode(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"code": tf.matmul(x, self.a)}

    @tf.function(input_signature=[tf.TensorSpec((None, 6), tf.float32, name="z")])
    def decode(self, z: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"text": tf.nn.relu(tf.matmul(z, self.b))}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="word")])
    def find(self, word: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"index": self.table.lookup(tf.strings.lower(word))}


def saved(folder: Path, **signatures: str) -> Path:
    module = EncoderAndDecoder()
    functions = {name: getattr(module, function) for name, function in signatures.items()}
    tf.saved_model.save(module, str(folder), signatures=functions)
    return folder


@pytest.mark.parametrize(
    ("signatures", "wanted", "output"),
    [
        ({"serving_default": "encode", "decode": "decode"}, None, "code"),
        ({"serving_default": "encode", "decode": "decode"}, "decode", "text"),
        ({"predict-iris": "decode"}, None, "text"),
        ({"serving_default": "find", "numbers": "encode"}, None, "code"),
    ],
    ids=["default", "by name", "only one", "text is not a candidate"],
)
def test_the_signature_that_is_meant(
    signatures: dict[str, str], wanted: str | None, output: str, tmp_path: Path
) -> None:
    loaded = LoadedSavedModel(saved(tmp_path / "model", **signatures), signature=wanted)
    model, _ = loaded.lower()
    name, size = ("x", 4) if output == "code" else ("z", 6)
    inputs = {name: np.random.default_rng(0).normal(size=(2, size)).astype(np.float32)}
    got, expected = answers(model, inputs), loaded.run(inputs)
    assert list(got) == list(expected) == [output]
    np.testing.assert_allclose(got[output], expected[output], rtol=1e-6)


def test_several_signatures_and_no_default_are_listed(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", encode="encode", decode="decode", find="find")
    with pytest.raises(UsageError) as caught:
        LoadedSavedModel(folder)
    expected = (
        "decode(z: float32 (any, 6)) → text: float32 (any, 2); encode(x: float32 (any, 4)) → code: float32 (any, 3)"
    )
    assert caught.value.received == expected
    assert "--signature decode" in caught.value.next_step


def test_a_signature_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no signature encoder"):
        LoadedSavedModel(saved(tmp_path / "model", encode="encode"), signature="encoder")


def test_a_signature_of_text_that_no_table_of_tflite_serves_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="works on text or looks up values") as caught:
        LoadedSavedModel(saved(tmp_path / "model", find="find"))
    assert caught.value.received == "StringLower"
    assert not isinstance(caught.value, UnsafeModelError)


def test_outputs_keep_their_names_and_number(tmp_path: Path) -> None:
    class Outputs(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, name="x")])
        def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            doubled = 2 * x
            return {"z": doubled, "a": x, "m": doubled, "k": x + 1}

    module = Outputs()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    loaded = LoadedSavedModel(tmp_path / "model")
    x = np.ones((3, 2), np.float32)
    got = answers(loaded.lower()[0], {"x": x})
    assert {name: values[0, 0] for name, values in got.items()} == {"a": 1, "k": 2, "m": 2, "z": 2}
    assert list(loaded.run({"x": x})) == ["a", "k", "m", "z"]


def test_a_signature_with_a_fixed_batch_stays_as_it_was_exported(tmp_path: Path) -> None:
    class Fixed(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((2, 3), tf.float32, name="x")])
        def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": tf.reduce_sum(x, axis=1)}

    module = Fixed()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    loaded = LoadedSavedModel(tmp_path / "model")
    assert loaded.lower()[1] == "as exported"
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    assert loaded.run({"x": x})["y"].tolist() == [3, 12, 21, 30]


def test_tensorflow_1_with_the_tag_serve_and_a_signature(tmp_path: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 3))
        kernel = v1.get_variable("kernel", initializer=np.float32([[1], [2], [3]]), use_resource=False)
        bias = v1.get_variable("bias", initializer=np.float32([0.5]), use_resource=True)
        y = tf.matmul(x, kernel) + bias
        # An input pipeline and a training step stay behind in such graphs.
        v1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "model"), inputs={"größe-1": x}, outputs={"sum/0": y})
    loaded = LoadedSavedModel(tmp_path / "model")
    inputs = {"größe-1": np.float32([[1, 1, 1], [0, 0, 2]])}
    for got in (answers(loaded.lower()[0], inputs), loaded.run(inputs)):
        np.testing.assert_allclose(got["sum/0"], [[6.5], [6.5]])


def test_a_table_of_constants_is_lowered(tmp_path: Path) -> None:
    class Numbers(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            entries = tf.lookup.KeyValueTensorInitializer(["cat", "dog"], tf.constant([3, 5], tf.int64))
            self.table = tf.lookup.StaticHashTable(entries, -1)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="word")])
        def serve(self, word: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"number": self.table.lookup(word)}

    module = Numbers()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    loaded = LoadedSavedModel(tmp_path / "model")
    words = {"word": np.array([b"dog", b"cow", b"cat"])}
    assert answers(loaded.lower()[0], words)["number"].tolist() == [5, -1, 3]
    assert loaded.run(words)["number"].tolist() == [5, -1, 3]


@pytest.mark.parametrize("shape", [(6, 5, 1), (6, 6)], ids=["another size", "another number of axes"])
def test_an_input_shape_that_contradicts_the_folder_is_a_sentence(shape: tuple[int, ...], tmp_path: Path) -> None:
    shutil.unpack_archive(KERAS_2 / "keras2_cnn.zip", tmp_path)
    with pytest.raises(UsageError, match="doesn't fit the model") as caught:
        LoadedSavedModel(tmp_path, input_shape=shape)
    assert caught.value.expected == "6,6,1"


def test_an_input_shape_for_two_inputs_is_a_sentence(tmp_path: Path) -> None:
    shutil.unpack_archive(KERAS_2 / "keras2_embedding.zip", tmp_path)
    with pytest.raises(UsageError, match="has 2 inputs"):
        LoadedSavedModel(tmp_path, input_shape=(1,))


def test_a_folder_without_variables_says_what_is_missing(tmp_path: Path) -> None:
    shutil.unpack_archive(KERAS_2 / "keras2_cnn.zip", tmp_path)
    shutil.rmtree(tmp_path / "variables")
    with pytest.raises(ModelFileError, match=r"lacks its variables: there is no variables/variables\.index"):
        LoadedSavedModel(tmp_path)


def test_a_folder_without_the_data_of_its_variables_is_a_sentence(tmp_path: Path) -> None:
    shutil.unpack_archive(KERAS_2 / "keras2_cnn.zip", tmp_path)
    next(tmp_path.glob("variables/variables.data*")).unlink()
    with pytest.raises(ModelFileError, match=r"The variables of .* could not be read"):
        LoadedSavedModel(tmp_path)


def test_no_signature_says_what_one_is_and_how_to_export_it(tmp_path: Path) -> None:
    tf.saved_model.save(EncoderAndDecoder(), str(tmp_path / "model"), signatures={})
    with pytest.raises(ConversionError, match="model has no signature") as caught:
        LoadedSavedModel(tmp_path / "model")
    assert "a function that was saved with names, shapes and types" in caught.value.expected
    assert f"TensorFlow {tf.__version__} with the tag serve" in caught.value.received
    assert "tf.saved_model.save(model, 'folder', signatures=" in caught.value.next_step


@pytest.mark.parametrize("content", [None, b"", b"no protocol buffer at all \xff"], ids=["no file", "empty", "foreign"])
def test_a_folder_that_is_not_a_saved_model_is_a_sentence(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelFileError):
        LoadedSavedModel(tmp_path)


def test_an_operator_without_builtin_form_is_named(tmp_path: Path) -> None:
    class Odd(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
        def serve(self, x: tf.Tensor) -> tf.Tensor:
            return tf.math.erfinv(x)

    module = Odd()
    tf.saved_model.save(module, str(tmp_path / "odd"), signatures=module.serve)
    with pytest.raises(ConversionError, match="odd uses the operator Erfinv") as caught:
        LoadedSavedModel(tmp_path / "odd").lower()
    assert "Placeholder" not in caught.value.problem
