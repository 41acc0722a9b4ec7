"""The TensorFlow Lite C library through ctypes: runs on every Python and with every numpy."""

from __future__ import annotations

import ctypes
import functools
import os
from ctypes import c_char_p, c_int, c_size_t, c_void_p
from typing import TYPE_CHECKING

import numpy as np

from edgekit_runtime.interpreters.c_library import CLibrary, find_library, open_library
from edgekit_runtime.interpreters.import_probe import crash_of
from edgekit_runtime.interpreters.interface import InterpreterChoice

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content

#: Command that installs it.
INSTALL = "pip install 'edgekit-runtime[c]'"
_LOAD = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
#: numpy's name of each ``TfLiteType`` that numpy has, tensorflow/lite/core/c/c_api_types.h.
_DTYPES = {
    **{1: "float32", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 8: "complex64", 9: "int8"},
    **{10: "float16", 11: "float64", 12: "complex128", 13: "uint64", 16: "uint32", 17: "uint16"},
}
_LONGEST_ERROR = 4096
#: ``_IONBF`` of stdio.h, equal in glibc and musl.
_UNBUFFERED = 2


def find() -> str | None:
    """Path of the library; ``None`` if none is installed."""
    return find_library()


def crash_of_loading(origin: str) -> str | None:
    """Describe how loading the library crashes; ``None`` if it does not."""
    return crash_of("tflite-c", _LOAD, os.path.abspath(origin))


def open_interpreter(origin: str) -> InterpreterChoice:
    """Load the library.

    Raises:
        InterpreterError: The library cannot be used on this machine.
    """
    library = open_library(origin)

    def create(model: str | Content, num_threads: int) -> CInterpreter:
        return CInterpreter(library, model, num_threads)

    return InterpreterChoice("tflite-c", library.functions.TfLiteVersion().decode("ascii", "replace"), create)


class CInterpreter:
    """One interpreter of the library, with the interface of the Python packages' ``Interpreter``.

    Args:
        library: Result of :func:`edgekit_runtime.interpreters.c_library.open_library`.
        model: Path of a .tflite file, which the library maps, or its content, which it uses in place.
        num_threads: Number of threads that one operator may use.
    Raises:
        ValueError: The library refuses the model; the text is the library's.
    """

    _handle: int | None = None
    _delegate: int | None = None
    _model: int | None = None
    _errors: _ErrorText | None = None

    def __init__(self, library: CLibrary, model: str | Content, num_threads: int) -> None:
        self._library = functions = library.functions
        self._has_xnnpack, self._num_threads = library.has_xnnpack, num_threads
        self._errors = errors = _ErrorText()
        if isinstance(model, str):
            self._model = functions.TfLiteModelCreateFromFileWithErrorReporter(
                os.fsencode(model), errors.reporter, errors.stream
            )
        else:
            self._content = np.frombuffer(model, np.uint8)
            self._model = functions.TfLiteModelCreateWithErrorReporter(
                self._content.ctypes.data, self._content.size, errors.reporter, errors.stream
            )
        if not self._model:
            raise ValueError(errors.take())
        self._create(errors)
        self._positions = {index: position for position, index in enumerate(self._indices("Input"))}
        self._accessible = {*self._positions, *self._indices("Output")}
        #: For each input that was resized: its shape.
        self._shapes: dict[int, tuple[int, ...]] = {}
        self._is_resized = False
        #: For each tensor: its address, and an array there. Native code may move a tensor whenever it runs.
        self._views: dict[int, tuple[int | None, np.ndarray]] = {}
        #: Outputs whose shape is known only after a run.
        self._dynamic: set[int] = set()
        # Bound once: next to an invoke of 13 µs, every attribute look-up per call is noticeable.
        self._invoke = functions.TfLiteInterpreterInvoke
        self._get_tensor, self._data = functions.TfLiteInterpreterGetTensor, functions.TfLiteTensorData

    def allocate_tensors(self) -> None:
        """Plan the memory; required before the first invoke and after a resize."""
        errors = self._errors
        assert errors is not None
        self._views.clear()
        # The library can delegate a graph again after a resize, but version 2.17.1 then frees memory twice (seen with
        # int8 and float16 weights and float activations). Each interpreter is therefore delegated once, in its shapes.
        if self._delegate and self._is_resized:
            self._create(errors)
        if self._is_resized:
            self._resize()
            self._is_resized = False
        if self._has_xnnpack and not self._delegate and not self._delegate_to_xnnpack():
            self._has_xnnpack = False
            errors.take()
            # The refusal may have left the graph half changed.
            self._create(errors)
            self._resize()
        self._require(self._library.TfLiteInterpreterAllocateTensors(self._handle))
        # The library gives them memory during a run; the other outputs have theirs from now on.
        outputs = self._indices("Output")
        self._dynamic.update(i for i in outputs if not self._data(self._get_tensor(self._handle, i)))

    def resize_tensor_input(self, input_index: int, tensor_size: tuple[int, ...]) -> None:
        """Change the shape of an input; variables lose their values."""
        self._shapes[input_index] = tensor_size
        self._is_resized = True
        self._views.clear()

    def set_tensor(self, tensor_index: int, value: np.ndarray) -> None:
        """Copy ``value``, which must have the tensor's shape and dtype, into an input."""
        view = self._view(tensor_index)
        if value.shape != view.shape or value.dtype != view.dtype:
            raise ValueError(
                f"Cannot set tensor {tensor_index}: expected {view.dtype} {view.shape}, got {value.dtype} {value.shape}"
            )
        view[...] = value

    def invoke(self) -> None:
        """Run the model; ctypes releases the GIL."""
        self._require(self._invoke(self._handle))

    def get_tensor(self, tensor_index: int) -> np.ndarray:
        """Return a copy of a tensor."""
        return self._view(tensor_index).copy()

    def reset_all_variables(self) -> None:
        """Reset the tensors that keep their values between invokes."""
        self._require(self._library.TfLiteInterpreterResetVariableTensors(self._handle))

    def __del__(self) -> None:
        # Each part uses those that are freed after it. When Python ends, it may call this although __init__ failed.
        self._delete_interpreter()
        if self._model:
            self._library.TfLiteModelDelete(self._model)
        if self._errors:
            self._errors.close()
        self._model = self._errors = None

    def _delete_interpreter(self) -> None:
        if self._handle:
            self._library.TfLiteInterpreterDelete(self._handle)
        if self._delegate:
            self._library.TfLiteXNNPackDelegateDelete(self._delegate)
        self._handle = self._delegate = None

    def _create(self, errors: _ErrorText) -> None:
        """Create the interpreter, in place of an earlier one."""
        self._delete_interpreter()
        library = self._library
        options = library.TfLiteInterpreterOptionsCreate()
        library.TfLiteInterpreterOptionsSetNumThreads(options, self._num_threads)
        library.TfLiteInterpreterOptionsSetErrorReporter(options, errors.reporter, errors.stream)
        self._handle = library.TfLiteInterpreterCreate(self._model, options)
        library.TfLiteInterpreterOptionsDelete(options)
        if not self._handle:
            raise ValueError(errors.take())

    def _resize(self) -> None:
        for index, shape in self._shapes.items():
            sizes = (c_int * len(shape))(*shape)
            position = self._positions[index]
            self._require(self._library.TfLiteInterpreterResizeInputTensor(self._handle, position, sizes, len(shape)))

    def _delegate_to_xnnpack(self) -> bool:
        """Let XNNPACK run what it can; False if it refuses the graph."""
        library = self._library
        options = library.TfLiteXNNPackDelegateOptionsDefault()
        options.num_threads = self._num_threads
        self._delegate = library.TfLiteXNNPackDelegateCreate(options)
        return not library.TfLiteInterpreterModifyGraphWithDelegate(self._handle, self._delegate)

    def _indices(self, which: str) -> list[int]:
        """Numbers of the tensors that are an "Input" or an "Output"."""
        count = getattr(self._library, f"TfLiteInterpreterGet{which}TensorCount")(self._handle)
        indices = getattr(self._library, f"TfLiteInterpreter{which}TensorIndices")(self._handle)
        return [int(indices[position]) for position in range(count)]

    def _require(self, status: int) -> None:
        if status:
            raise RuntimeError(self._errors.take() if self._errors else "")

    def _view(self, tensor_index: int) -> np.ndarray:
        """The tensor as an array in place, valid until native code runs again."""
        if tensor_index not in self._accessible:
            raise ValueError(f"Tensor {tensor_index} is neither an input nor an output")
        tensor = self._get_tensor(self._handle, tensor_index)
        address = self._data(tensor)
        known = self._views.get(tensor_index)
        if known is not None and known[0] == address and tensor_index not in self._dynamic:
            return known[1]
        view = self._new_view(tensor, tensor_index, address)
        self._views[tensor_index] = (address, view)
        return view

    def _new_view(self, tensor: int, tensor_index: int, address: int | None) -> np.ndarray:
        library = self._library
        code = library.TfLiteTensorType(tensor)
        if code not in _DTYPES:
            raise ValueError(f"Tensor {tensor_index} has the type {code}, which numpy does not have")
        dtype = np.dtype(_DTYPES[code])
        shape = [library.TfLiteTensorDim(tensor, axis) for axis in range(library.TfLiteTensorNumDims(tensor))]
        size_bytes = library.TfLiteTensorByteSize(tensor)
        if size_bytes != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
            raise ValueError(f"Tensor {tensor_index} has {size_bytes} bytes, which is not the size of {dtype} {shape}")
        if size_bytes == 0:
            return np.empty(shape, dtype)
        if not address:
            raise ValueError(f"Tensor {tensor_index} has no values yet")
        memory = (ctypes.c_byte * size_bytes).from_address(address)
        return np.frombuffer(memory, dtype).reshape(shape)


@functools.lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


class _ErrorText:
    """Collects the library's error messages in memory.

    The library passes the arguments of a message as a C ``va_list``, which no Python function can receive. The
    reporter is therefore libc's own ``vfprintf``, which has the same parameters, and its stream writes to a buffer. No
    Python code runs inside native code, and a message cannot exceed the buffer.

    Attributes:
        reporter: Address of the function.
        stream: Its first argument.
    """

    def __init__(self) -> None:
        self._libc = libc = _libc()
        libc.fmemopen.restype, libc.fmemopen.argtypes = c_void_p, (c_void_p, c_size_t, c_char_p)
        libc.setvbuf.argtypes = (c_void_p, c_void_p, c_int, c_size_t)
        libc.rewind.argtypes = libc.fclose.argtypes = (c_void_p,)
        self._buffer = ctypes.create_string_buffer(_LONGEST_ERROR)
        self.reporter = ctypes.cast(libc.vfprintf, c_void_p)
        self.stream = libc.fmemopen(self._buffer, _LONGEST_ERROR, b"w")
        if not self.stream:
            raise MemoryError
        libc.setvbuf(self.stream, None, _UNBUFFERED, 0)

    def take(self) -> str:
        """Return the messages since the last call."""
        text = self._buffer.value.decode("utf-8", "replace")
        ctypes.memset(self._buffer, 0, _LONGEST_ERROR)
        self._libc.rewind(self.stream)
        return text

    def close(self) -> None:
        """Free the stream, after everything that reports to it."""
        self._libc.fclose(self.stream)
