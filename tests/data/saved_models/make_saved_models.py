"""Makes the SavedModels beside this file, zipped: small models of Keras 2, trained for a step, saved with optimizer.

Needs tf_keras, which users do not have; the tests of conversion need the files only. With each goes an ``.npz`` of
three examples and what the model answers, arrays ``input NAME`` and ``output NAME``.

    python tests/data/saved_models/make_saved_models.py
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tf_keras
from tf_keras import layers

HERE = Path(__file__).resolve().parent


def cnn() -> tf_keras.Model:
    """A convolution with batch norm: the commonest kind."""
    return tf_keras.Sequential(
        [
            layers.Input((6, 6, 1), name="picture"),
            layers.Conv2D(2, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="kind"),
        ]
    )


def lstm() -> tf_keras.Model:
    """A recurrent layer, which Keras saves as a loop."""
    return tf_keras.Sequential([layers.Input((5, 2), name="series"), layers.LSTM(3), layers.Dense(1, name="next")])


def gru_with_open_length() -> tf_keras.Model:
    """A recurrent layer over any number of steps, with two outputs."""
    series = layers.Input((None, 2), name="series")
    states = layers.GRU(3, return_sequences=True)(series)
    outputs = {"next": layers.Dense(1, name="next"), "peak": layers.GlobalMaxPooling1D(name="peak")}
    return tf_keras.Model(series, {name: layer(states) for name, layer in outputs.items()})


def embedding() -> tf_keras.Model:
    """An index into a table of 7 rows beside numbers."""
    word, numbers = layers.Input((1,), name="word"), layers.Input((2,), name="numbers")
    rows = layers.Flatten()(layers.Embedding(7, 3)(word))
    return tf_keras.Model([word, numbers], layers.Dense(2, name="score")(layers.Concatenate()([rows, numbers])))


def example(model: tf_keras.Model) -> dict[str, np.ndarray]:
    """Three seeded inputs by name."""
    random = np.random.default_rng(0)
    shapes = {tensor.name: [5 if size is None else size for size in tensor.shape[1:]] for tensor in model.inputs}
    inputs = {name: random.normal(size=(3, *shape)).astype(np.float32) for name, shape in shapes.items()}
    return inputs | ({"word": random.integers(0, 7, (3, 1)).astype(np.float32)} if "word" in inputs else {})


def main() -> None:
    """Make every file anew."""
    for make in (cnn, lstm, gru_with_open_length, embedding):
        tf_keras.utils.set_random_seed(1)
        model = make()
        inputs = example(model)
        outputs = model.predict(inputs, verbose=0)
        targets = {k: v + 0.1 for k, v in outputs.items()} if isinstance(outputs, dict) else outputs + 0.1
        model.compile(tf_keras.optimizers.legacy.Adam(), "mse")
        model.fit(inputs, targets, verbose=0)
        outputs = model.predict(inputs, verbose=0)
        path = HERE / f"keras2_{make.__name__}"
        with tempfile.TemporaryDirectory() as folder:
            model.save(folder, include_optimizer=True)
            shutil.make_archive(str(path), "zip", folder)
        named = outputs if isinstance(outputs, dict) else {model.output_names[0]: outputs}
        arrays = {f"input {name}": value for name, value in inputs.items()}
        np.savez_compressed(f"{path}.npz", **arrays, **{f"output {name}": value for name, value in named.items()})


if __name__ == "__main__":
    main()
