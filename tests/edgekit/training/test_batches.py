"""What each epoch learns from."""

from __future__ import annotations

import numpy as np

from edgekit.training.batches import batches
from edgekit.training.options import TrainingOptions

COUNT = 10
#: Image n is all of value n, so that images can be told apart.
PIXELS = np.broadcast_to(np.arange(COUNT, dtype=np.uint8).reshape(-1, 1, 1, 1), (COUNT, 18, 18, 1)).copy()
CLASSES = np.arange(COUNT) % 2


def drawn(first_epoch: int = 0, x: np.ndarray = PIXELS, **options: object) -> list[tuple[np.ndarray, np.ndarray]]:
    settings = TrainingOptions(**{"epochs": 3, "batch_size": 4, "augment": False, **options})  # type: ignore[arg-type]
    return [
        (images.numpy(), classes.numpy()) for images, classes in batches(x, CLASSES, settings, first_epoch=first_epoch)
    ]


def test_every_epoch_has_every_example_once() -> None:
    steps = drawn()
    assert [len(images) for images, _ in steps] == [4, 4, 2] * 3
    for epoch in range(3):
        of_epoch = steps[3 * epoch : 3 * epoch + 3]
        numbers = np.rint(np.concatenate([images[:, 0, 0, 0] for images, _ in of_epoch]) * 255).astype(int)
        classes = np.concatenate([classes for _, classes in of_epoch])
        assert sorted(numbers) == list(range(COUNT))
        np.testing.assert_array_equal(classes, numbers % 2)


def test_the_order_changes_with_the_epoch_and_the_seed() -> None:
    first, second = (np.concatenate([x[:, 0, 0, 0] for x, _ in drawn()[at : at + 3]]) for at in (0, 3))
    other = np.concatenate([x[:, 0, 0, 0] for x, _ in drawn(seed=1)[:3]])
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_later_start_gives_the_same_batches_from_there_on() -> None:
    unbroken, resumed = drawn(augment=True), drawn(first_epoch=2, augment=True)
    assert len(resumed) == 3
    for (x, y), (x_resumed, y_resumed) in zip(unbroken[6:], resumed, strict=True):
        np.testing.assert_array_equal(x, x_resumed)
        np.testing.assert_array_equal(y, y_resumed)


def test_pixels_become_what_the_device_makes_of_them() -> None:
    images = drawn()[0][0]
    assert images.dtype == np.float32
    numbers = np.rint(images * 255).astype(np.uint8)
    np.testing.assert_array_equal(images, numbers.astype(np.float32) / 255)


def test_floats_stay_as_they_are() -> None:
    images = drawn(x=PIXELS.astype(np.float32) * 7)[0][0]
    assert set((images / 7).ravel().tolist()) <= set(range(COUNT))


def test_augmentation_changes_images_and_keeps_their_range() -> None:
    striped = PIXELS.copy()
    striped[:, 9:] = 255
    plain, augmented = drawn(x=striped)[0][0], drawn(x=striped, augment=True)[0][0]
    assert not np.array_equal(plain, augmented)
    assert augmented.min() >= 0
    assert augmented.max() <= 1
