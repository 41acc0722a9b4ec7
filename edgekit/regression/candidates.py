"""The .tflite that is judged: used as is, or converted from its source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edgekit.regression.configuration.sections import LoadedConfiguration, ModelConfiguration
from edgekit_converters.exported_programs.archive import is_exported_program
from edgekit_runtime.errors import UsageError

#: Distributions whose versions affect the bytes of a conversion.
_VERSIONED = ("edgekit", "keras", "tensorflow", "litert-quantizer", "numpy")
#: The same for a PyTorch program.
_VERSIONED_FOR_PROGRAMS = ("edgekit", "torch", "litert-torch", "litert-quantizer", "numpy")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A .tflite to judge.

    Attributes:
        path: The .tflite.
        made_with: Versions and options of the gate's conversion, sorted; empty if the file is used as is.
    """

    path: Path
    made_with: tuple[tuple[str, str], ...]


def prepare(configuration: LoadedConfiguration, name: str, folder: Path) -> Candidate:
    """Find the file of a model, or convert its source.

    Args:
        configuration: The loaded configuration.
        name: Model name in the configuration.
        folder: Where the conversion is written if the configuration names no file for it.
    Raises:
        EdgekitError: The conversion failed.
        UsageError: The conversion's options are wrong.
    """
    model = configuration.settings.models[name]
    if model.source is None:
        return Candidate(configuration.resolve(model.file or ""), ())
    target = configuration.resolve(model.file) if model.file else folder / f"{name}.tflite"
    _convert(configuration, name, target)
    is_program = is_exported_program(configuration.resolve(model.source))
    versioned = _VERSIONED_FOR_PROGRAMS if is_program else _VERSIONED
    return Candidate(target, _made_with(model, configuration.settings.seed, versioned))


def bytes_of_second_conversion(configuration: LoadedConfiguration, name: str, folder: Path) -> str:
    """SHA-256 of a second, identical conversion."""
    target = folder / "again" / f"{name}.tflite"
    _convert(configuration, name, target)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _convert(configuration: LoadedConfiguration, name: str, target: Path) -> None:
    from edgekit.conversion import ConversionOptions, convert
    from edgekit_converters.lowering import LoweringRequest

    model = configuration.settings.models[name]
    mode, io = _mode_and_io(configuration, name, model)
    calibration = None
    if mode.needs_calibration:
        calibration = configuration.data_source(model.calibration) if model.calibration else configuration.data_of(name)
    options = ConversionOptions(
        io=io,
        data=calibration,
        samples=model.samples,
        seed=configuration.settings.seed,
        pixel_ranges=model.pixel_ranges,
    )
    shape = None if model.input_shape is None else tuple(model.input_shape)
    request = LoweringRequest(configuration.resolve(model.source or ""), shape, signature=model.signature)
    convert(request, {mode: target}, options)


def _mode_and_io(configuration: LoadedConfiguration, name: str, model: ModelConfiguration):  # type: ignore[no-untyped-def]
    from edgekit_converters.quantization.modes import IoType, Mode

    try:
        return Mode(model.quantize), IoType(model.io)
    except ValueError as error:
        raise UsageError(
            f"{configuration.path}: models.{name} has an unknown quantization mode or I/O type.",
            expected=f"quantize: {', '.join(m.value for m in Mode)}; io: {', '.join(io.value for io in IoType)}",
            received=str(error),
        ) from None


def _made_with(model: ModelConfiguration, seed: int, versioned: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    facts = {name: metadata.version(name) for name in versioned}
    named = {"quantize", "io", "samples", "input_shape", "signature", "calibration", "pixel_range"}
    options = model.model_dump(include=named)
    facts |= {name: str(value) for name, value in options.items() if value is not None}
    return tuple(sorted((facts | {"seed": str(seed)}).items()))
