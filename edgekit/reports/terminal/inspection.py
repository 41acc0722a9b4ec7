"""Prints what ``edgekit inspect`` finds in a .tflite, a Keras file, a SavedModel folder or an exported program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from edgekit.artifacts.inspecting import TargetChecks, TfliteInspection
from edgekit.reports.terminal.packed_facts import packed_facts
from edgekit.reports.terminal.tables import kilobytes, print_table
from edgekit.reports.terminal.targets import print_checks
from edgekit_converters.exported_programs.program import Program, ProgramTensor
from edgekit_converters.keras_files.summary import KerasFileSummary
from edgekit_converters.saved_models.summary import SavedModelSummary
from edgekit_runtime.tflite.description import ModelDescription, OperatorDescription, TensorDescription


def print_inspection(
    result: TfliteInspection | KerasFileSummary | SavedModelSummary | Program | TargetChecks, *, everything: bool
) -> None:
    """Print the inspection of a file of any kind.

    Args:
        result: Result of the inspection.
        everything: Whether to print each operator and tensor of a .tflite, or each layer of a Keras file.
    """
    if isinstance(result, TargetChecks):
        print_checks(result.path.name, result.checks)
    elif isinstance(result, TfliteInspection):
        print_tflite(result, everything=everything)
    elif isinstance(result, SavedModelSummary):
        print_saved_model(result)
    elif isinstance(result, KerasFileSummary):
        print_keras(result, everything=everything)
    else:
        print_program(result)


def print_tflite(inspection: TfliteInspection, *, everything: bool) -> None:
    """Print operators, tensors and packed facts.

    Args:
        inspection: Result of the inspection.
        everything: Whether to print each operator and each tensor, instead of the kinds of operators, the inputs and
            the outputs.
    """
    name, model, manifest = inspection.path.name, inspection.description, inspection.manifest
    if everything:
        _print_each(name, model)
    else:
        columns = ("operator", "version", "number", "output", "bytes of constants")
        print_table(f"{name}: operators", columns, list(_kind_rows(model)))
        tensors = [_tensor_row(tensor, model)[1:-1] for tensor in (*model.inputs, *model.outputs)]
        print_table(f"{name}: inputs and outputs", ("name", "role", "dtype", "shape", "scale", "zero point"), tensors)
    facts = [("size", kilobytes(model.size_bytes))]
    facts += [("signature", f"{s.key}({_names(s.inputs)}) → {_names(s.outputs)}") for s in model.signatures]
    facts += [("packed parts", ", ".join(inspection.parts))] if inspection.parts else []
    facts += [("metadata", ", ".join(model.metadata))] if model.metadata else []
    facts.append(("runs on", ", ".join(inspection.runs_on) or "none of the targets that edgekit knows"))
    facts += packed_facts(manifest, everything=everything)
    print_table(f"{name}: file", (), facts)


def _print_each(name: str, model: ModelDescription) -> None:
    operators = [
        (
            str(number),
            _kind(operator),
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


def _kind_rows(model: ModelDescription) -> Iterator[tuple[str, ...]]:
    """Yield one row per kind of operator, in the order of first appearance."""
    tensors = model.tensors
    kinds: dict[str, list[OperatorDescription]] = {}
    for operator in model.operators:
        kinds.setdefault(_kind(operator), []).append(operator)
    for kind, members in kinds.items():
        constants = {
            index for member in members for index in member.inputs if index >= 0 and tensors[index].is_constant
        }
        size = sum(tensors[index].size_bytes for index in constants)
        types = Counter(tensors[index].dtype for member in members for index in member.outputs[:1])
        yield (
            kind,
            ", ".join(map(str, sorted({member.version for member in members}))),
            str(len(members)),
            ", ".join(dtype if len(types) == 1 else f"{number} {dtype}" for dtype, number in types.most_common()),
            f"{size:,}" if size else "",
        )


def _kind(operator: OperatorDescription) -> str:
    return operator.custom_code or operator.name


def print_keras(summary: KerasFileSummary, *, everything: bool) -> None:
    """Print the content of a Keras file, and what a conversion would upgrade or refuse.

    Args:
        summary: Summary of the file.
        everything: Whether to print each layer instead of the classes of layers.
    """
    facts = [
        ("Keras", summary.keras_version or "not stated"),
        ("backend", summary.backend or "not stated"),
        ("container", summary.container),
        ("model", summary.model_class or "weights only"),
        ("size", kilobytes(summary.size_bytes)),
        ("parameters", f"{summary.parameters:,}"),
    ]
    facts += [("input", f"{tensor.name}: {_sizes(tensor.shape)} {tensor.dtype}") for tensor in summary.inputs]
    facts += [("output", f"{tensor.name}: {_sizes(tensor.shape)} {tensor.dtype}") for tensor in summary.outputs]
    facts += [("would be upgraded", "; ".join(summary.upgrades))] if summary.upgrades else []
    facts += [("note", note) for note in summary.notes]
    facts.append(("conversion", f"refused: {summary.refusal}" if summary.refusal else "possible"))
    if summary.next_step:
        facts.append(("next", summary.next_step))
    print_table(f"{summary.file}: file", (), facts)
    if everything:
        rows = [(row.name, row.class_name, _sizes(row.output_shape), f"{row.parameters:,}") for row in summary.layers]
        print_table(f"{summary.file}: layers", ("layer", "class", "output", "parameters"), rows)
    else:
        print_table(
            f"{summary.file}: layers (--all lists each)", ("class", "number", "parameters"), _class_rows(summary)
        )


def _class_rows(summary: KerasFileSummary) -> list[tuple[str, str, str]]:
    """One row per class of layers, in the order of first appearance."""
    numbers, parameters = Counter[str](), Counter[str]()
    for row in summary.layers:
        name = row.class_name or "of unknown class"
        numbers[name] += 1
        parameters[name] += row.parameters
    return [(name, f"{number:,}", f"{parameters[name]:,}") for name, number in numbers.items()]


def print_saved_model(summary: SavedModelSummary) -> None:
    """Print the signatures and operators of a SavedModel, and what a conversion would refuse."""
    rows = [
        (signature.name, role, tensor.name, tensor.dtype, "unknown" if tensor.shape is None else _sizes(tensor.shape))
        for signature in summary.signatures
        for role, tensors in (("input", signature.inputs), ("output", signature.outputs))
        for tensor in tensors
    ]
    if rows:
        print_table(f"{summary.folder}: signatures", ("signature", "role", "name", "dtype", "shape"), rows)
    operators = [(name, f"{count:,}") for name, count in summary.operators.items()]
    if operators:
        print_table(f"{summary.folder}: operators", ("operator", "number"), operators)
    facts = [
        ("TensorFlow", summary.tensorflow_version or "not stated"),
        ("tags", ", ".join(summary.tags) or "none"),
        ("container", "SavedModel folder"),
        ("size", kilobytes(summary.size_bytes)),
        ("conversion", f"refused: {summary.refusal}" if summary.refusal else f"possible: {summary.converted}"),
    ]
    if summary.next_step:
        facts.append(("next", summary.next_step))
    print_table(f"{summary.folder}: folder", (), facts)


def _sizes(shape: Sequence[int | None] | None) -> str:
    if shape is None:
        return "only Keras can tell"
    return " × ".join("any" if size in (None, -1) else str(size) for size in shape) or "scalar"


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
        _sizes(tensor.shape_signature),
        _short([f"{scale:.6g}" for scale in tensor.scales]),
        _short(sorted({str(point) for point in tensor.zero_points})),
        f"{tensor.size_bytes:,}" if tensor.is_constant else "",
    )


def _short(values: list[str]) -> str:
    """A single value unchanged, or the number of several values with the first one."""
    return values[0] if len(values) == 1 else f"{len(values)}: {values[0]}, …" if values else ""


def _names(tensors: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(name for name, _ in tensors)


def print_program(program: Program) -> None:
    """Print operators, inputs, outputs, and the notes for a conversion."""
    name = program.path.name
    print_table(f"{name}: operators", ("operator", "number"), [(each, str(n)) for each, n in program.operators.items()])
    facts = [
        ("PyTorch", program.torch_version),
        ("size", kilobytes(program.path.stat().st_size)),
        ("parameters", f"{program.parameters:,}"),
    ]
    facts += [("input", _described(each)) for each in program.inputs]
    facts += [("output", _described(each)) for each in program.outputs]
    facts += [("note", note) for note in program.notes]
    print_table(f"{name}: file", (), facts)


def _described(tensor: ProgramTensor) -> str:
    sizes = ["any" if size == -1 else str(size) for size in tensor.to_dict()["shape"]]
    return f"{tensor.name}: {' × '.join(sizes) or 'scalar'} {tensor.dtype}"
