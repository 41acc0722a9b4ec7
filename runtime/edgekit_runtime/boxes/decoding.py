"""How a model's outputs become boxes: the record that travels with the file, and finding the outputs of each role."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from edgekit_runtime.boxes.layouts import LAYOUTS, POSTPROCESS, HeadLayout
from edgekit_runtime.boxes.parameters import Value
from edgekit_runtime.errors import ModelFileError, UsageError
from edgekit_runtime.tensor_info import TensorInfo
from edgekit_runtime.tflite.description import ModelDescription

#: Key of the record in ``Manifest.decoding``.
BOXES_KEY = "boxes"
#: Part of the packed file with the anchor table.
ANCHORS_NAME = "anchors.npy"
_MOST_ANCHORS = 200_000
_MOST_OUTPUTS = 16


class BoxDecoding(NamedTuple):
    """How the outputs of a model become boxes.

    Attributes:
        layout: Name of the head layout, one of ``layouts.LAYOUTS``.
        outputs: Names of the outputs, in the order of the layout's roles.
        parameters: Value of each parameter of the layout.
    """

    layout: str
    outputs: tuple[str, ...]
    parameters: Mapping[str, Value] = MappingProxyType({})

    @property
    def record(self) -> HeadLayout:
        """The layout."""
        return LAYOUTS[self.layout]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stored in the manifest."""
        values = {name: list(v) if isinstance(v, tuple) else v for name, v in self.parameters.items()}
        return {"layout": self.layout, "outputs": list(self.outputs), **values}

    @classmethod
    def from_dict(cls, fields: Any) -> BoxDecoding:
        """Read the result of :meth:`to_dict` from JSON, without trusting it.

        Raises:
            UsageError: A layout, an output or a parameter is unknown, missing or invalid.
        """
        if not isinstance(fields, Mapping):
            raise UsageError("The decoding of boxes is not a JSON object.", received=type(fields).__name__)
        parameters = dict(fields)
        layout = layout_called(parameters.pop("layout", None))
        outputs = parameters.pop("outputs", None)
        if (
            not isinstance(outputs, (list, tuple))
            or not all(isinstance(name, str) for name in outputs)
            or not 0 < len(outputs) <= _MOST_OUTPUTS
            or len(outputs) not in (len(layout.roles), len(layout.roles) or len(outputs))
            or len(set(outputs)) < len(outputs)
        ):
            raise UsageError(
                f"The outputs of the head layout {layout.name} are not valid.",
                expected=f"names of the outputs {', '.join(layout.roles)}" if layout.roles else "names of outputs",
                received=f"{outputs!r:.200}",
            )
        return cls(layout.name, tuple(outputs), checked_parameters(layout, parameters))


def layout_called(name: Any) -> HeadLayout:
    """The head layout of a name.

    Raises:
        UsageError: There is no such layout.
    """
    if not isinstance(name, str) or name not in LAYOUTS:
        raise UsageError("There is no such head layout.", expected=", ".join(LAYOUTS), received=f"{name!r:.80}")
    return LAYOUTS[name]


def checked_parameters(layout: HeadLayout, given: Mapping[str, Any]) -> dict[str, Value]:
    """The value of each parameter of a layout, from JSON values or texts.

    Raises:
        UsageError: A parameter is unknown, missing or invalid.
    """
    known = {parameter.name: parameter for parameter in layout.parameters}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise UsageError(
            f"The head layout {layout.name} has no parameter {unknown[0]!r:.80}.",
            expected=", ".join(known) or "no parameters",
            received=f"{unknown[0]!r:.80}",
        )
    values: dict[str, Value] = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        try:
            if value is None:
                raise ValueError(parameter.meaning)
            values[name] = parameter.check(value)
        except ValueError as error:
            raise UsageError(
                f"The head layout {layout.name} needs another value of {name}, the {parameter.meaning}.",
                expected=str(error),
                received="nothing" if value is None else f"{value!r:.80}",
                next_step=f"--box-parameter {name}=VALUE",
            ) from None
    return values


def output_names(
    layout: HeadLayout, outputs: Sequence[TensorInfo], named: Sequence[str] = (), *, anchor_count: int = 0
) -> tuple[str, ...]:
    """Find which output has which role of a layout.

    Args:
        layout: Head layout.
        outputs: All outputs of the model.
        named: Names in the order of the roles, if the user states them.
        anchor_count: Number of anchors, if the layout has a table of them.
    Raises:
        UsageError: A name is not that of an output, or the roles are not clear.
    """
    names = [info.name for info in outputs]
    if named:
        unknown = [name for name in named if name not in names]
        if unknown or len(set(named)) < len(named) or (layout.roles and len(named) != len(layout.roles)):
            raise _unclear(layout, outputs)
        return tuple(named)
    if not layout.roles:
        return tuple(names)
    find = _FINDERS.get(layout.name)
    found = find(outputs, anchor_count) if find is not None else None
    if found is None:
        raise _unclear(layout, outputs)
    return tuple(info.name for info in found)


def _unclear(layout: HeadLayout, outputs: Sequence[TensorInfo]) -> UsageError:
    roles = ", ".join(layout.roles) or "outputs"
    return UsageError(
        f"It is not clear which outputs of the model are those of the head layout {layout.name}.",
        expected=f"{len(layout.roles) or 'some'} of the model's outputs: {roles}",
        received=", ".join(f"{info.name} {info.shape}" for info in outputs),
        next_step=f"--box-parameter outputs={','.join(role.upper() for role in layout.roles) or 'NAME,NAME'}",
    )


def _ssd_outputs(outputs: Sequence[TensorInfo], anchor_count: int) -> list[TensorInfo] | None:
    boxes = [info for info in outputs if info.shape[1:] in ((anchor_count, 4), (anchor_count, 1, 4))]
    scores = [info for info in outputs if len(info.shape) == 3 and info.shape[1] == anchor_count]
    if len(scores) == 2 and len(boxes) == 1:
        scores = [info for info in scores if info is not boxes[0]]
    return [*boxes, *scores] if len(boxes) == len(scores) == 1 and boxes != scores else None


def _center_net_outputs(outputs: Sequence[TensorInfo], anchor_count: int) -> list[TensorInfo] | None:
    """By name; sizes and offsets have one shape."""
    words = (("heat", "hm", "center"), ("size", "wh"), ("offset", "reg"))
    found = [[info for info in outputs if any(word in info.name.lower() for word in own)] for own in words]
    chosen = [each[0] for each in found if len(each) == 1]
    return chosen if len(chosen) == len(words) == len({info.name for info in chosen}) else None


_FINDERS: Mapping[str, Callable[[Sequence[TensorInfo], int], list[TensorInfo] | None]] = {
    "ssd": _ssd_outputs,
    "centernet": _center_net_outputs,
}


def packed_decoding(
    packed: Mapping[str, Any], description: ModelDescription, outputs: Sequence[TensorInfo]
) -> BoxDecoding:
    """The decoding packed into a model, or else that of an operator which needs none.

    Args:
        packed: ``Manifest.decoding``.
        description: Description of the model.
        outputs: All outputs of the model.
    Raises:
        ModelFileError: What is packed is damaged, or nothing is packed and the head layout is not clear.
    """
    if BOXES_KEY not in packed:
        found = find_decoding(description, outputs)
        if found is None:
            raise ModelFileError(
                "The model does not say how its outputs become boxes.",
                expected="a head layout packed into the file, or the operator TFLite_Detection_PostProcess",
                received=", ".join(f"{info.name} {info.shape}" for info in outputs),
                next_step=f"edgekit pack model.tflite --boxes {'|'.join(LAYOUTS)}, or use predict()",
            )
        return found
    try:
        decoding = BoxDecoding.from_dict(packed[BOXES_KEY])
    except UsageError as error:
        raise ModelFileError(
            "The decoding of boxes packed into the model is damaged, or of a newer edgekit.",
            expected=error.expected,
            received=f"{error.problem} {error.received}",
            next_step="convert the model again, or pip install --upgrade edgekit-runtime",
        ) from error
    lost = set(decoding.outputs) - {info.name for info in outputs}
    if lost:
        raise ModelFileError(
            "The decoding of boxes packed into the model is for another model.",
            expected=", ".join(info.name for info in outputs),
            received=f"an output called {sorted(lost)[0]!r:.80}",
            next_step="convert the model again",
        )
    return decoding


def find_decoding(description: ModelDescription, outputs: Sequence[TensorInfo]) -> BoxDecoding | None:
    """The decoding of a model that ends in TFLite_Detection_PostProcess; ``None`` for other models."""
    name_of = {info.index: info.name for info in outputs}
    for operator in description.operators:
        if operator.custom_code == "TFLite_Detection_PostProcess":
            names = [name_of.get(index) for index in operator.outputs]
            found = [name for name in names if name is not None]
            return BoxDecoding(POSTPROCESS, tuple(found)) if len(found) == len(LAYOUTS[POSTPROCESS].roles) else None
    return None


def checked_anchors(anchors: np.ndarray) -> np.ndarray:
    """An anchor table as float32 (N, 4).

    Raises:
        UsageError: It is not a table of finite numbers with four columns, or too long.
    """
    if anchors.dtype.kind not in "iuf" or anchors.ndim != 2 or anchors.shape[1] != 4:
        raise UsageError(
            "This is not an anchor table.", expected="numbers (N, 4)", received=f"{anchors.dtype} {anchors.shape}"
        )
    if not 0 < len(anchors) <= _MOST_ANCHORS or not (np.abs(anchors) <= np.finfo(np.float32).max).all():
        raise UsageError(
            "The anchor table cannot be used.",
            expected=f"1 to {_MOST_ANCHORS} rows of finite numbers",
            received=f"{len(anchors)} rows",
        )
    return anchors.astype(np.float32)


def packed_anchors(anchors: np.ndarray) -> bytes:
    """The content of the part ``ANCHORS_NAME``."""
    file = io.BytesIO()
    np.save(file, checked_anchors(anchors), allow_pickle=False)
    return file.getvalue()


def read_anchors(content: bytes) -> np.ndarray:
    """Read the part ``ANCHORS_NAME``, without trusting it.

    Raises:
        ModelFileError: It is missing or damaged.
    """
    try:
        # numpy checks the size in the header against the content, and the packed file's parts are bounded.
        return checked_anchors(np.lib.format.read_array(io.BytesIO(content), allow_pickle=False))
    # numpy raises many kinds of exceptions for damaged arrays.
    except Exception as error:
        raise ModelFileError(
            f"The anchor table {ANCHORS_NAME} packed into the model is missing or damaged.",
            received=str(error) or type(error).__name__,
            next_step="pack it again: edgekit pack model.tflite --boxes ssd --anchors FILE",
        ) from error
