from __future__ import annotations

import numpy as np
import pytest

from edgekit_converters.lowering.builtin_forms import builtin_forms


@pytest.mark.parametrize(
    ("name", "low", "high", "tolerance"),
    [
        ("erf", -6, 6, 6e-7),
        ("erfc", -6, 6, 6e-7),
        ("arctan", -1e4, 1e4, 2e-7),
        ("arcsin", -1, 1, 3e-7),
        ("arccos", -1, 1, 6e-7),
        ("arcsinh", -1e4, 1e4, 2e-6),
        ("arccosh", 1, 1e4, 2e-6),
        ("arctanh", -0.999, 0.999, 1e-6),
        ("sinh", -3, 3, 2e-6),
        ("cosh", -3, 3, 2e-6),
        ("tan", -1.4, 1.4, 2e-6),
    ],
)
def test_a_form_agrees_with_keras(name: str, low: float, high: float, tolerance: float) -> None:
    from keras import ops

    x = np.linspace(low, high, 4001, dtype=np.float32)
    expected = np.asarray(getattr(ops, name)(x))
    with builtin_forms():
        answer = np.asarray(getattr(ops, name)(x))
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_an_index_agrees_with_keras_also_for_ties(name: str, axis: int | None, keepdims: bool, dtype: str) -> None:
    from keras import ops

    x = np.array([[1, 3, 3, 0], [0, 0, 2, 2], [3, 1, 0, 3]]).astype(dtype)
    expected = np.asarray(getattr(ops, name)(x.astype("int32"), axis=axis, keepdims=keepdims))
    with builtin_forms():
        answer = np.asarray(getattr(ops, name)(x, axis=axis, keepdims=keepdims))
    assert answer.dtype == np.int32
    np.testing.assert_array_equal(answer, expected)


def test_the_sign_bit_of_negative_zero_is_set() -> None:
    from keras import ops

    with builtin_forms():
        answer = np.asarray(ops.signbit(np.array([-0.0, 0.0, -1.0, 2.0, -np.inf], np.float32)))
    np.testing.assert_array_equal(answer, [True, False, True, False, True])


def test_keras_has_its_own_functions_back_afterwards() -> None:
    from keras.src.backend.tensorflow import numpy as keras_numpy

    before = keras_numpy.argmax
    with pytest.raises(RuntimeError), builtin_forms():
        assert keras_numpy.argmax is not before
        raise RuntimeError
    assert keras_numpy.argmax is before
