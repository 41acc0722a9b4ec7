"""Runs batches of any size on a model's interpreters."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from edgekit_runtime.conversion import Decoder, Encoder
from edgekit_runtime.errors import InterpreterError, TensorMismatchError
from edgekit_runtime.execution.batch_plan import plan_batches
from edgekit_runtime.execution.batches import choose_chunk, chunk_size, padded, run_chunks
from edgekit_runtime.execution.session import Session
from edgekit_runtime.interpreters.interface import InterpreterChoice
from edgekit_runtime.packed_file.mapped_file import MappedFile
from edgekit_runtime.tensor_info import TensorInfo, model_inputs, model_outputs
from edgekit_runtime.tflite.scales import dense_crashes
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Converts an array of real values, or of pixels, to the values of the model's input.
Encode = Callable[[np.ndarray], np.ndarray]


class BatchRunner:
    """Runs one model: splits batches into chunks and spreads large batches over several interpreters.

    Args:
        model: The parsed .tflite.
        interpreter: The interpreter to run it on.
        num_threads: Number of threads that one operator may use.
        num_interpreters: Number of interpreters that share a large batch; by default as :mod:`batch_plan` decides. A
            model that keeps state uses only one.
        stateful: Whether state inside the model is kept from one example to the next.

    Attributes:
        inputs: Inputs, in the file's order.
        outputs: Outputs, in the file's order.
        batch_size: Size of the first axis of all inputs and outputs; -1 if it is free, ``None`` if it is not a batch
            axis.
        session: Session for single examples and small batches.
        single_shape: Shape of a batch that may be passed directly to :meth:`Session.run_one` of ``session``; ``None``
            if the model does not allow that.
        encoders: For each input, the converter from a caller's array to the model's values.
        decoders: For each output, the converter from the model's values to real values.
        num_threads: Number of threads that one operator may use, for single examples.
        plan: Number of interpreters for large batches, and their threads.
        chunk: Number of examples per invoke in large batches; ``None`` until it has been measured.
    """

    def __init__(
        self,
        model: TfliteModel,
        interpreter: InterpreterChoice,
        *,
        num_threads: int,
        num_interpreters: int | None,
        stateful: bool,
    ) -> None:
        description = model.description
        self.inputs, self.outputs = model_inputs(description), model_outputs(description)
        self.encoders = [Encoder(info) for info in self.inputs]
        self.decoders = [Decoder(info) for info in self.outputs]
        self._like_this = partial(
            BatchRunner,
            interpreter=interpreter,
            num_threads=num_threads,
            num_interpreters=num_interpreters,
            stateful=stateful,
        )
        self._stored_shapes = [tensor.shape for tensor in description.inputs]
        # Keeps no reference to the loaded model, so that reference counting frees it without the garbage collector.
        self._create_with = partial(interpreter.create, model.source)
        self.num_threads = num_threads
        self._mapped = model.source if isinstance(model.source, MappedFile) else None
        operators = {o.name for subgraph in description.subgraphs for o in subgraph.operators}
        has_variables = any(t.is_variable for subgraph in description.subgraphs for t in subgraph.tensors)
        self._resets_variables = has_variables and not stateful
        # State that is kept for the next example belongs to one interpreter, which must run the examples one by one.
        keeps_state = "VAR_HANDLE" in operators or (has_variables and stateful)
        self.plan = plan_batches(
            len(model), num_threads=num_threads, num_interpreters=num_interpreters, keeps_state=keeps_state
        )
        self.batch_size = _batch_size((*self.inputs, *self.outputs))
        self.session = self._new_session()
        self._spread_sessions: list[Session] = []
        self._spread_lock = threading.Lock()
        self._one_by_one = keeps_state or bool(dense_crashes(interpreter.name, interpreter.version, description))
        self._most_per_invoke = 1 if self._one_by_one else _chunk_samples(self.inputs, self.batch_size)
        is_measured = self.batch_size == -1 and self._most_per_invoke > 1
        self.chunk = None if is_measured else self._most_per_invoke
        self.single_shape = self._find_single_shape(has_variables)

    def run(
        self, arrays: Sequence[np.ndarray], encoders: Sequence[Encode], session: Session | None = None
    ) -> list[np.ndarray]:
        """Run arrays that conform to the inputs, with any number of examples.

        Args:
            arrays: One array per input, as returned by :func:`edgekit_runtime.execution.batches.conform`.
            encoders: For each input, the converter of its array: ``encoders`` of this object, or that of an image.
            session: Session to run on; by default as many as the size of the batch justifies.
        Returns:
            The real values of each output.
        Raises:
            TensorMismatchError: The size of the outputs differs between examples.
            InterpreterError: The interpreter cannot run the model on these shapes.
        """
        if self.batch_size is None:
            raw = (session or self.session).run([encode(array) for encode, array in zip(encoders, arrays)])
            return self._decode(raw)
        count = len(arrays[0])
        if count == 0:
            return [np.empty((0, *_known(info.shape[1:])), _value_dtype(info)) for info in self.outputs]
        outputs = _CollectedOutputs(count)

        def run_chunk(session: Session, start: int, stop: int) -> None:
            raw = session.run([padded(encode(a[start:stop]), size) for encode, a in zip(encoders, arrays)])
            _require_rows(raw, size)
            outputs.put(start, stop, self._decode(raw))

        sessions, size = [session or self.session], max(self.batch_size or 1, 1)
        if session is None and self._is_large(count):
            sessions = self.sessions()
            size = self.chunk or self._measure_chunk(
                [encode(a[: self._most_per_invoke]) for encode, a in zip(encoders, arrays)]
            )
        run_chunks(run_chunk, sessions, count, size)
        return outputs.arrays

    def run_together(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """:meth:`run`, but in one invoke if the model allows it: for small batches whose size rarely changes.

        Raises:
            InterpreterError: The interpreter cannot run the model on these shapes.
        """
        if self.batch_size != -1 or self._one_by_one or len(arrays[0]) == 0:
            return self.run(arrays, self.encoders)
        raw = self.session.run([encode(array) for encode, array in zip(self.encoders, arrays)])
        _require_rows(raw, len(arrays[0]))
        return self._decode(raw)

    def for_view(self, model: TfliteModel) -> BatchRunner:
        """A runner with the same interpreter and threads for another signature of the same file."""
        return self._like_this(model)

    def sessions(self) -> list[Session]:
        """The sessions that share large batches and streams; all except the first are created on first use."""
        with self._spread_lock:
            if not self._spread_sessions:
                if self.plan.threads != self.num_threads:
                    # The weights do not fit twice: the only interpreter gets all threads instead.
                    self.session.reopen(partial(self._create_with, self.plan.threads))
                further = [self._new_session() for _ in range(self.plan.interpreters - 1)]
                self._spread_sessions = [self.session, *further]
            return self._spread_sessions

    def reset(self) -> None:
        """Reset the state inside the model."""
        self.session.reset()

    def close(self) -> None:
        """Free the interpreters; a run that another thread has started is finished first."""
        with self._spread_lock:
            # The list is never empty from now on, so that no new sessions are created.
            self._spread_sessions = self._spread_sessions or [self.session]
            for session in (self.session, *self._spread_sessions):
                session.close()

    def _is_large(self, count: int) -> bool:
        """Whether a batch justifies further sessions; a few examples run one after the other on the existing one."""
        workers = max(self.plan.interpreters, self.plan.threads // self.num_threads)
        return workers * self._most_per_invoke > 1 and count >= 2 * self._most_per_invoke * workers

    def _measure_chunk(self, arrays: Sequence[np.ndarray]) -> int:
        """Choose the number of examples per invoke by running a few of the batch's first examples."""

        def seconds_of(size: int) -> float:
            part = [array[:size] for array in arrays]
            # The first run changes the shapes, and is not timed.
            times = []
            for _ in range(4):
                start = time.perf_counter()
                self.session.run(part)
                times.append(time.perf_counter() - start)
            return min(times[1:])

        with self._spread_lock:
            if self.chunk is None:
                self.chunk = choose_chunk(seconds_of, self._most_per_invoke)
        return self.chunk

    def _new_session(self) -> Session:
        return Session(
            partial(self._create_with, self.num_threads),
            [info.index for info in self.inputs],
            [info.index for info in self.outputs],
            self._stored_shapes,
            resets_variables=self._resets_variables,
            mapped=self._mapped,
        )

    def _decode(self, raw: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [decode(output) for decode, output in zip(self.decoders, raw)]

    def _find_single_shape(self, has_variables: bool) -> tuple[int, ...] | None:
        if len(self.inputs) != 1 or len(self.outputs) != 1 or has_variables or -1 in self.inputs[0].shape[1:]:
            return None
        return self._stored_shapes[0]


class _CollectedOutputs:
    """The outputs of ``count`` examples, assembled from chunks that arrive in any order and from any thread."""

    def __init__(self, count: int) -> None:
        self.arrays: list[np.ndarray] = []
        self._count = count
        self._filling = threading.Lock()

    def put(self, start: int, stop: int, values: Sequence[np.ndarray]) -> None:
        """Store the values of the examples from ``start`` to ``stop``; any further rows are padding."""
        with self._filling:
            if not self.arrays:
                self.arrays.extend(np.empty((self._count, *v.shape[1:]), v.dtype) for v in values)
        for output, value in zip(self.arrays, values):
            if value.shape[1:] != output.shape[1:]:
                raise TensorMismatchError(
                    "The size of the model's outputs differs between examples.",
                    expected=f"{output.shape[1:]}",
                    received=f"{value.shape[1:]}",
                    next_step="pass one example at a time",
                )
            output[start:stop] = value[: stop - start]


def _require_rows(outputs: Sequence[np.ndarray], size: int) -> None:
    if any(output.shape[:1] != (size,) for output in outputs):
        raise InterpreterError(
            "The model does not return one row per example.",
            expected=f"outputs of {size} rows for {size} examples",
            received=", ".join(str(output.shape) for output in outputs),
            next_step="convert the model again",
        )


def _batch_size(infos: Sequence[TensorInfo]) -> int | None:
    sizes = {info.shape[0] if info.shape else None for info in infos}
    return sizes.pop() if len(sizes) == 1 else None


def _chunk_samples(inputs: Sequence[TensorInfo], batch_size: int | None) -> int:
    """Number of examples per invoke in a large batch."""
    if batch_size is None:
        return 1
    if batch_size > 0:
        return batch_size
    sample_bytes = sum(int(np.prod([max(size, 1) for size in info.shape[1:]])) * info.dtype.itemsize for info in inputs)
    return chunk_size(sample_bytes)


def _known(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(size, 0) for size in shape)


def _value_dtype(info: TensorInfo) -> np.dtype[Any]:
    return np.dtype(np.float32) if info.quantization is not None else info.dtype
