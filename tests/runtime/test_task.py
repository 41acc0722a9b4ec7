"""The kind of every input and output, and which source decides it."""

from __future__ import annotations

import pytest

from edgekit_runtime.errors import UsageError
from edgekit_runtime.task import DATA, FILE, UNNAMED, USER, Claim, Kind, Task
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tflite.description import (
    ModelDescription,
    OperatorDescription,
    SignatureDescription,
    SubgraphDescription,
    TensorDescription,
)


def model(tensors: dict, steps: list, inputs: list[str], outputs: list[str]) -> ModelDescription:
    """The description of a model; ``tensors`` gives shape and dtype by name."""
    numbers = {name: number for number, name in enumerate(tensors)}
    described = tuple(
        TensorDescription(number, name, shape, shape, dtype, (), (), 0, 0, name.startswith("const"), False)
        for number, (name, (shape, dtype)) in enumerate(tensors.items())
    )
    operators = tuple(
        OperatorDescription(
            name.partition(":")[0],
            1,
            name.partition(":")[2],
            tuple(map(numbers.get, reads)),
            tuple(map(numbers.get, writes)),
        )
        for name, reads, writes in steps
    )
    ends = [tuple(numbers[name] for name in names) for names in (inputs, outputs)]
    named = [tuple((name, numbers[name]) for name in names) for names in (inputs, outputs)]
    subgraph = SubgraphDescription("main", described, operators, *ends)
    return ModelDescription(0, "", (subgraph,), (SignatureDescription("serving_default", 0, *named),), ())


def chain(
    input_shape: tuple, output_shape: tuple, *names: str, dtype: str = "float32", gives: str = "float32"
) -> ModelDescription:
    """A model with one input, a chain of operators and one output."""
    between = [f"t{number}" for number in range(len(names) - 1)]
    tensors = {
        "x": (input_shape, dtype),
        **dict.fromkeys(between, (output_shape, "float32")),
        "y": (output_shape, gives),
    }
    places = ["x", *between, "y"]
    steps = [(name, [places[number]], [places[number + 1]]) for number, name in enumerate(names)]
    return model(tensors, steps, ["x"], ["y"])


def kinds(task: Task) -> dict:
    return {name: kind.name for each in task for name, kind in each.items()}


@pytest.mark.parametrize(
    ("shape", "names", "dtype", "expected"),
    [
        pytest.param((-1, 10), ("FULLY_CONNECTED", "SOFTMAX"), "float32", "classes", id="softmax"),
        pytest.param((-1, 10), ("SOFTMAX", "QUANTIZE", "DEQUANTIZE"), "float32", "classes", id="quantized-softmax"),
        pytest.param((-1, 10), ("FULLY_CONNECTED", "LOG_SOFTMAX"), "float32", "classes", id="log-softmax"),
        pytest.param((-1, 1), ("FULLY_CONNECTED", "LOGISTIC"), "float32", "classes", id="one-sigmoid"),
        pytest.param((-1, 5), ("FULLY_CONNECTED", "LOGISTIC"), "float32", "labels", id="several-sigmoids"),
        pytest.param((-1, 2), ("FULLY_CONNECTED",), "float32", "values", id="two-numbers"),
        pytest.param((-1, 1), ("FULLY_CONNECTED", "TANH"), "float32", "values", id="steering-angle"),
        pytest.param((-1, 1), ("FULLY_CONNECTED", "SOFTMAX"), "float32", "values", id="softmax-of-one-is-constant"),
        pytest.param((-1, 8, 8, 4), ("CONV_2D", "SOFTMAX"), "float32", "mask", id="mask"),
        pytest.param((-1, 8, 8, 1), ("CONV_2D", "LOGISTIC"), "float32", "values", id="an-autoencoder's-image"),
        pytest.param((-1, 7, 30), ("CONV_2D", "SOFTMAX", "RESHAPE"), "float32", "sequence", id="sequence"),
        pytest.param((-1,), ("FULLY_CONNECTED", "ARG_MAX"), "int64", "classes", id="chosen-class"),
        pytest.param((-1, 8, 8), ("CONV_2D", "ARG_MAX"), "int64", "mask", id="chosen-mask"),
        pytest.param((1, 10, 4), ("CUSTOM:TFLite_Detection_PostProcess",), "float32", "boxes", id="boxes"),
    ],
)  # fmt: skip
def test_the_last_operator_decides_without_other_sources(shape: tuple, names: tuple, dtype: str, expected: str) -> None:
    task = find_task(chain((-1, 12), shape, *names, gives=dtype))
    assert task.outputs["y"].name == expected
    assert task.outputs["y"].source == ("default" if expected == "values" else "model")


@pytest.mark.parametrize(
    ("shape", "names", "dtype", "expected"),
    [
        pytest.param((-1, 32, 32, 3), ("CONV_2D",), "float32", "image", id="colour"),
        pytest.param((-1, 3, 32, 32), ("TRANSPOSE", "CONV_2D"), "float32", "image", id="channels-first"),
        pytest.param((-1, -1, -1, 3), ("CONV_2D",), "float32", "image", id="open-size"),
        pytest.param((-1, 28, 28), ("RESHAPE", "FULLY_CONNECTED"), "float32", "image", id="grey-without-channels"),
        pytest.param((-1, 8, 8, 3), ("CONV_2D",), "uint8", "image", id="bytes"),
        pytest.param((-1, 24, 4), ("EXPAND_DIMS", "CONV_2D"), "float32", "numbers", id="time-series"),
        pytest.param((-1, 8000, 1), ("EXPAND_DIMS", "CONV_2D"), "float32", "sound", id="waveform"),
        pytest.param((-1, 16000), ("RFFT2D",), "float32", "sound", id="flat-waveform"),
        pytest.param((-1, 20000), ("FULLY_CONNECTED",), "float32", "numbers", id="wide-table"),
        pytest.param((-1, 30), ("FULLY_CONNECTED",), "float32", "numbers", id="table"),
        pytest.param((-1, 16, 16, 16, 1), ("CONV_3D",), "float32", "numbers", id="volume"),
        pytest.param((-1, 5), ("ADD",), "int32", "numbers", id="integers"),
    ],
)  # fmt: skip
def test_an_input_is_what_its_shape_and_first_operators_show(
    shape: tuple, names: tuple, dtype: str, expected: str
) -> None:
    assert find_task(chain(shape, (-1, 4), *names, dtype=dtype)).inputs["x"].name == expected


def test_what_is_looked_up_is_a_token_even_if_it_comes_as_a_float() -> None:
    tensors = {
        "x": ((-1, 8), "float32"),
        "ids": ((-1, 8), "int32"),
        "below": ((-1, 8), "bool"),
        "wrapped": ((-1, 8), "int32"),
    }
    tensors |= {"const": ((100, 4), "float32"), "y": ((-1, 8, 4), "float32")}
    steps = [("CAST", ["x"], ["ids"]), ("LESS", ["ids"], ["below"]), ("SELECT_V2", ["below", "ids"], ["wrapped"])]
    steps += [("GATHER", ["const", "wrapped"], ["y"])]
    assert find_task(model(tensors, steps, ["x"], ["y"])).inputs["x"].name == "tokens"


def test_columns_picked_out_of_an_input_do_not_make_it_a_token() -> None:
    tensors = {"x": ((-1, 8), "float32"), "const": ((2,), "int32"), "y": ((-1, 2), "float32")}
    assert find_task(model(tensors, [("GATHER", ["x", "const"], ["y"])], ["x"], ["y"])).inputs["x"].name == "numbers"


def test_a_memory_that_goes_round_is_a_state_beside_the_words() -> None:
    tensors = {"word": ((-1, 1), "int32"), "memory": ((-1, 48), "float32")}
    tensors |= {"next": ((-1, 30), "float32"), "state": ((-1, 48), "float32")}
    steps = [("SOFTMAX", ["word"], ["next"]), ("ADD", ["memory"], ["state"])]
    task = find_task(
        model(tensors, steps, ["word", "memory"], ["next", "state"]), [Claim(USER, outputs={UNNAMED: "classes"})]
    )
    assert kinds(task) == {"word": "numbers", "memory": "numbers", "next": "classes", "state": "state"}


def test_weights_of_an_attention_are_values() -> None:
    tensors = dict.fromkeys(("x", "weights", "y"), ((-1, 2, 8, 8), "float32"))
    steps = [("SOFTMAX", ["x"], ["weights"]), ("BATCH_MATMUL", ["weights", "x"], ["y"])]
    task = find_task(model(tensors, steps, ["x"], ["weights", "y"]))
    assert {kind.name for kind in task.outputs.values()} == {"values"}


def test_the_first_source_that_knows_decides() -> None:
    description = chain((-1, 12), (-1, 3), "FULLY_CONNECTED", "SOFTMAX")
    claims = [Claim(USER, outputs={}), Claim(FILE, outputs={"y": "labels"}), Claim(DATA, outputs={UNNAMED: "values"})]
    assert find_task(description, claims).outputs["y"] == Kind("labels", "file")
    assert find_task(description, claims[2:]).outputs["y"] == Kind("values", "data")
    claims.insert(0, Claim(USER, outputs={"y": "values"}))
    assert find_task(description, claims).outputs["y"] == Kind("values", "user")


def test_a_source_that_cannot_be_right_is_passed_over() -> None:
    description = chain((-1, 12), (-1, 3), "FULLY_CONNECTED")
    claims = [Claim(FILE, outputs={"y": "mask", "gone": "classes"}), Claim(DATA, outputs={"y": "classes"})]
    assert find_task(description, claims).outputs["y"] == Kind("classes", "data")


@pytest.mark.parametrize(
    ("claim", "received"),
    [
        pytest.param(Claim(USER, outputs={"y": "scores"}), "scores", id="unknown-kind"),
        pytest.param(Claim(USER, outputs={"z": "values"}), "z", id="unknown-output"),
        pytest.param(Claim(USER, inputs={"picture": "image"}), "picture", id="unknown-input"),
        pytest.param(Claim(USER, inputs={"x": "values"}), "values", id="an-output's-kind-for-an-input"),
        pytest.param(Claim(USER, outputs={"y": "mask"}), "shape (-1, 3), float32", id="shape"),
        pytest.param(Claim(USER, inputs={"x": "image"}), "shape (-1, 12), float32", id="a-row-is-not-an-image"),
    ],
)
def test_the_user_hears_of_a_mistake(claim: Claim, received: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_task(chain((-1, 12), (-1, 3), "FULLY_CONNECTED"), [claim])
    assert caught.value.received == received


def test_a_task_says_what_it_is_and_where_it_comes_from() -> None:
    task = find_task(chain((-1, 8, 8, 1), (-1, 3), "CONV_2D", "SOFTMAX"), [Claim(DATA, outputs={"y": "classes"})])
    assert task.describe() == "Task: x is image (from the model's graph) -> y is classes (from the data's labels)."
    assert task.as_claim() == Claim(FILE, {"x": "image"}, {"y": "classes"})
    assert task.to_dict()["outputs"] == {"y": {"kind": "classes", "source": "data"}}
    assert task.named("image") == ("x",)
