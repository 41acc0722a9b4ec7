"""Chooses the paths of the files that a conversion writes."""

from __future__ import annotations

from pathlib import Path

from edgekit_converters.quantization.modes import IoType, Mode, modes_by_rank

#: Values of ``quantize`` other than a mode: all common variants, or the best variant within a budget.
ALL, AUTO = "all", "auto"


def quantize_choices() -> tuple[str, ...]:
    """All valid values of ``quantize``."""
    return (*(mode.value for mode in Mode), AUTO, ALL)


def output_paths(model: Path, output: Path | None, quantize: str, io: IoType) -> dict[Mode, Path]:
    """The path of each variant, named after the model and, unless it is not quantized, after its mode.

    Args:
        model: Path of the source.
        output: File or folder; None for the folder of the source.
        quantize: A mode, ``all`` or ``auto``. All modes of ``auto`` share one path, because any may be selected.
        io: Type of inputs and outputs, which not every mode supports.
    """
    if quantize == ALL:
        folder = output or model.parent
        return {mode: folder / f"{model.stem}-{mode.value}.tflite" for mode in Mode if mode.record.in_all}
    name = model.stem if quantize == Mode.NONE.value else f"{model.stem}-{quantize}"
    path = output or model.with_name(f"{name}.tflite")
    if path.is_dir():
        path /= f"{name}.tflite"
    if quantize != AUTO:
        return {Mode(quantize): path}
    return {mode: path for mode in modes_by_rank() if io in mode.io_types}
