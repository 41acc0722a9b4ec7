"""Train a small network that says of each pixel to which digit it belongs, and convert it: ``python train.py FOLDER``.

Writes into FOLDER: ``outliner.keras``, images with their true masks in ``calibration.npz`` and ``test.npz``, and
``outliner-none.tflite`` and ``outliner-int8.tflite`` for the device; prints what each file gets right.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers
from PIL import Image

import edgekit

SIZE = 64
LABELS = ("background", *(str(number) for number in range(10)))
SCENES, BATCH, EPOCHS = 2000, 16, 4


def scenes(digits: np.ndarray, labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images with one to three digits on a noisy background, and the class of each pixel."""
    dice = np.random.default_rng(seed)
    images, masks = np.zeros((count, SIZE, SIZE), np.uint8), np.zeros((count, SIZE, SIZE), np.int64)
    for image, mask in zip(images, masks, strict=True):
        image[:] = dice.integers(0, 40, image.shape)
        for _ in range(dice.integers(1, 4)):
            number, side = dice.integers(len(digits)), int(dice.integers(22, 33))
            digit = np.asarray(Image.fromarray(digits[number, :, :, 0]).resize((side, side)))
            x, y = dice.integers(0, SIZE - side, 2)
            place = slice(y, y + side), slice(x, x + side)
            if mask[place].any():
                continue
            image[place] = np.maximum(image[place], digit)
            mask[place][digit > 100] = labels[number] + 1
    return images[..., np.newaxis], masks


def build() -> keras.Model:
    """A small U-Net: two steps down, one up, and scores that are interpolated to the size of the image."""

    def convolved(x, channels, stride=1):
        x = layers.Conv2D(channels, 3, stride, "same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization()(x))

    image = layers.Input((SIZE, SIZE, 1), name="image")
    half = convolved(image, 12, stride=2)
    quarter = convolved(convolved(convolved(half, 24, stride=2), 40), 40)
    up = layers.UpSampling2D(interpolation="bilinear")(layers.Conv2D(24, 1)(quarter))
    scores = layers.Conv2D(len(LABELS), 1)(convolved(layers.Concatenate()([half, up]), 24))
    scores = layers.UpSampling2D(interpolation="bilinear")(scores)
    return keras.Model(image, layers.Softmax(name="mask")(scores))


def main(folder: Path) -> None:
    keras.utils.set_random_seed(1)
    digits = edgekit.load_data("digits")
    images, masks = scenes(digits.x_train, digits.y_train, SCENES, seed=0)
    model = build()
    schedule = keras.optimizers.schedules.CosineDecay(4e-3, EPOCHS * SCENES // BATCH)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    # Most pixels are background; those of digits count more.
    weights = np.where(masks > 0, 4.0, 1.0)
    model.fit(images / np.float32(255), masks, sample_weight=weights, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "outliner.keras")
    for name, count in (("calibration", 200), ("test", 200)):
        x, y = scenes(digits.x_test, digits.y_test, count, seed=len(name))
        np.savez_compressed(folder / f"{name}.npz", x=x, y=y)
    for mode in ("none", "int8"):
        target = folder / f"outliner-{mode}.tflite"
        edgekit.convert(
            folder / "outliner.keras", target, quantize=mode, data=folder / "calibration.npz", labels=LABELS
        )
        result = edgekit.validate(folder / "outliner.keras", target, folder / "test.npz", everything=True)
        for metric in result.outputs[0].metrics[:2]:
            print(f"{mode}: {metric.name} {metric.candidate:.1%}, Keras {metric.reference:.1%}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
