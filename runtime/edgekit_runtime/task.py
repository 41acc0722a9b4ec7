"""The task of a model: one kind per input and output, declared in one place.

All code that prepares inputs, judges outputs or describes predictions reads the kinds from here. ``task_finding`` finds
them in this order: what the user says, what is packed into the file, what the training recorded, what the ground truth
of the data shows, what the graph shows. Each kind records its source, so that assumptions can be reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

IMAGE, SOUND, TEXT, TOKENS, NUMBERS = "image", "sound", "text", "tokens", "numbers"
CLASSES, LABELS, VALUES, MASK = "classes", "labels", "values", "mask"
BOXES, SEQUENCE, STATE = "boxes", "sequence", "state"

#: Every kind of input, with its meaning for help texts.
INPUT_KINDS: Mapping[str, str] = MappingProxyType(
    {
        IMAGE: "pixels, rescaled from 0-255 to the range the model was trained on",
        SOUND: "samples of a recording",
        TEXT: "strings",
        TOKENS: "indices of words or characters",
        NUMBERS: "values that are passed on unchanged",
    }
)
#: Every kind of output, with its meaning for help texts.
OUTPUT_KINDS: Mapping[str, str] = MappingProxyType(
    {
        CLASSES: "scores of classes, exactly one of which is correct",
        LABELS: "scores of labels, several of which can be correct",
        VALUES: "real numbers",
        MASK: "scores of classes for each pixel",
        BOXES: "objects with their positions",
        SEQUENCE: "scores of tokens for each step",
        STATE: "memory that is passed to the next call",
    }
)
#: ``--task``: the kind of every output that is not a state.
TASKS: Mapping[str, str] = MappingProxyType(
    {
        "classification": CLASSES,
        "multilabel": LABELS,
        "regression": VALUES,
        "segmentation": MASK,
        "detection": BOXES,
        "sequence": SEQUENCE,
    }
)

USER, FILE, TRAINING, DATA, MODEL, DEFAULT = "user", "file", "training", "data", "model", "default"
#: How the description of a task names the source of a kind.
_SOURCE_PHRASES = {
    FILE: "packed in the file",
    TRAINING: "from the training record",
    DATA: "from the data's labels",
    MODEL: "from the model's graph",
    DEFAULT: "assumed",
}
#: In a :class:`Claim`, the name of the only input, or of every output that is not a state.
UNNAMED = ""


class Kind(NamedTuple):
    """The kind of one input or output.

    Attributes:
        name: One of ``INPUT_KINDS`` or ``OUTPUT_KINDS``.
        source: Source of the kind: ``user``, ``file``, ``training``, ``data``, ``model`` (its graph) or ``default``.
        is_logit: Whether each score of an output is an independent logit, whose threshold is 0 instead of 0.5.
    """

    name: str
    source: str
    is_logit: bool = False


class Claim(NamedTuple):
    """The kinds that one source states; it may omit inputs and outputs.

    Attributes:
        source: ``USER``, ``FILE``, ``TRAINING`` or ``DATA``.
        inputs: Kind by input name; under ``UNNAMED``, the kind of the only input.
        outputs: Kind by output name; under ``UNNAMED``, the kind of every output that is not a state.
    """

    source: str
    inputs: Mapping[str, str] = MappingProxyType({})
    outputs: Mapping[str, str] = MappingProxyType({})


#: The claim of a user who states no kinds.
NOTHING_SAID = Claim(USER)


class Task(NamedTuple):
    """The kinds of all inputs and outputs of a model.

    Attributes:
        inputs: Kind by input name, in the model's order.
        outputs: Kind by output name, in the model's order.
    """

    inputs: Mapping[str, Kind]
    outputs: Mapping[str, Kind]

    def named(self, kind: str) -> tuple[str, ...]:
        """Names of the inputs and outputs of a kind."""
        return tuple(name for kinds in (self.inputs, self.outputs) for name, each in kinds.items() if each.name == kind)

    def describe(self) -> str:
        """Describe all kinds and their sources in one sentence, so that the user can correct wrong assumptions."""
        inputs = ", ".join(_phrase(name, kind) for name, kind in self.inputs.items())
        outputs = ", ".join(_phrase(name, kind) for name, kind in self.outputs.items())
        return f"Task: {inputs} -> {outputs}."

    def as_claim(self) -> Claim:
        """The claim to pack into the file: all kinds that some source states. Mere assumptions are left out."""
        known = [
            {name: kind.name for name, kind in kinds.items() if kind.source != DEFAULT}
            for kinds in (self.inputs, self.outputs)
        ]
        return Claim(FILE, *known)

    def to_dict(self) -> dict[str, dict[str, dict[str, str]]]:
        """Plain values with their sources, for ``--json``."""
        return {
            "inputs": {name: {"kind": kind.name, "source": kind.source} for name, kind in self.inputs.items()},
            "outputs": {name: {"kind": kind.name, "source": kind.source} for name, kind in self.outputs.items()},
        }


def _phrase(name: str, kind: Kind) -> str:
    source = _SOURCE_PHRASES.get(kind.source)
    return f"{name} is {kind.name}" + (f" ({source})" if source else "")
