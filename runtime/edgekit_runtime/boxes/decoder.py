"""Decodes the outputs of one model for one image after another, on the device and when a model is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from edgekit_runtime.boxes.candidates import Candidates
from edgekit_runtime.boxes.decoding import ANCHORS_NAME, BoxDecoding, read_anchors
from edgekit_runtime.boxes.head import Head
from edgekit_runtime.boxes.suppression import suppress


class BoxDecoder(NamedTuple):
    """Decodes the outputs of one model.

    Attributes:
        decoding: How outputs become boxes.
        head: Input size, parameters and anchors.
    """

    decoding: BoxDecoding
    head: Head

    @classmethod
    def of(cls, decoding: BoxDecoding, size: tuple[int, int], read_part: Callable[[str], bytes]) -> BoxDecoder:
        """The decoder of a model.

        Args:
            decoding: How outputs become boxes.
            size: Height and width of the model's input in pixels.
            read_part: Returns the content of a packed part; empty if there is no such part.
        Raises:
            ModelFileError: The anchor table is missing or damaged.
        """
        anchors = read_anchors(read_part(ANCHORS_NAME)) if decoding.record.has_anchor_table else None
        return cls(decoding, Head(*size, decoding.parameters, anchors))

    def candidates(self, outputs: Mapping[str, np.ndarray]) -> Candidates:
        """All boxes of one image, before overlapping ones are removed.

        Args:
            outputs: Real values of each output by name, without the batch axis.
        Raises:
            TensorMismatchError: The shapes are not those of the layout, or scores are not probabilities.
        """
        # Values may be NaN or enormous; such boxes are removed later.
        with np.errstate(invalid="ignore", over="ignore"):
            return self.decoding.record.decode([outputs[name] for name in self.decoding.outputs], self.head)

    def chosen(
        self, candidates: Candidates, *, score_threshold: float, iou_threshold: float, max_detections: int
    ) -> np.ndarray:
        """Indices of the boxes to report, see :func:`edgekit_runtime.boxes.suppression.suppress`."""
        return suppress(
            candidates,
            score_threshold=score_threshold,
            # No overlap exceeds 1.
            iou_threshold=1.0 if self.decoding.record.is_suppressed else iou_threshold,
            max_detections=max_detections,
        )
