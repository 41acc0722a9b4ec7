from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_operation_examples import EXAMPLES, NOT_SAVED_BY_KERAS, OTHER_NAMES, REFUSED, Example

from edgekit_converters.keras_files.keras_operations import OPERATIONS, RUNS_FUNCTIONS, public_function
from edgekit_converters.keras_files.load import load_keras_model
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.lowering.keras.signature import output_names
from edgekit_runtime.errors import ConversionError, EdgekitError, ModelFileError, UnsafeModelError
from edgekit_runtime.tflite.tflite_model import TfliteModel

_CONVERTED = sorted(EXAMPLES.keys() - REFUSED.keys() - NOT_SAVED_BY_KERAS)


def test_the_examples_are_the_public_functions_of_keras_ops() -> None:
    from keras import ops

    functions = {name for name in dir(ops) if not name.startswith("_") and not inspect.ismodule(getattr(ops, name))}
    for module in ("image", "linalg", "nn", "numpy"):
        names = {name for name in dir(getattr(ops, module)) if not name.startswith("_")}
        functions |= {f"{module}.{name}" for name in names - functions}
    assert EXAMPLES.keys() == functions


def test_the_allowed_operations_are_those_of_keras() -> None:
    import importlib

    import keras

    found = {}
    for module in sorted(set(OPERATIONS.values())):
        for name, member in vars(importlib.import_module(module)).items():
            is_operation = inspect.isclass(member) and issubclass(member, keras.Operation)
            if is_operation and member.__module__ == module:
                found[name] = module
    assert found.keys() - OPERATIONS.keys() == RUNS_FUNCTIONS | {"SegmentReduction"}  # the last one is abstract
    assert {name: found[name] for name in OPERATIONS} == OPERATIONS


@pytest.mark.parametrize("class_name", sorted(OPERATIONS.keys() | RUNS_FUNCTIONS))
def test_an_operation_is_called_by_its_public_function(class_name: str) -> None:
    import keras

    found = keras
    for name in public_function(class_name).split(".")[1:]:
        found = getattr(found, name)
    assert callable(found)


@pytest.mark.parametrize("name", _CONVERTED)
def test_a_function_answers_in_litert_as_in_keras(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    model = _model(example)
    model.save(tmp_path / "model.keras")
    loaded = load_keras_model(tmp_path / "model.keras").model
    lowered, batch = lower_keras_model(loaded, name=name)
    generator = np.random.default_rng(1)
    inputs = [values.draw(generator, 1 if batch == "1" else 2) for values in example.inputs]
    _compare(_answers(model, inputs), _run(lowered, loaded, inputs))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_function_without_a_form_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    _model(EXAMPLES[name]).save(tmp_path / "model.keras")
    with pytest.raises(EdgekitError) as caught:
        lower_keras_model(load_keras_model(tmp_path / "model.keras").model, name=name)
    assert f"keras.ops.{OTHER_NAMES.get(name, name)}" in caught.value.problem
    assert REFUSED[name] in caught.value.problem


@pytest.mark.parametrize("name", sorted(NOT_SAVED_BY_KERAS))
def test_keras_itself_does_not_save_a_function(name: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, NotImplementedError)):
        _model(EXAMPLES[name]).save(tmp_path / "model.keras")


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bid,bjd->bij", [(5, 4), (3, 4)]),
        ("bij,bjd->bid", [(5, 3), (3, 4)]),
        ("bqhd,bkhd->bhqk", [(5, 2, 4), (3, 2, 4)]),
        ("bhqk,bkhd->bqhd", [(2, 5, 3), (3, 2, 4)]),
        ("bij->bji", [(5, 3)]),
        ("bij->b", [(5, 3)]),
        ("bij,bj->bi", [(5, 3), (3,)]),
        ("bhwc,bdc->bhwd", [(4, 5, 3), (2, 3)]),
        ("bcn,bcm->bnm", [(3, 6), (3, 7)]),
        ("bi,bj->bij", [(5,), (3,)]),
        ("bi,bi->b", [(5,), (5,)]),
        ("bij,bij->bij", [(5, 3), (5, 3)]),
        ("...ij,...jk->...ik", [(2, 5, 3), (2, 3, 4)]),
        ("bij,bjk,bkl->bil", [(2, 3), (3, 4), (4, 5)]),
    ],
)
def test_einsum_answers_in_litert_as_in_keras(equation: str, shapes: list[tuple[int, ...]], tmp_path: Path) -> None:
    import keras

    tensors = [keras.Input(shape, name=f"x{number}") for number, shape in enumerate(shapes)]
    model = keras.Model(tensors, keras.ops.einsum(equation, *tensors))
    model.save(tmp_path / "model.keras")
    loaded = load_keras_model(tmp_path / "model.keras").model
    lowered, batch = lower_keras_model(loaded, name="einsum")
    generator = np.random.default_rng(2)
    inputs = [generator.standard_normal((1 if batch == "1" else 3, *shape)).astype("float32") for shape in shapes]
    _compare(_answers(model, inputs), _run(lowered, loaded, inputs))


def test_an_einsum_of_a_diagonal_is_refused_by_its_name(tmp_path: Path) -> None:
    import keras

    tensor = keras.Input((4, 4))
    keras.Model(tensor, keras.ops.einsum("bii->bi", tensor)).save(tmp_path / "model.keras")
    with pytest.raises(ConversionError, match=r"the operator Einsum in operation einsum\S* \(keras\.ops\.einsum\)"):
        lower_keras_model(load_keras_model(tmp_path / "model.keras").model, name="model.keras")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_operations_stay_operations_in_both_containers_and_in_nested_models(suffix: str, tmp_path: Path) -> None:
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(3)
    inner_input = keras.Input((6, 4))
    left, right = ops.split(inner_input, 2, axis=-1)
    inner = keras.Model(inner_input, ops.concatenate([left * ops.sigmoid(right), left], axis=-1), name="inner")
    tensor = keras.Input((6, 4), name="x")
    table = np.random.default_rng(4).random((6, 4)).astype("float32")
    y = layers.Add(name="layer_of_the_same_name")([inner(tensor + table), layers.Dense(4)(tensor)])
    y = keras.activations.relu(y, negative_slope=0.1, max_value=3.0)
    y = layers.Softmax()(y) + ops.softmax(ops.cumsum(y, axis=1), axis=1)
    scores = ops.cast(ops.argmax(y, axis=-1), "float32")
    model = keras.Model(tensor, [y, ops.reshape(inner(y), (-1, 24)), scores, ops.one_hot(ops.cast(scores, "int32"), 4)])
    model.save(tmp_path / f"model.{suffix}")
    loaded = load_keras_model(tmp_path / f"model.{suffix}").model
    lowered, _ = lower_keras_model(loaded, name="model")
    inputs = [np.random.default_rng(5).standard_normal((3, 6, 4)).astype("float32")]
    assert loaded.output_names == model.output_names
    _compare(_answers(model, inputs), _run(lowered, loaded, inputs))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_a_constant_keeps_its_type_except_for_other_floats(dtype: str, tmp_path: Path) -> None:
    import keras

    tensor = keras.Input((2, 3), name="x", dtype="int32" if dtype == "int32" else "float32")
    table = (np.arange(6).reshape(2, 3) / (1 if dtype == "int32" else 4)).astype(dtype)
    for number, constant in enumerate((table, keras.ops.convert_to_tensor(table))):
        path = tmp_path / f"{number}.keras"
        keras.Model(tensor, keras.ops.multiply(tensor, constant)).save(path)
        loaded = load_keras_model(path).model
        assert loaded.outputs[0].dtype == ("int32" if dtype == "int32" else "float32")
        inputs = [np.full((2, 2, 3), 3, loaded.inputs[0].dtype)]
        _compare(
            [inputs[0] * table.astype(inputs[0].dtype)], _run(lower_keras_model(loaded, name="x")[0], loaded, inputs)
        )


@pytest.mark.parametrize(
    ("class_name", "config", "args", "expected"),
    [
        # Up to Keras 3.9 the shape was an argument of the call.
        ("Slice", {}, ["x", [0, 1], [1, 2]], [[1.0, 2.0]]),
        ("FullLike", {}, ["x", 7.0, None], [[7.0, 7.0, 7.0, 7.0]]),
        ("OnesLike", {}, ["x", "float64"], [[1.0, 1.0, 1.0, 1.0]]),
        ("Isclose", {}, ["x", 2.0, 0.0, 1e-3, False], [[False, False, True, False]]),
        ("Threshold", {"threshold_value": 1.5, "value": -1.0}, ["x"], [[-1.0, -1.0, 2.0, 3.0]]),
        ("Stack", {"axis": 0}, [["x", "x"]], [[[0.0, 1.0, 2.0, 3.0]], [[0.0, 1.0, 2.0, 3.0]]]),
    ],
)
def test_an_operation_of_an_earlier_keras_3_gets_todays_arguments(
    class_name: str, config: dict[str, Any], args: list[Any], expected: Any
) -> None:
    from edgekit_converters.keras_files.load import build
    from edgekit_converters.keras_files.upgrade import upgrade

    upgraded = upgrade(_description(class_name, config, args), "3.6.0", "tensorflow", lambda root: {})
    answer = np.asarray(build(upgraded, custom_objects={})(np.arange(4, dtype="float32")[None]))
    np.testing.assert_allclose(answer, expected)
    assert answer.dtype == np.asarray(expected).dtype or answer.dtype == np.float32


def test_an_operation_without_a_tensor_is_refused_before_keras_computes_it() -> None:
    from edgekit_converters.keras_files.upgrade import upgrade

    description = _description("Tile", {"repeats": [10**6, 10**6]}, [[[1.0]]])
    with pytest.raises(ModelFileError, match=r"keras\.ops\.tile\) is called without a tensor"):
        upgrade(description, "3.15.1", "tensorflow", lambda root: {})


@pytest.mark.parametrize(("class_name", "argument"), [("Unstack", "num"), ("Split", "indices_or_sections")])
def test_an_operation_that_makes_a_billion_tensors_is_refused(class_name: str, argument: str) -> None:
    from edgekit_converters.keras_files.upgrade import upgrade

    description = _description(class_name, {argument: 10**9, "axis": 0}, ["x"])
    with pytest.raises(ModelFileError, match="makes 1000000000 tensors"):
        upgrade(description, "3.15.1", "tensorflow", lambda root: {})


def test_an_axis_is_not_unstacked_into_a_million_tensors() -> None:
    from edgekit_converters.keras_files.load import build
    from edgekit_converters.keras_files.upgrade import upgrade

    description = _description("Unstack", {"num": None, "axis": 1}, ["x"])
    description["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**6]
    upgraded = upgrade(description, "3.15.1", "tensorflow", lambda root: {})
    with pytest.raises(ModelFileError) as caught:
        build(upgraded, custom_objects={})
    assert "split into 1000000 tensors" in str(caught.value)


@pytest.mark.parametrize("class_name", sorted(RUNS_FUNCTIONS))
@pytest.mark.parametrize("module", ["keras.src.ops.core", None])
def test_an_operation_that_runs_a_function_is_refused_by_its_name(class_name: str, module: str | None) -> None:
    from edgekit_converters.keras_files.scan import ScanReport, require_safe, scan_description

    description = _description(class_name, {}, [{"class_name": "function", "config": "square"}, "x"], module=module)
    with pytest.raises(UnsafeModelError, match=rf"{public_function(class_name)}, which runs a Python function"):
        require_safe(ScanReport("model.keras", tuple(scan_description(description, "config"))))


def _model(example: Example) -> Any:
    import keras

    inputs = [
        keras.Input(values.shape, dtype=values.dtype, name=f"x{number}") for number, values in enumerate(example.inputs)
    ]
    return keras.Model(inputs, example.call(*inputs))


def _description(class_name: str, config: dict[str, Any], args: list[Any], *, module: Any = None) -> dict[str, Any]:
    """A model of one operation on the input ``x`` (N, 4), as Keras 3 stores it in an ``.h5``."""

    def tensor(value: Any) -> Any:
        if isinstance(value, list):
            return [tensor(part) for part in value]
        if value != "x":
            return value
        history = {"shape": [None, 4], "dtype": "float32", "keras_history": ["x", 0, 0]}
        return {"class_name": "__keras_tensor__", "config": history}

    operation = {
        "class_name": class_name,
        "config": {"name": "op", **config},
        "name": "op",
        "inbound_nodes": [{"args": tensor(args), "kwargs": {}}],
    }
    if module:
        operation["module"] = module
    source = {
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"},
        "name": "x",
        "inbound_nodes": [],
    }
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["op", 0, 0]]}
    described = {"class_name": "Functional", "config": {"name": "model", "layers": [source, operation], **ends}}
    return json.loads(json.dumps(described))


def _answers(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    import keras

    answers = keras.tree.flatten(model(inputs, training=False))
    # A number of Python's own, such as that of ndim, is an int32 in a graph.
    return [np.int32(answer) if isinstance(answer, int) else np.asarray(answer) for answer in answers]


def _run(lowered: TfliteModel, model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_content=lowered.content, num_threads=1).get_signature_runner("serving_default")
    answers = run(**{tensor.name: values for tensor, values in zip(model.inputs, inputs, strict=True)})
    return [answers[name] for name in output_names(model)]


def _compare(expected: list[np.ndarray], answers: list[np.ndarray]) -> None:
    for want, answer in zip(expected, answers, strict=True):
        assert answer.dtype == want.dtype
        np.testing.assert_allclose(answer, want, rtol=1e-5, atol=2e-6)
