"""How encoder and decoder are connected by names."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.sequences.wiring import Wiring, find_wiring
from edgekit_runtime.tensor_info import TensorInfo


def _infos(**shapes: tuple[int, ...]) -> list[TensorInfo]:
    dtypes = {name: np.int32 if name in ("tokens", "word", "source") else np.float32 for name in shapes}
    return [TensorInfo(name, (-1, *shape), np.dtype(dtypes[name]), None, 0) for name, shape in shapes.items()]


def test_state_of_the_decoder_starts_with_that_of_the_encoder() -> None:
    wiring = find_wiring(
        _infos(source=(12,)),
        _infos(memory=(12, 8), state=(8,)),
        _infos(word=(1,), memory=(12, 8), state=(8,)),
        _infos(probabilities=(30,), next_state=(8,)),
    )
    assert wiring == Wiring(
        tokens="word",
        scores="probabilities",
        from_encoder={"memory": "memory", "state": "state"},
        carried={"state": "next_state"},
        takes_prefix=False,
    )


def test_a_decoder_without_state_gets_all_tokens_and_may_read_the_encoders_input() -> None:
    wiring = find_wiring(
        _infos(source=(12,)),
        _infos(memory=(12, 8)),
        _infos(tokens=(20,), memory=(12, 8), source=(12,)),
        _infos(scores=(20, 30), attention=(20, 12)),
    )
    assert wiring == Wiring(
        tokens="tokens",
        scores="scores",
        from_encoder={"memory": "memory", "source": "source"},
        carried={},
        takes_prefix=True,
    )


def test_state_of_the_same_name_and_state_that_starts_at_zero() -> None:
    wiring = find_wiring(
        _infos(tokens=(12,)), _infos(a=(3,)), _infos(tokens=(), a=(3,), b=(4,)), _infos(a=(3,), b=(4,), scores=(9,))
    )
    # An encoder input called tokens is not handed to the decoder.
    assert wiring.from_encoder == {"a": "a"}
    assert wiring.carried == {"a": "a", "b": "b"}
    assert wiring.tokens == "tokens"


@pytest.mark.parametrize(
    ("inputs", "outputs", "problem"),
    [
        (
            _infos(x=(1,), y=(2,), a=(3,)),
            _infos(scores=(9,), next_a=(3,)),
            "which input of the decoder takes the tokens",
        ),
        (_infos(a=(3,)), _infos(scores=(9,), next_a=(3,)), "which input of the decoder takes the tokens"),
        (_infos(tokens=(1,), a=(3,)), _infos(p=(9,), q=(9,), next_a=(3,)), "which output of the decoder scores"),
        (_infos(tokens=(1,), a=(3,)), _infos(next_a=(3,)), "which output of the decoder scores"),
        (_infos(tokens=(1,), a=(4,)), _infos(scores=(9,), next_a=(4,)), "'a' does not have the shape of the encoder's"),
        (_infos(tokens=(1,), a=(3,)), _infos(scores=(9,), next_a=(4,)), "'a' does not have the shape of the decoder's"),
        (_infos(tokens=(1,), a=(3,)), _infos(scores=(9,)), "passes no state to the next step"),
        (_infos(tokens=(5,), a=(3,)), _infos(scores=(9,), next_a=(3,)), "takes several tokens at once"),
        (_infos(tokens=(5, 2), a=(3,)), _infos(scores=(9,)), "cannot take tokens"),
        (_infos(tokens=(1,), b=(-1,)), _infos(scores=(9,), next_b=(-1,)), "'b' starts at zero, but its size is open"),
    ],
)
def test_what_cannot_be_connected_is_refused(inputs: list[TensorInfo], outputs: list[TensorInfo], problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem):
        find_wiring(_infos(source=(12,)), _infos(a=(3,)), inputs, outputs)
