"""Runs batches of any size through a model's interpreters."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from edgekit_runtime.conversion import Decoder, Encoder
from edgekit_runtime.errors import InterpreterError, TensorMismatchError
from edgekit_runtime.execution.batches import chunk_size, padded, run_chunks
from edgekit_runtime.execution.interpreter import InterpreterChoice
from edgekit_runtime.execution.session import Session
from edgekit_runtime.tensor_info import TensorInfo, model_inputs, model_outputs
from edgekit_runtime.tflite.scales import dense_crashes
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Converts an array of real values, or of pixels, to what the model's input holds.
Encode = Callable[[np.ndarray], np.ndarray]


class BatchRunner:
    """The sessions of one model: cuts batches into chunks and spreads large ones over several interpreters.

    Args:
        model: The .tflite, whose structure was checked.
        interpreter: The interpreter to run it on.
        num_threads: Threads that one operator may use.
        num_interpreters: Over how many interpreters a large batch is spread, unless state ties it to one.
        stateful: Whether state inside the model goes over from one sample to the next.

    Attributes:
        batch_size: The first axis of all inputs and outputs, -1 if it is free, ``None`` if it is not a batch axis.
        session: The interpreter for single samples and small batches.
        single_shape: The shape of a batch that :meth:`Session.run_one` of ``session`` answers with nothing else to
            look at; ``None`` if the model needs more than that.
        encoders: For each input what converts a caller's array to the model's own values.
        decoders: For each output what converts the model's own values to real ones.
    """

    def __init__(
        self,
        model: TfliteModel,
        interpreter: InterpreterChoice,
        *,
        num_threads: int,
        num_interpreters: int,
        stateful: bool,
    ) -> None:
        description = model.description
        self._inputs, self._outputs = model_inputs(description), model_outputs(description)
        self.encoders = [Encoder(info) for info in self._inputs]
        self.decoders = [Decoder(info) for info in self._outputs]
        self._stored_shapes = [tensor.shape for tensor in description.inputs]
        # No reference to the loaded model: it is to be freed with its last name, not by the garbage collector.
        self._create = partial(interpreter.create, model.content, num_threads)
        operators = {o.name for subgraph in description.subgraphs for o in subgraph.operators}
        has_variables = any(t.is_variable for subgraph in description.subgraphs for t in subgraph.tensors)
        self._resets_variables = has_variables and not stateful
        # State that is to go over to the next sample lives in one interpreter, and samples come one by one.
        keeps_state = "VAR_HANDLE" in operators or (has_variables and stateful)
        self._num_interpreters = 1 if keeps_state else num_interpreters
        self.batch_size = _batch_size((*self._inputs, *self._outputs))
        self.session = self._new_session()
        self._spread_sessions: list[Session] = []
        self._spread_lock = allocate_lock()
        one_by_one = keeps_state or bool(dense_crashes(interpreter.name, description))
        self._chunk = 1 if one_by_one else _chunk_samples(self._inputs, self.batch_size)
        self.single_shape = self._find_single_shape(has_variables)

    def run(
        self, arrays: Sequence[np.ndarray], encoders: Sequence[Encode], session: Session | None = None
    ) -> list[np.ndarray]:
        """Run arrays that conform to the inputs, of any number of samples.

        Args:
            arrays: One array for each input, as :func:`edgekit_runtime.execution.batches.conform` returns them.
            encoders: For each input what converts its array: ``encoders`` of this object, or an image's.
            session: The interpreter to run on; by default as many as the batch is worth.
        Returns:
            The real values of each output.
        Raises:
            TensorMismatchError: Outputs differ in size from one sample to the next.
            InterpreterError: The interpreter cannot run the model on these shapes.
        """
        if self.batch_size is None:
            raw = (session or self.session).run([encode(array) for encode, array in zip(encoders, arrays)])
            return self._decode(raw)
        count = len(arrays[0])
        if count == 0:
            return [np.empty((0, *_known(info.shape[1:])), _value_dtype(info)) for info in self._outputs]
        outputs = _CollectedOutputs(count)

        def run_chunk(session: Session, start: int, stop: int) -> None:
            raw = session.run([padded(encode(a[start:stop]), size) for encode, a in zip(encoders, arrays)])
            _require_rows(raw, size)
            outputs.put(start, stop, self._decode(raw))

        sessions, size = self._sessions_for(count, session)
        run_chunks(run_chunk, sessions, count, size)
        return outputs.arrays

    def sessions(self) -> list[Session]:
        """The interpreters that large batches and streams are spread over; all but the first are made on first use."""
        return [self.session] if self._num_interpreters == 1 else self._spread()

    def reset(self) -> None:
        """Set state inside the model back to its start."""
        self.session.reset()

    def close(self) -> None:
        """Free the interpreters; a run that another thread has begun is finished first."""
        with self._spread_lock:
            # Never empty from now on, so that no new ones are made.
            self._spread_sessions = self._spread_sessions or [self.session]
            for session in (self.session, *self._spread_sessions):
                session.close()

    def _sessions_for(self, count: int, session: Session | None) -> tuple[list[Session], int]:
        """The interpreters to run ``count`` samples on, and how many samples go into one invoke."""
        # Few samples go one after the other through the interpreter that is there; more are worth others.
        is_spread = (
            session is None
            and count >= 2 * self._chunk * self._num_interpreters
            and self._num_interpreters * self._chunk > 1
        )
        if is_spread:
            return self._spread(), self._chunk
        return [session or self.session], max(self.batch_size or 1, 1)

    def _spread(self) -> list[Session]:
        with self._spread_lock:
            if not self._spread_sessions:
                # The first session stays at the stored batch size, for single samples.
                own = [] if self.batch_size == -1 else [self.session]
                missing = self._num_interpreters - len(own)
                self._spread_sessions = own + [self._new_session() for _ in range(missing)]
            return self._spread_sessions

    def _new_session(self) -> Session:
        return Session(
            self._create,
            [info.index for info in self._inputs],
            [info.index for info in self._outputs],
            self._stored_shapes,
            resets_variables=self._resets_variables,
        )

    def _decode(self, raw: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [decode(output) for decode, output in zip(self.decoders, raw)]

    def _find_single_shape(self, has_variables: bool) -> tuple[int, ...] | None:
        if len(self._inputs) != 1 or len(self._outputs) != 1 or has_variables or -1 in self._inputs[0].shape[1:]:
            return None
        return self._stored_shapes[0]


class _CollectedOutputs:
    """The outputs of ``count`` samples, put together from chunks that come in any order and on any thread."""

    def __init__(self, count: int) -> None:
        self.arrays: list[np.ndarray] = []
        self._count = count
        self._filling = allocate_lock()

    def put(self, start: int, stop: int, values: Sequence[np.ndarray]) -> None:
        """Keep the values of the samples from ``start`` to ``stop``; rows beyond are padding."""
        with self._filling:
            if not self.arrays:
                self.arrays.extend(np.empty((self._count, *v.shape[1:]), v.dtype) for v in values)
        for output, value in zip(self.arrays, values):
            if value.shape[1:] != output.shape[1:]:
                raise TensorMismatchError(
                    "The model's outputs have another size for each sample.",
                    expected=f"{output.shape[1:]}",
                    received=f"{value.shape[1:]}",
                    next_step="pass one sample at a time",
                )
            output[start:stop] = value[: stop - start]


def _require_rows(outputs: Sequence[np.ndarray], size: int) -> None:
    if any(output.shape[:1] != (size,) for output in outputs):
        raise InterpreterError(
            "The model does not answer each sample.",
            expected=f"outputs of {size} rows for {size} samples",
            received=", ".join(str(output.shape) for output in outputs),
            next_step="convert the model again",
        )


def _batch_size(infos: Sequence[TensorInfo]) -> int | None:
    sizes = {info.shape[0] if info.shape else None for info in infos}
    return sizes.pop() if len(sizes) == 1 else None


def _chunk_samples(inputs: Sequence[TensorInfo], batch_size: int | None) -> int:
    """Samples that go into one invoke of a large batch."""
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
