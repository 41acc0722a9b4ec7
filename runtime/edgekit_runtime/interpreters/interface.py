"""What every interpreter offers, and how one is created for a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.packed_file.mapped_file import MappedFile, content_of

if TYPE_CHECKING:
    import numpy as np

    from edgekit_runtime.packed_file.mapped_file import Content


class Interpreter(Protocol):
    """The part of the interpreters' shared interface that the runtime uses."""

    def allocate_tensors(self) -> None:
        """Plan the memory; required before the first invoke and after a resize."""

    def resize_tensor_input(self, input_index: int, tensor_size: tuple[int, ...]) -> None:
        """Change the shape of an input."""

    def set_tensor(self, tensor_index: int, value: np.ndarray) -> None:
        """Copy ``value`` into an input."""

    def invoke(self) -> None:
        """Run the model; releases the GIL."""

    def get_tensor(self, tensor_index: int) -> np.ndarray:
        """Return a copy of a tensor."""

    def reset_all_variables(self) -> None:
        """Reset the tensors that keep their values between invokes."""


#: Creates an interpreter from the path or the content of a .tflite file and a number of threads. Its tensors are not
#: allocated yet. A file given by its path is mapped.
CreateInterpreter = Callable[["str | Content", int], "Interpreter"]


class InterpreterChoice:
    """An installed interpreter.

    Attributes:
        name: One of :data:`edgekit_runtime.interpreters.choosing.INTERPRETERS`.
        version: Version of its package or library.
    """

    def __init__(self, name: str, version: str, create: CreateInterpreter) -> None:
        self.name = name
        self.version = version
        self._create = create

    def create(self, model: bytes | MappedFile, num_threads: int) -> Interpreter:
        """Create an interpreter for the model and allocate its tensors.

        Args:
            model: Content of a .tflite file whose structure has been checked, or the file itself, mapped.
            num_threads: Number of threads that one operator may use.
        Raises:
            ModelFileError: Another program has changed the mapped file.
            InterpreterError: The interpreter refuses the model.
        """
        path = model.path_for_interpreter() if isinstance(model, MappedFile) else None
        try:
            interpreter = self._create(path or content_of(model), num_threads)
            interpreter.allocate_tensors()
        # A SystemError is raised for a name that is not UTF-8.
        except (ValueError, RuntimeError, MemoryError, SystemError) as error:
            raise InterpreterError(
                f"{self.name} {self.version} refuses the model.",
                received=(str(error).strip() or type(error).__name__).splitlines()[0],
                next_step="convert the model again for this interpreter's version",
            ) from error
        return interpreter
