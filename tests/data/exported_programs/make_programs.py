"""Writes the exported programs of this folder: python make_programs.py, with PyTorch 2.13.

Then, for the two models: edgekit convert cnn.pt2 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --color-order bgr,
and the same with --channels-last --output cnn-channels-last.tflite.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

FOLDER = Path(__file__).parent


class Cnn(nn.Module):
    """Images to five classes, with batch normalization and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.drop, self.dense = nn.Dropout(0.3), nn.Linear(4, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.conv(image))).mean((2, 3))
        return torch.softmax(self.dense(self.drop(x)), -1)


class Several(nn.Module):
    """Arguments of several kinds, a constant made in ``forward()``, a dict returned."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 8)

    def forward(self, tokens: torch.Tensor, scale: float = 2.0, *, extra: list[torch.Tensor]) -> dict[str, Any]:
        x = self.table(tokens) * scale + extra[0] * torch.tensor([1.0, 2.0]).repeat(4)
        return {"mean": x.mean(1), "flat": x.reshape(x.shape[0] * 2, -1)}


def save(program: torch.export.ExportedProgram, name: str) -> None:
    """Write a program without the lines of source that it came from, which hold this machine's paths."""
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    torch.export.save(program, FOLDER / f"{name}.pt2")


def main() -> None:
    """Write them all."""
    torch.manual_seed(0)
    batch = torch.export.Dim("batch")
    image = torch.rand(2, 3, 8, 8)
    model = Cnn().train()
    model(torch.rand(16, 3, 8, 8))
    save(torch.export.export(model, (image,)), "training")
    model.eval()
    save(torch.export.export(model, (image,), dynamic_shapes={"image": {0: batch}}), "cnn")
    tokens, extra = torch.randint(0, 20, (2, 6)), [torch.rand(2, 6, 8)]
    shapes = {"tokens": {0: batch}, "scale": None, "extra": [{0: batch}]}
    several = torch.export.export(Several().eval(), (tokens, 3.0), {"extra": extra}, dynamic_shapes=shapes)
    save(several, "several")


if __name__ == "__main__":
    main()
