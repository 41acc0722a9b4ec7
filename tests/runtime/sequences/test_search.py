"""Greedy and beam search against all sequences of a small random language, and on hostile decoders."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.sequences.log_probabilities import LOGITS, PROBABILITIES, log_probabilities
from edgekit_runtime.sequences.search import Hypothesis, SearchOptions, length_factor, search

START, END = 0, 1
TOKENS = 4
_Arrays = Mapping[str, np.ndarray]


class _Language:
    """Random scores that depend on the example and on all tokens so far, carried in the state as a hash."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.rows: list[int] = []

    def scores(self, example: int, tokens: tuple[int, ...]) -> np.ndarray:
        random = np.random.default_rng([self._seed, example, *tokens])
        return log_probabilities(random.dirichlet(np.ones(TOKENS)), PROBABILITIES)

    def step(self, tokens: np.ndarray, state: _Arrays) -> tuple[np.ndarray, _Arrays]:
        self.rows.append(len(tokens))
        # The state of a hypothesis must follow it through every reordering.
        lengths = state["length"][:, 0]
        assert lengths.tolist() == [tokens.shape[1]] * len(tokens)
        assert [row.tolist() for row in state["last"]] == [[t] for t in tokens[:, -2 if tokens.shape[1] > 1 else -1]]
        examples = state["example"][:, 0]
        scores = [self.scores(int(e), tuple(map(int, row))) for e, row in zip(examples, tokens)]
        return np.array(scores), {"example": state["example"], "length": state["length"] + 1, "last": tokens[:, -1:]}


def _state(count: int) -> _Arrays:
    return {
        "example": np.arange(count)[:, None],
        "length": np.ones((count, 1), int),
        "last": np.full((count, 1), START),
    }


def _all_sequences(language: _Language, example: int, options: SearchOptions) -> list[Hypothesis]:
    """Every sequence that ends within the maximum length, the best first."""
    found = []
    words = [token for token in range(TOKENS) if token != END]
    for length in range(options.max_length):
        for tokens in itertools.product(words, repeat=length):
            prefix, total = (START,), 0.0
            for token in (*tokens, END):
                total += float(language.scores(example, prefix)[token])
                prefix = (*prefix, token)
            factor = length_factor(length + 1, options.length_penalty)
            found.append(Hypothesis(tokens, total, total / factor, True))
    return sorted(found, key=lambda each: -each.score)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_the_best_of_all_sequences(length_penalty: float) -> None:
    options = SearchOptions(START, END, max_length=4, beams=64, length_penalty=length_penalty)
    language = _Language(seed=5)
    found = search(language.step, _state(3), 3, options)
    for example, hypotheses in enumerate(found):
        best = _all_sequences(language, example, options)[0]
        assert hypotheses[0].tokens == best.tokens
        assert hypotheses[0].score == pytest.approx(best.score)
        assert hypotheses[0].log_probability == pytest.approx(best.log_probability)


def test_one_beam_takes_the_most_probable_token_of_each_step() -> None:
    language = _Language(seed=8)
    options = SearchOptions(START, END, max_length=12)
    for example, (hypothesis,) in enumerate(search(language.step, _state(5), 5, options)):
        prefix: tuple[int, ...] = (START,)
        while len(prefix) <= 12:
            token = int(language.scores(example, prefix).argmax())
            if token == END:
                break
            prefix = (*prefix, token)
        assert hypothesis.tokens == prefix[1:]
        assert hypothesis.is_complete == (len(prefix) <= 12)


def test_examples_of_a_batch_do_not_affect_each_other() -> None:
    language = _Language(seed=2)
    options = SearchOptions(START, END, max_length=9, beams=3)
    together = search(language.step, _state(4), 4, options)
    for example in range(4):
        state = {name: array[example : example + 1] for name, array in _state(4).items()}
        assert search(language.step, state, 1, options) == [together[example]]


def test_finished_examples_are_not_run_again() -> None:
    language = _Language(seed=2)
    results = search(language.step, _state(6), 6, SearchOptions(START, END, max_length=50))
    assert sum(language.rows) == sum(len(each[0].tokens) + each[0].is_complete for each in results)


def test_hypotheses_are_ordered_and_the_length_penalty_favours_long_ones() -> None:
    def step(tokens: np.ndarray, state: _Arrays) -> tuple[np.ndarray, _Arrays]:
        # After one word, the sequence ends with probability 0.5; after two, always.
        ends = {1: 0.2, 2: 0.5, 3: 1.0}[tokens.shape[1]]
        return np.log([[0.0 + 1e-300, ends, 1.0 - ends + 1e-300, 1e-300]] * len(tokens)), state

    plain = search(step, {}, 1, SearchOptions(START, END, max_length=5, beams=3))[0]
    assert [each.tokens for each in plain[:2]] == [(2,), (2, 2)]
    assert plain[0].log_probability == pytest.approx(np.log(0.4))
    # 0.2 of the empty sequence comes last: log 0.2 < log 0.4 = log 0.4.
    assert plain[2].tokens == ()
    long = search(step, {}, 1, SearchOptions(START, END, max_length=5, beams=3, length_penalty=1.0))[0]
    assert long[0].tokens == (2, 2)
    assert long[0].score == pytest.approx(np.log(0.4) / (8 / 6))


@pytest.mark.parametrize("beams", [1, 3])
def test_a_decoder_that_never_ends_is_cut_off_at_the_maximum_length(beams: int) -> None:
    def step(tokens: np.ndarray, state: _Arrays) -> tuple[np.ndarray, _Arrays]:
        return log_probabilities(np.array([[0.0, 0.0, 0.75, 0.25]] * len(tokens)), PROBABILITIES), state

    results = search(step, {}, 2, SearchOptions(START, END, max_length=7, beams=beams))
    for hypotheses in results:
        assert len(hypotheses) == beams
        assert hypotheses[0].tokens == (2,) * 7
        assert not any(each.is_complete for each in hypotheses)


def test_equal_scores_are_taken_in_the_order_of_their_numbers() -> None:
    def step(tokens: np.ndarray, state: _Arrays) -> tuple[np.ndarray, _Arrays]:
        return np.full((len(tokens), 500), -np.log(500)), state

    (hypotheses,) = search(step, {}, 1, SearchOptions(0, 499, max_length=1, beams=3))
    assert [each.tokens for each in hypotheses] == [(0,), (1,), (2,)]


def test_a_decoder_for_which_nothing_is_possible_gives_an_empty_list() -> None:
    (hypotheses,) = search(
        lambda tokens, state: (np.full((len(tokens), 3), -np.inf), state), {}, 1, SearchOptions(0, 1, 5)
    )
    assert hypotheses == []


@pytest.mark.parametrize(
    ("scores", "problem"),
    [
        (np.array([[0.0, np.nan, 0.0]]), "NaN"),
        (np.zeros((1, 1)), "end token"),
        (np.zeros((2, 3)), "one row of scores"),
        (np.zeros((1, 0)), "one row of scores"),
    ],
)
def test_hostile_scores_are_refused(scores: np.ndarray, problem: str) -> None:
    with pytest.raises(InterpreterError, match=problem):
        search(lambda tokens, state: (scores, state), {}, 1, SearchOptions(0, 1, max_length=3))


@pytest.mark.parametrize(
    "change",
    [{"beams": 0}, {"beams": 65}, {"max_length": 0}, {"max_length": 5000}, {"length_penalty": -1.0}],
    ids=str,
)
def test_options_out_of_range_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(change))):
        search(lambda tokens, state: (np.zeros((1, 2)), state), {}, 1, SearchOptions(0, 1, 3)._replace(**change))


def test_no_examples_give_no_results() -> None:
    assert search(lambda tokens, state: (np.zeros((0, 2)), state), {}, 0, SearchOptions(0, 1, 3)) == []


def test_logits_and_probabilities_become_the_same_logarithms() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [-1000.0, 0.0, 1000.0]])
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    expected = log_probabilities(exponents / exponents.sum(1, keepdims=True), PROBABILITIES)
    actual = log_probabilities(logits, LOGITS)
    assert actual[0] == pytest.approx(expected[0])
    assert actual[1, 2] == 0.0
    assert log_probabilities(actual, LOGITS) == pytest.approx(actual)


def test_a_probability_that_rounding_made_negative_is_impossible() -> None:
    assert log_probabilities(np.array([-0.004, 1.0]), PROBABILITIES).tolist() == [-np.inf, 0.0]
    assert np.isnan(log_probabilities(np.array([np.nan, 1.0]), PROBABILITIES)[0])
