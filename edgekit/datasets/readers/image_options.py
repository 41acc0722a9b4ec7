"""Applies the user's options for preprocessing images."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit_runtime.errors import UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """Options in addition to the pixel range; None keeps the model's value.

    Attributes:
        mean: Mean to subtract from the values in the pixel range, one for all channels or one per channel, in the
            model's channel order.
        std: Standard deviation to divide the difference by, in the same form.
        color_order: "rgb" or "bgr".
        resize: One of ``edgekit_runtime.inputs.resizing.RESIZE_MODES``.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    color_order: str | None = None
    resize: str | None = None

    @property
    def given(self) -> bool:
        """Whether the user passed any of the options."""
        return self != ImageOptions()

    def applied_to(self, preprocessing: Preprocessing | None) -> Preprocessing | None:
        """Return the model's preprocessing with these options applied.

        Args:
            preprocessing: Preprocessing with the pixel range; None if the model does not take images.
        Raises:
            UsageError: The model does not take images, or the options are not compatible with it.
        """
        if not self.given:
            return preprocessing
        if preprocessing is None:
            raise UsageError(
                "--mean, --std, --color-order and --resize apply only to models that take images.",
                expected="one input (N, height, width, 1 or 3)",
                next_step="leave them out",
            )
        preprocessing = preprocessing._replace(
            color_order=self.color_order or preprocessing.color_order,
            resize=self.resize or preprocessing.resize,
        )
        return self._normalized(preprocessing) if self.mean or self.std else preprocessing

    def _normalized(self, preprocessing: Preprocessing) -> Preprocessing:
        """Apply ``(value - mean) / std``, where ``value`` is in the pixel range."""
        mean, std = self.mean or (0.0,), self.std or (1.0,)
        channels = preprocessing.channels
        if any(len(numbers) not in (1, channels) for numbers in (mean, std)):
            raise UsageError(
                "--mean and --std take one number, or one number per channel.",
                expected=f"1 or {channels} numbers",
                received=f"{len(mean)} and {len(std)}",
            )
        if min(std) <= 0:
            raise UsageError("--std takes numbers above 0.", received=", ".join(f"{number:g}" for number in std))
        scale, offset = preprocessing.scale, preprocessing.offset
        if isinstance(scale, tuple) or isinstance(offset, tuple):
            raise UsageError(
                "The model has a mean and deviation of its own; --mean and --std need --pixel-range beside them.",
                next_step="add --pixel-range 0,1 or 0,255, whichever the mean is meant for",
            )
        low, high = offset, offset + 255 * scale
        if not all(low <= number <= high for number in mean):
            raise UsageError(
                "--mean lies outside the values that pixels have.",
                expected=f"numbers from {low:g} to {high:g}",
                received=", ".join(f"{number:g}" for number in mean),
                next_step="say which values the mean is of: --pixel-range 0,1 or --pixel-range 0,255",
            )
        count = max(len(mean), len(std))
        mean, std = (numbers * count if len(numbers) == 1 else numbers for numbers in (mean, std))
        pairs = list(zip(mean, std, strict=True))
        scales, offsets = tuple(scale / s for _, s in pairs), tuple((offset - m) / s for m, s in pairs)
        if count == 1:
            return preprocessing._replace(scale=scales[0], offset=offsets[0])
        return preprocessing._replace(scale=scales, offset=offsets)
