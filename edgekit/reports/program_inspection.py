"""What ``edgekit inspect`` shows of a PyTorch exported program."""

from __future__ import annotations

from edgekit.reports.tables import kilobytes, print_table
from edgekit_converters.exported_programs.program import Program, ProgramTensor


def print_program(program: Program) -> None:
    """Print operators, inputs and outputs, and what conversion will say."""
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
