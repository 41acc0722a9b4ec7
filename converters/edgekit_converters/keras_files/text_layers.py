"""Layers that turn texts into numbers, ``TextVectorization``, ``StringLookup`` and ``IntegerLookup``, as text inputs.

A .tflite has no operators for strings. Such a layer directly behind an input of the model is therefore moved out of it:
the device does the same with :class:`edgekit_runtime.text.TextInput`, and the model begins with the layer's result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_converters.keras_files.description import Layer, layer_name
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tensor_info import TensorInfo
from edgekit_runtime.text.lookup import STANDARDIZERS, LookupTokenizer
from edgekit_runtime.text.text_input import COUNT, INDICES, MULTI_HOT, ONE_HOT, TF_IDF, TextInput

TEXT_LAYERS = frozenset({"TextVectorization", "StringLookup", "IntegerLookup"})

#: Names of the ways to split a text, by those that Keras gives to them.
_TOKENIZERS = {"whitespace": "words", "character": "characters", None: "whole"}
# Keras 2's older names of the output modes.
_OUTPUTS = {
    "int": INDICES,
    "one_hot": ONE_HOT,
    "multi_hot": MULTI_HOT,
    "binary": MULTI_HOT,
    "count": COUNT,
    "tf_idf": TF_IDF,
    "tf-idf": TF_IDF,
}


#: Largest number of lengths of n-grams; each makes a token of nearly every token of a text.
_MOST_NGRAMS = 10


@dataclass(frozen=True, slots=True)
class TextLayer:
    """A layer that was moved out of the model.

    Attributes:
        description: The layer with its vocabulary, for Keras; Keras's own answer on texts needs it.
        text_input: What the device does instead.
        shape: Shape of the result, which is now the model's input; None for the batch and for open sizes.
        dtype: Type of the result.
        input_rank: Number of axes of the texts that the layer took, with the batch axis.
    """

    description: Layer
    text_input: TextInput
    shape: tuple[int | None, ...]
    dtype: str
    input_rank: int


def read_text_layer(
    layer: Layer,
    input_name: str,
    input_shape: Sequence[int | None],
    *,
    part: str,
    asset: bytes | None,
    weights: np.ndarray | None,
) -> TextLayer:
    """Read a layer that is directly behind an input of the model.

    Args:
        layer: The layer's description.
        input_name: Name of the input.
        input_shape: Shape of the input with the batch axis.
        part: Name of the part of the artifact for its vocabulary.
        asset: The vocabulary that a ``.keras`` archive has beside the description; None if there is none.
        weights: Weights of the tokens that the file stores for ``tf_idf``; None if there are none.
    Raises:
        ModelFileError: The layer does what a text input does not, or its vocabulary is missing.
        ValueError: The description contradicts itself.
    """
    config, class_name = layer["config"], layer["class_name"]
    output = _OUTPUTS[config.get("output_mode", "int")]
    _require_movable(layer, output, input_shape)
    mask = "" if class_name == "TextVectorization" else config.get("mask_token")
    unknown = config.get("num_oov_indices", 1)
    given = _stored_tokens(layer, asset)
    special = _special_tokens(config, class_name, output, mask, unknown)
    has_special = given[: len(special)] == special
    tokens = given if has_special else [*special, *given]
    _require_vocabulary(tokens[len(special) :], config.get("max_tokens"), len(tokens))
    masks = mask is not None and output == INDICES
    tokenizer = LookupTokenizer(
        tokens,
        name=_TOKENIZERS[config.get("split", "whitespace")] if class_name == "TextVectorization" else "whole",
        standardize=(config.get("standardize", "lower_and_strip_punctuation") or "none")
        if class_name == "TextVectorization"
        else "none",
        ngrams=_ngrams(config.get("ngrams")),
        unknown=int(masks) if unknown else None,
        skipped=str(mask) if mask is not None and not masks and _is_whole(layer) else None,
    )
    depth = config["max_tokens"] if config.get("pad_to_max_tokens") and output != INDICES else len(tokens)
    shape = _result_shape(layer, output, input_shape, depth)
    dtype = "int32" if output == INDICES else "float32"
    token_weights = None
    if output == TF_IDF:
        token_weights = _token_weights(config, weights, len(tokens), len(special), has_special)
    sizes = tuple(-1 if size is None else size for size in shape)
    text_input = TextInput(
        tokenizer,
        TensorInfo(input_name, sizes, np.dtype(dtype), None, 0),
        part=part,
        output=output,
        strings=input_shape[1] if class_name != "TextVectorization" and len(input_shape) > 1 else None,
        are_integers=class_name == "IntegerLookup",
        weights=token_weights,
    )
    return TextLayer(_with_vocabulary(layer, tokens, token_weights), text_input, shape, dtype, len(input_shape))


def refusal(layer: Layer, why: str, next_step: str = "") -> ModelFileError:
    """The error for a layer that cannot be moved out of the model."""
    return ModelFileError(
        f"Layer '{layer_name(layer)}' ({layer['class_name']}) {why}, so it cannot be moved out of the model.",
        expected="a layer directly behind an input, with the options that edgekit_runtime.text has",
        next_step=next_step or "save a model that starts after this layer, and prepare its input in Python",
    )


def _require_movable(layer: Layer, output: str, input_shape: Sequence[int | None]) -> None:
    config = layer["config"]
    for key, known, what in (
        ("standardize", (*STANDARDIZERS, None), "standardizes texts by a function of your own"),
        ("split", tuple(_TOKENIZERS), "splits texts by a function of your own"),
    ):
        value = config.get(key, known[0])
        if not isinstance(value, (str, type(None))) or value not in known:
            raise refusal(layer, what)
    if config.get("ragged"):
        raise refusal(layer, "returns ragged tensors", "set output_sequence_length instead of ragged=True")
    if config.get("invert"):
        raise refusal(layer, "turns indices back into strings")
    if config.get("num_oov_indices", 1) not in (0, 1):
        raise refusal(layer, "spreads unknown tokens over several indices by a hash", "use num_oov_indices=1")
    if str(config.get("encoding") or "utf-8").lower() != "utf-8":
        raise refusal(layer, f"reads texts in {config['encoding']!r:.40}", "use encoding='utf-8'")
    rank = len(input_shape)
    if rank > 2 or None in input_shape[1:]:
        raise refusal(layer, f"takes an input of shape {tuple(input_shape)}")
    if layer["class_name"] == "TextVectorization":
        if rank == 2 and input_shape[1] != 1:
            raise refusal(layer, f"takes {input_shape[1]} texts for each example")
        if rank == 1 and _is_whole(layer):
            raise refusal(layer, "splits nothing of an input without a second axis", "use keras.Input((1,))")
    elif output != INDICES and (rank == 1 or (config.get("mask_token") is not None and output == ONE_HOT)):
        raise refusal(layer, f"has the output mode {output} for an input without a second axis, or with a mask token")


def _is_whole(layer: Layer) -> bool:
    return layer["class_name"] != "TextVectorization" or layer["config"].get("split", "whitespace") is None


def _stored_tokens(layer: Layer, asset: bytes | None) -> list[str]:
    """The vocabulary as it is stored, with or without special tokens."""
    stored = layer["config"].get("vocabulary")
    if stored is None and asset is None:
        raise refusal(
            layer,
            "has no vocabulary in this file",
            "save the model as .keras, which stores what adapt() found, or pass vocabulary= to the layer",
        )
    if stored is None:
        assert asset is not None
        # Keras also splits at the other ends of lines of Unicode, and so loses words that it has written itself.
        lines = asset.decode("utf-8").split("\n")
        while lines and not lines[-1]:
            lines.pop()
        return lines
    wanted = int if layer["class_name"] == "IntegerLookup" else str
    if not isinstance(stored, list) or not all(type(token) is wanted for token in stored):
        raise ValueError(f"a vocabulary that is not a list of {wanted.__name__}")
    return [str(token) for token in stored]


def _special_tokens(config: Mapping[str, Any], class_name: str, output: str, mask: object, unknown: int) -> list[str]:
    name = config.get("oov_token", -1 if class_name == "IntegerLookup" else "[UNK]")
    return [str(mask)] * (mask is not None and output == INDICES) + [str(name)] * unknown


def _require_vocabulary(tokens: Sequence[str], max_tokens: int | None, count: int) -> None:
    if not tokens or len(set(tokens)) != len(tokens):
        raise ValueError("a vocabulary that is empty or has a token twice")
    if max_tokens is not None and count > max_tokens:
        raise ValueError(f"a vocabulary of {count} tokens, more than max_tokens={max_tokens}")


def _ngrams(ngrams: Any) -> Sequence[int]:
    if ngrams is None:
        return ()
    lengths = list(range(1, ngrams + 1)) if type(ngrams) is int and ngrams < _MOST_NGRAMS else ngrams
    if not isinstance(lengths, (list, tuple)) or not all(type(length) is int for length in lengths):
        raise ValueError(f"ngrams={ngrams!r:.40}")
    return tuple(lengths)


def _result_shape(layer: Layer, output: str, input_shape: Sequence[int | None], depth: int) -> tuple[int | None, ...]:
    if layer["class_name"] == "TextVectorization":
        if output != INDICES:
            return (None, depth)
        length = layer["config"].get("output_sequence_length")
        if length is not None and (type(length) is not int or length < 1):
            raise ValueError(f"output_sequence_length={length!r:.40}")
        return (None, 1 if length is None and _is_whole(layer) else length)
    if output == INDICES:
        return (None, *input_shape[1:])
    return (None, *input_shape[1:], depth) if output == ONE_HOT and input_shape[1] != 1 else (None, depth)


def _token_weights(
    config: Mapping[str, Any], stored: np.ndarray | None, tokens: int, special: int, has_special: bool
) -> np.ndarray:
    """The weight of each token: from the stored weights, else from the description; Keras fills up both alike."""
    if stored is not None:
        weights = stored.astype(np.float32)[:tokens]
    else:
        weights = np.array(config.get("idf_weights") or (), np.float64)
        if weights.ndim == 1 and len(weights) and not has_special:
            weights = np.concatenate([np.full(special, np.average(weights)), weights])
    if weights.shape != (tokens,):
        raise ValueError(f"{weights.shape} weights for {tokens} tokens")
    return weights.astype(np.float32)


def _with_vocabulary(layer: Layer, tokens: Sequence[str], weights: np.ndarray | None) -> Layer:
    """The layer with its vocabulary in the description."""
    stored: list[Any] = [int(token) for token in tokens] if layer["class_name"] == "IntegerLookup" else list(tokens)
    added = {"vocabulary": stored, "idf_weights": None if weights is None else weights.tolist()}
    return {**layer, "config": {**layer["config"], **added}}
