"""The network's layers, counted by hand."""

from __future__ import annotations

import pytest

from edgekit.training.reference_cnn import build


def layer_names(**options: object) -> list[str]:
    return [type(layer).__name__ for layer in build((28, 28, 1), 10, **options).layers]  # type: ignore[arg-type]


def test_the_plain_network() -> None:
    model = build((28, 28, 1), 10)
    assert [type(layer).__name__ for layer in model.layers] == [
        "Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Conv2D", "Flatten", "Dense", "Dense",
    ]  # fmt: skip
    assert [layer.filters for layer in model.layers if hasattr(layer, "filters")] == [32, 64, 64]
    assert model.layers[-1].activation.__name__ == "softmax"
    # 28 → 26 → 13 → 11 → 5 → 3 pixels a side; 3 · 3 · 64 = 576 values are flattened.
    assert model.count_params() == (9 + 1) * 32 + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 64 + 577 * 64 + 65 * 10


@pytest.mark.parametrize(
    ("shape", "classes", "flattened"),
    [
        # 18 → 16 → 8 → 6 → 3 → 1
        ((18, 18, 1), 2, 64),
        # 32 → 30 → 15 → 13 → 6 → 4, and 48 → 46 → 23 → 21 → 10 → 8
        ((32, 48, 3), 5, 4 * 8 * 64),
    ],
    ids=["smallest", "colour"],
)
def test_other_sizes_and_classes(shape: tuple[int, int, int], classes: int, flattened: int) -> None:
    model = build(shape, classes)
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, classes)
    assert model.layers[5].output.shape == (None, flattened)


def test_dropout_stands_around_the_dense_layer_and_not_after_the_softmax() -> None:
    assert layer_names(dropout=0.3)[-5:] == ["Flatten", "Dropout", "Dense", "Dropout", "Dense"]


def test_batch_norm_stands_between_convolution_and_activation() -> None:
    names = layer_names(batch_norm=True)
    assert names.count("BatchNormalization") == 3
    for at, name in enumerate(names):
        if name == "Conv2D":
            assert names[at + 1 : at + 3] == ["BatchNormalization", "ReLU"]
    assert names[-1] == "Dense"
