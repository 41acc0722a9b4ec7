"""Finds the kind of each input and output: first from the claims of other sources, then from the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from edgekit_runtime.classification import class_count
from edgekit_runtime.errors import UsageError
from edgekit_runtime.task import (
    BOXES,
    CLASSES,
    DEFAULT,
    FILE,
    IMAGE,
    INPUT_KINDS,
    LABELS,
    MASK,
    MODEL,
    NUMBERS,
    OUTPUT_KINDS,
    SEQUENCE,
    SOUND,
    STATE,
    TEXT,
    TOKENS,
    UNNAMED,
    USER,
    VALUES,
    Claim,
    Kind,
    Task,
)  # fmt: skip
from edgekit_runtime.tensor_info import TensorInfo, model_inputs, model_outputs
from edgekit_runtime.tflite.description import ModelDescription, OperatorDescription, SubgraphDescription

_NOT_NUMPY = frozenset({"string", "resource", "variant"})
#: Smallest side length at which an input without a channel axis is treated as an image.
_SHORTEST_SIDE = 8
_FEWEST_IMAGE_AXES = 3
#: Minimum number of samples of a recording: a quarter of a second at 16 kHz.
_SHORTEST_SOUND = 4000
#: Operators that change the form of a tensor but not the meaning of its values.
_TRANSPARENT = frozenset({"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CAST", "TRANSPOSE"})
#: Operators whose results are logits if they are scores of classes.
_LINEAR = frozenset({"FULLY_CONNECTED", "CONV_2D", "TRANSPOSE_CONV", "BATCH_MATMUL", "ADD", "RESIZE_BILINEAR"})
#: Operators that look up rows, with the position of the input that contains the row numbers.
_LOOK_UPS: Mapping[str, int] = MappingProxyType({"GATHER": 1, "EMBEDDING_LOOKUP": 0, "ONE_HOT": 0})


def find_task(description: ModelDescription, claims: Sequence[Claim] = (), *, label_count: int = 0) -> Task:
    """Find the kind of each input and output.

    Args:
        description: Description of the model.
        claims: Claims about the model, the most trusted first. Names of inputs or outputs that do not exist raise an
            error if they come from the user, and are ignored otherwise.
        label_count: Number of known labels. If an output has this number of scores and nothing else is known about it,
            its kind is ``classes``.
    Raises:
        UsageError: The user names an input, an output or a kind that does not exist, or a kind that is incompatible
            with the tensor's shape.
    """
    description = _with_numpy_types(description)
    inputs, outputs = model_inputs(description), model_outputs(description)
    for claim in claims:
        if claim.source == USER:
            _require_known(claim.inputs, [info.name for info in inputs], INPUT_KINDS, "input")
            _require_known(claim.outputs, [info.name for info in outputs], OUTPUT_KINDS, "output")
    seen_inputs = {info.name: _input_in_graph(description, info) for info in inputs}
    seen_outputs = _outputs_in_graph(description, inputs, outputs)
    if len(outputs) == 1 and label_count == class_count([outputs[0].shape]) != 0:
        seen = seen_outputs[outputs[0].name]
        seen_outputs[outputs[0].name] = Kind(CLASSES, FILE) if seen.source == DEFAULT else seen
    return Task(
        inputs={info.name: _input_kind(info, inputs, claims, seen_inputs[info.name]) for info in inputs},
        outputs={
            info.name: _with_logits(description, info, _output_kind(info, claims, seen_outputs[info.name]))
            for info in outputs
        },
    )


def _with_logits(description: ModelDescription, info: TensorInfo, kind: Kind) -> Kind:
    """Set ``is_logit`` on a kind whose scores are compared with a threshold; several classes need no threshold."""
    is_divided = kind.name == LABELS or (kind.name in (CLASSES, MASK, SEQUENCE) and info.shape[-1:] == (1,))
    if not is_divided:
        return kind
    last = _last_operator(description.subgraphs[0], info.index)
    return kind._replace(is_logit=last is not None and last.name in _LINEAR)


def _with_numpy_types(description: ModelDescription) -> ModelDescription:
    """Replace strings, resources and variants, for which numpy has no dtype, by objects."""
    graph = description.subgraphs[0]
    tensors = tuple(each._replace(dtype="object") if each.dtype in _NOT_NUMPY else each for each in graph.tensors)
    return description._replace(subgraphs=(graph._replace(tensors=tensors), *description.subgraphs[1:]))


def _input_kind(info: TensorInfo, inputs: Sequence[TensorInfo], claims: Sequence[Claim], seen: Kind) -> Kind:
    for claim in claims:
        kind = claim.inputs.get(info.name)
        if kind is None and len(inputs) == 1:
            kind = claim.inputs.get(UNNAMED)
        if kind is not None and kind in INPUT_KINDS and _can_be_input(kind, info, claim.source):
            return Kind(kind, claim.source)
    return seen


def _can_be_input(kind: str, info: TensorInfo, source: str) -> bool:
    """Whether a tensor that is said to be an image has enough axes; raises an error as :func:`_suits` does."""
    if kind != IMAGE or len(info.shape) >= _FEWEST_IMAGE_AXES:
        return True
    if source != USER:
        return False
    raise UsageError(
        f"Input {info.name} cannot be of the kind image.",
        expected="shape (N, height, width), or (N, height, width, channels)",
        received=f"shape {info.shape}, {info.dtype}",
        next_step=f"choose another kind: {', '.join(INPUT_KINDS)}",
    )


def _output_kind(info: TensorInfo, claims: Sequence[Claim], seen: Kind) -> Kind:
    for claim in claims:
        kind = claim.outputs.get(info.name)
        if kind is None and seen.name != STATE:
            kind = claim.outputs.get(UNNAMED)
        if kind is not None and kind in OUTPUT_KINDS and _suits(kind, info, claim.source):
            return Kind(kind, claim.source)
    return seen


def _suits(kind: str, info: TensorInfo, source: str) -> bool:
    """Whether a tensor can be of a kind; if it cannot and the user has chosen the kind, raise an error."""
    fits, expected = _REQUIREMENTS.get(kind, (lambda info: True, ""))
    if fits(info):
        return True
    if source != USER:
        return False
    raise UsageError(
        f"Output {info.name} cannot be of the kind {kind}.",
        expected=expected,
        received=f"shape {info.shape}, {info.dtype}",
        next_step=f"choose another kind: {', '.join(OUTPUT_KINDS)}",
    )


def _is_scored(info: TensorInfo, axes: int) -> bool:
    """Whether an output has ``axes`` axes before its axis of scores, or ``axes`` axes of class numbers."""
    is_chosen = info.dtype.kind in "iu" and info.quantization is None
    return len(info.shape) == (axes if is_chosen else axes + 1)


_REQUIREMENTS: Mapping[str, tuple[Callable[[TensorInfo], bool], str]] = {
    CLASSES: (lambda info: _is_scored(info, 1), "shape (N, classes), or (N,) of class numbers"),
    LABELS: (lambda info: len(info.shape) == 2, "shape (N, labels)"),
    MASK: (
        lambda info: _is_scored(info, 3),
        "shape (N, height, width, classes), or (N, height, width) of class numbers",
    ),
    SEQUENCE: (lambda info: _is_scored(info, 2), "shape (N, steps, tokens), or (N, steps) of token numbers"),
}


def _require_known(given: Mapping[str, str], names: Sequence[str], kinds: Mapping[str, str], what: str) -> None:
    for name, kind in given.items():
        if kind not in kinds:
            raise UsageError(f"There is no kind of {what} called {kind}.", expected=", ".join(kinds), received=kind)
        if name != UNNAMED and name not in names:
            raise UsageError(f"The model has no {what} called {name}.", expected=", ".join(names), received=name)


def _input_in_graph(description: ModelDescription, info: TensorInfo) -> Kind:
    """Find the kind of an input from its type, its shape and its first operators."""
    if info.dtype.kind in "OSU":
        return Kind(TEXT, MODEL)
    sizes = info.shape[1:]
    readers = _readers(description.subgraphs[0], info.index)
    if readers & _LOOK_UPS.keys():
        return Kind(TOKENS, MODEL)
    is_number = info.dtype.kind in "iu" and info.quantization is None
    if is_number and info.dtype.name != "uint8":
        return Kind(NUMBERS, MODEL)
    if _is_image(sizes):
        return Kind(IMAGE, MODEL)
    if sizes[:1] and sizes[0] >= _SHORTEST_SOUND:
        is_column = len(sizes) == 2 and sizes[1] == 1
        if is_column or (len(sizes) == 1 and "FULLY_CONNECTED" not in readers):
            return Kind(SOUND, MODEL)
    return Kind(NUMBERS, DEFAULT)


def _is_image(sizes: tuple[int, ...]) -> bool:
    """Whether a shape without the batch axis is that of an image; a square without a channel axis counts as grey."""
    if len(sizes) == 2:
        return sizes[0] == sizes[1] and sizes[0] >= _SHORTEST_SIDE
    if len(sizes) != 3 or 0 in sizes:
        return False
    if sizes[2] in (1, 3):
        return True
    return sizes[0] in (1, 3) and all(size == -1 or size >= _SHORTEST_SIDE for size in sizes[1:])


def _outputs_in_graph(
    description: ModelDescription, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> dict[str, Kind]:
    """Find the kind of each output from the last operators, and from state that is passed from outputs to inputs."""
    kinds = {info.name: _output_in_graph(description.subgraphs[0], info) for info in outputs}
    if not any(kind.name in (CLASSES, LABELS, SEQUENCE) for kind in kinds.values()):
        return kinds
    # The state of a recurrent cell has the same shape as input and as output, next to the actual prediction.
    memories = [info.shape[1:] for info in inputs if info.dtype.kind == "f" or info.quantization is not None]
    for info in outputs:
        if kinds[info.name].name == VALUES and info.shape[1:] in memories:
            kinds[info.name] = Kind(STATE, MODEL)
    return kinds


def _output_in_graph(graph: SubgraphDescription, info: TensorInfo) -> Kind:
    last = _last_operator(graph, info.index)
    rank = len(info.shape)
    if last is None:
        return Kind(VALUES, DEFAULT)
    if last.custom_code == "TFLite_Detection_PostProcess":
        return Kind(BOXES, MODEL)
    if last.name == "ARG_MAX":
        chosen = {1: CLASSES, 2: SEQUENCE, 3: MASK}.get(rank)
        return Kind(chosen, MODEL) if chosen else Kind(VALUES, DEFAULT)
    if last.name in ("SOFTMAX", "LOG_SOFTMAX") and info.shape[-1] != 1:
        scored = {2: CLASSES, 3: SEQUENCE, 4: MASK}.get(rank)
        return Kind(scored, MODEL) if scored else Kind(VALUES, DEFAULT)
    if last.name == "LOGISTIC" and rank == 2:
        return Kind(CLASSES if info.shape[1] == 1 else LABELS, MODEL)
    return Kind(VALUES, DEFAULT)


def _last_operator(graph: SubgraphDescription, tensor: int) -> OperatorDescription | None:
    """The operator that computes an output; None if the model itself uses the values, as with attention weights."""
    writers = {index: operator for operator in graph.operators for index in operator.outputs}
    seen = set()
    while tensor in writers and tensor not in seen:
        seen.add(tensor)
        operator = writers[tensor]
        if operator.name not in _TRANSPARENT:
            is_used = any(_computes_with(graph, index) for index in seen)
            return None if is_used else operator
        tensor = operator.inputs[0]
    return None


def _computes_with(graph: SubgraphDescription, tensor: int) -> bool:
    return any(
        tensor in operator.inputs and operator.name not in _TRANSPARENT | {"ARG_MAX"} for operator in graph.operators
    )


def _readers(graph: SubgraphDescription, tensor: int) -> set[str]:
    """Names of the first operators that compute with an input, skipping those that only change its form."""
    found: set[str] = set()
    waiting, seen = [tensor], {tensor}
    while waiting:
        index = waiting.pop()
        for operator in graph.operators:
            if index not in operator.inputs:
                continue
            if operator.name in _LOOK_UPS and operator.inputs[_LOOK_UPS[operator.name]] != index:
                continue
            if operator.name in _TRANSPARENT or _gives_integers(graph, operator):
                waiting.extend(set(operator.outputs) - seen)
                seen.update(operator.outputs)
            else:
                found.add(operator.name)
    return found


def _gives_integers(graph: SubgraphDescription, operator: OperatorDescription) -> bool:
    """Whether an operator computes row numbers: Keras converts negative ones, which count from the end, beforehand."""
    return all(graph.tensors[index].dtype in ("int32", "int64", "bool") for index in operator.outputs)
