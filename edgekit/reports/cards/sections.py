"""Builds the sections of a model card as tables of plain text, which every format renders and escapes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.counting import counted, percent, points
from edgekit.model_card import CardScore, ModelCard
from edgekit.reports.terminal.packed_facts import preprocessing_facts
from edgekit.reports.terminal.tables import kilobytes, metric_words, milliseconds
from edgekit_converters.targets.target import target_names
from edgekit_runtime.task import (
    BOXES,
    CLASSES,
    DEFAULT,
    IMAGE,
    LABELS,
    MASK,
    NUMBERS,
    SOUND,
    STATE,
    TEXT,
    TOKENS,
    VALUES,
    Kind,
)  # fmt: skip
from edgekit_runtime.tensor_info import TensorInfo, model_inputs, model_outputs

#: A model may have a thousand classes; a hostile file may have a million.
_MOST_LABELS = 100
_MOST_ENTRIES = 50
#: Combinations of input and output kinds with a common name, which is also the task on Hugging Face.
_TASKS = {
    (IMAGE, CLASSES): "image-classification",
    (IMAGE, LABELS): "image-classification",
    (IMAGE, MASK): "image-segmentation",
    (IMAGE, BOXES): "object-detection",
    (SOUND, CLASSES): "audio-classification",
    (SOUND, LABELS): "audio-classification",
    (TEXT, CLASSES): "text-classification",
    (TOKENS, CLASSES): "text-classification",
    (NUMBERS, CLASSES): "tabular-classification",
    (NUMBERS, VALUES): "tabular-regression",
}


@dataclass(frozen=True, slots=True)
class CardSection:
    """One part of a card.

    Attributes:
        title: Heading.
        columns: Headings of the table; empty for rows of a name and a value.
        rows: One text per column; texts come from files and are not escaped.
        note: Sentence below the table, or empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def card_sections(card: ModelCard) -> tuple[CardSection, ...]:
    """The sections of a card that have any content."""
    sections = (
        CardSection("Model", (), tuple(_model_facts(card))),
        CardSection("Inputs and outputs", ("name", "role", "kind", "shape", "type"), tuple(_tensor_rows(card))),
        CardSection("Preprocessing", (), tuple(_preprocessing_rows(card))),
        CardSection("Conversion", (), tuple(_recipe_facts(card.provenance))),
        _accuracy(card),
        CardSection("Targets", (), tuple(_target_facts(card))),
        _speed(card),
        CardSection("Golden examples", (), tuple(_golden_facts(card.provenance))),
        CardSection("Integrity", (), tuple(_integrity_facts(card))),
    )
    return tuple(section for section in sections if section.rows)


def pipeline_tag(card: ModelCard) -> str:
    """Hugging Face's name for the task; empty if the kinds are ambiguous or were only assumed."""
    kinds = [*card.task.inputs.values(), *card.task.outputs.values()]
    inputs = {kind.name for kind in card.task.inputs.values()}
    outputs = {kind.name for kind in card.task.outputs.values() if kind.name != STATE}
    if len(inputs) != 1 or len(outputs) != 1 or any(kind.source == DEFAULT for kind in kinds):
        return ""
    return _TASKS.get((inputs.pop(), outputs.pop()), "")


def _model_facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    found, facts = card.inspection, card.provenance
    yield "file", found.path.name
    task = pipeline_tag(card)
    if task:
        yield "task", task.replace("-", " ")
    yield "size", kilobytes(found.description.size_bytes)
    yield "operators", f"{len(found.description.operators):,}"
    labels = found.manifest.labels
    if labels:
        more = f" … ({len(labels) - _MOST_LABELS:,} more)" if len(labels) > _MOST_LABELS else ""
        yield counted(len(labels), "label"), ", ".join(labels[:_MOST_LABELS]) + more
    if "source_sha256" in facts:
        yield "source, SHA-256", _text(facts["source_sha256"])
    if facts.get("keras_version"):
        yield "Keras", _text(facts["keras_version"])
    if facts.get("edgekit"):
        yield "made by", f"edgekit {_text(facts['edgekit'])}"
    if card.license:
        yield "license", card.license


def _tensor_rows(card: ModelCard) -> Iterator[tuple[str, ...]]:
    description = card.inspection.description
    kinds = {**card.task.inputs, **card.task.outputs}
    for role, infos in (("input", model_inputs(description)), ("output", model_outputs(description))):
        for info in infos:
            yield info.name, role, _kind(kinds[info.name]), _shape(info), _type(info)


def _kind(kind: Kind) -> str:
    return f"{kind.name} (assumed)" if kind.source == DEFAULT else kind.name


def _shape(info: TensorInfo) -> str:
    return " × ".join("any" if size == -1 else str(size) for size in info.shape) or "a single number"


def _type(info: TensorInfo) -> str:
    name = info.dtype.name
    return f"{name}, scale {info.scale:.6g}, zero point {info.zero_point}" if info.scale else name


def _preprocessing_rows(card: ModelCard) -> Iterator[tuple[str, str]]:
    known = card.inspection.manifest.preprocessing
    for name, preprocessing in known.items():
        yield from preprocessing_facts(preprocessing, name if len(known) > 1 else "")


def _recipe_facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "quantize" in facts:
        yield "quantization", _text(facts["quantize"])
    calibration = facts.get("calibration")
    if isinstance(calibration, dict):
        yield "calibrated on", f"{_text(calibration.get('samples', 'unknown'))} examples"
        if "data_sha256" in calibration:
            yield "calibration data, SHA-256", _text(calibration["data_sha256"])
    elif calibration is not None:
        yield "calibrated on", f"{_text(calibration)} inputs"
    for name, words in (
        ("float_operators", "operators left in float"),
        ("per_tensor_operators", "operators with one weight scale per tensor"),
        ("repairs", "repairs"),
    ):
        entries = facts.get(name)
        if entries:
            yield words, _entries(entries)
    budget = facts.get("budget")
    if isinstance(budget, dict):
        known = [f"{words} {_text(budget[name])}" for name, words in _BUDGET_WORDS.items() if name in budget]
        yield "accuracy budget", ", ".join(known)


_BUDGET_WORDS = {"metric": "metric", "max_drop": "largest drop allowed", "drop": "drop", "verdict": "verdict"}


def _accuracy(card: ModelCard) -> CardSection:
    columns = ("output", "metric", "examples", "before", "after", "change")
    rows = tuple(
        (
            score.output,
            metric_words(score.metric) + (f" against {score.against}" if score.against not in ("", "labels") else ""),
            f"{score.examples:,}",
            _score(score, score.before, score.before_interval),
            _score(score, score.after, score.after_interval),
            _change(score),
        )
        for score in card.scores
    )
    note = "On examples that calibration did not see. Ranges in parentheses are 95 % intervals."
    if any(score.is_cross_fitted for score in card.scores):
        note += " Cross-fitted: models of the same recipe were judged on the halves that they were not calibrated on."
    return CardSection("Accuracy before and after the conversion", columns, rows, note)


def _score(score: CardScore, value: float, interval: tuple[float, float] | None) -> str:
    shown = _value(score, value)
    return shown if interval is None else f"{shown} ({' to '.join(_value(score, end) for end in interval)})"


def _value(score: CardScore, value: float) -> str:
    return percent(value) if score.is_share else f"{value:.4g}"


def _change(score: CardScore) -> str:
    """The change by the conversion and its interval, which is that of the drop with the opposite sign."""
    show = points if score.is_share else _signed
    shown = show(score.after - score.before)
    if score.drop_interval is None:
        return shown
    low, high = score.drop_interval
    return f"{shown} ({show(-high)} to {show(-low)})"


def _signed(value: float) -> str:
    return f"{value:+.4g}".replace("-", "−")


def _target_facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    runs = card.inspection.runs_on
    if runs:
        yield "runs on, by its operators", ", ".join(runs)
    others = [name for name in target_names() if name not in runs]
    if others:
        yield "does not run on", ", ".join(others)
    if card.provenance.get("targets"):
        yield "checked by the conversion", _entries(card.provenance["targets"])


def _speed(card: ModelCard) -> CardSection:
    rows = tuple(
        (
            timing.device,
            timing.interpreter,
            f"{timing.runs:,}",
            *(milliseconds(value) for value in (timing.p50_ms, timing.p90_ms, timing.p99_ms)),
            "unknown" if timing.peak_memory_mb is None else f"{timing.peak_memory_mb:.1f} MB",
        )
        for timing in card.timings
    )
    columns = ("device", "interpreter", "runs", "latency p50", "p90", "p99", "peak memory")
    note = "Predictions of one example with one thread. Peak memory is that of a Python process that predicts."
    return CardSection("Speed and memory", columns, rows, note)


def _golden_facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    golden = facts.get("golden")
    if not isinstance(golden, dict):
        return
    for name, words in (
        ("examples", "examples"),
        ("inputs", "inputs from"),
        ("interpreter", "predictions by"),
        ("tolerance", "tolerance"),
    ):
        if name in golden:
            yield words, _entries(golden[name])
    parity = facts.get("parity")
    if isinstance(parity, dict) and "max_error" in parity:
        yield "largest difference from the source model", _text(parity["max_error"])


def _integrity_facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    yield "SHA-256 of the file", card.sha256
    digest = card.inspection.manifest.model_sha256
    if digest:
        yield "SHA-256 of the model without what is packed behind it", digest
    yield "signature", f"Ed25519, valid for the public key {card.signer}" if card.signer else "not signed"


def _entries(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{name}: {_text(fact)}" for name, fact in value.items()]
    if not isinstance(value, Sequence) or isinstance(value, str):
        return _text(value)
    more = f" … ({len(value) - _MOST_ENTRIES:,} more)" if len(value) > _MOST_ENTRIES else ""
    return ", ".join(map(_text, value[:_MOST_ENTRIES])) + more


def _text(value: Any) -> str:
    """A JSON value as text."""
    return value if isinstance(value, str) else json.dumps(value)
