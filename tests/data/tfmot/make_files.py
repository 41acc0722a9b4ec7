"""Make the files of this folder: models of the TensorFlow Model Optimization toolkit 0.8.1, with their answers.

    TF_USE_LEGACY_KERAS=1 python make_files.py

needs ``tensorflow``, ``tf-keras`` and ``tensorflow-model-optimization``.
"""

from pathlib import Path

import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras as keras

FOLDER = Path(__file__).parent


def small_model():
    keras.utils.set_random_seed(3)
    x = keras.Input((8, 8, 2), name="x")
    y = keras.layers.Conv2D(4, 3, name="conv")(x)
    y = keras.layers.BatchNormalization(name="bn")(y)
    y = keras.layers.ReLU(name="relu")(y)
    y = keras.layers.DepthwiseConv2D(3, name="depthwise")(y)
    y = keras.layers.Flatten(name="flatten")(y)
    return keras.Model(x, keras.layers.Dense(3, name="dense", activation="softmax")(y))


def save(name, model, reference):
    inputs = np.random.default_rng(0).standard_normal((4, 8, 8, 2)).astype(np.float32)
    model.save(FOLDER / f"{name}.h5", include_optimizer=False)
    np.savez(FOLDER / f"{name}.npz", input_0=inputs, output_0=reference(inputs, training=False).numpy())


quantize = tfmot.quantization.keras
data = np.random.default_rng(1).standard_normal((64, 8, 8, 2)).astype(np.float32)

plain = small_model()
annotated = keras.models.clone_model(
    plain, clone_function=lambda layer: quantize.quantize_annotate_layer(layer) if layer.name == "dense" else layer
)
annotated.set_weights(plain.get_weights())
save("annotated", annotated, plain)

aware = quantize.quantize_model(small_model())
aware.compile("sgd", "mse")
aware.fit(data, np.eye(3, dtype=np.float32)[np.arange(64) % 3], epochs=1, verbose=0)
save("quantize_aware", aware, aware)

pruned = tfmot.sparsity.keras.prune_low_magnitude(small_model())
save("pruned", pruned, pruned)

clustered = tfmot.clustering.keras.cluster_weights(
    small_model(),
    number_of_clusters=4,
    cluster_centroids_init=tfmot.clustering.keras.CentroidInitialization.LINEAR,
)
save("clustered", clustered, clustered)
