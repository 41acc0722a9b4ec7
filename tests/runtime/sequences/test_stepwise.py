"""Encoder and decoder, step by step, with parts that are computed in numpy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from edgekit_runtime.sequences.decoding import StepwiseDecoding
from edgekit_runtime.sequences.search import SearchOptions
from edgekit_runtime.sequences.stepwise import Part, StepwiseModel
from edgekit_runtime.tensor_info import TensorInfo

START, END, WORDS = 8, 9, 10
SOURCES = np.array([[3, 1, 4, END], [5, END, 0, 0]], np.int32)
#: The decoder copies the source: what it must generate.
COPIES = [(3, 1, 4), (5,)]
_Arrays = Mapping[str, np.ndarray]


def _info(name: str, shape: tuple[int, ...], dtype: type = np.float32) -> TensorInfo:
    return TensorInfo(name, (-1, *shape), np.dtype(dtype), None, 0)


def _encode(inputs: _Arrays) -> _Arrays:
    return {"memory": np.eye(WORDS, dtype=np.float32)[inputs["source"]]}


def _with_state(shape: tuple[int, ...] = (1,), dtype: type = np.int32) -> StepwiseModel:
    """A decoder that counts its steps in a state which starts at zero."""

    def decode(inputs: _Arrays) -> _Arrays:
        assert inputs["tokens"].shape[1:] == shape
        assert inputs["tokens"].dtype == dtype
        place = inputs["place"][:, 0].astype(int)
        scores = inputs["memory"][np.arange(len(place)), np.minimum(place, 3)]
        return {"scores": scores, "next_place": inputs["place"] + 1}

    return StepwiseModel(
        Part([_info("source", (4,), np.int32)], [_info("memory", (4, WORDS))], _encode),
        Part(
            [_info("tokens", shape, dtype), _info("memory", (4, WORDS)), _info("place", (1,))],
            [_info("scores", (WORDS,)), _info("next_place", (1,))],
            decode,
        ),
        StepwiseDecoding(START, END),
    )


def _with_prefix(steps: int) -> StepwiseModel:
    """A decoder that gets all tokens so far, padded with 7, and scores every place."""

    def decode(inputs: _Arrays) -> _Arrays:
        assert inputs["tokens"].shape[1] == (steps if steps > 0 else 6)
        assert (inputs["tokens"][:, 0] == START).all()
        assert (inputs["tokens"][:, -1] == 7).all()
        return {"scores": inputs["memory"]}

    return StepwiseModel(
        Part([_info("source", (4,), np.int32)], [_info("memory", (4, WORDS))], _encode),
        Part(
            [_info("tokens", (steps,), np.int32), _info("memory", (4, WORDS))],
            [_info("scores", (4, WORDS))],
            decode,
        ),
        StepwiseDecoding(START, END, padding=7, max_length=6),
    )


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize(
    "model",
    [_with_state(), _with_state(()), _with_state(dtype=np.float32), _with_prefix(5), _with_prefix(-1)],
    ids=["state", "no axis of steps", "float tokens", "prefix", "open prefix"],
)
def test_the_source_is_copied(model: StepwiseModel, beams: int) -> None:
    options = SearchOptions(START, END, max_length=model.longest(5), beams=beams)
    results = model.generate({"source": SOURCES}, options)
    assert [each[0].tokens for each in results] == COPIES
    assert all(each[0].is_complete for each in results)
    assert [each[0].log_probability for each in results] == [0.0, 0.0]


def test_a_prefix_of_fixed_size_limits_the_length() -> None:
    assert _with_state().longest(100) == 100
    assert _with_prefix(5).longest(100) == 5
    assert _with_prefix(-1).longest(100) == 6
    assert _with_prefix(5).longest(3) == 3


def test_known_sequences_give_the_inputs_of_each_step() -> None:
    targets = np.array([[START, 3, 1], [START, 5, END]], np.int32)
    steps = list(_with_state().forced_steps({"source": SOURCES}, targets))
    assert [step["tokens"].tolist() for step in steps] == [[[8], [8]], [[3], [5]], [[1], [9]]]
    assert [step["place"].tolist() for step in steps] == [[[0], [0]], [[1], [1]], [[2], [2]]]
    (all_at_once,) = _with_prefix(5).forced_steps({"source": SOURCES}, targets)
    assert all_at_once["tokens"].tolist() == [[8, 3, 1, 7, 7], [8, 5, 9, 7, 7]]
