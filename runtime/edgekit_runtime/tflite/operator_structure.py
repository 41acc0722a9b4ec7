"""Checks the table of one operator in a .tflite file: its code, its inputs and outputs, its options."""

from __future__ import annotations

from edgekit_runtime.tflite.description import OperatorDescription
from edgekit_runtime.tflite.flatbuffer import Table, damaged
from edgekit_runtime.tflite.operator_rules import (
    CUSTOM,
    FEWEST_INPUTS,
    INPUTS_TOGETHER,
    OPTIONAL_INPUTS,
    OPTIONS,
    OPTIONS_2,
    OWN_OPTIONS,
    REQUIRED_OPTIONS,
    WITHOUT_OUTPUTS,
    OptionsSchema,
)
from edgekit_runtime.tflite.schema import BUILTIN_OPERATORS, Operator, OperatorCode


def read_operator_code(code: Table) -> tuple[int, int, str]:
    """Read the number, version and custom name of an operator code.

    Raises:
        ModelFileError: The schema does not have the operator, or the version is invalid.
    """
    # The old field is one byte wide; larger codes are stored only in the new field.
    number = max(code.scalar(OperatorCode.DEPRECATED_BUILTIN_CODE, "b"), code.scalar(OperatorCode.BUILTIN_CODE, "i"))
    version = code.scalar(OperatorCode.VERSION, "i", default=1)
    if not 0 <= number < len(BUILTIN_OPERATORS):
        raise damaged(f"{code.what} names operator {number}, which the schema does not have")
    if version < 1:
        raise damaged(f"{code.what} asks for version {version}")
    return number, version, code.string(OperatorCode.CUSTOM_CODE, "custom code")


def read_operator(
    entry: Table, operator_codes: list[tuple[int, int, str]], tensor_count: int, called: set[int]
) -> OperatorDescription:
    """Check an operator and describe it.

    Args:
        entry: Table of the operator.
        operator_codes: Results of :func:`read_operator_code` for all operator codes of the file.
        tensor_count: Number of tensors in the operator's subgraph.
        called: Set to which the numbers of the called subgraphs are added.
    Raises:
        ModelFileError: The operator is invalid.
    """
    opcode_index = entry.scalar(Operator.OPCODE_INDEX, "I")
    if opcode_index >= len(operator_codes):
        raise damaged(f"{entry.what} has operator code {opcode_index} of {len(operator_codes)}")
    number, version, custom_code = operator_codes[opcode_index]
    name = BUILTIN_OPERATORS[number]
    options = entry.scalar(Operator.BUILTIN_OPTIONS_TYPE, "B")
    if options not in (0, OWN_OPTIONS.get(name, options)):
        raise damaged(f"{entry.what} is a {name} with the options of another operator")
    if name in REQUIRED_OPTIONS and (options != REQUIRED_OPTIONS[name] or not entry.has(Operator.BUILTIN_OPTIONS)):
        raise damaged(f"{entry.what} is a {name} without its options")
    _check_options(entry, entry.table(Operator.BUILTIN_OPTIONS, "options"), OPTIONS.get(options), called)
    options_2 = entry.scalar(Operator.BUILTIN_OPTIONS2_TYPE, "B")
    _check_options(entry, entry.table(Operator.BUILTIN_OPTIONS2, "options"), OPTIONS_2.get(options_2), called)
    entry.vector_place(Operator.CUSTOM_OPTIONS, "custom options")
    entry.vector_place(Operator.MUTATING_VARIABLE_INPUTS, "mutating inputs")
    entry.indices(Operator.INTERMEDIATES, "intermediates", tensor_count)
    operator = OperatorDescription(
        name=name,
        version=version,
        custom_code=custom_code if number == CUSTOM else "",
        inputs=entry.indices(Operator.INPUTS, "inputs", tensor_count, smallest=-1),
        outputs=entry.indices(Operator.OUTPUTS, "outputs", tensor_count),
    )
    _check_presence(entry.what, operator)
    return operator


def _check_presence(what: str, operator: OperatorDescription) -> None:
    """Raise an error if an input or output is missing that native code relies on."""
    name, inputs = operator.name, operator.inputs
    fewest = FEWEST_INPUTS.get(name, 1)
    if len(inputs) < fewest:
        raise damaged(f"{what} is a {name} with {len(inputs)} inputs")
    if not operator.outputs and fewest and name not in WITHOUT_OUTPUTS:
        raise damaged(f"{what} is a {name} without an output")
    missing = {place for place, index in enumerate(inputs) if index < 0}
    if not missing <= OPTIONAL_INPUTS.get(name, set()):
        raise damaged(f"{what} is a {name} without its input {min(missing)}")
    # An LSTM of the first schema version may have only five inputs, and therefore no gates that could be missing.
    for group in INPUTS_TOGETHER.get(name, ()):
        if group[-1] < len(inputs) and len({place in missing for place in group}) > 1:
            raise damaged(f"{what} is a {name} with a part of its input gate")


def _check_options(entry: Table, options: Table | None, schema: OptionsSchema | None, called: set[int]) -> None:
    """Check the fields of an operator's options, and collect the subgraphs that the operator calls."""
    if options is None or schema is None:
        return
    for field, item in schema.vectors.items():
        if item == "string":
            options.string(field, "text")
        else:
            options.numbers(field, item, "list")
    for field, default in schema.positive.items():
        if options.scalar(field, "i", default) < 1:
            raise damaged(f"{options.what} has a stride, filter or dilation below 1")
    for count_field, tensors_field, what in (
        (schema.inputs, Operator.INPUTS, "inputs"),
        (schema.outputs, Operator.OUTPUTS, "outputs"),
    ):
        if count_field is not None and options.scalar(count_field, "i") != entry.count(tensors_field, what):
            raise damaged(f"{options.what} states a number of {what} that differs from the operator's")
    for field in schema.subgraphs:
        called.add(options.scalar(field, "i"))
    if schema.subgraph_list is not None:
        called.update(options.integers(schema.subgraph_list, "subgraphs"))
