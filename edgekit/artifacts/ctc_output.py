"""How the frames of a model that was trained with CTC become a transcript, as declared by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit_runtime.errors import UsageError
from edgekit_runtime.packed_file.manifest import sha256
from edgekit_runtime.sequences.decoding import SEQUENCE, CtcDecoding
from edgekit_runtime.sequences.generation import Wishes, transcribe
from edgekit_runtime.sequences.golden_texts import pack_texts
from edgekit_runtime.sequences.log_probabilities import kind_of_scores
from edgekit_runtime.text.tokenizers import Tokenizer
from edgekit_runtime.tflite.tflite_model import TfliteModel

_VOCABULARY = "vocabulary_sequence.txt"


@dataclass(frozen=True, slots=True)
class CtcOptions:
    """The user's declaration of a CTC output.

    Attributes:
        blank: Number of the blank; -1 for the last token.
        tokenizer: Tokenizer of the tokens; None if they have no text.
        beams: Number of prefixes of the search on the device.
    """

    blank: int
    tokenizer: Tokenizer | None = None
    beams: int = 1


@dataclass(frozen=True, slots=True)
class CtcOutput:
    """A CTC output of one model.

    Attributes:
        decoding: The record for the manifest.
        tokenizer: Tokenizer of the tokens; None if they have no text.
    """

    decoding: CtcDecoding
    tokenizer: Tokenizer | None

    def to_manifest(self) -> dict[str, dict[str, Any]]:
        """The decoding, as stored in the manifest."""
        return {SEQUENCE: self.decoding.to_dict()}

    def parts(self) -> dict[str, bytes]:
        """The vocabulary."""
        return {} if self.tokenizer is None else {self.decoding.vocabulary: self.tokenizer.content()}

    def golden_answer(self, outputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """The texts of the outputs of golden examples."""
        # Each golden example is a batch of one.
        scores = outputs[0].reshape(-1, *outputs[0].shape[-2:])
        return pack_texts([each.answer for each in transcribe(scores, self.decoding, self.tokenizer, Wishes())])


def find_ctc_output(options: CtcOptions, model: TfliteModel, inputs: Mapping[str, np.ndarray]) -> CtcOutput:
    """Check a declaration against the float model.

    Args:
        options: The declaration.
        model: The float model.
        inputs: A few real inputs (N, …) by name.
    Raises:
        UsageError: The model has several outputs or no frames, or blank or vocabulary do not match its scores.
    """
    outputs = list(edgekit_runtime.load(model).predict_named(inputs).values())
    if len(outputs) != 1 or outputs[0].ndim != 3:
        raise UsageError(
            "The model does not end in frames for CTC.",
            expected="one output of shape (N, frames, tokens)",
            received=", ".join(str(output.shape) for output in outputs),
            next_step="leave --ctc-blank out",
        )
    tokens = outputs[0].shape[2]
    if not -1 <= options.blank < tokens:
        raise UsageError(
            "The blank is not one of the tokens that the model scores.",
            expected=f"--ctc-blank last, or 0 to {tokens - 1}",
            received=str(options.blank),
        )
    decoding = CtcDecoding(options.blank, kind_of_scores(outputs[0]), options.beams)
    if options.tokenizer is None:
        return CtcOutput(decoding, None)
    is_last = options.blank in (-1, tokens - 1)
    if options.tokenizer.size not in ((tokens - 1, tokens) if is_last else (tokens,)):
        raise UsageError(
            "The vocabulary of the sequences does not match the model.",
            expected=f"{tokens} tokens, one per score" + (", or one less without the blank" if is_last else ""),
            received=f"{options.tokenizer.size} tokens",
        )
    packed = decoding._replace(
        tokenizer=options.tokenizer.to_dict(),
        vocabulary=_VOCABULARY,
        vocabulary_sha256=sha256(options.tokenizer.content()),
    )
    return CtcOutput(packed, options.tokenizer)
