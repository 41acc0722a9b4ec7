"""CTC decoding against all paths of small inputs, and on hostile inputs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.sequences.ctc import decode_greedily, decode_prefixes
from edgekit_runtime.sequences.log_probabilities import PROBABILITIES, log_probabilities


def _collapsed(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(token for token, _ in itertools.groupby(path) if token != blank)


def _by_brute_force(scores: np.ndarray, blank: int) -> dict[tuple[int, ...], float]:
    """The probability of every sequence, summed over all paths."""
    totals: dict[tuple[int, ...], float] = {}
    frames, tokens = scores.shape
    for path in itertools.product(range(tokens), repeat=frames):
        probability = math.exp(sum(scores[frame, token] for frame, token in enumerate(path)))
        sequence = _collapsed(path, blank)
        totals[sequence] = totals.get(sequence, 0.0) + probability
    return totals


def _random_frames(seed: int, frames: int, tokens: int) -> np.ndarray:
    return log_probabilities(np.random.default_rng(seed).dirichlet(np.ones(tokens), frames), PROBABILITIES)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("blank", [0, -1], ids=["blank first", "blank last"])
def test_prefix_beam_search_finds_the_probabilities_of_all_sequences(seed: int, blank: int) -> None:
    scores = _random_frames(seed, frames=4, tokens=3)
    expected = _by_brute_force(scores, blank % 3)
    found = decode_prefixes(scores, blank, beams=64)
    assert {each.tokens for each in found} == set(expected)
    assert [math.exp(each.log_probability) for each in found] == pytest.approx(
        sorted(expected.values(), reverse=True), abs=1e-12
    )
    for each in found:
        assert math.exp(each.log_probability) == pytest.approx(expected[each.tokens], abs=1e-12)


def test_one_beam_is_not_the_best_path() -> None:
    # The best path is blank blank (0.36), but "a" sums 0.24 + 0.24 + 0.16 = 0.64.
    scores = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert decode_greedily(scores, 0).tokens == ()
    assert decode_greedily(scores, 0).log_probability == pytest.approx(math.log(0.36))
    best = decode_prefixes(scores, 0, beams=2)[0]
    assert best.tokens == (1,)
    assert math.exp(best.log_probability) == pytest.approx(0.64)


def test_repeated_tokens_need_a_blank_between_them() -> None:
    scores = log_probabilities(np.eye(3)[[1, 1, 0, 1, 2, 2]], PROBABILITIES)
    assert decode_greedily(scores, 0).tokens == (1, 1, 2)
    assert decode_prefixes(scores, 0, beams=4)[0].tokens == (1, 1, 2)


def test_many_frames_do_not_underflow() -> None:
    scores = _random_frames(3, frames=1500, tokens=5)
    best = decode_prefixes(scores, 0, beams=4)[0]
    assert math.isfinite(best.log_probability)
    assert best.log_probability < math.log(1e-300)


def test_only_probable_tokens_extend_a_prefix_of_a_large_vocabulary() -> None:
    scores = np.full((2, 5000), -20.0)
    scores[0, 4999], scores[1, 70] = -0.01, -0.01
    assert decode_prefixes(scores, 0, beams=2)[0].tokens == (4999, 70)


def test_no_frames_give_an_empty_transcript() -> None:
    empty = np.zeros((0, 4))
    assert decode_greedily(empty, 0) == ((), 0.0)
    assert decode_prefixes(empty, 0, beams=3) == [((), 0.0)]


def test_frames_in_which_nothing_is_possible_give_one_sequence() -> None:
    assert len(decode_prefixes(np.full((2, 3), -np.inf), 0, beams=3)) == 1


@pytest.mark.parametrize(
    ("scores", "blank", "problem"),
    [
        (np.full((2, 3), np.nan), 0, "NaN"),
        (np.zeros((2, 3)), 3, "blank"),
        (np.zeros((2, 3)), -4, "blank"),
        (np.zeros((2, 0)), 0, "blank"),
        (np.zeros(3), 0, "one row of scores per frame"),
    ],
)
def test_hostile_frames_are_refused(scores: np.ndarray, blank: int, problem: str) -> None:
    with pytest.raises(InterpreterError, match=problem):
        decode_greedily(scores, blank)
    with pytest.raises(InterpreterError, match=problem):
        decode_prefixes(scores, blank, beams=2)


@pytest.mark.parametrize("beams", [0, 65, True, 2.0])
def test_a_number_of_beams_out_of_range_is_refused(beams: int) -> None:
    with pytest.raises(UsageError, match="beams"):
        decode_prefixes(np.zeros((1, 2)), 0, beams=beams)
