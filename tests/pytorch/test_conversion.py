"""Programs converted for real answer as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgekit_runtime
from edgekit_converters.lowering.exported_program import lower_exported_program

BATCH = torch.export.Dim("batch")


class Cnn(nn.Module):
    """As MobileNet has it: depthwise and pointwise, batch normalization, hard swish."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6(),
            nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.BatchNorm2d(8), nn.Hardswish(),
            nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(16, 4), nn.Softmax(-1),
        )  # fmt: skip

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image)


class Recurrent(nn.Module):
    """An LSTM before a GRU in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.gru = nn.LSTM(6, 8, batch_first=True), nn.GRU(8, 4, batch_first=True, bidirectional=True)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        return self.gru(self.lstm(steps)[0])[0][:, -1]


class Attention(nn.Module):
    """Tokens, a learned position, one layer of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.position = nn.Embedding(30, 16), nn.Parameter(torch.rand(7, 16))
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
        self.dense = nn.Linear(16, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.dense(self.layer(self.table(tokens) + self.position).mean(1))


class Segmenter(nn.Module):
    """A mask for each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 8, 3, 2, 1), nn.ConvTranspose2d(8, 5, 2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.up(torch.relu(self.down(x)))


def trained(model: nn.Module, *inputs: torch.Tensor) -> nn.Module:
    """With averages in its batch normalization that are not those it starts with."""
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(*inputs)
    return model.eval()


def save(model: nn.Module, path: Path, *inputs: torch.Tensor, open_batch: bool = False, **more: Any) -> Path:
    """Export a model, with an open batch if asked for."""
    shapes = tuple({0: BATCH} for _ in inputs) if open_batch else None
    torch.export.save(torch.export.export(model, inputs, dynamic_shapes=shapes, **more), path)
    return path


IMAGE, STEPS, TOKENS = torch.rand(2, 3, 16, 16), torch.rand(2, 5, 6), torch.randint(0, 30, (2, 7))


@pytest.mark.parametrize("open_batch", [False, True], ids=["fixed", "open"])
@pytest.mark.parametrize(
    ("make", "example"),
    [(Cnn, IMAGE), (Recurrent, STEPS), (Attention, TOKENS), (Segmenter, IMAGE)],
    ids=["cnn", "recurrent", "attention", "segmenter"],
)
def test_float32_answers_as_pytorch_does(
    make: Callable[[], nn.Module], example: torch.Tensor, open_batch: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = trained(make(), example)
    path = save(model, tmp_path / "model.pt2", example, open_batch=open_batch)
    lowered = lower_exported_program(path)
    loaded = edgekit_runtime.load(lowered.model)
    x = torch.cat([example, example.flip(0), example])[:5]
    right = model(x).detach().numpy()
    np.testing.assert_allclose(loaded.predict(x.numpy().astype(loaded.inputs[0].dtype)), right, atol=1e-5)
    np.testing.assert_allclose(lowered.run({loaded.inputs[0].name: x.numpy()})["output"], right, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "example", "batch"),
    [
        (Cnn, IMAGE, "dynamic"),
        (Attention, TOKENS, "dynamic"),
        (Recurrent, STEPS, "dynamic"),
        (Segmenter, IMAGE, "as exported"),
    ],
    ids=["cnn", "attention", "recurrent", "segmenter"],
)
def test_an_open_batch_stays_open_or_is_fixed_and_said(
    make: Callable[[], nn.Module], example: torch.Tensor, batch: str, tmp_path: Path
) -> None:
    lowered = lower_exported_program(save(make().eval(), tmp_path / "model.pt2", example, open_batch=True))
    assert lowered.batch == ("dynamic" if batch == "dynamic" else "as exported")
    assert edgekit_runtime.load(lowered.model).inputs[0].shape[0] == (-1 if batch == "dynamic" else 1)
    assert any("batch" in note and "fixed" in note for note in lowered.notes) is (batch != "dynamic")


def test_open_sizes_of_an_image_are_fixed_and_said(tmp_path: Path) -> None:
    shapes = {"x": {0: BATCH, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}}
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(Segmenter().eval(), (IMAGE,), dynamic_shapes=shapes), path)
    lowered = lower_exported_program(path)
    assert edgekit_runtime.load(lowered.model).inputs[0].shape[1:] == (3, 16, 16)
    assert any("x (2 × 3 × 16 × 16)" in note for note in lowered.notes)


def test_channels_last_moves_the_transpose_into_the_graph_and_folds_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Segmenter().eval()
    path = save(model, tmp_path / "model.pt2", IMAGE)
    lowered = lower_exported_program(path, channels_last=True)
    loaded = edgekit_runtime.load(lowered.model)
    assert (loaded.inputs[0].shape, loaded.outputs[0].shape) == ((2, 16, 16, 3), (2, 16, 16, 5))
    assert not [operator for operator in loaded.description.operators if operator.name == "TRANSPOSE"]
    right = model(IMAGE).detach().permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(loaded.predict(IMAGE.permute(0, 2, 3, 1).numpy()), right, atol=1e-5)
    assert not lowered.channels_first


def test_names_are_those_of_forward_and_of_the_dict_it_returns() -> None:
    several = Path(__file__).resolve().parents[1] / "data" / "exported_programs" / "several.pt2"
    loaded = edgekit_runtime.load(lower_exported_program(several).model)
    assert {info.name for info in loaded.inputs} == {"tokens", "extra"}
    assert {info.name for info in loaded.outputs} == {"mean", "flat"}


def test_a_training_mode_export_is_converted_as_in_evaluation_and_warned_of(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = trained(nn.Sequential(Cnn(), nn.Dropout(0.5)), IMAGE)
    right = model(IMAGE).detach().numpy()
    lowered = lower_exported_program(save(model.train(), tmp_path / "model.pt2", IMAGE))
    np.testing.assert_allclose(edgekit_runtime.load(lowered.model).predict(IMAGE.numpy()), right, atol=1e-5)
    assert "training mode (batch_norm, dropout)" in lowered.warnings[0]
