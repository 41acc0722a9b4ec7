"""Runs an encoder and a decoder step by step; which program runs them is the caller's choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from edgekit_runtime.sequences.decoding import StepwiseDecoding
from edgekit_runtime.sequences.log_probabilities import log_probabilities
from edgekit_runtime.sequences.search import Hypothesis, SearchOptions, State, search
from edgekit_runtime.sequences.wiring import find_wiring
from edgekit_runtime.tensor_info import TensorInfo

_Arrays = Mapping[str, np.ndarray]


class Part(NamedTuple):
    """The encoder or the decoder.

    Attributes:
        inputs: Its inputs.
        outputs: Its outputs.
        run: Computes real values (N, …) by output name from real values (N, …) by input name.
    """

    inputs: Sequence[TensorInfo]
    outputs: Sequence[TensorInfo]
    run: Callable[[_Arrays], _Arrays]


class StepwiseModel:
    """An encoder and a decoder that are connected by the names of their inputs and outputs, see ``wiring``.

    Args:
        encoder: The encoder.
        decoder: The decoder.
        decoding: Tokens and lengths.
    Raises:
        ModelFileError: The names do not connect encoder and decoder.
    """

    def __init__(self, encoder: Part, decoder: Part, decoding: StepwiseDecoding) -> None:
        self._encoder = encoder
        self._decoder = decoder
        self._decoding = decoding
        self.wiring = find_wiring(encoder.inputs, encoder.outputs, decoder.inputs, decoder.outputs)
        self._input_of = {info.name: info for info in decoder.inputs}

    def generate(self, inputs: _Arrays, options: SearchOptions) -> list[list[Hypothesis]]:
        """Search the most probable sequences for each example of the encoder's inputs, see :func:`search`."""
        state = self.first_state(inputs)
        return search(self._step, state, len(next(iter(inputs.values()))), options)

    def first_state(self, inputs: _Arrays) -> State:
        """Run the encoder and return the decoder's inputs of the first step, except for the tokens.

        Args:
            inputs: Real values (N, …) of the encoder's inputs by name.
        """
        outputs = self._encoder.run(inputs)
        provided = {**inputs, **outputs}
        state = {name: np.asarray(provided[source]) for name, source in self.wiring.from_encoder.items()}
        count = len(next(iter(inputs.values())))
        for name in self.wiring.carried:
            if name not in state:
                info = self._input_of[name]
                dtype = np.float32 if info.quantization is not None else info.dtype
                state[name] = np.zeros((count, *info.shape[1:]), dtype)
        return state

    def forced_steps(self, inputs: _Arrays, targets: np.ndarray) -> Iterator[_Arrays]:
        """Run the decoder along known sequences, as in training, and yield its inputs of each step.

        Args:
            inputs: Real values (N, …) of the encoder's inputs by name.
            targets: Tokens (N, steps), int32, the start token first.
        Yields:
            Real values (N, …) of the decoder's inputs by name; with a decoder that gets all tokens, only once.
        """
        state = self.first_state(inputs)
        if self.wiring.takes_prefix:
            yield {**state, self.wiring.tokens: self.token_input(targets)}
            return
        for step in range(1, targets.shape[1] + 1):
            values = {**state, self.wiring.tokens: self.token_input(targets[:, :step])}
            yield values
            if step < targets.shape[1]:
                state = self._next_state(state, self._decoder.run(values))

    def token_input(self, tokens: np.ndarray) -> np.ndarray:
        """The decoder's input for the tokens so far (N, steps)."""
        info = self._input_of[self.wiring.tokens]
        dtype = np.dtype(np.float32) if info.quantization is not None or info.dtype.kind == "f" else info.dtype
        if not self.wiring.takes_prefix:
            last = tokens[:, -1:] if len(info.shape) == 2 else tokens[:, -1]
            return last.astype(dtype)
        length = self._prefix_length(info)
        padded = np.full((len(tokens), length), self._decoding.padding, dtype)
        used = tokens[:, :length]
        padded[:, : used.shape[1]] = used
        return padded

    def longest(self, asked: int) -> int:
        """The largest number of tokens that can be generated, if ``asked`` are asked for."""
        if not self.wiring.takes_prefix:
            return asked
        return min(asked, self._prefix_length(self._input_of[self.wiring.tokens]))

    def _prefix_length(self, info: TensorInfo) -> int:
        # One size for all steps: an interpreter plans its memory again for every new shape.
        return info.shape[1] if info.shape[1] > 0 else self._decoding.max_length

    def _step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        outputs = self._decoder.run({**state, self.wiring.tokens: self.token_input(tokens)})
        scores = np.asarray(outputs[self.wiring.scores])
        if scores.ndim == 3:
            # One row of scores per token: that of the last token so far predicts the next one.
            scores = scores[:, min(tokens.shape[1], scores.shape[1]) - 1]
        return log_probabilities(scores, self._decoding.scores), self._next_state(state, outputs)

    def _next_state(self, state: State, outputs: _Arrays) -> State:
        carried = {name: np.asarray(outputs[source]) for name, source in self.wiring.carried.items()}
        return {**state, **carried}
