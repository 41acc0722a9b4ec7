"""Text: tokenizers, vocabularies and the input of a model that takes strings.

Everything here is plain Python, so that workstation and device convert a string to the same tokens. Nothing of it is
imported before a model with a text input, or a function of it, is used.
"""

from edgekit_runtime.text.text_input import TextInput, read_raw_input
from edgekit_runtime.text.tokenizers import TOKENIZERS, Tokenizer, make_tokenizer, read_tokenizer

__all__ = ["TOKENIZERS", "TextInput", "Tokenizer", "make_tokenizer", "read_raw_input", "read_tokenizer"]
