from __future__ import annotations

from typing import Any

import pytest

from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.lowering.keras.operation_names import names_in_errors, owner
from edgekit_runtime.errors import ConversionError


def _model(*, name: str = "det") -> Any:
    """An operation without a builtin form in a nested model, between layers."""
    import keras

    x = keras.Input((3, 3))
    determinant = keras.src.ops.linalg.Det()
    determinant.name = name
    inner = keras.Model(x, determinant(x), name="inner")
    outer = keras.Input((3, 3))
    return keras.Model(outer, inner(keras.layers.Dense(3, name="dense")(outer)))


def test_layers_and_operations_are_named_also_in_nested_models() -> None:
    names = names_in_errors(_model())
    assert names["det"] == "operation det (keras.ops.det)"
    assert names["dense"] == "layer dense"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("functional_1/det", "operation det (keras.ops.det)"),
        ("functional_1/inner_1/det_2/body", "operation det (keras.ops.det)"),
        ("functional_1/unknown", "layer functional_1/unknown"),
    ],
)
def test_a_scope_belongs_to_the_operation_in_it(scope: str, expected: str) -> None:
    assert owner(scope, {"det": "operation det (keras.ops.det)"}) == expected


@pytest.mark.parametrize("name", ["det", "größe 1"])
def test_a_refusal_names_an_operation_of_any_name(name: str) -> None:
    with pytest.raises(ConversionError, match=rf"MatrixDeterminant in operation {name} \(keras\.ops\.det\), which"):
        lower_keras_model(_model(name=name), name="model.keras")
