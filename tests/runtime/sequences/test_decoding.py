"""The decoding record of the manifest, which is not trusted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.sequences.decoding import CtcDecoding, SequenceDecoding, StepwiseDecoding, read_decoding

STEPWISE = StepwiseDecoding(2, 3, max_length=20, beams=4, length_penalty=0.6, vocabulary="vocabulary_target.txt")


@pytest.mark.parametrize("decoding", [STEPWISE, CtcDecoding(0, scores="logits", tokenizer={"name": "characters"})])
def test_records_survive_json(decoding: SequenceDecoding) -> None:
    assert read_decoding(json.loads(json.dumps(decoding.to_dict()))) == decoding


@pytest.mark.parametrize(
    "change",
    [
        {"start": -1},
        {"start": True},
        {"end": 1e3},
        {"end": 10**9},
        {"max_length": 5000},
        {"beams": 0},
        {"length_penalty": float("nan")},
        {"scores": "percent"},
        {"scores": []},
        {"tokenizer": "words"},
        {"vocabulary": 3},
        {"unknown": 1},
    ],
    ids=str,
)
def test_damaged_fields_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelFileError, match="fields of the sequence decoding") as caught:
        read_decoding({**STEPWISE.to_dict(), **change})
    assert next(iter(change)) in caught.value.received


def test_missing_fields_and_unknown_methods_are_refused() -> None:
    with pytest.raises(ModelFileError, match="fields of the sequence decoding") as caught:
        read_decoding({"method": "stepwise", "start": 1})
    assert "end" in caught.value.received
    for method in ("transducer", None, []):
        with pytest.raises(ModelFileError, match="does not know how"):
            read_decoding({"method": method})
