"""Makes the small ``.tflite`` fixtures of this folder, and the ``.npz`` with each one's inputs and expected outputs.

The expected outputs are the Keras model's own, so that the runtime's tests compare with Keras without having it.
Run with the development environment: ``python tests/data/tflite/make_tflite.py``.
"""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from keras import layers

FOLDER = Path(__file__).parent
RANDOM = np.random.default_rng(20240607)


def cnn() -> keras.Model:
    return keras.Sequential(
        [
            layers.Input((12, 12, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            # More than 1,024 weights: dynamic-range conversion leaves smaller tensors in float.
            layers.Dense(10, activation="softmax", name="probabilities"),
        ]
    )


def brightness() -> keras.Model:
    """The mean of an image, as its only score."""
    return keras.Sequential([layers.Input((12, 12, 1), name="image"), layers.GlobalAveragePooling2D()])


def many_operators() -> keras.Model:
    """One operator of each kind that vision models are made of, for the damage test."""
    image = layers.Input((8, 8, 3), name="image")
    x = layers.ZeroPadding2D()(image)
    x = layers.Conv2D(4, 3, strides=2)(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    left, right = keras.ops.split(x, 2, axis=3)
    x = layers.Concatenate()([layers.DepthwiseConv2D(3, padding="same")(left), keras.ops.tanh(right)])
    x = layers.Add()([x, layers.Conv2D(4, 1, activation="sigmoid")(x)])
    x = layers.Conv2DTranspose(2, 3, strides=2)(x)
    x = layers.UpSampling2D()(layers.AveragePooling2D(2)(x))
    x = layers.Permute((2, 1, 3))(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax", name="probabilities")(x))


def two_in_two_out() -> keras.Model:
    left = layers.Input((3,), name="left")
    right = layers.Input((2,), name="right")
    joined = layers.Concatenate()([left, right])
    return keras.Model(
        {"left": left, "right": right},
        {"total": layers.Dense(1, name="total")(joined), "hidden": layers.Dense(4, name="hidden")(joined)},
    )


def convert(
    model: keras.Model,
    *,
    quantize: str = "none",
    io: tf.DType = tf.float32,
    batch: int | None = None,
    samples: np.ndarray | None = None,
) -> bytes:
    if batch is not None:
        fixed_input = keras.Input(batch_shape=(batch, *model.input_shape[1:]), name=model.inputs[0].name)
        fixed = keras.models.clone_model(model, input_tensors=fixed_input)
        fixed.set_weights(model.get_weights())
        model = fixed
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "int8":
        converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = io
        converter.inference_output_type = io
    return converter.convert()


def convert_cholesky(*, select_tf_ops: bool) -> bytes:
    """A function without a builtin operator: it becomes a Flex operator, or a custom one."""
    module = tf.Module()
    module.call = tf.function(tf.linalg.cholesky, input_signature=[tf.TensorSpec([2, 2], tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.call.get_concrete_function()], module)
    if select_tf_ops:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    else:
        converter.allow_custom_ops = True
    return converter.convert()


def save(name: str, content: bytes) -> None:
    (FOLDER / f"{name}.tflite").write_bytes(content)
    print(f"{name:24} {len(content):6} bytes")


def save_answers(name: str, **arrays: np.ndarray) -> None:
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)


def save_lstm_in_16_bits() -> None:
    """Its first state, always 0, gets a scale of 0, and the product with it one of 3e-43."""
    unrolled = keras.Sequential([layers.Input((3, 2), name="steps"), layers.LSTM(2, unroll=True)])
    steps = RANDOM.random((10, 3, 2), np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(unrolled)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in steps)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    save("lstm_int16", converter.convert())
    save_answers("lstm_int16", x=steps, y=unrolled.predict(steps, verbose=0))


def main() -> None:
    keras.utils.set_random_seed(7)
    model = cnn()
    pixels = RANDOM.integers(0, 256, (40, 12, 12, 1), np.uint8)
    images = (pixels / 255).astype(np.float32)
    save_answers("cnn", pixels=pixels, image=images, probabilities=model.predict(images, verbose=0))
    save("cnn_float32", convert(model))
    save("cnn_float32_batch1", convert(model, batch=1))
    save("cnn_float32_batch4", convert(model, batch=4))
    save("cnn_dynamic", convert(model, quantize="dynamic"))
    for io in (tf.float32, tf.int8, tf.uint8):
        save(f"cnn_int8_io_{io.name}", convert(model, quantize="int8", io=io, samples=images))

    save("brightness", convert(brightness()))

    dense = keras.Sequential([layers.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])
    rows = RANDOM.normal(size=(10, 4)).astype(np.float32)
    save("dense_float32", convert(dense))
    save_answers("dense_float32", x=rows, y=dense.predict(rows, verbose=0))

    lstm = keras.Sequential([layers.Input((6, 2)), layers.LSTM(5), layers.Dense(3)])
    series = RANDOM.normal(size=(10, 6, 2)).astype(np.float32)
    save("lstm_batch1", convert(lstm, batch=1))
    save_answers("lstm_batch1", x=series, y=lstm.predict(series, verbose=0))

    # Keras 2 lowers an LSTM to one operator, whose state is a tensor that outlives an invoke.
    fused = tf_keras.Sequential([tf_keras.layers.Input((6, 2), batch_size=1), tf_keras.layers.LSTM(5)])
    save("fused_lstm_batch1", tf.lite.TFLiteConverter.from_keras_model(fused).convert())
    save_answers("fused_lstm_batch1", x=series, y=np.concatenate([fused(row[np.newaxis]) for row in series]))

    embedding = keras.Sequential(
        [layers.Input((5,), dtype="int32"), layers.Embedding(20, 4), layers.Flatten(), layers.Dense(3)]
    )
    words = RANDOM.integers(0, 20, (10, 5)).astype(np.int32)
    save("embedding_int32", convert(embedding))
    save_answers("embedding_int32", x=words, y=embedding.predict(words, verbose=0))

    pair = two_in_two_out()
    left, right = (RANDOM.normal(size=(10, width)).astype(np.float32) for width in (3, 2))
    answers = pair.predict({"left": left, "right": right}, verbose=0)
    save("two_in_two_out", convert(pair))
    save_answers("two_in_two_out", left=left, right=right, **answers)

    many = many_operators()
    pictures = RANDOM.random((10, 8, 8, 3), np.float32)
    save("many_operators", convert(many, batch=1))
    save("many_operators_int8", convert(many, batch=1, quantize="int8", io=tf.int8, samples=pictures))
    save_answers("many_operators", x=pictures, y=many.predict(pictures, verbose=0))

    save("flex_operator", convert_cholesky(select_tf_ops=True))
    save("custom_operator", convert_cholesky(select_tf_ops=False))

    # Buffers behind the FlatBuffer, as the converter writes them for models beyond 2 GB.
    converter = tf.lite.TFLiteConverter.from_keras_model(dense)
    converter._experimental_use_buffer_offset = True
    save("dense_buffer_offset", converter.convert())

    save_lstm_in_16_bits()

    # Quantize, reshape, dequantize: shows an interpreter's own rounding. The calibration gives scale 1/16.
    reshape = keras.Sequential([layers.Input((16,)), layers.Reshape((4, 4))])
    span = np.stack([np.full(16, -8, np.float32), np.full(16, 127 / 16, np.float32)])
    save("quantize_only", convert(reshape, quantize="int8", samples=span))


if __name__ == "__main__":
    main()
