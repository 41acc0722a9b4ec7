"""How a detector's outputs become boxes: from the user, from what is packed, or from the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.datasets.readers.array_folders import read_array
from edgekit_runtime.boxes.decoder import BoxDecoder
from edgekit_runtime.boxes.decoding import (
    ANCHORS_NAME,
    BOXES_KEY,
    BoxDecoding,
    checked_anchors,
    checked_parameters,
    find_decoding,
    layout_called,
    output_names,
    packed_anchors,
    packed_decoding,
)
from edgekit_runtime.boxes.golden_boxes import golden_boxes
from edgekit_runtime.boxes.layouts import LAYOUTS
from edgekit_runtime.errors import UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.golden import DecodeAnswer
from edgekit_runtime.regular_file import open_regular_file
from edgekit_runtime.task import BOXES, Claim
from edgekit_runtime.tensor_info import model_outputs
from edgekit_runtime.tflite.description import ModelDescription

#: Name among the parameters for the names of the outputs, which every layout has.
_OUTPUTS = "outputs"
#: An anchor table of 200,000 rows as text.
_LARGEST_TABLE_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class BoxOptions:
    """The user's declaration of a detector's head.

    Attributes:
        layout: Name of the head layout; None if the file or the graph says it.
        parameters: Parameters of the layout as texts; under ``outputs``, the names of the outputs.
        anchors: Anchor table, (N, 4); None if there is none.
    """

    layout: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    anchors: np.ndarray | None = None

    def require_consistent(self) -> None:
        """Check everything that needs no model.

        Raises:
            UsageError: A layout or parameter is unknown or missing, or an anchor table is missing or not needed.
        """
        if self.layout is None:
            if self.parameters or self.anchors is not None:
                raise UsageError("--box-parameter and --anchors need --boxes.", expected=f"--boxes {'|'.join(LAYOUTS)}")
            return
        layout = layout_called(self.layout)
        checked_parameters(layout, self._own_parameters)
        if layout.has_anchor_table and self.anchors is None:
            raise UsageError(
                f"The head layout {layout.name} needs an anchor table.",
                expected="--anchors FILE, with four numbers for each box of the model, in the model's order",
                next_step="save the anchors of the training with numpy.save()",
            )
        if self.anchors is not None and not layout.has_anchor_table:
            raise UsageError(
                f"The head layout {layout.name} has no anchor table.",
                expected=", ".join(each.name for each in LAYOUTS.values() if each.has_anchor_table),
                next_step="leave --anchors out; anchors of YOLO v5 are a parameter: --box-parameter anchors=10,13,…",
            )

    @property
    def _own_parameters(self) -> dict[str, Any]:
        return {name: value for name, value in self.parameters.items() if name != _OUTPUTS}

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs that the user states, in the order of the roles."""
        given = self.parameters.get(_OUTPUTS, ())
        return tuple(given.split(",")) if isinstance(given, str) else tuple(given)

    def decoding(self, description: ModelDescription) -> BoxDecoding:
        """The decoding of a model.

        Raises:
            UsageError: It is not clear which output has which role.
        """
        layout = layout_called(self.layout)
        count = 0 if self.anchors is None else len(self.anchors)
        names = output_names(layout, model_outputs(description), self.output_names, anchor_count=count)
        return BoxDecoding(layout.name, names, checked_parameters(layout, self._own_parameters))


@dataclass(frozen=True, slots=True)
class BoxHead:
    """How the outputs of one model become boxes.

    Attributes:
        decoding: The record that the manifest stores.
        anchors: Content of the part with the anchor table; empty if there is none.
    """

    decoding: BoxDecoding
    anchors: bytes = b""

    def to_manifest(self) -> dict[str, Any]:
        """The entry of ``Manifest.decoding``."""
        return {BOXES_KEY: self.decoding.to_dict()}

    def parts(self) -> dict[str, bytes]:
        """Parts to pack beside the manifest."""
        return {ANCHORS_NAME: self.anchors} if self.anchors else {}

    def claimed(self, claim: Claim) -> Claim:
        """The user's claim, with the outputs of the head declared as boxes."""
        return claim._replace(outputs={**dict.fromkeys(self.decoding.outputs, BOXES), **claim.outputs})

    def decoder(self, preprocessing: Mapping[str, Preprocessing]) -> BoxDecoder:
        """The decoder of a model.

        Args:
            preprocessing: How images become an input, by input name.
        Raises:
            UsageError: The model does not take one image.
        """
        if len(preprocessing) != 1:
            raise UsageError(
                "Boxes are found in an image, and this model does not take one.",
                expected="one input of the kind image, of a fixed size",
                received=f"{len(preprocessing)} inputs of this kind",
                next_step="declare it with --input image, or set its size with --input-shape",
            )
        (image,) = preprocessing.values()
        return BoxDecoder.of(self.decoding, (image.height, image.width), lambda name: self.parts().get(name, b""))


def find_head(
    options: BoxOptions,
    description: ModelDescription,
    packed: Mapping[str, Any] | None = None,
    read_part: Callable[[str], bytes] | None = None,
) -> BoxHead | None:
    """The head of a model: as the user declares it, as packed into the file, or as the graph shows; None if none.

    Args:
        options: The user's declaration.
        description: Description of the model.
        packed: ``Manifest.decoding`` of the file.
        read_part: Returns the content of a part of the file.
    Raises:
        UsageError: It is not clear which output has which role.
        ModelFileError: What is packed is damaged.
    """
    if options.layout is not None:
        anchors = b"" if options.anchors is None else packed_anchors(options.anchors)
        return BoxHead(options.decoding(description), anchors)
    outputs = model_outputs(description)
    if packed and read_part and BOXES_KEY in packed:
        decoding = packed_decoding(packed, description, outputs)
        return BoxHead(decoding, read_part(ANCHORS_NAME) if decoding.record.has_anchor_table else b"")
    found = find_decoding(description, outputs)
    return None if found is None else BoxHead(found)


def usable_head(
    head: BoxHead | None, options: BoxOptions, preprocessing: Mapping[str, Preprocessing]
) -> BoxHead | None:
    """The head, or None if it was not declared by the user and the model does not take one image."""
    return None if options.layout is None and len(preprocessing) != 1 else head


def golden_answer(
    head: BoxHead | None, description: ModelDescription, preprocessing: Mapping[str, Preprocessing]
) -> DecodeAnswer | None:
    """How the outputs of golden examples become the answer that is packed with them; None without a head."""
    if head is None:
        return None
    names = [info.name for info in model_outputs(description)]
    return partial(golden_boxes, head.decoder(preprocessing), names)


def read_anchor_file(path: Path) -> np.ndarray:
    """Read an anchor table: an .npy file, or text with four numbers per line.

    Raises:
        DataError: The .npy file is damaged.
        UsageError: The file is missing, or is not such a table.
    """
    if path.suffix.lower() == ".npy":
        return checked_anchors(read_array(path))
    try:
        with open_regular_file(path) as file:
            content = file.read(_LARGEST_TABLE_BYTES + 1)
        if len(content) > _LARGEST_TABLE_BYTES:
            raise ValueError(f"more than {_LARGEST_TABLE_BYTES:,} bytes")
        rows = [line.replace(",", " ").split() for line in content.decode().splitlines() if line.strip()]
        return checked_anchors(np.array([[float(number) for number in row] for row in rows], np.float64))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} is not an anchor table.",
            expected="an .npy file (N, 4), or text with four numbers per line",
            received=str(error),
        ) from error
