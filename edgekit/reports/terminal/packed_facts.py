"""Formats the facts that are packed with a model as rows of a table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from edgekit_runtime.inputs.preprocessing import CHANNELS_FIRST, Preprocessing
from edgekit_runtime.packed_file.manifest import Manifest

#: edgekit packs a few dozen facts; a hostile file may contain a million.
_MOST_FACTS = 200
_LONGEST_VALUE = 400
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIGEST_SHOWN = 12

#: Descriptions of the manifest's facts; facts without a description are shown under their own names.
_WORDS = {
    "against": "judged against",
    "arithmetic": "arithmetic",
    "budget": "budget",
    "calibration": "calibration",
    "data_sha256": "digest of the data",
    "drop": "drop",
    "edgekit": "packed by edgekit",
    "examples": "examples",
    "float_operators": "operators in float",
    "golden": "golden examples",
    "inputs": "inputs",
    "interpreter": "recorded on",
    "is_cross_fitted": "cross-fitted",
    "keras_version": "Keras of the source",
    "max_drop": "allowed drop",
    "max_error": "largest difference on the golden examples",
    "met": "met",
    "metric": "metric",
    "parity": "against the source",
    "quantize": "quantization",
    "range_rule": "rule for ranges",
    "samples": "examples",
    "source_sha256": "digest of the source",
    "targets": "checked for",
    "tolerance": "tolerated difference",
    "top1_equal": "golden examples with the same class",
    "verdict": "verdict",
    "warnings": "warnings",
}


def packed_facts(manifest: Manifest, *, everything: bool = False) -> list[tuple[str, str]]:
    """The facts that are packed with a model, one row per fact.

    Args:
        manifest: Manifest of the file, which is not trusted.
        everything: Whether to show each fact under its name in the manifest, with whole digests.
    """
    facts = []
    if manifest.labels:
        facts.append(("labels", ", ".join(manifest.labels[:20]) + (" …" if len(manifest.labels) > 20 else "")))
    facts += [(f"input {name}" if name else "input", kind) for name, kind in manifest.task.inputs.items()]
    facts += [(f"output {name}" if name else "output", kind) for name, kind in manifest.task.outputs.items()]
    for name, preprocessing in manifest.preprocessing.items():
        facts += preprocessing_facts(preprocessing, name if len(manifest.preprocessing) > 1 else "")
    facts += _in_words({f"decoding of {answer}": fields for answer, fields in manifest.decoding.items()})
    stated = list(_flat(manifest.provenance) if everything else _in_words(manifest.provenance))
    facts += stated[:_MOST_FACTS]
    if len(stated) > _MOST_FACTS:
        facts.append(("…", f"{len(stated) - _MOST_FACTS:,} more facts, which --json shows"))
    tensors = sum(map(len, manifest.tensor_sha256))
    if manifest.model_sha256:
        digest = manifest.model_sha256 if everything else manifest.model_sha256[:_DIGEST_SHOWN]
        facts.append(("digest", f"{digest}; {tensors} constant tensors have their own"))
    return facts


def preprocessing_facts(preprocessing: Preprocessing, name: str) -> list[tuple[str, str]]:
    """The preprocessing of an image input, one row per fact; ``name`` is the input, or empty for the only one."""
    values = preprocessing.values()
    low, high = values[..., 0], values[..., 255]
    colours = {1: "grey"}.get(preprocessing.channels, preprocessing.color_order)
    where = f" of {name}" if name else ""
    return [
        (f"pixels 0 and 255{where} become", f"{_numbers(low)} and {_numbers(high)}"),
        (
            f"images{where}",
            f"{preprocessing.height} × {preprocessing.width}, {colours}, others: {preprocessing.resize}",
        ),
        *([(f"layout{where}", "channels first")] if preprocessing.layout == CHANNELS_FIRST else []),
    ]


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in np.atleast_1d(values))


def _in_words(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield one row per fact, and a single row for a group of facts, such as those about the golden examples."""
    for name, value in sorted(facts.items()):
        if isinstance(value, dict):
            parts = (
                f"{_WORDS.get(key, key)} {_shown(part)}" for key, part in value.items() if part not in ([], "", {})
            )
            text = "; ".join(parts)
        else:
            text = _shown(value)
        yield _WORDS.get(name, name), text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} … (see --all)"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value[:_DIGEST_SHOWN] if _SHA256.fullmatch(value) else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value[:_MOST_FACTS]))
    return json.dumps(value)


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested facts as one row each, named by their path."""
    for name, value in sorted(facts.items()):
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value if isinstance(value, str) else json.dumps(value)
