"""Inputs that a device receives as recordings or strings; the code for each kind is imported when it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from edgekit_runtime.errors import ModelFileError, UsageError
from edgekit_runtime.task import SOUND, TEXT
from edgekit_runtime.tensor_info import TensorInfo

#: Module for each kind of raw input. It has a function ``read_raw_input(fields, read_part, info)``, see ReadRawInput.
_MODULES: Mapping[str, str] = MappingProxyType(
    {SOUND: "edgekit_runtime.sound.sound_input", TEXT: "edgekit_runtime.text.text_input"}
)


class RawInput(Protocol):
    """Converts recordings or strings to one input of a model, on the workstation and on the device."""

    def prepare(self, examples: Any) -> np.ndarray:
        """Convert one raw example or many to real values (N, ...) of the input, in its dtype.

        Raises:
            DataError: A file is missing or damaged.
            TensorMismatchError: An example is not of this kind.
        """

    def is_raw(self, values: np.ndarray) -> bool:
        """Whether an array contains raw examples, as opposed to values that are already prepared."""

    def as_golden(self, values: np.ndarray) -> np.ndarray:
        """Convert an array of raw examples (N, ...) to numbers (N, ...) that ``golden.npz`` can hold."""

    def golden_values(self, array: np.ndarray) -> np.ndarray:
        """Convert an input of golden examples, raw or prepared, to real values (N, ...) of the input."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the manifest, with the kind under ``kind``."""

    def parts(self) -> dict[str, bytes]:
        """Parts to pack beside the manifest, such as a vocabulary, by name."""


#: Reads packed fields, without trusting them; the second argument reads a packed part by name.
ReadRawInput = Callable[[Mapping[str, Any], Callable[[str], bytes], TensorInfo], RawInput]


def prepare_given(raw: RawInput, examples: Any, sample_rate: int | None) -> np.ndarray:
    """Prepare examples that a caller passed with or without a sample rate.

    Raises:
        UsageError: There is a sample rate, and the input does not take recordings.
        EdgekitError: See ``RawInput.prepare``.
    """
    prepare_at: Callable[[Any, int | None], np.ndarray] | None = getattr(raw, "prepare_at", None)
    if prepare_at is not None:
        return prepare_at(examples, sample_rate)
    if sample_rate is not None:
        raise UsageError(
            "sample_rate applies to recordings only.",
            expected="a model that takes recordings",
            received=f"an input of the kind {raw.to_dict()['kind']}",
            next_step="leave sample_rate out",
        )
    return raw.prepare(examples)


def read_raw_inputs(
    infos: Sequence[TensorInfo], packed: Mapping[str, Mapping[str, Any]], read_part: Callable[[str], bytes]
) -> dict[str, RawInput]:
    """Read the packed preprocessing of all raw inputs of a model, by input name; see :func:`read_raw_input`."""
    return {info.name: read_raw_input(packed[info.name], read_part, info) for info in infos if info.name in packed}


def read_raw_input(fields: Mapping[str, Any], read_part: Callable[[str], bytes], info: TensorInfo) -> RawInput:
    """Read the packed preprocessing of a raw input.

    Args:
        fields: Fields from the manifest.
        read_part: Returns the content of a packed part; empty if there is no such part.
        info: The model's input.
    Raises:
        ModelFileError: The fields are damaged, or this version does not know the kind.
    """
    kind = fields.get("kind")
    module = _MODULES.get(kind) if isinstance(kind, str) else None
    if module is None:
        raise ModelFileError(
            f"This version cannot prepare the input {info.name}.",
            expected=f"one of the kinds {', '.join(('image', *_MODULES))}",
            received=f"{kind!r:.40}",
            next_step="pip install --upgrade edgekit-runtime, or pass prepared values to predict()",
        )
    read: ReadRawInput = importlib.import_module(module).read_raw_input
    return read(fields, read_part, info)
