"""Finds by name how state passes from an encoder to a decoder, and from one step of the decoder to the next.

The contract, in the order in which a decoder's input finds its source:

1. The input ``tokens``, or the only one that nothing else provides, gets the tokens generated so far.
2. An input with the name of an encoder output gets that output in every step; likewise for an encoder input.
3. If the decoder itself has an output ``next_NAME`` or ``NAME``, the input ``NAME`` gets that output of the previous
   step; in the first step, what the encoder provides under this name, otherwise zeros.

The output that remains, or the one called ``scores``, scores the next token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tensor_info import TensorInfo

TOKENS, SCORES = "tokens", "scores"
_NEXT = "next_"


class Wiring(NamedTuple):
    """How encoder and decoder are connected.

    Attributes:
        tokens: Decoder input that gets the tokens.
        scores: Decoder output that scores the next token.
        from_encoder: For each decoder input that the encoder provides: the name of the encoder's output or input.
        carried: For each decoder input that the decoder itself provides: the name of the decoder's output.
        takes_prefix: Whether ``tokens`` gets all tokens so far, since no state remembers them; otherwise it gets the
            last one.
    """

    tokens: str
    scores: str
    from_encoder: Mapping[str, str]
    carried: Mapping[str, str]
    takes_prefix: bool


def find_wiring(
    encoder_inputs: Sequence[TensorInfo],
    encoder_outputs: Sequence[TensorInfo],
    decoder_inputs: Sequence[TensorInfo],
    decoder_outputs: Sequence[TensorInfo],
) -> Wiring:
    """Connect an encoder and a decoder by the names of their inputs and outputs.

    Raises:
        ModelFileError: The names leave an input without a source or the scores in doubt, or connected shapes differ.
    """
    provided = {info.name: info for info in (*encoder_inputs, *encoder_outputs)}
    outputs = {info.name: info for info in decoder_outputs}
    inputs = {info.name: info for info in decoder_inputs}
    carried = {}
    for name in inputs:
        source = next((each for each in (_NEXT + name, name) if each in outputs), None)
        if source is not None and name != TOKENS:
            carried[name] = source
    tokens = _find_tokens(list(inputs), [*provided, *carried])
    scores = _find_scores([name for name in outputs if name not in carried.values()])
    from_encoder = {name: name for name in inputs if name in provided and name != tokens}
    for name, source in from_encoder.items():
        _require_equal_shapes(inputs[name], provided[source], "the encoder's")
    for name, source in carried.items():
        _require_equal_shapes(inputs[name], outputs[source], "the decoder's")
        if name not in from_encoder and -1 in inputs[name].shape[1:]:
            raise ModelFileError(
                f"The decoder's input {name!r} starts at zero, but its size is open.",
                expected=f"an encoder output {name!r}, or fixed sizes",
                received=f"shape {inputs[name].shape}",
            )
    return Wiring(tokens, scores, from_encoder, carried, takes_prefix=_takes_prefix(inputs[tokens], bool(carried)))


def _find_tokens(names: list[str], provided: list[str]) -> str:
    if TOKENS in names:
        return TOKENS
    left = [name for name in names if name not in provided]
    if len(left) == 1:
        return left[0]
    raise ModelFileError(
        "It is not clear which input of the decoder takes the tokens.",
        expected=f"an input called {TOKENS!r}; every other input has the name of an encoder output, or the decoder has "
        f"an output of its name, or with {_NEXT!r} before it",
        received=f"the inputs {', '.join(names)}, of which {', '.join(left) or 'none'} would be left for tokens",
        next_step="rename inputs and outputs: keras.Input(name=…), and a dict of outputs in keras.Model(…)",
    )


def _find_scores(left: list[str]) -> str:
    if SCORES in left:
        return SCORES
    if len(left) == 1:
        return left[0]
    raise ModelFileError(
        "It is not clear which output of the decoder scores the next token.",
        expected=f"an output called {SCORES!r}, or only one that is not passed to the next step",
        received=", ".join(left) or "every output is passed to the next step",
        next_step="name the outputs with a dict: keras.Model(inputs, {'scores': …, 'next_state': …})",
    )


def _require_equal_shapes(target: TensorInfo, source: TensorInfo, whose: str) -> None:
    first, second = target.shape[1:], source.shape[1:]
    if len(first) == len(second) and all(a == b or -1 in (a, b) for a, b in zip(first, second)):
        return
    raise ModelFileError(
        f"The decoder's input {target.name!r} does not have the shape of {whose} {source.name!r}.",
        expected=f"{first} without the batch",
        received=f"{second}",
    )


def _takes_prefix(tokens: TensorInfo, has_state: bool) -> bool:
    """Whether the tokens input, of shape (N), (N, 1) or (N, steps), gets all tokens so far."""
    if len(tokens.shape) > 2:
        raise ModelFileError(
            f"The decoder's input {tokens.name!r} cannot take tokens.",
            expected="shape (N), (N, 1) or (N, steps)",
            received=str(tokens.shape),
        )
    steps = tokens.shape[1] if len(tokens.shape) == 2 else 1
    if has_state and steps > 1:
        raise ModelFileError(
            "The decoder takes several tokens at once and passes state from one step to the next.",
            expected="(N, 1) tokens with state, or all tokens so far without",
            received=f"shape {tokens.shape}",
        )
    if not has_state and steps == 1:
        raise ModelFileError(
            "The decoder takes one token and passes no state to the next step, so that it would forget all others.",
            expected="an output next_NAME for an input NAME, or an input of all tokens so far, (N, steps)",
            received=f"shape {tokens.shape}, and no output with the name of an input",
            next_step="name the outputs with a dict: keras.Model(inputs, {'scores': …, 'next_state': …})",
        )
    return not has_state
