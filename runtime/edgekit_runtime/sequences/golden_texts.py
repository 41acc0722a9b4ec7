"""The generated texts in golden examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from edgekit_runtime.errors import ModelFileError, TensorMismatchError
from edgekit_runtime.packed_file.golden import ANSWER_PREFIX, GoldenExamples, GoldenInput, model_values
from edgekit_runtime.sequences.generation import Generation
from edgekit_runtime.tensor_info import TensorInfo

_NAME = f"{ANSWER_PREFIX}texts"


class GeneratingModel(Protocol):
    """The part of a loaded model that generates; :class:`edgekit_runtime.Model` implements it.

    Attributes:
        inputs: Inputs, in the file's order.
    """

    inputs: tuple[TensorInfo, ...]

    def generate(self, examples: Any) -> list[Generation]:
        """Return a sequence for each example."""


def golden_texts(
    model: GeneratingModel,
    golden: GoldenExamples,
    preprocessing: Mapping[str, GoldenInput],
    outputs: Sequence[np.ndarray],
) -> dict[str, np.ndarray]:
    """Generate the texts of golden examples, from their raw inputs.

    Args:
        model: Loaded model.
        golden: The golden examples.
        preprocessing: How strings or recordings become an input, by input name.
        outputs: The outputs of the golden examples; not used, since a decoder may also read the encoder's inputs.
    Returns:
        The texts as in :func:`pack_texts`, under the name that golden examples have for them.
    """
    names = [info.name for info in model.inputs]
    try:
        generations = model.generate(dict(zip(names, model_values(golden.inputs, names, preprocessing))))
    except TensorMismatchError as error:
        raise ModelFileError(
            "The golden examples packed into the model do not match its inputs.", received=error.problem
        ) from error
    return pack_texts([each.answer for each in generations])


def pack_texts(texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Convert generated texts to an array (N, bytes) of UTF-8, uint8, filled up with zeros, by its name."""
    encoded = [text.encode() for text in texts]
    rows = np.zeros((len(encoded), max(map(len, encoded), default=0)), np.uint8)
    for row, content in zip(rows, encoded):
        row[: len(content)] = np.frombuffer(content, np.uint8)
    return {_NAME: rows}
