"""Writes lambda_code.json: the code of some functions, marshalled by every Python that has written Keras files.

Run by each Python in turn, oldest first; every run adds its own entry:

    for python in python2.7 python3.6 ... python3.13; do $python make_lambda_code.py; done
"""

import base64
import io
import json
import marshal
import os
import sys

K = keras = tf = np = None


def with_default(x, scale=2.0):
    return x * scale


def with_closure():
    mean = 0.5
    return lambda x: x - mean


FUNCTIONS = {
    "normalize": lambda x: x / 127.5 - 1.0,
    "integers": lambda x: x / 255,
    "two_constants": lambda x: (x - 128) / (2 * 64.0),
    "reflected": lambda x: 1.0 - x * 2,
    "negative_power": lambda x: -(x**2),
    "slice_rows": lambda x: x[:, 10:-5, :, :],
    "slice_step": lambda x: x[..., ::-1],
    "first": lambda x: x[0],
    "absolute_difference": lambda x: K.abs(x[0] - x[1]),
    "relu": lambda x: tf.nn.relu(x),
    "normalize_rows": lambda x: K.l2_normalize(x, axis=1),
    "mean": lambda x: K.mean(x, axis=[1, 2], keepdims=True),
    "resize": lambda x: tf.image.resize(x, (66, 200)),
    "expand": lambda x: tf.expand_dims(x, -1),
    "builtin_abs": lambda x: abs(x),
    "root": lambda x: x * np.sqrt(2.0),
    "dtype": lambda x: tf.cast(x, tf.float32) / 255.0,
    "with_default": with_default,
    "with_closure": with_closure(),
    "not_arithmetic": lambda x: __import__("os").system("true") or x,
    "attribute": lambda x: x.numpy(),
    "conditional": lambda x: x if x is None else x * 2,
    "generator": lambda x: [v for v in x],
    "unknown_global": lambda x: x * scale_of_this_file,  # noqa: F821
    "constant": lambda x: 3.0,
}


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lambda_code.json")
    table = {}
    if os.path.exists(path):
        with io.open(path, encoding="utf8") as stream:
            table = json.load(stream)
    table["%d.%d" % sys.version_info[:2]] = {
        name: base64.b64encode(marshal.dumps(function.__code__)).decode("ascii") for name, function in FUNCTIONS.items()
    }
    with io.open(path, "w", encoding="utf8") as stream:
        stream.write("" + json.dumps(table, indent=1, sort_keys=True) + "\n")


main()
