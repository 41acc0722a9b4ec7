"""Every error that edgekit raises on purpose.

EdgekitError                  exit code 1
├── ModelFileError            a model file is missing, damaged, foreign or not supported
│   └── UnsafeModelError      a model file carries code, or reaches outside itself
├── InterpreterError          no interpreter is installed, or it refuses the model
├── TensorMismatchError       an array does not fit the model's tensor
├── DataError                 a data set is missing, damaged or unfit for the purpose
├── ConversionError           a model could not be lowered or quantized
├── UsageError                exit code 2: options that do not go together
│   └── ArgumentTypeError     also a TypeError: an argument of a Python call has the wrong type
└── BelowThresholdError       exit code 3: a measured figure misses its threshold
"""

from __future__ import annotations

#: Characters of one part of a message that are shown; texts from files may be of any length.
_LONGEST_PART = 5000


class EdgekitError(Exception):
    """Base of all errors that edgekit raises on purpose.

    Attributes:
        problem: One sentence: what is wrong, with the file, layer or tensor it is about.
        expected: What would have been right; empty if the problem says it.
        received: What came instead; empty if the problem says it.
        next_step: What the user can do about it.
    """

    exit_code = 1

    def __init__(self, problem: str, *, expected: str = "", received: str = "", next_step: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.received = received
        self.next_step = next_step

    def __str__(self) -> str:
        # Only needed when a message is shown.
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
    """Text of several lines indented, so that none of them passes for another part of the message."""
    cut = text if len(text) <= _LONGEST_PART else f"{text[:_LONGEST_PART]}…"
    return cut.replace("\n", "\n" + " " * 12)


class ModelFileError(EdgekitError):
    """A model file is missing, damaged, foreign or not supported."""


class UnsafeModelError(ModelFileError):
    """A model file carries code, or reaches outside itself."""


class InterpreterError(EdgekitError):
    """No interpreter is installed, or the interpreter refuses the model."""


class TensorMismatchError(EdgekitError):
    """An array does not fit the model's tensor."""


class DataError(EdgekitError):
    """A data set is missing, damaged or unfit for the purpose."""


class ConversionError(EdgekitError):
    """A model could not be lowered or quantized."""


class UsageError(EdgekitError):
    """Options that do not go together."""

    exit_code = 2


class ArgumentTypeError(UsageError, TypeError):
    """An argument of a Python call has the wrong type."""


class BelowThresholdError(EdgekitError):
    """A measured figure misses its threshold."""

    exit_code = 3
