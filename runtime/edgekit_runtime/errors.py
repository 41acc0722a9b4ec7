"""Every error that edgekit raises on purpose.

EdgekitError                  exit code 1
├── ModelFileError            a model file is missing, damaged, of another format or not supported
│   └── UnsafeModelError      a model file contains code, or refers to other files
├── InterpreterError          no interpreter is installed, or it refuses the model
├── TensorMismatchError       an array does not match the model's tensor
├── DataError                 a dataset is missing, damaged or unsuitable for the purpose
├── ConversionError           a model could not be lowered or quantized
├── UsageError                exit code 2: invalid or incompatible options
│   └── ArgumentTypeError     also a TypeError: an argument of a Python call has the wrong type
└── BelowThresholdError       exit code 3: a measured value misses its threshold
"""

from __future__ import annotations

#: Number of characters that are shown of one part of a message; texts from files may have any length.
_LONGEST_PART = 5000


class EdgekitError(Exception):
    """Base of all errors that edgekit raises on purpose.

    Attributes:
        problem: One sentence that says what is wrong and names the file, layer or tensor.
        expected: Expected value; empty if the problem states it.
        received: Received value; empty if the problem states it.
        next_step: What the user can do about the problem.
    """

    exit_code = 1

    def __init__(self, problem: str, *, expected: str = "", received: str = "", next_step: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.received = received
        self.next_step = next_step

    def __str__(self) -> str:
        # Imported here because it is only needed when a message is shown.
        from edgekit_runtime.printable_text import printable

        lines = [_shown(printable(self.problem))]
        for title, text in (
            ("expected", self.expected),
            ("received", self.received),
            ("next", self.next_step),
        ):
            if text:
                lines.append(f"  {title + ':':<10}{_shown(printable(text))}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, str]:
        """The parts of the message as plain text, for ``--json``."""
        return {
            "error": type(self).__name__,
            "problem": self.problem,
            "expected": self.expected,
            "received": self.received,
            "next_step": self.next_step,
        }


def _shown(text: str) -> str:
    """Indent the lines of a text, so that none of them looks like another part of the message."""
    cut = text if len(text) <= _LONGEST_PART else f"{text[:_LONGEST_PART]}…"
    return cut.replace("\n", "\n" + " " * 12)


class ModelFileError(EdgekitError):
    """A model file is missing, damaged, of another format or not supported."""


class UnsafeModelError(ModelFileError):
    """A model file contains code, or refers to other files."""


class InterpreterError(EdgekitError):
    """No interpreter is installed, or the interpreter refuses the model."""


class TensorMismatchError(EdgekitError):
    """An array does not match the model's tensor."""


class DataError(EdgekitError):
    """A dataset is missing, damaged or unsuitable for the purpose."""


class ConversionError(EdgekitError):
    """A model could not be lowered or quantized."""


class UsageError(EdgekitError):
    """Options are invalid or incompatible with each other."""

    exit_code = 2


class ArgumentTypeError(UsageError, TypeError):
    """An argument of a Python call has the wrong type."""


class BelowThresholdError(EdgekitError):
    """A measured value misses its threshold."""

    exit_code = 3
