"""Runs one interpreter, which only one thread at a time may use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.interpreters.interface import Interpreter
from edgekit_runtime.packed_file.mapped_file import MappedFile


class Session:
    """Runs arrays that have the model's dtypes and shapes on one interpreter.

    Args:
        create: Creates the interpreter, with tensors allocated for ``shapes``.
        input_indices: Tensor number of each input.
        output_indices: Tensor number of each output.
        shapes: Stored shape of each input.
        resets_variables: Whether state inside the model (for example of an LSTM) is reset before each run, as in
            Keras; otherwise it would carry over to the next, unrelated example.
        mapped: The file from which ``create`` creates interpreters, if it is mapped.
    """

    def __init__(
        self,
        create: Callable[[], Interpreter],
        input_indices: Sequence[int],
        output_indices: Sequence[int],
        shapes: Sequence[tuple[int, ...]],
        *,
        resets_variables: bool,
        mapped: MappedFile | None = None,
    ) -> None:
        self._create = create
        self._input_indices = tuple(input_indices)
        self._output_indices = tuple(output_indices)
        self._stored_shapes = list(shapes)
        self._resets_variables = resets_variables
        self._lock = threading.Lock()
        self._interpreter: Any
        self._set: Callable[..., Any]
        self._invoke: Callable[..., Any]
        self._get: Callable[..., Any]
        self._mapped = mapped
        self._first_input, self._first_output = self._input_indices[0], self._output_indices[0]
        self._open()
        if mapped is not None:
            mapped.enter()

    def run_one(self, array: np.ndarray) -> np.ndarray:
        """Run a stateless model with one input and one output on an array of the stored shape."""
        with self._lock:
            if self._mapped is not None:
                self._leave_changing_file(self._mapped)
            try:
                if self._shapes is not self._stored_shapes:
                    self._resize(self._stored_shapes)
                self._set(self._first_input, array)
                self._invoke()
                return self._get(self._first_output)
            except (ValueError, RuntimeError, MemoryError) as error:
                raise self._refused(error) from error

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run one array per input and return a copy of each output; resizes the inputs if a shape has changed."""
        with self._lock:
            if self._mapped is not None:
                self._leave_changing_file(self._mapped)
            try:
                self._resize([array.shape for array in arrays])
                if self._resets_variables:
                    self._interpreter.reset_all_variables()
                for index, array in zip(self._input_indices, arrays):
                    self._set(index, array)
                self._invoke()
                return [self._get(index) for index in self._output_indices]
            except (ValueError, RuntimeError, MemoryError) as error:
                raise self._refused(error) from error

    def reset(self) -> None:
        """Reset the state inside the model."""
        with self._lock:
            self._interpreter.reset_all_variables()

    def close(self) -> None:
        """Free the interpreter; later runs raise an error."""
        with self._lock:
            self._release()
            self._create = _refuse_closed
            if self._mapped is not None:
                self._mapped.leave()
                self._mapped = None

    def reopen(self, create: Callable[[], Interpreter]) -> None:
        """Replace the interpreter, whose memory is freed first, by another one for the same model."""
        with self._lock:
            if self._create is not _refuse_closed:
                self._create = create
                self._open()

    def _leave_changing_file(self, mapped: MappedFile) -> None:
        """Move to a copy of the mapped file if another program waits to write into it."""
        if not mapped.is_mapped:
            self._open()
            mapped.leave()
            self._mapped = None

    def _release(self) -> None:
        self._interpreter = _Closed()
        self._set = self._invoke = self._get = _refuse_closed

    def _open(self) -> None:
        # A second interpreter of a large model might not fit into memory.
        self._release()
        self._interpreter = interpreter = self._create()
        self._shapes = self._stored_shapes
        # Bound once: next to an invoke of 13 µs, every attribute look-up per call is noticeable.
        self._set, self._invoke, self._get = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor

    def _resize(self, shapes: list[tuple[int, ...]]) -> None:
        if shapes == self._shapes:
            return
        for index, shape in zip(self._input_indices, shapes):
            self._interpreter.resize_tensor_input(index, shape)
        self._interpreter.allocate_tensors()
        self._shapes = self._stored_shapes if shapes == self._stored_shapes else shapes

    def _refused(self, error: Exception) -> InterpreterError:
        # tflite-runtime 2.14 crashes if an interpreter is used again after it could not allocate a shape.
        self._open()
        return InterpreterError(
            "The interpreter cannot run the model on this input.",
            received=(str(error).strip() or type(error).__name__).splitlines()[0],
            next_step="check the input's shape, or convert the model again for this interpreter",
        )


class _Closed:
    """Replaces an interpreter that was freed."""

    def __getattr__(self, name: str) -> Any:
        return _refuse_closed


def _refuse_closed(*_: Any) -> Any:
    raise UsageError("The model is closed.", next_step="load it again, or close it after its last use")
