"""Calibration data of an encoder and, step by step along known sequences, of its decoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from edgekit.sequences.known_sequences import KnownSequences
from edgekit_converters.quantization.samples import Sample
from edgekit_runtime.sequences.stepwise import StepwiseModel

#: Steps that a decoder is calibrated on: ranges hardly change after a thousand, and each takes a run of the model.
_MOST_STEPS = 1024
#: Examples whose steps are computed together.
_BATCH = 32


def encoder_samples(inputs: Mapping[str, np.ndarray]) -> Iterator[Sample]:
    """Yield the encoder's inputs one example at a time, including the batch axis."""
    for row in range(len(next(iter(inputs.values())))):
        yield {name: array[row : row + 1] for name, array in inputs.items()}


def decoder_samples(
    model: StepwiseModel, inputs: Mapping[str, np.ndarray], sequences: KnownSequences
) -> Iterator[Sample]:
    """Run the float model along the known sequences, as in training, and yield the decoder's inputs of each step.

    If there are more than 1,024 steps, they are spread evenly over all examples and all places in a sequence.

    Args:
        model: The float encoder and decoder.
        inputs: Real values (N, …) of the encoder's inputs by name.
        sequences: The sequences of the same examples.
    """
    # The end token is what the last step predicts, and is never an input.
    steps = sequences.lengths - 1
    total = len(sequences) if model.wiring.takes_prefix else int(steps.sum())
    kept = set(np.linspace(0, total - 1, min(total, _MOST_STEPS)).astype(int).tolist())
    number = 0
    for start in range(0, len(sequences), _BATCH):
        rows = slice(start, start + _BATCH)
        known = sequences.tokens[rows, : int(steps[rows].max())]
        forced = model.forced_steps({name: array[rows] for name, array in inputs.items()}, known)
        for step, values in enumerate(forced):
            for row in range(len(known)):
                if not model.wiring.takes_prefix and step >= steps[start + row]:
                    continue
                if number in kept:
                    yield {name: array[row : row + 1] for name, array in values.items()}
                number += 1
