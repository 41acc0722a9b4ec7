"""Reading a .tflite file from disk, and refusing what no interpreter here could run."""

from __future__ import annotations

import os

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.regular_file import NotARegularFileError, open_regular_file
from edgekit_runtime.tflite.custom_operators import CUSTOM_OPERATORS
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.structure import FILE_IDENTIFIER

#: Name of the metadata entry that edgekit leaves inside a FlatBuffer that it packs.
MARKER = "edgekit"
# The offsets of a FlatBuffer reach this far.
_LARGEST_FILE_BYTES = 2**31 - 1


def read_model_file(path: str | os.PathLike[str]) -> bytes:
    """Read a .tflite file whole.

    Args:
        path: The file.
    Raises:
        ModelFileError: It is missing, unreadable, no regular file, too large or of another format.
    """
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
            # Looked at before the rest is read: a foreign file may be larger than the memory.
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
            return start + file.read()
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
    # A path that holds a zero byte, or half a character.
    except ValueError as error:
        raise ModelFileError(f"{path!r} is not a path.", received=str(error)) from error


def refuse_lost_parts(description: ModelDescription, digest: str) -> None:
    """Raise if edgekit has packed the FlatBuffer, and nothing is behind it any more.

    Args:
        description: Of the FlatBuffer.
        digest: Its digest as found behind it, empty if nothing is.
    Raises:
        ModelFileError: The end of the file is lost, and with it the digest to check the rest by.
    """
    if not digest and MARKER in description.metadata:
        raise ModelFileError(
            "The model file is damaged: labels, digest and golden examples, packed behind the model, are missing.",
            next_step="copy the file to this machine again, or take the plain model out with: edgekit unpack",
        )


def refuse_custom_operators(description: ModelDescription) -> None:
    """Raise if a model has custom operators other than those that every interpreter brings along.

    Raises:
        ModelFileError: Naming the first custom or Flex operator.
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
                received=f"code {code!r}, whose options edgekit cannot check before native code follows them",
                next_step="convert the model from layers that have builtin operators",
            )
