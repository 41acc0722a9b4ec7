"""Finds and opens the TensorFlow Lite C library, a shared library that depends on no version of Python or numpy."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from ctypes import POINTER, c_char_p, c_int, c_int32, c_size_t, c_void_p
from typing import Any, NamedTuple

from edgekit_runtime.errors import InterpreterError

#: Environment variable with the path of the library.
PATH_VARIABLE = "EDGEKIT_TFLITE_C"
#: Where packages keep the library, relative to a folder of ``sys.path``. They are not imported.
_IN_PACKAGES = tuple(
    os.path.join(package, "lib", "libtensorflowlite_c.so") for package in ("pymicro_wakeword", "pyopen_wakeword")
)
#: Name of the library in Debian's package libtensorflow-lite2.14.1, and the folders of Debian's libraries.
_DEBIAN_LIBRARY = "libtensorflow-lite.so.2.14.1"
_DEBIAN_FOLDERS = ("x86_64-linux-gnu", "aarch64-linux-gnu", "arm-linux-gnueabihf")

#: Result and parameters of each function that is used: tensorflow/lite/c/c_api.h and c_api_experimental.h.
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "TfLiteVersion": (c_char_p, ()),
    "TfLiteModelCreateWithErrorReporter": (c_void_p, (c_void_p, c_size_t, c_void_p, c_void_p)),
    "TfLiteModelCreateFromFileWithErrorReporter": (c_void_p, (c_char_p, c_void_p, c_void_p)),
    "TfLiteModelDelete": (None, (c_void_p,)),
    "TfLiteInterpreterOptionsCreate": (c_void_p, ()),
    "TfLiteInterpreterOptionsSetNumThreads": (None, (c_void_p, c_int32)),
    "TfLiteInterpreterOptionsSetErrorReporter": (None, (c_void_p, c_void_p, c_void_p)),
    "TfLiteInterpreterOptionsDelete": (None, (c_void_p,)),
    "TfLiteInterpreterCreate": (c_void_p, (c_void_p, c_void_p)),
    "TfLiteInterpreterDelete": (None, (c_void_p,)),
    "TfLiteInterpreterModifyGraphWithDelegate": (c_int, (c_void_p, c_void_p)),
    "TfLiteInterpreterGetInputTensorCount": (c_int32, (c_void_p,)),
    "TfLiteInterpreterInputTensorIndices": (POINTER(c_int), (c_void_p,)),
    "TfLiteInterpreterGetOutputTensorCount": (c_int32, (c_void_p,)),
    "TfLiteInterpreterOutputTensorIndices": (POINTER(c_int), (c_void_p,)),
    "TfLiteInterpreterResizeInputTensor": (c_int, (c_void_p, c_int32, POINTER(c_int), c_int32)),
    "TfLiteInterpreterAllocateTensors": (c_int, (c_void_p,)),
    "TfLiteInterpreterResetVariableTensors": (c_int, (c_void_p,)),
    "TfLiteInterpreterInvoke": (c_int, (c_void_p,)),
    "TfLiteInterpreterGetTensor": (c_void_p, (c_void_p, c_int)),
    "TfLiteTensorType": (c_int, (c_void_p,)),
    "TfLiteTensorNumDims": (c_int32, (c_void_p,)),
    "TfLiteTensorDim": (c_int32, (c_void_p, c_int32)),
    "TfLiteTensorByteSize": (c_size_t, (c_void_p,)),
    "TfLiteTensorData": (c_void_p, (c_void_p,)),
}


class XnnpackOptions(ctypes.Structure):
    """``TfLiteXNNPackDelegateOptions``: the first field, and more space than the others have in any version."""

    _fields_ = (("num_threads", c_int32), ("others", ctypes.c_byte * 1020))


_XNNPACK_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "TfLiteXNNPackDelegateOptionsDefault": (XnnpackOptions, ()),
    "TfLiteXNNPackDelegateCreate": (c_void_p, (POINTER(XnnpackOptions),)),
    "TfLiteXNNPackDelegateDelete": (None, (c_void_p,)),
}


class CLibrary(NamedTuple):
    """A loaded TensorFlow Lite C library.

    Attributes:
        functions: Its functions, with their parameters declared.
        has_xnnpack: Whether it exports the XNNPACK delegate; that for 32-bit ARM does not.
    """

    functions: ctypes.CDLL
    has_xnnpack: bool


def find_library() -> str | None:
    """Path of the library that the environment variable names, or else of the first that is installed."""
    path = os.environ.get(PATH_VARIABLE)
    if path:
        return path
    for folder in sys.path:
        for name in _IN_PACKAGES:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                return path
    for folder in _DEBIAN_FOLDERS:
        path = os.path.join("/usr/lib", folder, _DEBIAN_LIBRARY)
        if os.path.isfile(path):
            return path
    return None


# Loaded once: opening it again for every model would look it up again.
@functools.lru_cache(maxsize=4)
def open_library(path: str) -> CLibrary:
    """Load a TensorFlow Lite C library and declare its functions.

    Args:
        path: Path of the shared library.
    Raises:
        InterpreterError: The file does not exist, cannot be loaded here, or is another library.
    """
    if not os.path.isfile(path):
        raise InterpreterError(
            "The TensorFlow Lite C library does not exist.",
            received=path,
            next_step=f"check the path after c: or in {PATH_VARIABLE}",
        )
    try:
        # An absolute path, because the dynamic linker looks elsewhere for a name without a slash.
        library = ctypes.CDLL(os.path.abspath(path))
        _declare(library, _FUNCTIONS)
    # An AttributeError is raised for a function that the library lacks.
    except (OSError, AttributeError) as error:
        raise InterpreterError(
            "The TensorFlow Lite C library cannot be used.",
            expected=f"TensorFlow Lite 2.13 or newer, built for this machine{_libc_note(error)}",
            received=str(error),
            next_step="pip install 'edgekit-runtime[c]', or build the library for this machine",
        ) from error
    has_xnnpack = all(hasattr(library, name) for name in _XNNPACK_FUNCTIONS)
    if has_xnnpack:
        _declare(library, _XNNPACK_FUNCTIONS)
    return CLibrary(library, has_xnnpack)


def _declare(library: ctypes.CDLL, functions: dict[str, tuple[Any, tuple[Any, ...]]]) -> None:
    for name, (result, parameters) in functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, parameters


def _libc_note(error: Exception) -> str:
    """The published libraries need glibc, and musl's linker reports only that a file of glibc is missing."""
    return " and its C library (on Alpine: musl)" if "ld-linux" in str(error) else ""
