"""Greedy and beam search over the predictions of a decoder, one token after the other.

The search knows neither interpreters nor Keras: it calls a function that scores the next token. The device and the
workstation therefore generate with the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from edgekit_runtime.errors import InterpreterError, UsageError

#: Arrays by name that a decoder passes from one step to the next, with one row per hypothesis.
State = Mapping[str, np.ndarray]
#: Scores the next token. Arguments: all tokens so far (rows, steps), int32, the start token first; the state after the
#: previous step, one row per row of tokens. Returns natural logarithms of probabilities (rows, tokens) and the new
#: state.
Step = Callable[[np.ndarray, State], "tuple[np.ndarray, State]"]

#: More beams than any published translation model uses; each costs a row in every call of the decoder.
MOST_BEAMS = 64
#: Far beyond any sentence; bounds the time of a model that never predicts the end token.
LONGEST = 4096


class Hypothesis(NamedTuple):
    """One generated sequence.

    Attributes:
        tokens: Tokens without start and end token.
        log_probability: Natural logarithm of the probability that the model gives the sequence.
        score: ``log_probability`` divided by the length penalty; the search compares these.
        is_complete: Whether the model predicted the end token; otherwise the maximum length cut the sequence off.
    """

    tokens: tuple[int, ...]
    log_probability: float
    score: float
    is_complete: bool


class SearchOptions(NamedTuple):
    """Options of a search.

    Attributes:
        start: Token that the decoder gets first.
        end: Token that ends a sequence.
        max_length: Largest number of generated tokens, the end token included: 1 to 4096.
        beams: Number of hypotheses that are kept per example: 1 (greedy search) to 64.
        length_penalty: Exponent of the length penalty; 0.0 compares plain probabilities, which favours short
            sequences.
    """

    start: int
    end: int
    max_length: int
    beams: int = 1
    length_penalty: float = 0.0


def search(step: Step, state: State, count: int, options: SearchOptions) -> list[list[Hypothesis]]:
    """Generate the most probable sequences for each example.

    With one beam, this is greedy search: the most probable token at each step. Equally probable tokens are taken in
    the order of their numbers, so that equal scores give equal results.

    Args:
        step: Scores the next token.
        state: State before the first step, with one row per example.
        count: Number of examples.
        options: Tokens, lengths and number of beams.
    Returns:
        For each example, up to ``beams`` sequences, the best first. Sequences that the model did not end come after
        all others.
    Raises:
        UsageError: An option is out of range.
        InterpreterError: A score is NaN, or the start or end token is not one of the tokens that the model scores.
    Source: beam search with the length penalty of Wu et al. 2016, "Google's Neural Machine Translation System",
        equation 14: ``((5 + length) / 6) ** length_penalty``.
    """
    _require_options(options)
    beams = [_Beam(options) for _ in range(count)]
    for _ in range(options.max_length):
        active = [beam for beam in beams if not beam.is_finished]
        if not active:
            break
        tokens = np.array([beam_tokens for beam in active for beam_tokens in beam.inputs()], np.int32)
        log_probabilities, state = step(tokens, state)
        _require_scores(log_probabilities, len(tokens), options)
        parents: list[int] = []
        first = 0
        for beam in active:
            rows = beam.rows
            kept = beam.advance(np.asarray(log_probabilities[first : first + rows], np.float64))
            parents.extend(first + row for row in kept)
            first += rows
        state = _rows_of(state, parents, first)
    return [beam.results() for beam in beams]


def length_factor(length: int, length_penalty: float) -> float:
    """The number that a log-probability is divided by; ``length`` includes the end token."""
    return float(((5 + length) / 6) ** length_penalty)


class _Beam:
    """The hypotheses of one example."""

    def __init__(self, options: SearchOptions) -> None:
        self._options = options
        self._live: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
        self._ended: list[Hypothesis] = []
        self.is_finished = False

    @property
    def rows(self) -> int:
        """Number of hypotheses that the next step has to score."""
        return len(self._live)

    def inputs(self) -> list[tuple[int, ...]]:
        """The tokens of each hypothesis, the start token first."""
        return [(self._options.start, *tokens) for tokens, _ in self._live]

    def advance(self, log_probabilities: np.ndarray) -> list[int]:
        """Extend the hypotheses by one token.

        Args:
            log_probabilities: Scores of the next token, (rows, tokens).
        Returns:
            For each hypothesis that the next step has to score, the row that it continues; empty if none is left.
        """
        beams, end = self._options.beams, self._options.end
        totals = log_probabilities + np.array([score for _, score in self._live])[:, None]
        vocabulary = totals.shape[1]
        # Each live hypothesis can end at most once, so twice as many candidates always leave enough that go on.
        best = _largest(totals.ravel(), 2 * beams)
        live: list[tuple[tuple[int, ...], float]] = []
        parents: list[int] = []
        for rank, candidate in enumerate(best):
            row, token = divmod(candidate, vocabulary)
            total = float(totals[row, token])
            if total == -np.inf:
                break
            tokens = self._live[row][0]
            if token == end:
                if rank < beams:
                    self._end(tokens, total, is_complete=True)
            elif len(live) < beams:
                live.append(((*tokens, token), total))
                parents.append(row)
        self._live = live
        self.is_finished = not live or self._cannot_improve() or len(live[0][0]) == self._options.max_length
        return [] if self.is_finished else parents

    def results(self) -> list[Hypothesis]:
        """The best hypotheses, the best first."""
        if len(self._ended) < self._options.beams:
            for tokens, total in self._live:
                self._end(tokens, total, is_complete=False)
        ranked = sorted(self._ended, key=lambda each: (not each.is_complete, -each.score))
        return ranked[: self._options.beams]

    def _end(self, tokens: tuple[int, ...], total: float, *, is_complete: bool) -> None:
        factor = length_factor(len(tokens) + is_complete, self._options.length_penalty)
        self._ended.append(Hypothesis(tokens, total, total / factor, is_complete))

    def _cannot_improve(self) -> bool:
        """Whether no continuation can be among the best, since a log-probability only gets smaller."""
        options = self._options
        if len(self._ended) < options.beams:
            return False
        if options.beams == 1:
            return True
        worst = sorted((each.score for each in self._ended), reverse=True)[options.beams - 1]
        lengths = (len(self._live[0][0]) + 1, options.max_length)
        reachable = max(self._live[0][1] / length_factor(length, options.length_penalty) for length in lengths)
        return reachable <= worst


def _largest(values: np.ndarray, count: int) -> list[int]:
    """Indices of the ``count`` largest values, the largest first, equal ones in their order."""
    if len(values) > 4 * count:
        # A partial sort finds the threshold; all values that reach it are then sorted.
        threshold = np.partition(values, len(values) - count)[len(values) - count]
        candidates = np.flatnonzero(values >= threshold)
    else:
        candidates = np.arange(len(values))
    order = np.argsort(-values[candidates], kind="stable")[:count]
    return [int(index) for index in candidates[order]]


def _rows_of(state: State, parents: Sequence[int], rows: int) -> State:
    """The state of each continued hypothesis; the same arrays if every hypothesis continues in its place."""
    if list(parents) == list(range(rows)):
        return state
    return {name: array[parents] for name, array in state.items()}


def _require_options(options: SearchOptions) -> None:
    for name, most in (("beams", MOST_BEAMS), ("max_length", LONGEST)):
        value = getattr(options, name)
        if type(value) is not int or not 1 <= value <= most:
            raise UsageError(f"The option {name} is out of range.", expected=f"1 to {most}", received=f"{value!r:.40}")
    if not 0.0 <= options.length_penalty <= 10.0:
        raise UsageError(
            "The option length_penalty is out of range.", expected="0 to 10", received=f"{options.length_penalty!r:.40}"
        )


def _require_scores(log_probabilities: np.ndarray, rows: int, options: SearchOptions) -> None:
    if log_probabilities.ndim != 2 or len(log_probabilities) != rows or not log_probabilities.shape[1]:
        raise InterpreterError(
            "The decoder does not return one row of scores per sequence.",
            expected=f"({rows}, tokens)",
            received=str(log_probabilities.shape),
        )
    if np.isnan(log_probabilities).any():
        raise InterpreterError(
            "The scores of the next token are NaN.",
            expected="numbers",
            next_step="check the model on its own examples: model.verify()",
        )
    tokens = log_probabilities.shape[1]
    # The start token may be one that the model never predicts.
    if not 0 <= options.end < tokens or options.start < 0:
        raise InterpreterError(
            "The end token is not one of the tokens that the model scores.",
            expected=f"0 to {tokens - 1}",
            received=f"start {options.start}, end {options.end}",
            next_step="convert the model again with the numbers of its start and end token",
        )
