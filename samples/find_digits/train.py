"""Train a small SSD that finds digits, convert it, and print what each file finds: ``python train.py FOLDER``.

Writes into FOLDER: ``detector.keras`` and ``anchors.npy``, images with their true boxes in COCO's format in
``calibration/`` and ``test/``, and ``detector-none.tflite`` and ``detector-int8.tflite`` for the device.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from PIL import Image

import edgekit

SIZE, STRIDE, CLASSES = 64, 8, 10
CELLS = SIZE // STRIDE
SCENES, BATCH, EPOCHS = 2400, 16, 6
#: Side lengths of the two square anchors of each cell, in pixels.
ANCHOR_SIZES = (15, 23)
#: Scales of the codes of x, y, width and height, as in SSD.
VARIANCES = np.array([0.1, 0.1, 0.2, 0.2], np.float32)


def anchor_table() -> np.ndarray:
    """Centre and size of each anchor as shares of the image, (128, 4), in the order of the model's boxes."""
    centres = (np.arange(CELLS) + 0.5) / CELLS
    y, x, size = np.meshgrid(centres, centres, np.array(ANCHOR_SIZES) / SIZE, indexing="ij")
    return np.stack([x, y, size, size], axis=-1).reshape(-1, 4).astype(np.float32)


def scenes(digits: np.ndarray, labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Images with one to three digits on a noisy background, and their boxes: rows of class, x, y, width, height."""
    dice = np.random.default_rng(seed)
    images, boxes = np.zeros((count, SIZE, SIZE), np.uint8), []
    for image in images:
        image[:] = dice.integers(0, 40, image.shape)
        own = []
        for _ in range(dice.integers(1, 4)):
            number, side = dice.integers(len(digits)), int(dice.integers(22, 33))
            digit = np.asarray(Image.fromarray(digits[number, :, :, 0]).resize((side, side)))
            # The box fits the ink, not the margin around it.
            rows, columns = np.flatnonzero((digit > 60).any(1)), np.flatnonzero((digit > 60).any(0))
            digit = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            height, width = digit.shape
            x, y = (int(dice.integers(0, SIZE - each)) for each in (width, height))
            if any(x < b[1] + b[3] and b[1] < x + width and y < b[2] + b[4] and b[2] < y + height for b in own):
                continue
            part = image[y : y + height, x : x + width]
            part[:] = np.maximum(part, digit)
            own.append((labels[number], x, y, width, height))
        boxes.append(np.array(own, np.float32))
    return images[..., np.newaxis], boxes


def targets(boxes: list[np.ndarray], anchors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each anchor: the codes of its box and whether it has one, (N, 128, 5); and its class, 0 for background."""
    codes, classes = np.zeros((len(boxes), len(anchors), 5), np.float32), np.zeros((len(boxes), len(anchors)), np.int64)
    for image, rows in enumerate(boxes):
        for label, x, y, width, height in rows:
            box = np.array([x + width / 2, y + height / 2, width, height], np.float32) / SIZE
            low = np.maximum(anchors[:, :2] - anchors[:, 2:] / 2, box[:2] - box[2:] / 2)
            high = np.minimum(anchors[:, :2] + anchors[:, 2:] / 2, box[:2] + box[2:] / 2)
            shared = np.prod(np.maximum(high - low, 0), axis=1)
            overlap = shared / (np.prod(anchors[:, 2:], axis=1) + np.prod(box[2:]) - shared)
            own = (overlap > 0.4) | (overlap == overlap.max())
            codes[image, own, :2] = (box[:2] - anchors[own, :2]) / anchors[own, 2:] / VARIANCES[:2]
            codes[image, own, 2:4] = np.log(box[2:] / anchors[own, 2:]) / VARIANCES[2:]
            codes[image, own, 4], classes[image, own] = 1, int(label) + 1
    return codes, classes


def build() -> keras.Model:
    """A CNN that gives codes (128, 4) and scores (128, 11), the first of which is the background."""
    image = x = layers.Input((SIZE, SIZE, 1), name="image")
    for channels, stride in ((16, 2), (32, 2), (64, 2), (64, 1), (64, 1)):
        x = layers.Conv2D(channels, 3, stride, "same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    per_cell = len(ANCHOR_SIZES)
    codes = layers.Reshape((-1, 4), name="codes")(layers.Conv2D(4 * per_cell, 1)(x))
    scores = layers.Reshape((-1, CLASSES + 1))(layers.Conv2D((CLASSES + 1) * per_cell, 1)(x))
    return keras.Model(image, {"codes": codes, "scores": layers.Softmax(name="scores")(scores)})


def box_loss(truth, codes):
    """Huber loss of the codes of anchors that have a box."""
    distance = ops.abs(truth[..., :4] - codes)
    huber = ops.where(distance < 1, distance**2 / 2, distance - 0.5)
    return ops.sum(huber * truth[..., 4:], axis=(1, 2)) / ops.maximum(ops.sum(truth[..., 4], axis=1), 1)


def class_loss(truth, scores):
    """Focal loss, so that the many anchors of the background do not drown the few others."""
    right = ops.sum(ops.one_hot(ops.cast(truth, "int32"), CLASSES + 1) * scores, axis=-1)
    loss = -((1 - right) ** 2) * ops.log(ops.maximum(right, 1e-7))
    return ops.sum(loss, axis=1) / ops.maximum(ops.sum(ops.cast(truth > 0, "float32"), axis=1), 1)


def save_coco(folder: Path, images: np.ndarray, boxes: list[np.ndarray]) -> None:
    """Save images as PNG, and their boxes in COCO's format."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"images": [], "annotations": [], "categories": [{"id": n, "name": str(n)} for n in range(CLASSES)]}
    for number, (image, rows) in enumerate(zip(images, boxes, strict=True)):
        name = f"{number:04}.png"
        Image.fromarray(image[..., 0]).save(folder / name)
        content["images"].append({"id": number, "file_name": name, "height": SIZE, "width": SIZE})
        content["annotations"] += [
            {"image_id": number, "category_id": int(label), "bbox": [float(each) for each in box]}
            for label, *box in rows
        ]
    (folder / "annotations.json").write_text(json.dumps(content))


def main(folder: Path) -> None:
    keras.utils.set_random_seed(1)
    digits = edgekit.load_data("digits")
    anchors = anchor_table()
    images, boxes = scenes(digits.x_train, digits.y_train, SCENES, seed=0)
    codes, classes = targets(boxes, anchors)
    model = build()
    schedule = keras.optimizers.schedules.CosineDecay(4e-3, EPOCHS * SCENES // BATCH)
    model.compile(keras.optimizers.Adam(schedule), loss={"codes": box_loss, "scores": class_loss})
    model.fit(images / np.float32(255), {"codes": codes, "scores": classes}, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "detector.keras")
    np.save(folder / "anchors.npy", anchors)
    for name, count in (("calibration", 200), ("test", 200)):
        save_coco(folder / name, *scenes(digits.x_test, digits.y_test, count, seed=len(name)))
    for mode in ("none", "int8"):
        edgekit.convert(
            folder / "detector.keras",
            folder / f"detector-{mode}.tflite",
            quantize=mode,
            data=folder / "calibration",
            boxes="ssd",
            anchors=anchors,
        )
        result = edgekit.validate(
            folder / "detector.keras", folder / f"detector-{mode}.tflite", folder / "test", everything=True
        )
        for metric in result.outputs[0].metrics:
            print(f"{mode}: {metric.name.upper()} {metric.candidate:.1%}, Keras {metric.reference:.1%}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
