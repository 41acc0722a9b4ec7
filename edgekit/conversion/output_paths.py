"""Where a conversion writes its files."""

from __future__ import annotations

from pathlib import Path

from edgekit_converters.quantization.modes import IoType, Mode, modes_by_rank

#: What ``quantize`` may be beside a mode: every variant that is usually wanted, or the best one within a budget.
ALL, AUTO = "all", "auto"


def quantize_choices() -> tuple[str, ...]:
    """All that ``quantize`` may be."""
    return (*(mode.value for mode in Mode), AUTO, ALL)


def output_paths(model: Path, output: Path | None, quantize: str, io: IoType) -> dict[Mode, Path]:
    """Where each variant goes; named for the model and, unless it is the plain one, for its mode.

    Args:
        model: The source.
        output: A file, or a folder; None for the source's folder.
        quantize: A mode, ``all`` or ``auto``. Each path of ``auto`` is the same: any of them may be written.
        io: Type of inputs and outputs, which not every mode can have.
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
