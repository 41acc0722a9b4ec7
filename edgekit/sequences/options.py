"""Declares the options of converting an encoder and a decoder."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.datasets.readers.memory import MemoryData
from edgekit_converters.quantization.modes import Mode, Scheme
from edgekit_runtime.text.tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class PairOptions:
    """Options of converting an encoder and a decoder.

    Attributes:
        modes: Quantization modes of both; more than one are tried in order within the budget.
        max_drop: Budget for the drops of exact match and token accuracy, as a fraction; None converts without judging.
        repairs: Whether the float models may be repaired before int8, within a budget.
        scheme: Granularity of the scales of integer weights.
        data: Pairs of sources and sequences, by path or in memory; None if nothing is calibrated or judged.
        samples: Maximum number of pairs for calibration.
        seed: Seed for choosing the pairs for calibration and for judging.
        targets: Names of the runtimes that the file must run on.
        source_tokenizer: Tokenizer of the texts that the encoder gets; None if it gets values.
        tokenizer: Tokenizer of the generated sequences; None if tokens have no text.
        start: Start token, by number or by its word in the vocabulary; None finds it.
        end: End token, likewise.
        max_length: Largest number of generated tokens, the end token included; None derives it from the data.
        beams: Number of beams of the search on the device unless a caller chooses another.
        length_penalty: Exponent of the length penalty.
    """

    modes: tuple[Mode, ...] = (Mode.NONE,)
    max_drop: float | None = None
    repairs: bool = True
    scheme: Scheme = Scheme.PER_CHANNEL
    data: str | MemoryData | None = None
    samples: int = 256
    seed: int = 0
    targets: tuple[str, ...] = ()
    source_tokenizer: Tokenizer | None = None
    tokenizer: Tokenizer | None = None
    start: int | str | None = None
    end: int | str | None = None
    max_length: int | None = None
    beams: int = 1
    length_penalty: float = 0.0
