"""Merging models into one file with a signature each."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit_converters.packaging.artifact import unpack
from edgekit_converters.packaging.merged_signatures import merge_signatures
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.tflite_model import TfliteModel

DATA = Path(__file__).parents[2] / "data"


def _model(name: str) -> TfliteModel:
    return TfliteModel((DATA / "tflite" / f"{name}.tflite").read_bytes())


def test_the_committed_file_is_what_merging_gives() -> None:
    parts = {"dense": "dense_float32", "series": "lstm_batch1", "pairs": "two_in_two_out"}
    merged = merge_signatures({key: _model(name) for key, name in parts.items()})
    assert merged.content == (DATA / "sequences" / "three_signatures.tflite").read_bytes()
    assert unpack(merged).model == merged


def test_main_subgraphs_come_first_and_loops_call_their_own_bodies() -> None:
    series = _model("lstm_batch1")
    bodies = len(series.description.subgraphs) - 1
    merged = merge_signatures({"first": series, "second": series}).description
    assert [(each.key, each.subgraph) for each in merged.signatures] == [("first", 0), ("second", 1)]
    assert len(merged.subgraphs) == 2 + 2 * bodies
    assert merged.subgraphs[2 : 2 + bodies] == merged.subgraphs[2 + bodies :]


def test_equal_weights_are_stored_once() -> None:
    dense = _model("cnn_float32")
    weights = {tensor.data_offset: tensor.size_bytes for tensor in dense.description.tensors if tensor.is_constant}
    twice = merge_signatures({"first": dense, "second": dense})
    assert len(twice) < 2 * len(dense) - 0.9 * sum(weights.values())
    first, second = twice.description.subgraphs
    assert [tensor.data_offset for tensor in first.tensors] == [tensor.data_offset for tensor in second.tensors]


def test_a_model_without_a_signature_is_refused() -> None:
    with pytest.raises(ConversionError, match="'decode' cannot be merged") as caught:
        merge_signatures({"encode": _model("dense_float32"), "decode": _model("custom_mfcc")})
    assert caught.value.expected == "one signature, on the main subgraph"
