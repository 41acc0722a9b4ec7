"""Replacements, made of builtin operators, for Keras functions whose TensorFlow operator has no builtin form."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

# Coefficients of x and of 1 for erf(x) = x * P(x²) / Q(x²) within ±4, as Eigen and XLA compute it in float32.
_ERF_NUMERATOR = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
_ERF_DENOMINATOR = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)


@contextlib.contextmanager
def builtin_forms() -> Iterator[None]:
    """Make Keras use builtin operators while the block traces a model.

    Each replacement agrees with TensorFlow's function to within float32 accuracy.
    """
    from keras.src.backend.tensorflow import math as keras_math
    from keras.src.backend.tensorflow import numpy as keras_numpy

    with contextlib.ExitStack() as stack:
        for name, form in _FORMS.items():
            module = keras_math if name in ("erf", "erfc") else keras_numpy
            stack.enter_context(replaced(module, name, form))
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Replace an attribute of a module or class while the block runs."""
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _in_floats(form: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """A function of one tensor; integers are converted to float32, as in Keras."""

    @functools.wraps(form)
    def computed(x: Any) -> Any:
        import tensorflow as tf

        x = tf.convert_to_tensor(x)
        return form(tf, x if x.dtype.is_floating else tf.cast(x, tf.float32))

    return computed


def _erf(tf: Any, x: Any) -> Any:
    x = tf.clip_by_value(x, -4.0, 4.0)
    square = x * x
    numerator, denominator = (
        functools.reduce(lambda total, coefficient: total * square + coefficient, coefficients[1:], coefficients[0])
        for coefficients in (_ERF_NUMERATOR, _ERF_DENOMINATOR)
    )
    return tf.clip_by_value(x * numerator / denominator, -1.0, 1.0)


def _arcsinh(tf: Any, x: Any) -> Any:
    size = tf.abs(x)
    return tf.sign(x) * tf.math.log(size + tf.sqrt(size * size + 1.0))


def _signbit(x: Any) -> Any:
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    if x.dtype.is_floating:
        x = tf.bitcast(tf.cast(x, tf.float32), tf.int32)
    return tf.zeros_like(x) if x.dtype == tf.bool else x < 0


def _extreme_index(name: str) -> Callable[..., Any]:
    """``argmax`` or ``argmin`` as one operator. Keras also ranks -0.0 below 0.0, which takes four more."""

    def index(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        import tensorflow as tf

        x = tf.convert_to_tensor(x)
        x = tf.cast(x, tf.int32) if x.dtype == tf.bool else x
        flat = tf.reshape(x, [-1]) if axis is None else x
        found = getattr(tf, name)(flat, axis=0 if axis is None else axis, output_type=tf.int32)
        if not keepdims:
            return found
        return tf.reshape(found, [1] * x.shape.rank) if axis is None else tf.expand_dims(found, axis)

    return index


_FORMS: dict[str, Callable[..., Any]] = {
    "erf": _in_floats(_erf),
    "erfc": _in_floats(lambda tf, x: 1.0 - _erf(tf, x)),
    "arctan": _in_floats(lambda tf, x: tf.atan2(x, tf.ones_like(x))),
    "arcsin": _in_floats(lambda tf, x: tf.atan2(x, tf.sqrt((1.0 - x) * (1.0 + x)))),
    "arccos": _in_floats(lambda tf, x: tf.atan2(tf.sqrt((1.0 - x) * (1.0 + x)), x)),
    "arcsinh": _in_floats(_arcsinh),
    "arccosh": _in_floats(lambda tf, x: tf.math.log(x + tf.sqrt((x - 1.0) * (x + 1.0)))),
    "arctanh": _in_floats(lambda tf, x: 0.5 * tf.math.log((1.0 + x) / (1.0 - x))),
    "sinh": _in_floats(lambda tf, x: 0.5 * (tf.exp(x) - tf.exp(-x))),
    "cosh": _in_floats(lambda tf, x: 0.5 * (tf.exp(x) + tf.exp(-x))),
    "tan": _in_floats(lambda tf, x: tf.sin(x) / tf.cos(x)),
    "signbit": _signbit,
    "argmax": _extreme_index("argmax"),
    "argmin": _extreme_index("argmin"),
}
