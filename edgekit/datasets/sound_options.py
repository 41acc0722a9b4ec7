"""Applies the user's declaration of how recordings become the input of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit.datasets.front_end_presets import PRESETS
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.regular_file import open_regular_file
from edgekit_runtime.sound.sound_input import SoundInput, SoundSettings
from edgekit_runtime.task import SOUND, UNNAMED, Claim

#: Far more than a description of a front end has.
_LARGEST_FILE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class SoundOptions:
    """The user's declaration of a sound input.

    Attributes:
        settings: How recordings become the model's only input; None if the user says nothing.
    """

    settings: SoundSettings | None = None

    def claimed(self, claim: Claim) -> Claim:
        """The user's claim about the task, with the kind of the input."""
        if self.settings is None or claim.inputs:
            return claim
        return claim._replace(inputs={UNNAMED: SOUND})

    def applied_to(self, inputs: Sequence[ModelInput]) -> tuple[ModelInput, ...]:
        """The model's inputs, the only one of which takes recordings.

        Raises:
            UsageError: The model has several inputs, or the front end does not lead to its input.
        """
        if self.settings is None:
            return tuple(inputs)
        if len(inputs) != 1:
            raise UsageError(
                "--front-end and --sample-rate apply to models with one input.",
                expected="a model that takes recordings only",
                received=f"{len(inputs)} inputs: {', '.join(each.name for each in inputs)}",
            )
        return (replace(inputs[0], raw=SoundInput(self.settings, inputs[0]), pixels=None),)


def read_sound_options(front_end: str | Path | Mapping[str, Any] | None, sample_rate: int | None) -> SoundOptions:
    """Read the user's declaration.

    Args:
        front_end: Name of a preset, path of a JSON file, or the fields themselves; None for a model of waveforms.
        sample_rate: Sample rate in Hz that the model was trained on; None takes that of the front end.
    Raises:
        UsageError: A field is missing, unknown or invalid.
        DataError: The file is missing or is not JSON.
    """
    if front_end is None and sample_rate is None:
        return SoundOptions()
    fields = dict(_fields(front_end))
    if sample_rate is not None:
        fields["sample_rate"] = sample_rate
    if "sample_rate" not in fields:
        raise UsageError(
            "The sample rate of the front end is missing.",
            expected="sample_rate in the file, or --sample-rate",
            received=", ".join(map(str, fields)),
        )
    return SoundOptions(SoundSettings.from_dict(fields))


def _fields(front_end: str | Path | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if front_end is None:
        return {}
    if isinstance(front_end, Mapping):
        return front_end
    if isinstance(front_end, str) and front_end in PRESETS:
        return PRESETS[front_end].fields
    try:
        with open_regular_file(front_end) as file:
            fields = json.loads(file.read(_LARGEST_FILE_BYTES))
    except FileNotFoundError:
        raise DataError(
            f"There is no front end {front_end}.",
            expected=f"a JSON file, or one of {', '.join(PRESETS)}",
            received="neither a known name nor an existing file",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{front_end} could not be read as JSON.", received=str(error)) from error
    if not isinstance(fields, dict):
        raise DataError(
            f"{front_end} does not describe a front end.",
            expected='an object, such as {"sample_rate": 16000, "frame_length": 400, "hop_length": 160}',
            received=f"a {type(fields).__name__}",
        )
    return fields
