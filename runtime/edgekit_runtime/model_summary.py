"""Summarizes a loaded model: what it takes and returns, what runs it, and how it uses memory and threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgekit_runtime.execution.batch_plan import BatchPlan
from edgekit_runtime.printable_text import one_line
from edgekit_runtime.task import Kind
from edgekit_runtime.tensor_info import TensorInfo

_SHOWN_LABELS = 5


@dataclass(frozen=True)
class TensorSummary:
    """An input or output.

    Attributes:
        name: Name in the signature if the file has one, else the tensor's own name.
        kind: Kind, such as ``image`` or ``classes``.
        kind_source: Source of the kind: ``user``, ``file``, ``training``, ``data``, ``model`` or ``default``.
        dtype: The dtype of the tensor in the model; callers pass and get real values.
        shape: Sizes, the batch first; -1 for sizes that the caller chooses.
    """

    name: str
    kind: str
    kind_source: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        sizes = " × ".join("N" if size == -1 else str(size) for size in self.shape) or "scalar"
        return f"{one_line(self.name)} ({self.kind}, {self.dtype}, {sizes})"


@dataclass(frozen=True)
class ModelSummary:
    """Result of :meth:`Model.describe`; printing it gives a short text.

    Attributes:
        file: Path that the model was loaded from; empty if it was loaded from bytes.
        size_bytes: Size of the file in bytes.
        is_mapped: Whether the file is mapped instead of read into memory.
        interpreter: Name and version of the interpreter.
        inputs: Inputs, in the file's order.
        outputs: Outputs, in the file's order.
        labels: Names of the classes; empty if they are not known.
        mode: How the model was quantized, as packed into the file; empty if that is not known.
        operators: Number of operators.
        num_threads: Number of threads that one operator may use, for single examples.
        batch_interpreters: Number of interpreters that share a large batch.
        batch_threads: Number of threads of each of them.
        batch_reason: Why these numbers.
        examples_per_invoke: Examples per invoke in large batches; ``None`` until the first large batch measures it.
    """

    file: str
    size_bytes: int
    is_mapped: bool
    interpreter: str
    inputs: tuple[TensorSummary, ...]
    outputs: tuple[TensorSummary, ...]
    labels: tuple[str, ...]
    mode: str
    operators: int
    num_threads: int
    batch_interpreters: int
    batch_threads: int
    batch_reason: str
    examples_per_invoke: int | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)

    def __str__(self) -> str:
        how = "mapped" if self.is_mapped else "in memory"
        size = f"{self.size_bytes / 1e6:,.1f} MB" if self.size_bytes >= 1e6 else f"{self.size_bytes / 1e3:,.1f} kB"
        shown = ", ".join(one_line(label) for label in self.labels[:_SHOWN_LABELS])
        more = ", …" if len(self.labels) > _SHOWN_LABELS else ""
        per_invoke = self.examples_per_invoke or "not measured yet"
        rows = (
            ("model", f"{one_line(self.file) or 'from bytes'}: {size}, {how}, {self.operators} operators"),
            *(("input", str(tensor)) for tensor in self.inputs),
            *(("output", str(tensor)) for tensor in self.outputs),
            ("labels", f"{len(self.labels)}: {shown}{more}" if self.labels else "not known"),
            ("mode", one_line(self.mode) or "not known"),
            ("interpreter", f"{self.interpreter}, threads per operator: {self.num_threads}"),
            (
                "batches",
                f"interpreters: {self.batch_interpreters}, threads of each: {self.batch_threads} ({self.batch_reason});"
                f" examples per invoke: {per_invoke}",
            ),
        )
        return "\n".join(f"{title:<12}{text}" for title, text in rows)


def summarize_tensors(infos: Sequence[TensorInfo], kinds: Mapping[str, Kind]) -> tuple[TensorSummary, ...]:
    """Summaries of inputs or outputs, given the kind of each by name."""
    return tuple(
        TensorSummary(info.name, kinds[info.name].name, kinds[info.name].source, info.dtype.name, info.shape)
        for info in infos
    )


def batch_facts(plan: BatchPlan, num_threads: int, examples_per_invoke: int | None) -> dict[str, Any]:
    """The fields of a summary that say how batches run."""
    return {
        "num_threads": num_threads,
        "batch_interpreters": plan.interpreters,
        "batch_threads": plan.threads,
        "batch_reason": plan.reason,
        "examples_per_invoke": examples_per_invoke,
    }
