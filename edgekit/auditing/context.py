"""What the checks of an audit look at, each part made when a check first asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from edgekit.auditing.check import Need
from edgekit.auditing.made_up_inputs import EXAMPLES, has_open_sizes, made_up_inputs
from edgekit.datasets.readers.memory import memory_data
from edgekit.devices.device import this_machine
from edgekit.devices.predictions import predictions_of
from edgekit.parity.options import Thresholds, ValidationOptions
from edgekit.parity.validation import Validation, validate_all
from edgekit_runtime.errors import EdgekitError, ModelFileError
from edgekit_runtime.packed_file.manifest import Manifest, Parts, packed_manifest
from edgekit_runtime.task import NOTHING_SAID, Claim, Task
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tensor_info import model_outputs
from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What the user wants a file to be judged by.

    Attributes:
        targets: Runtimes that it must run on.
        against: The model that it was made from; None if that is not at hand.
        data: Data to judge it on, by name or path; None for made-up inputs.
        label_column: Column of the labels if the data is a table; None finds it.
        samples: Examples to use, at most.
        max_drop: Largest drop against ``against``, an absolute fraction.
        pixel_ranges: Real values of pixels 0 and 255, by input name, or under "" for the only image.
        claim: What the user says of the task.
        seed: Seed of everything random.
    """

    targets: tuple[str, ...] = ()
    against: Path | None = None
    data: str | None = None
    label_column: str | None = None
    samples: int = 1000
    max_drop: float = 0.02
    pixel_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    claim: Claim = NOTHING_SAID
    seed: int = 0


@dataclass(frozen=True, slots=True)
class MadeUpRun:
    """Predictions for made-up inputs, computed in a process of its own.

    Attributes:
        inputs: Inputs by name, (N, ...).
        outputs: Outputs by name, (N, ...); empty if the file does not run.
        examples: N; 1 if the first axis of the inputs is not a batch.
        error: Why it does not run; empty if it does.
    """

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    examples: int
    error: str


class AuditContext:
    """A file under audit.

    Attributes:
        path: The file.
        content: All of it.
        request: What it is judged by.
        model: The parsed file; None if its structure is damaged.
        structure_error: Why it could not be parsed; empty if it could.
    """

    def __init__(self, path: Path, content: bytes, request: AuditRequest) -> None:
        self.path, self.content, self.request = path, content, request
        self.model: TfliteModel | None = None
        self.structure_error = ""
        try:
            self.model = TfliteModel(content)
        except ModelFileError as error:
            self.structure_error = f"{error.problem} {error.received}".strip()

    def missing(self, need: Need) -> bool:
        """Whether a check that needs this cannot be run."""
        if need is Need.STRUCTURE:
            return self.model is None
        if need is Need.RUNS:
            return self.model is None or bool(self.made_up.error)
        return (self.request.data if need is Need.DATA else self.request.against) is None

    @property
    def parsed(self) -> TfliteModel:
        """The parsed file, for checks that need ``Need.STRUCTURE``."""
        assert self.model is not None
        return self.model

    @cached_property
    def manifest(self) -> Manifest:
        """What edgekit packed; empty if that is nothing, or damaged, which a check of its own reports."""
        try:
            return packed_manifest(Parts(self.content))
        except ModelFileError:
            return Manifest()

    @cached_property
    def task(self) -> Task:
        """Kinds of inputs and outputs."""
        claims = [self.request.claim, self.manifest.task]
        return find_task(self.parsed.description, claims, label_count=len(self.manifest.labels))

    @cached_property
    def made_up(self) -> MadeUpRun:
        """Predictions for inputs of many levels and patterns; native code that crashes does so in another process."""
        run = self._run_made_up(has_batch=True)
        # Of some models the first axis is not a batch.
        return self._run_made_up(has_batch=False) if run.error else run

    def _run_made_up(self, *, has_batch: bool) -> MadeUpRun:
        description = self.parsed.description
        try:
            preprocessing = self.manifest.preprocessing
            inputs = made_up_inputs(description, self.task, preprocessing, seed=self.request.seed, has_batch=has_batch)
            outputs, _ = predictions_of(this_machine(), self.path, list(inputs.values()))
            names = [info.name for info in model_outputs(description)]
            examples = EXAMPLES if has_batch else 1
            return MadeUpRun(inputs, dict(zip(names, outputs, strict=True)), examples, "")
        except EdgekitError as error:
            return MadeUpRun({}, {}, 0, f"{error.problem} {error.received}".strip())

    @property
    def has_open_sizes(self) -> bool:
        """Whether sizes other than the batch are the caller's choice, so that made-up inputs may have wrong ones."""
        return has_open_sizes(self.parsed.description)

    @cached_property
    def validation(self) -> Validation:
        """The existing comparison: with ``--against`` of both files, else of the file with itself.

        Raises:
            EdgekitError: The data or the reference cannot be read, or does not fit.
        """
        return self.validate(self.request.pixel_ranges)

    def validate(self, pixel_ranges: Mapping[str, tuple[float, float]]) -> Validation:
        """``validation`` with other pixel ranges."""
        request = self.request
        data = request.data if request.data is not None else memory_data(dict(self.made_up.inputs))
        assert data is not None
        options = ValidationOptions(
            seed=request.seed,
            everything=True,
            samples=request.samples,
            pixel_ranges=pixel_ranges,
            label_column=request.label_column,
            claim=request.claim,
        )
        reference = request.against or self.path
        return validate_all(reference, [self.path], data, thresholds=Thresholds(), options=options)[0]

    def operators(self) -> Iterator[tuple[str, OperatorDescription, tuple[TensorDescription, ...]]]:
        """Each operator of each graph, with a name for reports and the tensors of its graph."""
        for number, graph in enumerate(self.parsed.description.subgraphs):
            for place, operator in enumerate(graph.operators):
                where = f"graph {number}, " if number else ""
                name = operator.custom_code or operator.name
                yield f"{where}operator {place} {name}", operator, graph.tensors

    def codes(self, tensor: TensorDescription) -> np.ndarray | None:
        """A constant's integers in its shape; None if it is not made of whole bytes or is stored sparsely."""
        if not tensor.is_constant or tensor.dtype not in ("int8", "uint8", "int16", "int32"):
            return None
        dtype = np.dtype(tensor.dtype)
        if tensor.size_bytes != int(np.prod(tensor.shape)) * dtype.itemsize:
            return None
        data = memoryview(self.content)[tensor.data_offset : tensor.data_offset + tensor.size_bytes]
        return np.frombuffer(data, dtype).reshape(tensor.shape)
