"""The registry of tokenizers: each is made from a file, packed and read again."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest

from edgekit_runtime.errors import DataError, InterpreterError, ModelFileError, UsageError
from edgekit_runtime.text import TOKENIZERS, make_tokenizer, read_tokenizer
from edgekit_runtime.text.lookup import LookupTokenizer

VOCABULARY = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\nb\n"


@pytest.mark.parametrize("name", ["words", "characters", "wordpiece"])
def test_a_packed_tokenizer_is_read_again(name: str) -> None:
    made = make_tokenizer(name, VOCABULARY)
    read = read_tokenizer(made.to_dict(), made.content())
    assert (read.name, read.size, read.to_dict()) == (name, 7, made.to_dict())
    assert read.encode("ab a ß") == made.encode("ab a ß") != []


def test_every_split_of_keras_is_read_again() -> None:
    made = LookupTokenizer(["x y"], name="whole", standardize="none", unknown=None)
    assert read_tokenizer(made.to_dict(), made.content()).encode("x y") == [0]


@pytest.mark.parametrize("name", ["", "bpe", "whole"])
def test_an_unknown_tokenizer_for_a_file_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_tokenizer(name, VOCABULARY)
    assert caught.value.expected == "words, characters, wordpiece, sentencepiece"


@pytest.mark.parametrize(
    ("options", "content"),
    [
        ({}, VOCABULARY),
        ({"name": []}, VOCABULARY),
        ({"name": "bpe"}, VOCABULARY),
        ({"name": "words", "standardize": ["lower"]}, VOCABULARY),
        ({"name": "words", "ngrams": 3}, VOCABULARY),
        ({"name": "words", "unknown": "1"}, VOCABULARY),
        ({"name": "words", "color": 1}, VOCABULARY),
        ({"name": "wordpiece"}, VOCABULARY),
        ({"name": "wordpiece", "unknown": 1}, b"a\nb\n"),
        ({"name": "words"}, b""),
        ({"name": "words"}, b"\xff"),
    ],
    ids=str,
)
def test_a_damaged_tokenizer_is_refused(options: dict[str, Any], content: bytes) -> None:
    with pytest.raises(ModelFileError, match="tokenizer packed into the model is damaged"):
        read_tokenizer(options, content)


def test_sentencepiece_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(InterpreterError) as caught:
        make_tokenizer("sentencepiece", b"")
    assert caught.value.next_step == "pip install sentencepiece"


@pytest.mark.skipif(not importlib.util.find_spec("sentencepiece"), reason="the package sentencepiece is not installed")
def test_a_model_of_sentencepiece_is_run_by_its_package() -> None:
    import io

    import sentencepiece

    model = io.BytesIO()
    sentences = iter(["one two three four", "two three", "four five one"] * 20)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sentences, model_writer=model, vocab_size=30, hard_vocab_limit=False, minloglevel=2
    )
    made = make_tokenizer("sentencepiece", model.getvalue())
    read = read_tokenizer(made.to_dict(), made.content())
    indices = read.encode("two one")
    assert indices == sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).encode("two one")
    assert read.decode(indices) == "two one"
    with pytest.raises(DataError):
        make_tokenizer("sentencepiece", b"not a model")


def test_every_tokenizer_is_described() -> None:
    assert all(record.about for record in TOKENIZERS.values())
