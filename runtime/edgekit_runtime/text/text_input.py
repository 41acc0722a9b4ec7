"""The input of a model that takes texts: tokens, and the array that is made of them.

Sources: the output modes of Keras's ``TextVectorization`` and ``StringLookup``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from edgekit_runtime.errors import EdgekitError, ModelFileError, TensorMismatchError, UsageError
from edgekit_runtime.packed_file.manifest import sha256
from edgekit_runtime.task import TEXT
from edgekit_runtime.tensor_info import TensorInfo
from edgekit_runtime.text.strings import Text, as_utf8
from edgekit_runtime.text.tokenizers import Tokenizer, read_tokenizer

#: What the array has for each text: the indices of its tokens; for each of them a row that marks it; or, for each token
#: of the vocabulary, whether the text has it, how often, or how often times a weight.
INDICES, ONE_HOT, MULTI_HOT, COUNT, TF_IDF = OUTPUTS = ("int", "one_hot", "multi_hot", "count", "tf_idf")
#: Bytes that end a golden text; they do not occur in UTF-8.
_END = 0xFF
#: Golden texts are small parts of the file; a longer text is cut.
_LONGEST_GOLDEN_TEXT = 200
#: Number of tokens of a text that is made up.
_MADE_UP_TOKENS = 8


class TextInput:
    """Converts texts to one input of a model.

    Attributes:
        tokenizer: Makes indices of a text.
        output: One of ``OUTPUTS``.
        padding: Index that fills up short texts, for ``int``; by default that of the tokenizer.
        strings: Number of strings in one example; None if each example is one text.
        are_integers: Whether examples are whole numbers, each of which is a token.
        weights: Weight of each token, float32, for ``tf_idf``; None otherwise.
        part: Name of the packed part with the vocabulary.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        info: TensorInfo,
        *,
        part: str,
        output: str = INDICES,
        padding: int | None = None,
        strings: int | None = None,
        are_integers: bool = False,
        weights: np.ndarray | None = None,
    ) -> None:
        self.tokenizer, self.output, self.part = tokenizer, output, part
        self.padding = tokenizer.padding if padding is None else padding
        self.strings, self.are_integers, self.weights = strings, are_integers, weights
        self._sizes = info.shape[1:]
        self._dtype = np.dtype(np.float32) if info.quantization is not None else info.dtype
        self._require_valid()
        self._require_fitting(info)

    def _require_valid(self) -> None:
        if self.output not in OUTPUTS or type(self.padding) is not int or not 0 <= self.padding < self.tokenizer.size:
            raise UsageError(
                "There is no such input of texts.",
                expected=f"one of {', '.join(OUTPUTS)}, and the index of a token",
                received=f"{self.output!r:.40}, {self.padding!r:.40}",
            )
        if self.strings is not None and (type(self.strings) is not int or self.strings < 1):
            raise UsageError("There is no such number of strings in an example.", received=f"{self.strings!r:.40}")
        if type(self.are_integers) is not bool:
            raise UsageError("are_integers must be true or false.", received=f"{self.are_integers!r:.40}")
        count = None if self.weights is None else len(self.weights)
        if count != (self.tokenizer.size if self.output == TF_IDF else None):
            raise UsageError("The weights do not belong to the vocabulary.", expected=f"{self.tokenizer.size} weights")

    def _require_fitting(self, info: TensorInfo) -> None:
        sizes = self._sizes
        if self.output == INDICES:
            fits, expected = sizes.count(-1) <= 1, "at most one open size"
        else:
            fits = bool(sizes) and -1 not in sizes and sizes[-1] >= self.tokenizer.size
            expected = f"a size of at least {self.tokenizer.size}, for each token of the vocabulary"
        if not fits:
            raise UsageError(
                f"The vocabulary does not belong to the input {info.name}.",
                expected=expected,
                received=f"an input of shape {info.shape}",
            )

    def prepare(self, examples: Any) -> np.ndarray:
        """Convert one text or many to real values of the input.

        Args:
            examples: A string or bytes in UTF-8, or a sequence or array of these; for an input that takes several
                strings per example, sequences of these. Whole numbers if the model looks up whole numbers.
        Returns:
            Shape (N, ...), in the input's dtype; without a fixed length, as long as the longest of the texts.
        Raises:
            TensorMismatchError: An example is not a text, or has another number of strings.
        """
        rows = [self._indices(example) for example in self._as_examples(examples)]
        if self.output == INDICES:
            return self._padded(rows)
        values = np.zeros((len(rows), *self._sizes), self._dtype)
        for row, indices in zip(values, rows):
            if self.output == ONE_HOT:
                row.reshape(-1, self._sizes[-1])[np.arange(len(indices)), indices] = 1
            elif self.output == MULTI_HOT:
                row[indices] = 1
            else:
                np.add.at(row, indices, 1)
        if self.weights is not None:
            values[:, : len(self.weights)] *= self.weights
        return values

    def is_raw(self, values: np.ndarray) -> bool:
        """Whether an array contains texts, as opposed to values that are already prepared."""
        return values.dtype.kind in ("iu" if self.are_integers else "OSU")

    def as_golden(self, values: np.ndarray) -> np.ndarray:
        """Convert texts (N,) or (N, strings) to bytes, uint8 (N, …, bytes); whole numbers to int64."""
        if self.are_integers:
            return values.astype(np.int64)
        texts = [_cut(as_utf8(text)) for text in values.reshape(-1).tolist()]
        longest = max(map(len, texts), default=0)
        padded = b"".join(text.ljust(longest, bytes([_END])) for text in texts)
        return np.frombuffer(padded, np.uint8).reshape(*values.shape, longest)

    def made_up(self, count: int, *, seed: int) -> np.ndarray | None:
        """Texts (N,) or (N, strings) of tokens of the vocabulary, such as golden examples are without any data.

        Returns:
            None if the tokens do not become texts that the model takes.
        """
        rng = np.random.default_rng(seed)
        shape = (count,) if self.strings is None else (count, self.strings)
        texts = np.empty(shape, object)
        for place in np.ndindex(shape):
            tokens = rng.integers(0, self.tokenizer.size, 1 if self.strings else _MADE_UP_TOKENS).tolist()
            text = self.tokenizer.decode(tokens)
            texts[place] = int(text) if self.are_integers else text
        try:
            self.prepare(texts)
        except TensorMismatchError:
            return None
        return texts.astype(np.int64) if self.are_integers else texts

    def golden_examples(self, array: np.ndarray) -> np.ndarray | None:
        """The texts (N,) or (N, strings) in an input of golden examples, as bytes; None if it is already prepared."""
        if self.are_integers:
            return array if array.dtype == np.int64 else None
        if array.dtype != np.uint8 or array.ndim < 2:
            return None
        texts = np.empty(array.shape[:-1], object)
        for place in np.ndindex(texts.shape):
            texts[place] = array[place].tobytes().rstrip(bytes([_END]))
        return texts

    def golden_values(self, array: np.ndarray) -> np.ndarray:
        """Convert an input of golden examples, texts or prepared, to real values of the input."""
        texts = self.golden_examples(array)
        return array if texts is None else self.prepare(texts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the manifest; the vocabulary and the weights are :meth:`parts`."""
        return {
            "kind": TEXT,
            "tokenizer": self.tokenizer.to_dict(),
            "output": self.output,
            "padding": self.padding,
            "strings": self.strings,
            "are_integers": self.are_integers,
            "part": self.part,
            "sha256": {part: sha256(content) for part, content in self.parts().items()},
        }

    def parts(self) -> dict[str, bytes]:
        """The vocabulary and, if there are any, the weights of its tokens, one per line."""
        parts = {self.part: self.tokenizer.content()}
        if self.weights is not None:
            parts[_weights_part(self.part)] = "".join(f"{weight!r}\n" for weight in self.weights.tolist()).encode()
        return parts

    def _as_examples(self, examples: Any) -> Sequence[Any]:
        """The examples as a sequence; a single one becomes a sequence of one."""
        if isinstance(examples, np.ndarray):
            # Zeros at the end of bytes are not part of them in arrays of a fixed width.
            examples = examples.tolist()
        if isinstance(examples, (str, bytes, int)):
            return [examples]
        if not isinstance(examples, Iterable):
            raise self._unfit(examples)
        listed = list(examples)
        is_one = self.strings is not None and self.strings > 1 and listed and not _is_sequence(listed[0])
        return [listed] if is_one else listed

    def _indices(self, example: Any) -> list[int]:
        # Data often has one column: a list of one string for each example.
        texts = list(example) if _is_sequence(example) else [example]
        if len(texts) != (self.strings or 1):
            raise self._unfit(example)
        encode = self.tokenizer.encode
        return [index for text in texts for index in encode(self._as_text(text))]

    def _as_text(self, text: Any) -> Text:
        if not self.are_integers:
            return cast(Text, text)
        if not isinstance(text, (int, np.integer)):
            raise self._unfit(text)
        return str(int(text))

    def _padded(self, rows: list[list[int]]) -> np.ndarray:
        count = self.strings or int(np.prod(self._sizes))
        # Without a fixed length; an interpreter cannot run a model on a text of no tokens.
        length = max(1, count if count >= 0 else max(map(len, rows), default=1))
        values = np.full((len(rows), length), self.padding, self._dtype)
        for row, indices in zip(values, rows):
            fitting = indices if len(indices) <= length else self.tokenizer.shortened(indices, length)
            row[: len(fitting)] = fitting
        return values.reshape(len(rows), *(length if size == -1 else size for size in self._sizes))

    def _unfit(self, example: Any) -> TensorMismatchError:
        what = "whole number" if self.are_integers else "string"
        return TensorMismatchError(
            "This is not an example for the model's input of texts.",
            expected=f"{self.strings} {what}s for each example" if (self.strings or 1) > 1 else f"a {what}",
            received=f"{len(example)} of them" if _is_sequence(example) else f"{type(example).__name__}",
        )


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def _cut(text: bytes) -> bytes:
    """A text that UTF-8 can express, not longer than a golden text may be."""
    whole = text if len(text) <= _LONGEST_GOLDEN_TEXT else text[:_LONGEST_GOLDEN_TEXT]
    return whole.decode("utf-8", "ignore").encode()


def _weights_part(part: str) -> str:
    return f"{part.rpartition('.')[0]}_weights.txt"


def read_raw_input(fields: Mapping[str, Any], read_part: Callable[[str], bytes], info: TensorInfo) -> TextInput:
    """Read a packed text input, without trusting it; see :mod:`edgekit_runtime.inputs.raw_inputs`.

    Raises:
        ModelFileError: The fields or the parts are damaged.
    """
    try:
        options, part = fields["tokenizer"], fields["part"]
        if not isinstance(options, dict) or not isinstance(part, str):
            raise UsageError("Its tokenizer is not described.")
        content = _checked(part, fields, read_part)
        tokenizer = read_tokenizer(options, content)
        weights = None
        if fields["output"] == TF_IDF:
            lines = _checked(_weights_part(part), fields, read_part).split()
            weights = np.array([float(line) for line in lines], np.float32)
            if not np.isfinite(weights).all():
                raise UsageError("Its weights are not finite.")
        return TextInput(
            tokenizer,
            info,
            part=part,
            output=fields["output"],
            padding=fields["padding"],
            strings=fields["strings"],
            are_integers=fields["are_integers"],
            weights=weights,
        )
    except (UsageError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"The description of the text input {info.name} packed into the model is damaged.",
            received=error.problem if isinstance(error, EdgekitError) else f"{type(error).__name__}: {error!s:.200}",
            next_step="convert the model again, or copy it to the device again",
        ) from error


def _checked(part: str, fields: Mapping[str, Any], read_part: Callable[[str], bytes]) -> bytes:
    """The content of a part, which has the digest that the fields state."""
    content = read_part(part)
    if sha256(content) != fields["sha256"][part]:
        raise UsageError(f"The part {part} is not the one that was packed.")
    return content
