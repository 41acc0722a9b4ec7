"""Reads .tflite files from disk, and refuses models that no supported interpreter could run."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.packed_file.mapped_file import MappedFile, map_file
from edgekit_runtime.regular_file import NotARegularFileError, open_regular_file
from edgekit_runtime.tflite.custom_operators import CUSTOM_OPERATORS
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.structure import FILE_IDENTIFIER

Result = TypeVar("Result")
#: Name of the metadata entry that edgekit adds to a FlatBuffer when it packs it.
MARKER = "edgekit"
# Offsets in a FlatBuffer cannot exceed this.
_LARGEST_FILE_BYTES = 2**31 - 1


def read_model_file(path: str | os.PathLike[str]) -> bytes:
    """Read a whole .tflite file.

    Args:
        path: Path of the file.
    Raises:
        ModelFileError: The file is missing, unreadable, not a regular file, too large or of another format.
    """
    return _open(path, lambda file, _: file.read())


def open_model_file(path: str | os.PathLike[str]) -> bytes | MappedFile:
    """Read a .tflite file, or map it if it is large and protected from changes; see ``mapped_file.py``.

    Raises:
        ModelFileError: As for :func:`read_model_file`.
    """
    return _open(path, lambda file, path: map_file(file, path) or file.read())


def _open(path: str | os.PathLike[str], read: Callable[[BinaryIO, str], Result]) -> Result:
    """Call ``read(file, path)`` with a file that seems to be a .tflite."""
    try:
        path = os.fspath(path)
    except TypeError:
        raise ModelFileError(
            "This is not a model.", expected="the path of a .tflite file, or its bytes", received=type(path).__name__
        ) from None
    try:
        with open_regular_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            # From its beginning, the file is read into memory without a second copy.
            file.seek(0)
            # Checked before the rest is read: a file of another format may be larger than the memory.
            if start[4:] != FILE_IDENTIFIER:
                raise ModelFileError(
                    f"{path} is not a .tflite file.",
                    expected="the identifier 'TFL3' after its first four bytes",
                    received=f"{size} bytes that start with {start!r}" if start else "an empty file",
                    next_step="convert a Keras model with: edgekit convert model.h5",
                )
            if size > _LARGEST_FILE_BYTES:
                raise ModelFileError(
                    f"{path} is too large for a .tflite file.",
                    expected=f"at most {_LARGEST_FILE_BYTES} bytes",
                    received=f"{size} bytes",
                )
            return read(file, path)
    except FileNotFoundError:
        raise ModelFileError(
            f"{path} does not exist.",
            expected="a .tflite file",
            received="nothing at this path",
            next_step="check the path, or convert a model with: edgekit convert model.h5",
        ) from None
    except NotARegularFileError as error:
        raise ModelFileError(
            f"{path} is not a file.", expected="a .tflite file", received=str(error.strerror)
        ) from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read.", received=error.strerror or str(error)) from error
    # The path contains a null byte or a lone surrogate.
    except ValueError as error:
        raise ModelFileError(f"{path!r} is not a path.", received=str(error)) from error


def refuse_lost_parts(description: ModelDescription, digest: str) -> None:
    """Raise an error if edgekit has packed the FlatBuffer, but the zip behind it is missing.

    Args:
        description: Description of the FlatBuffer.
        digest: Digest of the FlatBuffer from the zip behind it; empty if there is none.
    Raises:
        ModelFileError: The end of the file is missing, and with it the digest of the FlatBuffer.
    """
    if not digest and MARKER in description.metadata:
        raise ModelFileError(
            "The model file is damaged: labels, digest and golden examples, packed behind the model, are missing.",
            next_step="copy the file to this machine again, or extract the plain model with: edgekit unpack",
        )


def refuse_custom_operators(description: ModelDescription) -> None:
    """Raise an error if a model has custom operators other than those that every interpreter includes.

    Raises:
        ModelFileError: The model has such an operator; the message names the first custom or Flex operator.
    """
    for subgraph in description.subgraphs:
        for operator in subgraph.operators:
            code = operator.custom_code
            if operator.name != "CUSTOM" or code in CUSTOM_OPERATORS:
                continue
            if code.startswith("Flex"):
                raise ModelFileError(
                    f"The model needs TensorFlow itself for its operator {code}.",
                    expected="builtin operators",
                    received=f"the Flex operator {code}",
                    next_step="convert it again without SELECT_TF_OPS, as edgekit convert does",
                )
            raise ModelFileError(
                f"The model has the custom operator {code or '(without a name)'}.",
                expected=f"builtin operators, or {', '.join(CUSTOM_OPERATORS)}",
                received=f"code {code!r}, whose options edgekit cannot check before native code uses them",
                next_step="convert the model from layers that have builtin operators",
            )
