"""What ``edgekit inspect`` shows of a .tflite."""

from __future__ import annotations

from edgekit.reports.tables import kilobytes, print_table
from edgekit_runtime.description import ModelDescription, TensorDescription
from edgekit_runtime.manifest import Manifest


def print_tflite(name: str, model: ModelDescription, manifest: Manifest) -> None:
    """Print operators, tensors, and what is packed behind the FlatBuffer."""
    operators = [
        (
            str(number),
            operator.custom_code or operator.name,
            str(operator.version),
            ", ".join(map(str, operator.inputs)),
            ", ".join(map(str, operator.outputs)),
        )
        for number, operator in enumerate(model.operators)
    ]
    print_table(f"{name}: operators", ("#", "operator", "version", "inputs", "outputs"), operators)
    print_table(
        f"{name}: tensors",
        ("#", "name", "role", "dtype", "shape", "scale", "zero point", "bytes"),
        [_tensor_row(tensor, model) for tensor in model.tensors],
    )
    facts = [("size", kilobytes(model.size_bytes))]
    facts += [("signature", f"{s.key}({_names(s.inputs)}) → {_names(s.outputs)}") for s in model.signatures]
    if manifest.labels:
        facts.append(("labels", ", ".join(manifest.labels[:20]) + (" …" if len(manifest.labels) > 20 else "")))
    if manifest.pixel_range:
        facts.append(("pixels 0 and 255 become", f"{manifest.pixel_range[0]:g} and {manifest.pixel_range[1]:g}"))
    facts += list(manifest.provenance)
    print_table(f"{name}: file", ("", "value"), facts)


def _tensor_row(tensor: TensorDescription, model: ModelDescription) -> tuple[str, ...]:
    role = "constant" if tensor.is_constant else ""
    if tensor in model.inputs:
        role = "input"
    elif tensor in model.outputs:
        role = "output"
    return (
        str(tensor.index),
        tensor.name[:60],
        role,
        tensor.dtype,
        " × ".join("any" if size == -1 else str(size) for size in tensor.shape_signature) or "scalar",
        _short([f"{scale:.6g}" for scale in tensor.scales]),
        _short(sorted({str(point) for point in tensor.zero_points})),
        f"{tensor.size_bytes:,}" if tensor.is_constant else "",
    )


def _short(values: list[str]) -> str:
    """One value as it is, several as their number and the first."""
    return values[0] if len(values) == 1 else f"{len(values)}: {values[0]}, …" if values else ""


def _names(tensors: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(name for name, _ in tensors)
