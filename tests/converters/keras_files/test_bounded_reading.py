"""Files of a few bytes that describe something without end: reading them takes bounded time and memory."""

from __future__ import annotations

import base64
import json
import marshal
from pathlib import Path
from typing import Any

import attack_files as attack
import pytest
from measured import measure
from mutations import write_h5

from edgekit_converters.keras_files.architecture import read_architecture
from edgekit_converters.keras_files.bounded_json import parse_object
from edgekit_converters.keras_files.lambda_code.arithmetic import read_lambda
from edgekit_converters.keras_files.scan import scan_description
from edgekit_converters.keras_files.upgrade import upgrade
from edgekit_runtime.errors import ModelFileError, UnsafeModelError

# ------------------------------------------------------------------------------------------------ code


def statements(*lines: str) -> bytes:
    """The marshalled code of a function of x."""
    namespace: dict[str, Any] = {}
    exec("def f(x):\n" + "".join(f"    {line}\n" for line in lines), namespace)
    return marshal.dumps(namespace["f"].__code__)


def adding(constant: bytes) -> bytes:
    """The code of ``lambda x: x + constant`` as Python 3.7 marshals it."""

    def number(value: int) -> bytes:
        return value.to_bytes(4, "little")

    instructions = bytes([124, 0, 100, 1, 23, 0, 83, 0])
    head = b"c" + b"".join(map(number, (1, 0, 1, 2, 67))) + b"s" + number(len(instructions)) + instructions
    return head + b")\x02N" + constant + b")\x00)\x01z\x01x)\x00)\x00z\x01fz\x01f" + number(1) + b"s" + number(0)


def doubled(levels: int) -> bytes:
    """A marshalled tuple of two, the second a reference to the first, which is a tuple of two …"""
    value = b"\xa9\x01i\x01\x00\x00\x00"
    for level in reversed(range(levels)):
        value = b"\xa9\x02" + value + b"r" + (level + 1).to_bytes(4, "little")
    return value


def lambda_layer(code: bytes) -> dict[str, Any]:
    config = {"name": "lambda_1", "function": [base64.b64encode(code).decode(), None, None]}
    return {"class_name": "Lambda", "config": config}


LAMBDAS = {
    "a list added to itself": (statements("a = [x]", *["a = a + a"] * 40, "return a"), "a list of 128 values"),
    "a product with itself": (statements(*["x = x * x"] * 40, "return x"), "an expression of more than 2000 parts"),
    "lists of the same list": (
        statements("a = [x, x]", *["a = [a, a]"] * 40, "return a"),
        "an expression of more than 2000 parts",
    ),
    "negated 200 times": (statements(*["x = -x"] * 200, "return x"), "an expression of more than 100 levels"),
    "powers of powers": (
        statements("a = 9", "b = 64", *["a = a ** b"] * 9, "return x * a"),
        "a number that is too large",
    ),
    "a large constant": (statements(f"return x * {1 << 2000}"), "a number that is too large"),
    "a float made whole": (statements("return x * int(1e308)"), "a number that is too large"),
    "shifts": (statements("a = 9", *["a = a << a"] * 9, "return x * a"), "code that cannot be followed to its end"),
    "a repeated text": (statements("a = 'a'", "b = 10 ** 9", "return x * (a * b)"), "not a number"),
    "references to references": (adding(doubled(40)), "no code of Python"),
    "a hash of references": (adding(b">\x01\x00\x00\x00" + doubled(40)), "no code of Python"),
    "long tuples in a long tuple": (
        adding(b")\xff\xa9\xc8" + b"i\x01\x00\x00\x00" * 200 + b"r\x00\x00\x00\x00" * 254),
        "no code of Python",
    ),
}


@pytest.mark.parametrize("name", LAMBDAS)
def test_code_that_grows_without_end_is_refused(name: str) -> None:
    code, reason = LAMBDAS[name]
    assert len(code) < 4096
    with pytest.raises(UnsafeModelError) as caught:
        read_lambda(lambda_layer(code)["config"])
    assert reason in caught.value.received


@pytest.mark.parametrize("name", ["a list added to itself", "a product with itself", "a hash of references"])
def test_inspecting_such_code_takes_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    write_h5(tmp_path / "bomb.h5", json.dumps(attack.sequential(attack.dense(), lambda_layer(LAMBDAS[name][0]))))
    measured = measure("inspect", tmp_path / "bomb.h5")
    measured.require_bounded()
    assert "its code is not plain arithmetic" in measured.outcome


def test_a_plain_constant_in_the_same_code_is_read() -> None:
    assert read_lambda(lambda_layer(adding(b"i\x02\x00\x00\x00"))["config"])["args"] == [{"input": None}, 2]


def test_a_long_formula_is_read() -> None:
    code = statements("y = x[:, 0:1] * 0.5 + x[:, 1:2] * 0.25 - 3", *["y = y * y"] * 5, "return -y / 7")
    assert read_lambda(lambda_layer(code)["config"])["call"] == "divide"


def test_more_lambdas_than_any_model_has_are_refused() -> None:
    layers = [lambda_layer(statements("return x / 255")) for _ in range(129)]
    findings = scan_description(attack.sequential(attack.dense(), *layers), "model_config")
    assert [finding.reason for finding in findings if finding.kind == "malformed"] == [
        "follows 128 Lambdas, more than a model has"
    ]
    assert not [f for f in scan_description(attack.sequential(*layers[1:]), "model_config") if f.kind != "lambda"]


def test_many_plain_lambdas_hide_nothing_that_follows_them() -> None:
    layers = [lambda_layer(statements("return x / 255")) for _ in range(120)]
    unsafe = {"class_name": "TFSMLayer", "config": {"name": "saved", "filepath": "folder"}}
    findings = scan_description(attack.sequential(attack.dense(), *layers, unsafe), "model_config")
    assert "loads a SavedModel from a path and runs it" in [finding.reason for finding in findings]


# ------------------------------------------------------------------------------------------------ descriptions


def activation(**config: Any) -> dict[str, Any]:
    return {"class_name": "Activation", "config": {"name": "plain", "activation": "relu", **config}}


def nested(value: Any, key: str, levels: int, **more: Any) -> Any:
    for _ in range(levels):
        value = {**more, key: value}
    return value


def shared_model(depth: int, calls: int) -> dict[str, Any]:
    """A model that calls a model several times, that calls a model several times, …"""
    inner = attack.dense()
    for level in range(depth):
        name, inner_name = f"model_{level}", inner["config"]["name"]
        first = {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [None, 3]}, "name": "in"}
        nodes = [[["in", 0, 0, {}]] for _ in range(calls)]
        layers = [{**first, "inbound_nodes": []}, {**inner, "name": inner_name, "inbound_nodes": nodes}]
        ends = {"input_layers": [["in", 0, 0]], "output_layers": [[inner_name, calls - 1, 0]]}
        inner = {"class_name": "Functional", "config": {"name": name, "layers": layers, **ends}}
    return inner


def wrapped_twice(levels: int) -> dict[str, Any]:
    layer: dict[str, Any] = {"class_name": "LSTM", "config": {"name": "lstm", "units": 1, "return_sequences": True}}
    for level in range(levels):
        layer = {"class_name": "Bidirectional", "config": {"name": f"both_{level}", "layer": layer}}
    return layer


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return attack.sequential(attack.dense(), *layers)


#: With what is said of them; "" for a description that is large, and no more.
DESCRIPTIONS = {
    "models called twice, 20 deep": (lambda: shared_model(20, 2), "too many calls of layers"),
    "models called 100 times, 5 deep": (lambda: shared_model(5, 100), "too many calls of layers"),
    "a wrapper of two copies, 24 deep": (lambda: sequential(wrapped_twice(24)), "too many calls of layers"),
    "6,000 layers": (lambda: sequential(*[activation(name=f"a{i}") for i in range(6_000)]), "too many layers"),
    "a name of megabytes": (lambda: sequential(activation(name=["x" * 1000] * 5000)), "too many characters"),
    "450,000 texts in a deep place": (
        lambda: sequential(activation(x=nested([""] * 450_000, "k" * 80, 90))),
        "",
    ),
    "a large value as each of 80 class names": (
        lambda: sequential(activation(x=nested(["x" * 1000] * 5000, "class_name", 80))),
        "has a name that is not a string",
    ),
    "a large value as each of 80 functions": (
        lambda: sequential(activation(x=nested(["x" * 1000] * 5000, "config", 80, class_name="function"))),
        "needs the function 'dict'",
    ),
    "30,000 long keys": (
        lambda: sequential(activation(x=nested({f"{i:06}" + "k" * 200: 1 for i in range(30_000)}, "x", 80))),
        "a key of 206 characters",
    ),
    "a vocabulary of 450,000 words": (
        lambda: sequential(
            {"class_name": "StringLookup", "config": {"name": "words", "vocabulary": [str(i) for i in range(450_000)]}}
        ),
        "not directly behind an input",
    ),
    "a call with 400,000 empty lists": (
        lambda: sequential({**activation(), "inbound_nodes": [{"args": [[[] for _ in range(400_000)]], "kwargs": {}}]}),
        "",
    ),
    "a shape of 400,000 axes": (
        lambda: sequential({"class_name": "Reshape", "config": {"name": "r", "target_shape": [2**40] * 400_000}}),
        "",
    ),
    "a text times a size": (
        lambda: attack.sequential(
            {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [None, 9, 9, 10**10]}},
            {
                "class_name": "DepthwiseConv2D",
                "config": {"name": "d", "kernel_size": [1, 1], "strides": [1, 1], "depth_multiplier": "a"},
            },
        ),
        "",
    ),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_inspecting_a_large_description_takes_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    describe, said = DESCRIPTIONS[name]
    write_h5(tmp_path / "large.h5", json.dumps(describe(), separators=(",", ":")))
    measured = measure("inspect", tmp_path / "large.h5")
    measured.require_bounded()
    assert said in measured.outcome
    assert said or not measured.outcome


def test_keys_that_end_with_one_said_twice_are_refused_at_once(tmp_path: Path) -> None:
    keys = ",".join(f'"{number}":0' for number in [*range(600_000), 0])
    with pytest.raises(ModelFileError) as caught:
        parse_object(f"{{{keys}}}", "model_config")
    assert caught.value.received == "'0' twice in one object"


def doubling_yaml(line: str) -> str:
    """Thirty objects, each of which holds the one before twice."""
    lines = ["class_name: Sequential", "config:", "  a0: &a0 {b: 1}"]
    lines += [f"  a{number}: &a{number} {line.format(number - 1)}" for number in range(1, 31)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[*a{0}, *a{0}]", "at most 500000 values"),
        ("{{<<: [*a{0}, *a{0}]}}", "a description as model.to_yaml() wrote it"),
    ],
    ids=["references", "merges"],
)
def test_yaml_that_doubles_is_refused(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(doubling_yaml(line))
    with pytest.raises(ModelFileError) as caught:
        read_architecture(tmp_path / "model.yaml")
    assert caught.value.expected == said


def test_a_description_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(b" " * ((8 << 20) + 1))
    with pytest.raises(ModelFileError, match="too large for a description"):
        read_architecture(tmp_path / "model.json")


def test_models_called_several_times_are_still_upgraded() -> None:
    upgraded = upgrade(shared_model(3, 5), "2.11.0", "tensorflow", lambda root: {})
    assert len(upgraded.config["config"]["layers"][1]["inbound_nodes"]) == 5
