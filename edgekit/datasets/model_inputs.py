"""Converts the examples of a dataset to the inputs of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from edgekit_converters.lowering import LoweredModel, ModelInput
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.inputs.preprocessing import CHANNELS_FIRST, CHANNELS_LAST, Preprocessing
from edgekit_runtime.inputs.raw_inputs import RawInput
from edgekit_runtime.model import Model
from edgekit_runtime.task import IMAGE, MODEL, UNNAMED, Claim, Task
from edgekit_runtime.tensor_info import TensorInfo
from edgekit_runtime.text import TextInput, Tokenizer

#: Real values of pixels 0 and 255, or a complete preprocessing, whose sizes may differ from the model's.
PixelRange = tuple[float, float] | Preprocessing
#: Real values of pixels 0 and 255 unless the user or the model specifies others.
DEFAULT_PIXEL_RANGE = (0.0, 1.0)
#: The same for a model that rescales pixels itself, with a Rescaling layer for example.
UNSCALED_PIXEL_RANGE = (0.0, 255.0)


def image_preprocessing(
    shape: tuple[int, ...], pixel_range: PixelRange, *, channels_first: bool = False
) -> Preprocessing | None:
    """The preprocessing that turns images into an input of ``shape``, or None if the input does not take images.

    Args:
        shape: Shape of the input with the batch axis; (N, H, W, C) or (N, C, H, W) for images.
        pixel_range: Real values of pixels 0 and 255, or the known preprocessing of the model.
        channels_first: Whether the input is (N, C, H, W); a complete preprocessing contains its layout.
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


def _is_channels_first(pixel_range: PixelRange | None) -> bool:
    return isinstance(pixel_range, Preprocessing) and pixel_range.layout == CHANNELS_FIRST


def _images_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(N, H, W, C) for (N, C, H, W)."""
    return (shape[0], shape[2], shape[3], shape[1])


def inputs_of(infos: Sequence[TensorInfo]) -> tuple[ModelInput, ...]:
    """The inputs of a .tflite; quantized inputs are described as float32, since callers pass real values."""
    return tuple(
        ModelInput(info.name, info.shape, info.dtype.name if info.quantization is None else "float32") for info in infos
    )


def lowered_inputs(
    lowered: LoweredModel,
    task: Task,
    *,
    given: Mapping[str, PixelRange] = MappingProxyType({}),
    known: Mapping[str, PixelRange] = MappingProxyType({}),
) -> tuple[ModelInput, ...]:
    """The inputs of a lowered model with the pixel range of each image: given, known, or implied by the model.

    Args:
        lowered: The lowered model.
        task: Task of the model, which says which inputs are images.
        given: Pixel range from the user; see :func:`with_pixels`.
        known: Pixel range from the training or from a packed file, in the same form.
    Raises:
        UsageError: See :func:`with_pixels`.
    """
    return with_pixels(
        lowered.inputs,
        task,
        given,
        packed=known,
        default=UNSCALED_PIXEL_RANGE if lowered.rescales_pixels else DEFAULT_PIXEL_RANGE,
        channels_first=lowered.channels_first,
    )


def with_pixels(
    inputs: Sequence[ModelInput],
    task: Task,
    given: Mapping[str, PixelRange],
    *,
    packed: Mapping[str, PixelRange] = MappingProxyType({}),
    default: tuple[float, float] = DEFAULT_PIXEL_RANGE,
    channels_first: bool = False,
) -> tuple[ModelInput, ...]:
    """Set the pixel range of every input that is an image.

    Args:
        inputs: Inputs of the model.
        task: Task of the model, which says which inputs are images.
        given: Pixel range from the user by input name, or under ``UNNAMED`` for the only image.
        packed: Pixel range from the file or the model, in the same form.
        default: Real values of pixels 0 and 255 for all other images.
        channels_first: Whether images are (N, C, H, W); if a shape allows no other layout, it is used in any case.
    Raises:
        UsageError: A pixel range is for an input that does not exist or is not an image, or for one of several images
            without its name.
    """
    images = [each.name for each in inputs if task.inputs[each.name].name == IMAGE]
    for name in given:
        if name not in images and not (name == UNNAMED and len(images) == 1):
            raise UsageError(
                f"The pixel range{' of ' + name if name else ''} does not name an image of the model.",
                expected=f"NAME=MIN,MAX with one of: {', '.join(images)}" if images else "a model with an image input",
                received=", ".join(f"input {name} is {kind.name}" for name, kind in task.inputs.items()),
                next_step="declare the input with --input NAME=image, or leave the pixel range out",
            )

    def pixels(each: ModelInput) -> PixelRange:
        user, known = (source.get(each.name) or source.get(UNNAMED) for source in (given, packed))
        if isinstance(known, Preprocessing) and isinstance(user, tuple):
            # The user's range replaces the packed one; everything else stays as packed.
            known = known._replace(scale=(user[1] - user[0]) / 255, offset=user[0])
            user = None
        chosen = user or known or default
        if not (channels_first or _has_channels_first(each.shape)):
            return chosen
        return image_preprocessing(each.shape, chosen, channels_first=True) or chosen

    return tuple(replace(each, pixels=pixels(each)) if each.name in images else each for each in inputs)


def _has_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether an image of this shape must be (N, C, H, W)."""
    return len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3)


def model_inputs_with_pixels(
    model: Model, given: Mapping[str, PixelRange] = MappingProxyType({})
) -> tuple[ModelInput, ...]:
    """The inputs of a loaded .tflite, with the pixel range of its images.

    Args:
        model: Model; its packed preprocessing is used, or else the range that an 8-bit input was calibrated on.
        given: Pixel range from the user by input name, or under ``UNNAMED`` for the only image.
    Raises:
        UsageError: See :func:`with_pixels`.
    """
    raw = model.raw_inputs()
    calibrated = {} if model.preprocessing is None else {UNNAMED: model.preprocessing}
    packed: Mapping[str, PixelRange] = model.manifest.preprocessing or calibrated
    inputs = tuple(replace(each, raw=raw.get(each.name)) for each in inputs_of(model.inputs))
    return with_pixels(inputs, model.task, given, packed=packed)


def preprocessing_by_name(inputs: Sequence[ModelInput]) -> dict[str, Preprocessing]:
    """The preprocessing of each image input of fixed size, by input name."""
    found = {}
    for each in inputs:
        # An image without a channel axis is grayscale.
        shape = each.shape if len(each.shape) == 4 else (*each.shape, 1)
        preprocessing = None if each.pixels is None else image_preprocessing(shape, each.pixels)
        if preprocessing is not None:
            found[each.name] = preprocessing
    return found


def raw_inputs_by_name(inputs: Sequence[ModelInput]) -> dict[str, RawInput]:
    """How recordings or strings become an input, by input name, for inputs that take them."""
    return {each.name: each.raw for each in inputs if each.raw is not None}


def with_tokenizer(inputs: Sequence[ModelInput], tokenizer: Tokenizer | None) -> tuple[ModelInput, ...]:
    """The inputs, of which the one that takes tokens is made of texts.

    Args:
        inputs: Inputs of a model.
        tokenizer: Tokenizer from the user; None changes nothing.
    Raises:
        UsageError: No input, or more than one, takes tokens.
    """
    if tokenizer is None:
        return tuple(inputs)
    takers = [each for each in inputs if len(each.shape) == 2]
    if len(takers) > 1:
        takers = [each for each in takers if np.dtype(each.dtype).kind in "iu"]
    if len(takers) != 1:
        raise UsageError(
            "--vocabulary is for a model with one input of tokens.",
            expected="one input of shape (N, tokens)",
            received=", ".join(f"{each.name} {each.shape}" for each in inputs),
        )
    info = TensorInfo(takers[0].name, takers[0].shape, np.dtype(takers[0].dtype), None, 0)
    part = f"vocabulary_{re.sub(r'[^A-Za-z0-9_.-]', '_', info.name)}.{tokenizer.suffix}"
    raw = TextInput(tokenizer, info, part=part)
    return tuple(replace(each, raw=raw) if each is takers[0] else each for each in inputs)


def raw_claim(raw_inputs: Mapping[str, RawInput]) -> Claim:
    """The kinds of inputs that take recordings or strings."""
    return Claim(MODEL, inputs={name: raw.to_dict()["kind"] for name, raw in raw_inputs.items()})


def to_model_input(examples: np.ndarray, shape: tuple[int, ...], dtype: str, pixels: PixelRange | None) -> np.ndarray:
    """Convert the examples of a dataset to an input of a model.

    Args:
        examples: uint8 pixels (N, H, W, C), or values of any type that the model takes unchanged.
        shape: Shape of the input with the batch axis; -1 for sizes that may vary.
        dtype: NumPy name of the input's dtype.
        pixels: For images, the real values of pixels 0 and 255, or the known preprocessing; None for values that the
            model takes unchanged.
    Returns:
        Values of shape (N, *shape[1:]) and type ``dtype``.
    Raises:
        DataError: The shape of the examples differs from that of the input.
    """
    if pixels is not None and _is_channels_first(pixels) and len(shape) == 4:
        return _channels_first_input(examples, shape, dtype, pixels)
    if len(shape) > 2 and shape[-1] == 1 and _fits(examples.shape, shape[:-1]):
        examples = examples[..., np.newaxis]
    elif examples.shape[-1:] == (1,) and _fits(examples.shape[:-1], shape):
        examples = examples[..., 0]
    if not _fits(examples.shape, shape):
        raise _unfit(examples.shape[1:], shape[1:])
    # An image without a channel axis is grayscale, as on the device.
    if pixels is not None and examples.dtype == np.uint8 and dtype == "float32":
        image_shape = examples.shape if examples.ndim != 3 else (*examples.shape, 1)
        preprocessing = image_preprocessing(image_shape, pixels)
        if preprocessing is not None:
            return preprocessing.normalize(examples)
    return examples.astype(dtype, copy=False)


def _channels_first_input(
    examples: np.ndarray, shape: tuple[int, ...], dtype: str, pixel_range: PixelRange
) -> np.ndarray:
    """Convert pixels (N, H, W, C), the layout of datasets, or values (N, C, H, W) that the model takes unchanged."""
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
    """Converts raw values by name to all inputs of a model.

    Args:
        inputs: Inputs of the model; images have their pixel range.
    """

    def __init__(self, inputs: Sequence[ModelInput]) -> None:
        self._inputs = {model_input.name: model_input for model_input in inputs}

    def __call__(self, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Convert a batch to the model's shapes, types and pixel range.

        Args:
            raw: Values (N, ...) by input name, or one array under "" for a model with one input.
        Returns:
            Finite values by input name.
        Raises:
            DataError: An input is missing, has another shape, or contains NaN or infinity.
        """
        raw = self._named(raw)
        if set(raw) != set(self._inputs):
            raise DataError(
                "The data does not name the model's inputs.",
                expected=", ".join(self._inputs),
                received=", ".join(name or "one array without a name" for name in raw) or "nothing",
                next_step="pass an .npz with one array per input, named after the input, or python:module:function "
                "that yields dicts by input name",
            )
        return {name: self._conform(model_input, np.asarray(raw[name])) for name, model_input in self._inputs.items()}

    def raw(self, stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The values that are recordings or strings, by input name."""
        inputs = self._inputs
        return {
            name: values
            for name, values in self._named(stored).items()
            if name in inputs and (how := inputs[name].raw) is not None and how.is_raw(values)
        }

    def _named(self, stored: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        if set(stored) == {UNNAMED} and len(self._inputs) == 1:
            return {next(iter(self._inputs)): stored[UNNAMED]}
        return stored

    def _conform(self, model_input: ModelInput, values: np.ndarray) -> np.ndarray:
        if model_input.raw is not None and model_input.raw.is_raw(values):
            return model_input.raw.prepare(values)
        if values.dtype.kind not in "iufb":
            raise DataError(
                "The examples are not numbers.",
                expected=f"values of input {model_input.name}",
                received=str(values.dtype),
            )
        if values.dtype.kind == "f":
            values = finite(values, f"The data for input {model_input.name} holds")
        return to_model_input(values, model_input.shape, model_input.dtype, model_input.pixels)


def finite(values: np.ndarray, whose: str) -> np.ndarray:
    """Convert floats of any width to float32 and check that all are finite.

    Args:
        values: Shape (N, ...).
        whose: Start of the error message, such as ``digits.csv holds``.
    Raises:
        DataError: Some values are NaN, infinite, or too large for float32.
    """
    # A number too large for float32 becomes infinite.
    with np.errstate(over="ignore"):
        values = values.astype(np.float32, copy=False)
    bad = np.count_nonzero(~np.isfinite(values).reshape(len(values), -1).all(1))
    if bad:
        raise DataError(
            f"{whose} values that are not finite.",
            expected="finite values",
            received=f"NaN or infinity in {bad} of {len(values)} examples",
            next_step="drop these examples, or fill the gaps",
        )
    return values


def _fits(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(given) == len(shape) and all(
        size in (-1, actual) for size, actual in zip(shape[1:], given[1:], strict=True)
    )


def _unfit(given: tuple[int, ...], wanted: tuple[int, ...]) -> DataError:
    problem = "The data does not fit the model's input."
    next_step = "pass data of that size, or a folder of images, which are resized to the model's input"
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
        expected=f"{_sizes(wanted)} per example",
        received=_sizes(given) or "a single number",
        next_step=next_step,
    )


def _product(sizes: tuple[int, ...]) -> int:
    return int(np.prod(sizes))


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join("any" if size == -1 else str(size) for size in shape)
