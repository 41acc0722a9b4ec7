"""A SavedModel as the reference of a comparison."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.parity.predictors import open_predictor
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import EdgekitError


def test_a_saved_model_answers_by_the_signature_that_has_the_inputs_compared(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    half = tf.function(lambda x: {"half": x / 2}, input_signature=[tf.TensorSpec((None, 3), name="x")])
    double = tf.function(lambda code: {"double": code * 2}, input_signature=[tf.TensorSpec((None, 3), name="code")])
    tf.saved_model.save(module, str(tmp_path), signatures={"half": half, "double": double})
    values = np.ones((2, 3), np.float32)
    predictor = open_predictor(tmp_path, [ModelInput("code", (-1, 3), "float32")])
    np.testing.assert_array_equal(predictor.predict({"code": values})["double"], 2 * values)
    with pytest.raises(EdgekitError, match="several signatures"):
        open_predictor(tmp_path, [ModelInput("other", (-1, 3), "float32")])
