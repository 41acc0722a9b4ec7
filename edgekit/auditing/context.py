"""Provides what the checks of an audit examine; each part is computed when a check first needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from edgekit.auditing.check import Need
from edgekit.auditing.made_up_inputs import EXAMPLES, has_open_sizes, made_up_inputs
from edgekit.datasets.model_inputs import inputs_of, with_pixels
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.readers.memory import memory_data
from edgekit.devices.device import this_machine
from edgekit.devices.predictions import predictions_of
from edgekit.parity.options import Thresholds, ValidationOptions
from edgekit.parity.validation import Validation, validate_all
from edgekit_converters.targets.check import TargetCheck, check_targets
from edgekit_converters.targets.target import target_names
from edgekit_runtime.errors import EdgekitError, ModelFileError
from edgekit_runtime.inputs.raw_inputs import read_raw_inputs
from edgekit_runtime.packed_file.manifest import Manifest, Parts, packed_manifest
from edgekit_runtime.task import NOTHING_SAID, Claim, Task
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tensor_info import model_inputs, model_outputs
from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

_SOME_EXAMPLES = 64


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """Options of an audit.

    Attributes:
        targets: Runtimes that the file must run on.
        against: Path of the source model; None if it is not available.
        data: Data to judge the file on, by name or path; None for generated inputs.
        label_column: Label column if the data is a table; None detects it.
        samples: Maximum number of examples.
        max_drop: Maximum drop against the source model, an absolute fraction.
        pixel_ranges: Real values of pixels 0 and 255, by input name, or under "" for the only image.
        claim: The user's declaration of the model's task.
        seed: Seed of all random choices.
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
    """Predictions for generated inputs, computed in a separate process.

    Attributes:
        inputs: Inputs by name, (N, ...).
        outputs: Outputs by name, (N, ...); empty if the file does not run.
        examples: Number of examples N; 1 if the first axis of the inputs is not a batch.
        error: Reason why the file does not run; empty if it does.
    """

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    examples: int
    error: str


class AuditContext:
    """A file under audit.

    Attributes:
        path: Path of the file.
        content: Content of the file.
        request: Options of the audit.
        model: Parsed file; None if its structure is damaged.
        structure_error: Reason why it could not be parsed; empty if it could.
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
        """Whether this requirement is not fulfilled."""
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
        """edgekit's manifest; empty if there is none or if it is damaged, which another check reports."""
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
    def target_checks(self) -> tuple[TargetCheck, ...]:
        """Whether each target can run the file, and what prevents it."""
        return check_targets(self.parsed, target_names())

    @cached_property
    def some_examples(self) -> Mapping[str, np.ndarray]:
        """The inputs of some examples of the data, by input name, for checks that need ``Need.DATA``.

        Raises:
            EdgekitError: The data cannot be read or is incompatible.
        """
        request = self.request
        assert request.data is not None
        packed = self.manifest.preprocessing
        infos = model_inputs(self.parsed.description)
        raw = read_raw_inputs(infos, self.manifest.raw_preprocessing, Parts(self.content).read)
        inputs = tuple(replace(each, raw=raw.get(each.name)) for each in inputs_of(infos))
        inputs = with_pixels(inputs, self.task, request.pixel_ranges, packed=packed)
        data = open_data(DataRequest(request.data, request.seed, request.label_column), inputs)
        stream = data.everything.sample(_SOME_EXAMPLES, seed=request.seed)
        return next(iter(stream.batches(_SOME_EXAMPLES))).inputs

    @cached_property
    def made_up(self) -> MadeUpRun:
        """Predictions for inputs of many levels and patterns, in another process because native code may crash."""
        run = self._run_made_up(has_batch=True)
        # The first axis of some models is not a batch.
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
        """Whether sizes other than the batch are open, so that generated inputs may have unsuitable ones."""
        return has_open_sizes(self.parsed.description)

    @cached_property
    def validation(self) -> Validation:
        """The comparison with the source model, or of the file with itself without ``--against``.

        Raises:
            EdgekitError: The data or the reference cannot be read or is incompatible.
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
        """Yield each operator of each graph, with a name for reports and the tensors of its graph."""
        for number, graph in enumerate(self.parsed.description.subgraphs):
            for place, operator in enumerate(graph.operators):
                where = f"graph {number}, " if number else ""
                name = operator.custom_code or operator.name
                yield f"{where}operator {place} {name}", operator, graph.tensors

    def codes(self, tensor: TensorDescription) -> np.ndarray | None:
        """The integers of a constant in its shape; None if they are not whole bytes or are stored sparsely."""
        if not tensor.is_constant or tensor.dtype not in ("int8", "uint8", "int16", "int32"):
            return None
        dtype = np.dtype(tensor.dtype)
        if tensor.size_bytes != int(np.prod(tensor.shape)) * dtype.itemsize:
            return None
        data = memoryview(self.content)[tensor.data_offset : tensor.data_offset + tensor.size_bytes]
        return np.frombuffer(data, dtype).reshape(tensor.shape)
