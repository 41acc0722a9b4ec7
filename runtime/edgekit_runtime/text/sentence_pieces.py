"""SentencePiece, by its own package: its models are programs of normalization that no other code reads exactly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edgekit_runtime.errors import DataError, InterpreterError, TensorMismatchError, UsageError
from edgekit_runtime.text.strings import Text, as_characters


class SentencePieceTokenizer:
    """Runs a model of SentencePiece.

    Attributes:
        add_bos: Whether the token for the beginning of a text is put before it.
        add_eos: Whether the token for the end of a text is put behind it.
    """

    name = "sentencepiece"
    suffix = "model"

    def __init__(self, model: bytes, *, add_bos: bool = False, add_eos: bool = False) -> None:
        if type(add_bos) is not bool or type(add_eos) is not bool:
            raise UsageError("add_bos and add_eos must be true or false.", received=f"{add_bos!r:.40}; {add_eos!r:.40}")
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError:
            raise InterpreterError(
                "This model's text input needs the package sentencepiece.",
                expected="an installed sentencepiece",
                received="none",
                next_step="pip install sentencepiece",
            ) from None
        try:
            self._processor = SentencePieceProcessor(model_proto=model)
        except (RuntimeError, ValueError, TypeError) as error:
            raise DataError("This is not a model of SentencePiece.", received=f"{error!s:.200}") from error
        self.add_bos, self.add_eos, self._model = add_bos, add_eos, model

    @property
    def size(self) -> int:
        """Number of tokens."""
        return int(self._processor.get_piece_size())

    @property
    def padding(self) -> int:
        """Index of the token that fills up short texts; 0 if there is no such token."""
        return max(0, int(self._processor.pad_id()))

    def encode(self, text: Text) -> list[int]:
        """Indices of the pieces of a text.

        Raises:
            TensorMismatchError: This is not a text.
        """
        return list(self._processor.encode(as_characters(text), add_bos=self.add_bos, add_eos=self.add_eos))

    def shortened(self, indices: list[int], length: int) -> list[int]:
        """The first of the indices; the token at the end stays there."""
        return [*indices[: length - 1], indices[-1]] if self.add_eos else indices[:length]

    def decode(self, indices: Iterable[int]) -> str:
        """The text of some indices.

        Raises:
            TensorMismatchError: An index is not in the vocabulary.
        """
        known = [int(index) for index in indices]
        if not all(0 <= index < self.size for index in known):
            raise TensorMismatchError("This is not the index of a token.", expected=f"0 to {self.size - 1}")
        return str(self._processor.decode(known))

    def to_dict(self) -> dict[str, Any]:
        """Options, as stored in the manifest; the model is the part :meth:`content`."""
        return {"name": self.name, "add_bos": self.add_bos, "add_eos": self.add_eos}

    def content(self) -> bytes:
        """The model of SentencePiece as a part of a file."""
        return self._model


def read_sentencepiece(options: dict[str, Any], content: bytes) -> SentencePieceTokenizer:
    """Read a tokenizer from the options and the model that are packed into a file."""
    options.pop("name")
    return SentencePieceTokenizer(content, **options)
