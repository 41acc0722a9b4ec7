"""Code that nine versions of Python marshalled, read without running it."""

from __future__ import annotations

import base64
import json
import marshal
from pathlib import Path
from typing import Any

import pytest

from edgekit_converters.keras_files.lambda_code.arithmetic import read_lambda
from edgekit_converters.keras_files.lambda_code.expressions import as_affine, to_text
from edgekit_runtime.errors import UnsafeModelError

TABLE = json.loads((Path(__file__).parents[3] / "data/keras_eras/lambda_code.json").read_text())
PYTHONS = sorted(TABLE, key=lambda version: tuple(map(int, version.split("."))))

READINGS = {
    "normalize": "x / 127.5 - 1.0",
    "integers": "x / 255",
    "two_constants": "(x - 128) / 128.0",
    "reflected": "1.0 - x * 2",
    "negative_power": "negative(x ** 2)",
    "slice_rows": "x[:, 10:-5, :, :]",
    "slice_step": "x[..., ::-1]",
    "first": "x[0]",
    "absolute_difference": "abs(x[0] - x[1])",
    "relu": "relu(x)",
    "normalize_rows": "l2_normalize(x, axis=1)",
    "mean": "mean(x, axis=[1, 2], keepdims=True)",
    "resize": "resize(x, size=[66, 200])",
    "expand": "expand_dims(x, axis=-1)",
    "builtin_abs": "abs(x)",
    "root": "x * 1.4142135623730951",
    "dtype": "cast(x, dtype='float32') / 255.0",
    "with_default": "x * 2.0",
    "with_closure": "x - 0.5",
}
DEFAULTS = {"with_default": [2.0]}
CLOSURES = {"with_closure": [0.5]}
REFUSED = ("not_arithmetic", "attribute", "conditional", "generator", "unknown_global", "constant")


def _config(name: str, code: str) -> dict[str, Any]:
    return {"name": "lambda_1", "function": [code, DEFAULTS.get(name), CLOSURES.get(name)]}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", READINGS)
def test_arithmetic_is_read(name: str, python: str) -> None:
    assert to_text(read_lambda(_config(name, TABLE[python][name]))) == READINGS[name]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", REFUSED)
def test_other_code_is_refused(name: str, python: str) -> None:
    with pytest.raises(UnsafeModelError, match="'lambda_1' is a Lambda") as caught:
        read_lambda(_config(name, TABLE[python][name]))
    assert "--allow-unsafe" in caught.value.next_step


def test_what_it_calls_is_named() -> None:
    with pytest.raises(UnsafeModelError) as caught:
        read_lambda(_config("not_arithmetic", TABLE["3.8"]["not_arithmetic"]))
    assert caught.value.received == "a call of __import__"


def test_bytes_as_characters_are_read() -> None:
    """Until Keras 2.1.3 each byte of the code was stored as a character."""
    code = base64.b64decode(TABLE["3.6"]["normalize"]).decode("raw_unicode_escape")
    assert to_text(read_lambda(_config("normalize", code))) == "x / 127.5 - 1.0"


def test_the_form_of_keras_3_is_read() -> None:
    function = {"class_name": "__lambda__", "config": {"code": TABLE["3.11"]["with_default"], "defaults": [2.0]}}
    assert to_text(read_lambda({"name": "scale", "function": function})) == "x * 2.0"


@pytest.mark.parametrize(
    "function",
    [
        pytest.param("get_file", id="name of a function"),
        pytest.param({"class_name": "function", "config": "get_file", "module": "keras.utils"}, id="public function"),
        pytest.param(["AAAA", None, None], id="no code"),
        pytest.param([base64.b64encode(marshal.dumps([1, 2])).decode(), None, None], id="marshalled list"),
        pytest.param([base64.b64encode(b"\xe3" * 5000).decode(), None, None], id="too long"),
        pytest.param(["\u2603", None, None], id="no bytes"),
        pytest.param(None, id="nothing"),
        pytest.param(
            [base64.b64encode(marshal.dumps(compile("lambda x: 9**9**9**9 * x", "", "eval"))).decode(), None, None],
            id="module",
        ),
    ],
)
def test_what_is_no_function_is_refused(function: Any) -> None:
    with pytest.raises(UnsafeModelError):
        read_lambda({"name": "lambda_1", "function": function})


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_truncated_code_is_refused(cut: int) -> None:
    code = base64.b64decode(TABLE["3.8"]["normalize"])[:-cut]
    with pytest.raises(UnsafeModelError):
        read_lambda(_config("normalize", base64.b64encode(code).decode()))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("normalize", (1 / 127.5, -1.0)),
        ("two_constants", (1 / 128, -1.0)),
        ("reflected", (-2, 1.0)),
        ("slice_rows", None),
        ("negative_power", None),
    ],
)
def test_scale_and_offset(name: str, expected: tuple[float, float] | None) -> None:
    assert as_affine(read_lambda(_config(name, TABLE["3.10"][name]))) == expected
