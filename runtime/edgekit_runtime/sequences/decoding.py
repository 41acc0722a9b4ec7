"""How a model's outputs become a sequence, as packed under ``decoding["sequence"]`` of the manifest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Union

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.sequences.log_probabilities import LOGITS, PROBABILITIES
from edgekit_runtime.sequences.search import LONGEST, MOST_BEAMS

#: Key in the manifest's ``decoding``.
SEQUENCE = "sequence"
#: Names of the signatures of a file that contains encoder and decoder.
ENCODE, DECODE = "encode", "decode"
#: Default of the maximum number of generated tokens.
DEFAULT_LENGTH = 128
_LARGEST_TOKEN = 10_000_000


class StepwiseDecoding(NamedTuple):
    """Encoder and decoder, which generates one token after the other.

    Attributes:
        start: Token that the decoder gets first.
        end: Token that ends a sequence.
        padding: Token that fills the places behind the tokens so far, for a decoder that gets all of them.
        max_length: Largest number of generated tokens, the end token included.
        scores: ``probabilities`` or ``logits``.
        beams: Number of hypotheses of the search unless the caller chooses another.
        length_penalty: Exponent of the length penalty.
        tokenizer: Options of the tokenizer of the generated tokens, see ``edgekit_runtime.text``; empty if the tokens
            have no text.
        vocabulary: Part with its vocabulary.
        vocabulary_sha256: SHA-256 of this part, in hex.
    """

    start: int
    end: int
    padding: int = 0
    max_length: int = DEFAULT_LENGTH
    scores: str = PROBABILITIES
    beams: int = 1
    length_penalty: float = 0.0
    tokenizer: Mapping[str, Any] = MappingProxyType({})
    vocabulary: str = ""
    vocabulary_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stored in the manifest."""
        return {"method": "stepwise", **self._asdict(), "tokenizer": dict(self.tokenizer)}


class CtcDecoding(NamedTuple):
    """A model that scores every frame, trained with connectionist temporal classification.

    Attributes:
        blank: Number of the blank; negative numbers count from the end.
        scores: ``probabilities`` or ``logits``.
        beams: Number of prefixes; 1 takes the most probable token of each frame.
        tokenizer: Options of the tokenizer of the generated tokens, see ``edgekit_runtime.text``; empty if the tokens
            have no text. Its vocabulary may lack the blank if that is the last token.
        vocabulary: Part with its vocabulary.
        vocabulary_sha256: SHA-256 of this part, in hex.
    """

    blank: int = -1
    scores: str = PROBABILITIES
    beams: int = 1
    tokenizer: Mapping[str, Any] = MappingProxyType({})
    vocabulary: str = ""
    vocabulary_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stored in the manifest."""
        return {"method": "ctc", **self._asdict(), "tokenizer": dict(self.tokenizer)}


SequenceDecoding = Union[StepwiseDecoding, CtcDecoding]

_RANGES: Mapping[str, tuple[float, float]] = {
    "start": (0, _LARGEST_TOKEN),
    "end": (0, _LARGEST_TOKEN),
    "padding": (0, _LARGEST_TOKEN),
    "max_length": (1, LONGEST),
    "beams": (1, MOST_BEAMS),
    "blank": (-_LARGEST_TOKEN, _LARGEST_TOKEN),
}
_LONGEST_PENALTY = 10.0


def read_decoding(fields: Mapping[str, Any]) -> SequenceDecoding:
    """Read the result of ``to_dict()`` from JSON, without trusting it.

    Raises:
        ModelFileError: A field is missing, unknown or out of range.
    """
    records: Mapping[Any, Any] = {"stepwise": StepwiseDecoding, "ctc": CtcDecoding}
    method = fields.get("method")
    record = records.get(method) if isinstance(method, str) else None
    if record is None:
        raise ModelFileError(
            "This version does not know how the model's sequences are decoded.",
            expected=" or ".join(records),
            received=f"{method!r:.40}",
            next_step="pip install --upgrade edgekit-runtime",
        )
    given = {name: value for name, value in fields.items() if name != "method"}
    required = [name for name in record._fields if name not in record._field_defaults]
    wrong = [name for name in given if name not in record._fields] + [name for name in required if name not in given]
    wrong += [name for name, value in given.items() if name in record._fields and not _is_valid(name, value)]
    if wrong:
        raise ModelFileError(
            "The fields of the sequence decoding packed into the model are damaged.",
            expected=", ".join(record._fields),
            received=f"{wrong[0]!r:.40}: {given.get(wrong[0])!r:.40}",
            next_step="convert the model again",
        )
    decoding: SequenceDecoding = record(**given)
    return decoding


def _is_valid(name: str, value: Any) -> bool:
    if name in _RANGES:
        low, high = _RANGES[name]
        return type(value) is int and low <= value <= high
    if name == "scores":
        return value in (PROBABILITIES, LOGITS)
    if name == "tokenizer":
        return isinstance(value, dict)
    if name == "length_penalty":
        return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= _LONGEST_PENALTY
    return isinstance(value, str)
