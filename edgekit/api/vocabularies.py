"""Vocabularies and tokenizers as arguments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.arguments import as_choice, as_count, as_optional_path
from edgekit_runtime.errors import DataError, UsageError

if TYPE_CHECKING:
    from edgekit.artifacts.ctc_output import CtcOptions
    from edgekit_runtime.text import Tokenizer

#: What a part of a file on the device may have.
_LARGEST_BYTES = 16_000_000


def tokenizer_of(
    vocabulary: Any, tokenizer: Any, vocabulary_name: str = "vocabulary", tokenizer_name: str = "tokenizer"
) -> Tokenizer | None:
    """The tokenizer for a vocabulary file; None without a file.

    Args:
        vocabulary: Path of the file, or None.
        tokenizer: Name of the tokenizer.
        vocabulary_name: Name of the first argument in messages.
        tokenizer_name: Name of the second argument in messages.
    Raises:
        UsageError: There is no such tokenizer, or the vocabulary lacks a token that it needs.
        DataError: The file cannot be read, or is not a vocabulary.
    """
    path = as_optional_path(vocabulary, vocabulary_name)
    if path is None:
        return None
    from edgekit_runtime.text import TOKENIZERS, make_tokenizer

    chosen = as_choice(tokenizer, tokenizer_name, [each for each, record in TOKENIZERS.items() if record.make])
    return make_tokenizer(chosen, _content(path))


def ctc_options(blank: Any, vocabulary: Any, tokenizer: Any, beams: Any) -> CtcOptions | None:
    """The declaration of a CTC output; None without a blank.

    Raises:
        UsageError: An argument is out of bounds, or does nothing without a blank.
    """
    if blank is None:
        if vocabulary is not None or beams != 1:
            raise UsageError("sequence_vocabulary and beams do nothing without ctc_blank.", next_step="pass ctc_blank")
        return None
    from edgekit.artifacts.ctc_output import CtcOptions
    from edgekit_runtime.sequences.search import MOST_BEAMS

    return CtcOptions(
        as_count(blank, "ctc_blank", lowest=-1),
        tokenizer_of(vocabulary, tokenizer, "sequence_vocabulary", "sequence_tokenizer"),
        as_count(beams, "beams", highest=MOST_BEAMS),
    )


def _content(path: Path) -> bytes:
    from edgekit_runtime.regular_file import open_regular_file

    try:
        with open_regular_file(path) as file:
            content = file.read(_LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise DataError(
            f"The vocabulary {path} cannot be read.", received=str(error), next_step="check the path"
        ) from error
    if len(content) > _LARGEST_BYTES:
        raise DataError(f"The vocabulary {path} is too large.", expected=f"at most {_LARGEST_BYTES:,} bytes")
    return content
