"""SavedModel folders: honest ones are lowered, ones that reach out of the model are refused unread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from edgekit_converters.lowering.saved_model import lower_saved_model
from edgekit_runtime.errors import ConversionError, ModelFileError, UnsafeModelError


def test_an_exported_keras_model_answers_as_before(
    small_cnn: Any, small_cnn_inputs: np.ndarray, tmp_path: Path
) -> None:
    small_cnn.export(tmp_path / "exported", verbose=False)
    model = lower_saved_model(tmp_path / "exported")
    runner = Interpreter(model_content=model).get_signature_runner()
    (got,) = runner(picture=small_cnn_inputs).values()
    np.testing.assert_allclose(got, small_cnn.predict(small_cnn_inputs, verbose=0), atol=1e-6)


class WritesAFile(tf.Module):
    def __init__(self, marker: Path) -> None:
        super().__init__()
        self.marker = str(marker)

    @tf.function(input_signature=[tf.TensorSpec([1, 2], tf.float32)])
    def serve(self, x: tf.Tensor) -> tf.Tensor:
        tf.io.write_file(self.marker, "written")
        return x * 2


class ReadsAFile(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([1, 2], tf.float32)])
    def serve(self, x: tf.Tensor) -> tf.Tensor:
        return x * tf.cast(tf.strings.length(tf.io.read_file("secret.txt")), tf.float32)


def test_a_graph_that_writes_files_is_refused(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    module = WritesAFile(marker)
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    with pytest.raises(UnsafeModelError, match="WriteFile"):
        lower_saved_model(tmp_path / "model")
    assert not marker.exists()


def test_a_graph_that_reads_files_is_refused(tmp_path: Path) -> None:
    module = ReadsAFile()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    with pytest.raises(UnsafeModelError, match="ReadFile"):
        lower_saved_model(tmp_path / "model")


@pytest.mark.parametrize("content", [None, b"no protocol buffer at all \xff"], ids=["empty", "foreign"])
def test_a_folder_that_is_no_saved_model_is_a_sentence(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelFileError):
        lower_saved_model(tmp_path)


def test_an_operator_without_builtin_form_is_named(tmp_path: Path) -> None:
    class Odd(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
        def serve(self, x: tf.Tensor) -> tf.Tensor:
            return tf.math.erfinv(x)

    module = Odd()
    tf.saved_model.save(module, str(tmp_path / "odd"), signatures=module.serve)
    with pytest.raises(ConversionError, match="odd uses the operator Erfinv"):
        lower_saved_model(tmp_path / "odd")
