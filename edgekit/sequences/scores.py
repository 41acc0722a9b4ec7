"""Scores of generated sequences: those of the source model, of the float model and of the converted file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgekit.counting import counted, points, points_between
from edgekit.parity.paired_statistics import Interval, PairedCounts, drop_interval
from edgekit.sequences.metrics import bleu, exact_matches, token_accuracy, word_error_rate
from edgekit_runtime.text.tokenizers import Tokenizer

_WORTH_A_WARNING = 0.01


@dataclass(frozen=True, slots=True)
class SequenceScore:
    """Score of one model.

    Attributes:
        exact_match: Share of sequences that are generated exactly.
        token_accuracy: Share of tokens that are generated in their place.
        word_error_rate: Word errors per expected word; None without a vocabulary.
        bleu: BLEU from 0 to 100; None without a vocabulary or if sacrebleu is not installed.
    """

    exact_match: float
    token_accuracy: float
    word_error_rate: float | None = None
    bleu: float | None = None


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """Scores on pairs that calibration did not use.

    Attributes:
        examples: Number of examples.
        source: Score of the source model, run by its own framework; None if that cannot run here.
        float_model: Score of the float model, before quantization.
        converted: Score of the converted file.
        drop: Drop of exact match from the float model to the converted file.
        interval: 95 % interval of the drop.
        is_held_back: Whether calibration used none of the examples.
    """

    examples: int
    source: SequenceScore | None
    float_model: SequenceScore
    converted: SequenceScore
    drop: float
    interval: Interval
    is_held_back: bool

    @property
    def worst_drop(self) -> float:
        """The larger of the drops of exact match and token accuracy from the float model to the converted file."""
        return max(self.drop, self.float_model.token_accuracy - self.converted.token_accuracy)

    @property
    def is_bad(self) -> bool:
        """Whether the drop is significant and above one point."""
        return self.drop > _WORTH_A_WARNING and self.interval.low > 0

    def describe(self) -> str:
        """One sentence with the scores, the drop and its interval."""
        before = self.source or self.float_model
        sentence = (
            f"exact match {before.exact_match:.2%} → {self.converted.exact_match:.2%} on "
            f"{counted(self.examples, 'held-back example' if self.is_held_back else 'example')}, "
            f"{points(-self.drop)} against the float model "
            f"(95 %: {points_between(-self.interval.high, -self.interval.low)}); "
            f"token accuracy {before.token_accuracy:.2%} → {self.converted.token_accuracy:.2%}"
        )
        if before.word_error_rate is not None and self.converted.word_error_rate is not None:
            sentence += f"; word error rate {before.word_error_rate:.2%} → {self.converted.word_error_rate:.2%}"
        if before.bleu is not None and self.converted.bleu is not None:
            sentence += f"; BLEU {before.bleu:.1f} → {self.converted.bleu:.1f}"
        return sentence

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def compare(
    expected: Sequence[tuple[int, ...]],
    *,
    source: Sequence[tuple[int, ...]] | None,
    float_model: Sequence[tuple[int, ...]],
    converted: Sequence[tuple[int, ...]],
    tokenizer: Tokenizer | None,
    is_held_back: bool,
) -> SequenceScores:
    """Score what three models generated for the same examples.

    Args:
        expected: The known sequences, without start and end.
        source: What the source model generated; None if it cannot run here.
        float_model: What the float model generated.
        converted: What the converted file generated.
        tokenizer: Tokenizer of the sequences; None if tokens have no text.
        is_held_back: Whether calibration used none of the examples.
    """
    counts = PairedCounts.of(*(_as_array(exact_matches(each, expected)) for each in (float_model, converted)))
    scores = [None if each is None else _score(each, expected, tokenizer) for each in (source, float_model, converted)]
    assert scores[1] is not None and scores[2] is not None
    return SequenceScores(
        examples=len(expected),
        source=scores[0],
        float_model=scores[1],
        converted=scores[2],
        drop=scores[1].exact_match - scores[2].exact_match,
        interval=drop_interval(counts),
        is_held_back=is_held_back,
    )


def _score(
    generated: Sequence[tuple[int, ...]], expected: Sequence[tuple[int, ...]], tokenizer: Tokenizer | None
) -> SequenceScore:
    matches = exact_matches(generated, expected)
    score = SequenceScore(sum(matches) / len(matches), token_accuracy(generated, expected))
    if tokenizer is None or not any(expected):
        return score
    texts, wanted = ([tokenizer.decode(each) for each in some] for some in (generated, expected))
    rate = word_error_rate([text.split() for text in texts], [text.split() for text in wanted])
    return SequenceScore(score.exact_match, score.token_accuracy, rate, bleu(texts, wanted))


def _as_array(values: Sequence[bool]) -> Any:
    import numpy as np

    return np.array(values)
