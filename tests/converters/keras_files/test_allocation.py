"""Files of a few kB that ask for gigabytes: refused in a sentence, before anything is allocated."""

from __future__ import annotations

import base64
import json
import marshal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measured import measure
from mutations import write_h5

from edgekit_converters.keras_files.allocation import bounded_variables, require_bounded_model
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_runtime.errors import ModelFileError


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": class_name.lower(), **config}}


def model(shape: list[int], *layers: dict[str, Any]) -> dict[str, Any]:
    first = {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [None, *shape]}}
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [first, *layers]}}


def calling(function: Callable[[Any], Any]) -> dict[str, Any]:
    code = base64.b64encode(marshal.dumps(function.__code__)).decode()
    return {"class_name": "Lambda", "config": {"name": "formula", "function": [code, None, None]}}


def mel(**config: Any) -> dict[str, Any]:
    plain = {"fft_length": 512, "sequence_stride": 256, "sequence_length": 256, "num_mel_bins": 16}
    return layer("MelSpectrogram", **{**plain, **config})


#: What importing TensorFlow and Keras takes of a process's CPU time; on a busy machine it is up to twice that.
START_SECONDS = 3

#: With what the refusal says.
ATTACKS = {
    "an embedding of 12 GB": (
        model([4], layer("Embedding", input_dim=10**9, output_dim=3)),
        "layer 'model/embedding' needs more weights than the file stores: its embeddings has the shape (1000000000, 3)",
    ),
    "300 layers of 64 MB": (
        model([4000], *[layer("Dense", units=4000, name=f"dense_{number}") for number in range(300)]),
        "needs more weights than the file stores",
    ),
    "a recurrent layer of 480 GB": (model([4, 8], layer("GRU", units=200_000)), "gru_cell' needs more weights"),
    "enlarged pixels": (
        model([8, 8, 3], layer("UpSampling2D", size=[10**5, 10**5])),
        "layer 'upsampling2d' computes a tensor of shape (?, 800000, 800000, 3), which takes 7,680.0 GB",
    ),
    "a tensor within a formula": (
        model([4], calling(lambda x: tf.reduce_mean(tf.tile(x, [1, 1_000_000_000]), axis=1))),  # type: ignore[name-defined]  # noqa: F821
        "computes a tensor of shape (?, 4000000000), which takes 16.0 GB",
    ),
    "a tensor within a layer": (
        model([16_000], mel(fft_length=10**8)),
        "computes a tensor of shape (?, 63, 100000000), which takes 25.2 GB",
    ),
    "ten million steps": (
        model([10**7, 3], layer("TimeDistributed", layer=layer("Dense", units=2))),
        "with layer 'timedistributed', the model is written out as 10,000,000 calls of layers",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_small_file_that_asks_for_gigabytes_is_refused_in_time_and_memory(name: str, tmp_path: Path) -> None:
    description, said = ATTACKS[name]
    write_h5(tmp_path / "huge.h5", json.dumps(description))
    measured = measure("lower", tmp_path / "huge.h5")
    measured.require_bounded(start_seconds=START_SECONDS)
    assert said in measured.outcome
    assert measured.outcome.startswith("huge.h5: ")


def test_as_many_weights_as_are_stored_may_be_allocated() -> None:
    import keras

    with bounded_variables(5000 * 5000, "stored.h5"):
        keras.Sequential([keras.Input((5000,)), keras.layers.Dense(5000, "relu", kernel_initializer="zeros")])
    with pytest.raises(ModelFileError, match="/dense' needs") as caught, bounded_variables(10, "empty.h5"):
        keras.Sequential([keras.Input((5000,)), keras.layers.Dense(5000, kernel_initializer="zeros", name="dense")])
    assert caught.value.expected == "the 10 values (40 bytes) that it stores"
    # Outside of the block, Keras allocates as ever.
    assert keras.layers.Dense(2, kernel_initializer="ones").build((None, 3)) is None


def test_errors_of_keras_pass_through_the_block_as_they_are() -> None:
    import keras

    with pytest.raises(ValueError, match="units"), bounded_variables(10, "model.h5"):
        keras.layers.Dense(-1)


def test_max_memory_decides_which_tensors_are_too_large(small_cnn: Any) -> None:
    largest = max(int(np.prod(tensor.shape[1:])) * 4 for each in small_cnn.layers for tensor in [each.output])
    require_bounded_model(small_cnn, largest, "cnn")
    with pytest.raises(ModelFileError, match="computes a tensor of shape"):
        require_bounded_model(small_cnn, largest - 1, "cnn")
    with pytest.raises(ModelFileError, match="computes a tensor of shape"):
        lower_keras_model(small_cnn, name="cnn", max_memory=100)


def test_unrolled_layers_inside_others_multiply() -> None:
    import keras
    from keras import layers

    frames = keras.Sequential([keras.Input((150, 3)), layers.TimeDistributed(layers.Dense(2))])
    films = keras.Sequential([keras.Input((100, 150, 3)), layers.TimeDistributed(frames)])
    require_bounded_model(films, 10**9, "films")
    longer = keras.Sequential([keras.Input((200, 150, 3)), layers.TimeDistributed(frames)])
    with pytest.raises(ModelFileError, match="the model is written out as 30,"):
        require_bounded_model(longer, 10**9, "films")
    both = keras.Sequential([keras.Input((12_000, 3)), layers.Bidirectional(layers.GRU(2, unroll=True))])
    with pytest.raises(ModelFileError, match="24,000 calls"):
        require_bounded_model(both, 10**9, "both")


@pytest.mark.parametrize("name", ["split", "unstack"])
def test_a_tensor_is_not_taken_apart_into_a_million(name: str) -> None:
    import keras

    from edgekit_converters.keras_files.replacement_layers.expression import Expression

    def parts(size: int) -> Any:
        kwargs = {"sizes": size} if name == "split" else {}
        return Expression({"call": name, "args": [{"input": None}], "kwargs": {**kwargs, "axis": 1}})(
            keras.Input((size,))
        )

    assert len(parts(3)) == 3
    with pytest.raises(ValueError, match="split into 1000000 tensors"):
        parts(10**6)
