"""Generates sequences with a loaded model: translations step by step, or transcripts by CTC."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from edgekit_runtime.errors import InterpreterError, ModelFileError, TensorMismatchError
from edgekit_runtime.execution.batch_runner import BatchRunner
from edgekit_runtime.execution.batches import conform
from edgekit_runtime.packed_file.manifest import sha256
from edgekit_runtime.sequences.ctc import decode_greedily, decode_prefixes
from edgekit_runtime.sequences.decoding import (
    DECODE,
    SEQUENCE,
    CtcDecoding,
    SequenceDecoding,
    StepwiseDecoding,
    read_decoding,
)
from edgekit_runtime.sequences.log_probabilities import log_probabilities
from edgekit_runtime.sequences.search import SearchOptions
from edgekit_runtime.sequences.stepwise import Part, StepwiseModel
from edgekit_runtime.text.tokenizers import Tokenizer, read_tokenizer
from edgekit_runtime.tflite.signature_view import signature_view
from edgekit_runtime.tflite.tflite_model import TfliteModel


class Generation(NamedTuple):
    """One generated sequence.

    Attributes:
        text: The tokens as text; empty if the model has no vocabulary.
        tokens: Tokens without start, end and blank.
        log_probability: Natural logarithm of the probability that the model gives the sequence.
        is_complete: Whether the model ended the sequence itself; otherwise the maximum length cut it off.
        alternatives: With several beams, the next best sequences, the best first.
    """

    text: str
    tokens: tuple[int, ...]
    log_probability: float
    is_complete: bool
    alternatives: tuple[Generation, ...] = ()

    @property
    def answer(self) -> str:
        """The text, or the numbers of the tokens if the model has no vocabulary."""
        return self.text or " ".join(map(str, self.tokens))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        fields = self._asdict()
        return {**fields, "tokens": list(self.tokens), "alternatives": [each.to_dict() for each in self.alternatives]}


class Wishes(NamedTuple):
    """What a caller asks of a generation; None takes the value that is packed into the file.

    Attributes:
        beams: Number of beams.
        max_length: Largest number of generated tokens.
        length_penalty: Exponent of the length penalty.
    """

    beams: int | None = None
    max_length: int | None = None
    length_penalty: float | None = None


class Generator:
    """Generates sequences with one model.

    Args:
        decoding: The manifest's ``decoding``.
        model: The whole file.
        read_part: Reads a packed part by name.
        encoder: Runs the main signature.
    Raises:
        ModelFileError: The file says nothing about sequences, or what it says is damaged.
    """

    def __init__(
        self,
        decoding: Mapping[str, Mapping[str, Any]],
        model: TfliteModel,
        read_part: Callable[[str], bytes],
        encoder: BatchRunner,
    ) -> None:
        if SEQUENCE not in decoding:
            raise ModelFileError(
                "This model does not generate sequences, as generate() needs it.",
                expected="a file with a sequence decoding, such as edgekit convert --pair writes",
                received=", ".join(decoding) or "no decoding",
                next_step="use predict() or classify()",
            )
        self._decoding = read_decoding(decoding[SEQUENCE])
        self._tokenizer = _read_tokenizer(self._decoding, read_part)
        self._encoder = encoder
        self._decoder: BatchRunner | None = None
        if isinstance(self._decoding, StepwiseDecoding):
            _refuse_crash()
            self._decoder = encoder.for_view(signature_view(model, DECODE))
            parts = [Part(each.inputs, each.outputs, partial(_run_by_name, each)) for each in (encoder, self._decoder)]
            self._stepwise = StepwiseModel(parts[0], parts[1], self._decoding)

    def __call__(self, inputs: Any, wishes: Wishes) -> list[Generation]:
        """Generate one sequence per example.

        Args:
            inputs: Inputs of the main signature, as for :meth:`edgekit_runtime.model.Model.predict`.
            wishes: What the caller asks for.
        """
        runner = self._encoder
        arrays = dict(zip([info.name for info in runner.inputs], conform(inputs, runner.inputs, runner.batch_size)))
        if isinstance(self._decoding, CtcDecoding):
            return self._transcribed(self._decoding, arrays, wishes)
        return self._generated(self._decoding, arrays, wishes)

    def close(self) -> None:
        """Free the interpreters of the decoder."""
        if self._decoder is not None:
            self._decoder.close()

    def _generated(
        self, decoding: StepwiseDecoding, arrays: Mapping[str, np.ndarray], wishes: Wishes
    ) -> list[Generation]:
        options = SearchOptions(
            start=decoding.start,
            end=decoding.end,
            max_length=self._stepwise.longest(_chosen(wishes.max_length, decoding.max_length)),
            beams=_chosen(wishes.beams, decoding.beams),
            length_penalty=_chosen(wishes.length_penalty, decoding.length_penalty),
        )
        omitted = (decoding.start, decoding.end, decoding.padding)
        results = []
        for hypotheses in self._stepwise.generate(arrays, options):
            generations = [
                Generation(self._text(each.tokens, omitted), each.tokens, each.log_probability, each.is_complete)
                for each in hypotheses
            ]
            results.append(_best_with_alternatives(generations))
        return results

    def _transcribed(self, decoding: CtcDecoding, arrays: Mapping[str, np.ndarray], wishes: Wishes) -> list[Generation]:
        scores = next(iter(_run_by_name(self._encoder, arrays).values()))
        return transcribe(scores, decoding, self._tokenizer, wishes)

    def _text(self, tokens: Sequence[int], omitted: Sequence[int]) -> str:
        if self._tokenizer is None:
            return ""
        return self._tokenizer.decode(token for token in tokens if token not in omitted)


def transcribe(
    scores: np.ndarray, decoding: CtcDecoding, tokenizer: Tokenizer | None, wishes: Wishes
) -> list[Generation]:
    """Decode the output of a model that was trained with CTC.

    Args:
        scores: Real values (N, frames, tokens), the blank included.
        decoding: Blank, kind of scores, beams.
        tokenizer: Tokenizer of the tokens; None if they have no text.
        wishes: What the caller asks for.
    Raises:
        TensorMismatchError: The scores have another shape.
        InterpreterError: A score is NaN, or the blank does not exist.
    """
    if scores.ndim != 3:
        raise TensorMismatchError(
            "CTC decodes one row of scores per frame.",
            expected="an output of shape (N, frames, tokens)",
            received=str(scores.shape),
        )
    beams, limit = _chosen(wishes.beams, decoding.beams), wishes.max_length
    results = []
    for frames in log_probabilities(scores, decoding.scores):
        found = (
            [decode_greedily(frames, decoding.blank)] if beams == 1 else decode_prefixes(frames, decoding.blank, beams)
        )
        generations = [
            Generation(
                "" if tokenizer is None else tokenizer.decode(each.tokens[:limit]),
                each.tokens[:limit],
                each.log_probability,
                # A transcript is cut off by the caller's limit only.
                is_complete=limit is None or len(each.tokens) <= limit,
            )
            for each in found
        ]
        results.append(_best_with_alternatives(generations))
    return results


def _run_by_name(runner: BatchRunner, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    outputs = runner.run_together([inputs[info.name] for info in runner.inputs])
    return {info.name: values for info, values in zip(runner.outputs, outputs)}


def _best_with_alternatives(generations: Sequence[Generation]) -> Generation:
    if not generations:
        raise InterpreterError(
            "The model gives every sequence the probability 0.",
            expected="scores of tokens that are above 0",
            next_step="check the model on its own examples: model.verify()",
        )
    return generations[0]._replace(alternatives=tuple(generations[1:]))


def _chosen(wish: Any, packed: Any) -> Any:
    return packed if wish is None else wish


def _read_tokenizer(decoding: SequenceDecoding, read_part: Callable[[str], bytes]) -> Tokenizer | None:
    if not decoding.tokenizer:
        return None
    content = read_part(decoding.vocabulary)
    if sha256(content) != decoding.vocabulary_sha256:
        raise ModelFileError(
            "The vocabulary of the model's sequences is not the one that was packed.",
            expected=f"a part {decoding.vocabulary} with the SHA-256 {decoding.vocabulary_sha256}",
            received=f"{len(content)} other bytes" if content else "no such part",
            next_step="copy the file to this machine again, or convert the model again",
        )
    return read_tokenizer(decoding.tokenizer, content)


def _refuse_crash() -> None:
    """Refuse a decoder where it was seen to end the process: tflite-runtime 2.14 on emulated 32-bit ARM."""
    if sys.maxsize < 2**32:
        raise InterpreterError(
            "A decoder that runs step by step crashes the interpreter on 32-bit ARM.",
            expected="a 64-bit system",
            next_step="use a 64-bit Raspberry Pi OS",
        )
