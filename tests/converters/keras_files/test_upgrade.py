"""Single steps, with numbers worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit_converters.keras_files.description import Description
from edgekit_converters.keras_files.upgrade import STEPS, STRUCTURE_STEPS, Step, upgrade
from edgekit_converters.keras_files.upgrade.call_nodes import rewrite_call_nodes
from edgekit_converters.keras_files.upgrade.deployment import index_inputs
from edgekit_converters.keras_files.upgrade.kernel_layout import flip_theano_kernels, reorder_keras1_kernels
from edgekit_converters.keras_files.upgrade.layer_names import make_names_plain
from edgekit_converters.keras_files.upgrade.recurrent import join_gates, replace_cudnn_layers
from edgekit_converters.keras_files.upgrade.steps import require_order
from edgekit_runtime.errors import ModelFileError


def _layer(class_name: str, name: str = "layer", **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


def _sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}}


def _description(root: dict[str, Any], version: str = "2.2.4", **fields: Any) -> Description:
    return Description(root, version, fields.pop("backend", "tensorflow"), **fields)


def test_every_step_has_a_name_and_an_era() -> None:
    names = [step.name for step in (*STRUCTURE_STEPS, *STEPS)]
    assert len(set(names)) == len(names)
    assert all(step.era for step in (*STRUCTURE_STEPS, *STEPS))


def test_the_order_of_the_steps_carries_its_reasons() -> None:
    reasons = [why for step in (*STRUCTURE_STEPS, *STEPS) for why in step.after.values()]
    assert len(reasons) > len(STEPS)
    assert all(reasons)
    with pytest.raises(ValueError, match="before it: it would drop these initializers"):
        require_order(reversed((*STRUCTURE_STEPS, *STEPS)))


@pytest.mark.parametrize(
    "needs",
    [
        pytest.param({"a": {"z": "z"}, "b": {}}, id="an unknown name"),
        pytest.param({"a": {"b": "b"}, "b": {"a": "a"}}, id="a cycle"),
        pytest.param({"a": {"a": "a"}}, id="itself"),
        pytest.param({"a": {"b": "b"}, "b": {}}, id="a later step"),
    ],
)
def test_an_order_that_the_reasons_contradict_is_refused(needs: dict[str, dict[str, str]]) -> None:
    with pytest.raises(ValueError, match=r"The step 'a' needs '[abz]' before it"):
        require_order(Step(name, "all", lambda description: False, after) for name, after in needs.items())


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="Two steps are called 'a'"):
        require_order([Step("a", "all", lambda description: False)] * 2)


def test_a_model_inside_a_branch_of_a_merge_is_described_by_a_list_of_layers() -> None:
    """Keras 1 described every Sequential so, and a branch's layers are found once the branches are joined."""
    nested = {"class_name": "Sequential", "config": [_layer("Dense", "dense", output_dim=2)]}
    first = _layer("Dense", "first", output_dim=4, batch_input_shape=[None, 3])
    branch = {"class_name": "Sequential", "config": [first, nested]}
    merge = _layer("Merge", "merge", mode="sum", layers=[branch])
    upgraded = upgrade({"class_name": "Sequential", "config": [merge]}, "1.2.2", "tensorflow", lambda root: {})
    assert upgraded.config["class_name"] == "Functional"
    inner = [layer for layer in upgraded.config["config"]["layers"] if layer["class_name"] == "Sequential"]
    assert [layer["config"]["units"] for layer in inner[0]["config"]["layers"]] == [2]


def test_constants_of_a_recurrent_cell_are_refused() -> None:
    recurrent = {
        **_layer("RNN", "b", cell=_layer("GRUCell", units=2), num_constants=1),
        "name": "b",
        "inbound_nodes": [[["a", 0, 0, {}], ["a", 0, 0, {}]]],
    }
    with pytest.raises(ModelFileError, match="Layer 'b' passes constants to its recurrent cell"):
        upgrade(_functional([_input(), recurrent], [["b", 0, 0]]), "2.4.0", "tensorflow", lambda root: {})


def test_a_description_of_today_needs_no_step() -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.ReLU()])
    upgraded = upgrade(keras.saving.serialize_keras_object(model), keras.__version__, "tensorflow", lambda root: {})
    assert set(upgraded.steps) <= {"dtype objects", "removed arguments"}


def test_the_stored_description_is_left_as_it_was() -> None:
    root = {"class_name": "Sequential", "config": [_layer("Dense", units=2, batch_input_shape=[None, 3])]}
    upgraded = upgrade(root, "2.1.0", "tensorflow", lambda root: {})
    assert isinstance(root["config"], list)
    assert [layer["class_name"] for layer in upgraded.config["config"]["layers"]] == ["InputLayer", "Dense"]
    assert upgraded.config["config"]["layers"][0]["config"]["batch_shape"] == [None, 3]


def test_gates_of_an_lstm_are_joined_in_the_order_of_today() -> None:
    """Keras 1 stored i, c, f, o, each as kernel, recurrent kernel and bias; today's order is i, f, c, o."""
    arrays = [np.full((1, 1) if number % 3 < 2 else (1,), number, np.float32) for number in range(12)]
    description = _description(_sequential(_layer("LSTM", units=1)), "1.2.0", weights={("layer",): arrays})
    assert join_gates(description)
    kernel, recurrent, bias = description.weights["layer",]
    assert kernel.tolist() == [[0, 6, 3, 9]]
    assert recurrent.tolist() == [[1, 7, 4, 10]]
    assert bias.tolist() == [2, 8, 5, 11]


def test_kernels_of_theano_are_turned() -> None:
    kernel = np.arange(4, dtype=np.float32).reshape(2, 2, 1, 1)
    root = _sequential(_layer("Conv2D"), _layer("Dense", "dense"))
    weights = {("layer",): [kernel], ("dense",): [np.arange(2.0)]}
    description = _description(root, backend="theano", weights=weights)
    assert flip_theano_kernels(description)
    assert description.weights["layer",][0].ravel().tolist() == [3, 2, 1, 0]
    assert description.weights["dense",][0].tolist() == [0, 1]


@pytest.mark.parametrize("backend", ["tensorflow", "cntk"])
def test_other_backends_correlate(backend: str) -> None:
    kernel = np.arange(4, dtype=np.float32).reshape(2, 2, 1, 1)
    description = _description(_sequential(_layer("Conv2D")), backend=backend, weights={("layer",): [kernel]})
    assert not flip_theano_kernels(description)
    assert description.weights["layer",][0].ravel().tolist() == [0, 1, 2, 3]


def test_kernels_of_channels_first_keras_1() -> None:
    """(filters, inputs, rows, columns) becomes (rows, columns, inputs, filters)."""
    kernel = np.zeros((5, 3, 2, 4), np.float32)
    root = _sequential(_layer("Conv2D", data_format="channels_first"))
    description = _description(root, "1.1.0", weights={("layer",): [kernel]})
    assert reorder_keras1_kernels(description)
    assert description.weights["layer",][0].shape == (2, 4, 3, 5)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_cudnn_weights_are_converted_as_tf_keras_does(kind: str) -> None:
    pytest.importorskip("tf_keras", reason="an oracle of the dev extra")
    from tf_keras.src.layers import GRU, LSTM
    from tf_keras.src.saving.legacy import hdf5_format

    rng = np.random.default_rng(0)
    gates = 4 if kind == "LSTM" else 3
    shapes = ((2, gates * 3), (3, gates * 3), (2 * gates * 3,))
    arrays = [rng.random(shape).astype(np.float32) for shape in shapes]
    layer = LSTM(3) if kind == "LSTM" else GRU(3, reset_after=True)
    layer.build((None, 4, 2))
    expected = hdf5_format.preprocess_weights_for_loading(layer, [a.copy() for a in arrays], "2.2.4", "tensorflow")
    root = _sequential(_layer(f"CuDNN{kind}", units=3))
    description = _description(root, weights={("layer",): arrays})
    assert replace_cudnn_layers(description)
    for mine, theirs in zip(description.weights["layer",], expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    config = root["config"]["layers"][0]["config"]
    assert (config["activation"], config["recurrent_activation"]) == ("tanh", "sigmoid")
    assert config.get("reset_after", kind == "GRU") is (kind == "GRU")


def _functional(layers: list[dict[str, Any]], outputs: list[Any]) -> dict[str, Any]:
    config = {"name": "model", "layers": layers, "input_layers": [["a", 0, 0]], "output_layers": outputs}
    return {"class_name": "Functional", "config": config}


def _input() -> dict[str, Any]:
    return {**_layer("InputLayer", "a", batch_shape=[None, 2]), "name": "a", "inbound_nodes": []}


def test_calls_become_arguments() -> None:
    dense = {**_layer("Dense", "b"), "name": "b", "inbound_nodes": [[["a", 0, 0, {"mask": ["a", 0, 0], "k": [1, 2]}]]]}
    root = _functional([_input(), dense], [["b", 0, 0]])
    assert rewrite_call_nodes(_description(root))
    (node,) = dense["inbound_nodes"]
    assert [tensor["config"]["keras_history"] for tensor in node["args"]] == [["a", 0, 0]]
    assert node["kwargs"]["mask"]["config"]["keras_history"] == ["a", 0, 0]
    assert node["kwargs"]["k"] == [1, 2]
    assert root["config"]["output_layers"] == ["b", 0, 0]


@pytest.mark.parametrize("first", [0, 1])
def test_calls_of_nested_models_are_counted_from_0(first: int) -> None:
    """Keras 2 counted the building of a nested model as its call number 0."""
    inner = _functional([_input()], [["a", 0, 0]])
    nested = {**inner, "name": "nested", "inbound_nodes": [[["a", 0, 0, {}]]]}
    dense = {**_layer("Dense", "b"), "name": "b", "inbound_nodes": [[["nested", first, 0, {}]]]}
    root = _functional([_input(), nested, dense], [["b", 0, 0], ["nested", first, 0]])
    rewrite_call_nodes(_description(root))
    (node,) = dense["inbound_nodes"]
    assert node["args"][0]["config"]["keras_history"] == ["nested", 0, 0]
    # Keras 3 counts from 1 here, and only here.
    assert root["config"]["output_layers"] == [["b", 0, 0], ["nested", 1, 0]]


@pytest.mark.parametrize(("reader", "dtype"), [("Embedding", "int32"), ("Dense", "float32")])
def test_inputs_of_embeddings_are_whole_numbers(reader: str, dtype: str) -> None:
    entry = _layer("InputLayer", "in", batch_shape=[None, 4], dtype="float32")
    description = _description(_sequential(entry, _layer(reader)))
    assert index_inputs(description) is (dtype == "int32")
    assert entry["config"]["dtype"] == dtype


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        pytest.param(_layer("LSTM", units=2, time_major=True), "time_major", id="time_major"),
        pytest.param(_layer("Hashing"), "hashes its input", id="hashes"),
    ],
)
def test_what_keras_3_cannot_do_is_named(layer: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelFileError, match=words) as caught:
        upgrade(_sequential(layer), "2.4.0", "tensorflow", lambda root: {})
    assert "'layer'" in str(caught.value)


def test_an_unknown_tensorflow_function_is_named() -> None:
    call = {
        **_layer("TFOpLambda", "tf.linalg.svd", function="linalg.svd"),
        "name": "tf.linalg.svd",
        "inbound_nodes": [["a", 0, 0, {"name": None}]],
    }
    with pytest.raises(ModelFileError, match=r"'tf\.linalg\.svd'") as caught:
        upgrade(_functional([_input(), call], [["tf.linalg.svd", 0, 0]]), "2.4.0", "tensorflow", lambda root: {})
    assert caught.value.received == "linalg.svd"


def test_slashes_leave_the_names_their_references_and_their_weights() -> None:
    def called(name: str, source: str) -> dict[str, Any]:
        return {**_layer("Dense", name), "name": name, "inbound_nodes": [[[source, 0, 0, {}]]]}

    root = _functional([_input(), called("b/c", "a"), called("b_c", "b/c")], [["b_c", 0, 0], ["b/c", 0, 0]])
    description = _description(root, weights={("b/c",): [np.ones(1)], ("b_c",): [np.zeros(1)]})
    rewrite_call_nodes(description)
    assert make_names_plain(description)
    layers = root["config"]["layers"]
    assert [layer["config"]["name"] for layer in layers] == ["a", "b_c_", "b_c"]
    assert layers[2]["inbound_nodes"][0]["args"][0]["config"]["keras_history"] == ["b_c_", 0, 0]
    assert root["config"]["output_layers"] == [["b_c", 0, 0], ["b_c_", 0, 0]]
    assert {path: arrays[0].tolist() for path, arrays in description.weights.items()} == {("b_c_",): [1], ("b_c",): [0]}
