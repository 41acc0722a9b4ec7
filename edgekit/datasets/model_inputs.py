"""A data set's examples as the inputs of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.datasets.checking import finite
from edgekit.datasets.source import UNNAMED
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError
from edgekit_runtime.preprocessing import CHANNELS_FIRST, CHANNELS_LAST, Preprocessing

#: Real values of pixels 0 and 255, or a whole preprocessing, whose sizes need not be the model's.
PixelRange = tuple[float, float] | Preprocessing
#: What pixels 0 and 255 become, where neither the user nor the model says otherwise.
DEFAULT_PIXEL_RANGE = (0.0, 1.0)


def image_preprocessing(
    shape: tuple[int, ...], pixel_range: PixelRange, *, channels_first: bool = False
) -> Preprocessing | None:
    """How pictures become an input of ``shape``, or None where it takes no pictures.

    Args:
        shape: The input's sizes, batch axis first; (N, H, W, C) for pictures, or (N, C, H, W).
        pixel_range: Real values of pixels 0 and 255, or all that is known of the model's preprocessing.
        channels_first: Whether the input is (N, C, H, W); a whole preprocessing says so itself.
    """
    layout = CHANNELS_FIRST if channels_first or _is_channels_first(pixel_range) else CHANNELS_LAST
    if layout == CHANNELS_FIRST and len(shape) == 4:
        shape = _images_shape(shape)
    if len(shape) != 4 or shape[3] not in (1, 3) or min(shape[1:]) < 1:
        return None
    if isinstance(pixel_range, Preprocessing):
        return pixel_range._replace(height=shape[1], width=shape[2], channels=shape[3], layout=layout)
    low, high = pixel_range
    return Preprocessing(shape[1], shape[2], shape[3], scale=(high - low) / 255, offset=low, layout=layout)


def with_range(given: tuple[float, float] | None, known: PixelRange | None) -> PixelRange | None:
    """What is known of a model's preprocessing, with the range of pixels that the user gave, if any."""
    if given is None or not _is_channels_first(known):
        return given or known
    assert isinstance(known, Preprocessing)
    return known._replace(scale=(given[1] - given[0]) / 255, offset=given[0])


def _is_channels_first(pixel_range: PixelRange | None) -> bool:
    return isinstance(pixel_range, Preprocessing) and pixel_range.layout == CHANNELS_FIRST


def _images_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(N, H, W, C) for (N, C, H, W)."""
    return (shape[0], shape[2], shape[3], shape[1])


def to_model_input(examples: np.ndarray, shape: tuple[int, ...], dtype: str, pixel_range: PixelRange) -> np.ndarray:
    """Bring a data set's examples to a model's input.

    Args:
        examples: uint8 pixels (N, H, W, C), or values of any type that the model takes as they are.
        shape: The input's sizes, batch axis first; -1 where any size will do.
        dtype: numpy's name of the input's type.
        pixel_range: Real values of pixels 0 and 255, or all that is known of the model's preprocessing.
    Returns:
        Shape (N, *shape[1:]), type ``dtype``.
    Raises:
        DataError: The examples have other sizes than the input.
    """
    if _is_channels_first(pixel_range) and len(shape) == 4:
        return _channels_first_input(examples, shape, dtype, pixel_range)
    if len(shape) > 2 and shape[-1] == 1 and _fits(examples.shape, shape[:-1]):
        examples = examples[..., np.newaxis]
    elif examples.shape[-1:] == (1,) and _fits(examples.shape[:-1], shape):
        examples = examples[..., 0]
    if not _fits(examples.shape, shape):
        raise _unfit(examples.shape[1:], shape[1:])
    # The device takes a picture without an axis of channels as grey, and so does this.
    picture_shape = examples.shape if examples.ndim != 3 else (*examples.shape, 1)
    preprocessing = image_preprocessing(picture_shape, pixel_range)
    if preprocessing is not None and examples.dtype == np.uint8 and dtype == "float32":
        return preprocessing.normalize(examples)
    return examples.astype(dtype, copy=False)


def _channels_first_input(
    examples: np.ndarray, shape: tuple[int, ...], dtype: str, pixel_range: PixelRange
) -> np.ndarray:
    """Pixels (N, H, W, C), as data sets hold them, or what the model takes as it is."""
    wanted = _images_shape(shape)
    if shape[1] == 1 and _fits(examples.shape, wanted[:-1]):
        examples = examples[..., np.newaxis]
    if not _fits(examples.shape, wanted):
        if not _fits(examples.shape, shape):
            raise _unfit(examples.shape[1:], shape[1:])
        examples = np.moveaxis(examples, 1, -1)
    preprocessing = image_preprocessing((len(examples), *(examples.shape[axis] for axis in (3, 1, 2))), pixel_range)
    if preprocessing is not None and examples.dtype == np.uint8 and dtype == "float32":
        return preprocessing.normalize(examples)
    return np.ascontiguousarray(np.moveaxis(examples, -1, 1)).astype(dtype, copy=False)


class ModelInputs:
    """Brings raw values by name to all inputs of a model.

    Args:
        inputs: The model's inputs.
        pixel_range: Real values of pixels 0 and 255, or all that is known of the model's preprocessing.
    """

    def __init__(self, inputs: Sequence[ModelInput], pixel_range: PixelRange) -> None:
        self._inputs = {model_input.name: model_input for model_input in inputs}
        self._pixel_range = pixel_range

    def __call__(self, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Bring a batch to the model's shapes, types and pixel range.

        Args:
            raw: Values (N, ...) by input name, or one array under "" for a model of one input.
        Returns:
            Finite values by input name.
        Raises:
            DataError: An input is missing, has another shape, or holds NaN or infinity.
        """
        if set(raw) == {UNNAMED} and len(self._inputs) == 1:
            raw = {next(iter(self._inputs)): raw[UNNAMED]}
        if set(raw) != set(self._inputs):
            raise DataError(
                "The data does not name the model's inputs.",
                expected=", ".join(self._inputs),
                received=", ".join(name or "one array without a name" for name in raw) or "nothing",
                next_step="pass an .npz with one array an input, named as the input is, or python:module:function "
                "that yields dicts by input name",
            )
        return {name: self._conform(model_input, np.asarray(raw[name])) for name, model_input in self._inputs.items()}

    def _conform(self, model_input: ModelInput, values: np.ndarray) -> np.ndarray:
        if values.dtype.kind not in "iufb":
            raise DataError(
                "The examples are no numbers.",
                expected=f"values of input {model_input.name}",
                received=str(values.dtype),
            )
        if values.dtype.kind == "f":
            values = finite(values, f"The data for input {model_input.name} holds")
        return to_model_input(values, model_input.shape, model_input.dtype, self._pixel_range)


def _fits(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(given) == len(shape) and all(
        size in (-1, actual) for size, actual in zip(shape[1:], given[1:], strict=True)
    )


def _unfit(given: tuple[int, ...], wanted: tuple[int, ...]) -> DataError:
    problem = "The data does not fit the model's input."
    next_step = "pass data of that size, or a folder of images, which are brought to the model's size"
    if len(given) == len(wanted) == 3 and _fits((0, *given[1:], given[0]), (0, *wanted)):
        problem += " Its channels come first, the model's last."
        next_step = "save it as x.transpose(0, 2, 3, 1)"
    elif len(given) == len(wanted) == 2 and _fits((0, *given[::-1]), (0, *wanted)):
        problem += " Its two axes are the other way round."
        next_step = "save it as x.transpose(0, 2, 1)"
    elif len(given) > 1 and _product(given) == _product(wanted):
        next_step = f"save it as x.reshape({', '.join(str(size) for size in (-1, *wanted))}) if the order is right"
    return DataError(
        problem,
        expected=f"{_sizes(wanted)} an example",
        received=_sizes(given) or "a single number",
        next_step=next_step,
    )


def _product(sizes: tuple[int, ...]) -> int:
    return int(np.prod(sizes))


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join("any" if size == -1 else str(size) for size in shape)
