"""Converts an encoder and a decoder into one file with a signature for each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import edgekit_runtime
from edgekit import __version__
from edgekit.sequences.lowered_pair import LoweredPair, SourceFailedError
from edgekit.sequences.options import PairOptions
from edgekit.sequences.preparation import Pairs, Prepared, prepare
from edgekit.sequences.quantizing import PairQuantizer, PairRecipe
from edgekit.sequences.result import PairConversion
from edgekit.sequences.scores import SequenceScores, compare
from edgekit.sequences.within_budget import select_within_budget
from edgekit_converters.atomic_files import write_bytes
from edgekit_converters.lowering import LoweringProcess, LoweringRequest
from edgekit_converters.packaging.artifact import pack
from edgekit_converters.packaging.golden_examples import make_golden
from edgekit_converters.packaging.merged_signatures import merge_signatures
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.quantization.quantize import require_possible
from edgekit_converters.targets.adaptation import (
    TargetedModel,
    needs_fixed_batch,
    require_mode,
    require_runs,
)
from edgekit_converters.targets.check import check_targets
from edgekit_converters.targets.target import target_names
from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.sequences.decoding import DECODE, ENCODE, SEQUENCE
from edgekit_runtime.sequences.golden_texts import pack_texts
from edgekit_runtime.sequences.search import SearchOptions
from edgekit_runtime.sequences.stepwise import StepwiseModel
from edgekit_runtime.task import FILE, TEXT, TOKENS, Claim
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Examples that are searched for golden ones, and golden examples.
_LOOKED_AT, _GOLDEN_EXAMPLES = 32, 8
_JUDGED_AT_ONCE = 64
_OVER_BUDGET = "-over-budget"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A quantized pair, not yet written.

    Attributes:
        recipe: How it was quantized.
        merged: One model with both signatures.
        manifest: Its manifest, without golden examples and scores.
        parts: Parts that go with the manifest.
        model: The same, loaded by the runtime.
        scores: Scores on pairs that were held back; None without data.
    """

    recipe: PairRecipe
    merged: TfliteModel
    manifest: Manifest
    parts: dict[str, bytes]
    model: Model
    scores: SequenceScores | None


def convert_pair(
    encoder: LoweringRequest, decoder: LoweringRequest, outputs: Mapping[Mode, Path], options: PairOptions
) -> PairConversion:
    """Convert an encoder and a decoder to one .tflite; the same arguments give the same bytes.

    Args:
        encoder: The encoder and how to lower it.
        decoder: The decoder and how to lower it.
        outputs: File to write for each of the modes; one that misses its budget gets a name that says so.
        options: Options for data, tokens and quantization.
    Raises:
        EdgekitError: A source, the data, a token or a target cannot be used; nothing is written in that case.
    """
    for mode in options.modes:
        require_possible(mode, IoType.FLOAT32, has_data=options.data is not None)
        require_mode(mode, options.targets)
    fixed_batch = needs_fixed_batch(options.targets)
    requests = [replace(request, fixed_batch=fixed_batch) for request in (encoder, decoder)]
    # Both processes start at once, since importing TensorFlow takes seconds.
    with LoweringProcess(requests[0]) as first, LoweringProcess(requests[1]) as second:
        lowered = LoweredPair.of(first, second)
        prepared = prepare(lowered, options)
        float_model = lowered.float_model(prepared.decoding)
        source_model = lowered.source_model(first, second, prepared.decoding)
        references = None if prepared.judged is None else _references(source_model, float_model, prepared)
    quantizer = PairQuantizer(lowered, float_model, prepared, options)

    def make(recipe: PairRecipe) -> _Candidate:
        return _candidate(recipe, quantizer, lowered, prepared, options, references=references)

    budget = None
    if options.max_drop is None:
        candidate = make(PairRecipe(options.modes[0]))
    else:
        candidate, budget = select_within_budget(quantizer.recipes(options.modes), make, options.max_drop)
    output = outputs[candidate.recipe.mode]
    if budget is not None and not budget.is_met:
        output = output.with_name(f"{output.stem}{_OVER_BUDGET}{output.suffix}")
    golden = _golden(candidate.merged, candidate.model, lowered, prepared, options)
    facts = dict(candidate.manifest.provenance)
    if candidate.scores is not None:
        facts["scores"] = {SEQUENCE: candidate.scores.to_dict()}
    if golden is not None:
        facts["golden"] = golden[1]
    artifact = pack(
        candidate.merged,
        candidate.manifest._replace(provenance=facts),
        golden[0] if golden else b"",
        name=output.stem,
        other_parts=candidate.parts,
    )
    write_bytes(output, artifact)
    return PairConversion(
        path=output,
        quantize=candidate.recipe.mode.value,
        size_bytes=len(artifact),
        shared_bytes=_shared_bytes(candidate.merged),
        sha256=hashlib.sha256(artifact).hexdigest(),
        targets=tuple(check.target for check in check_targets(candidate.merged, target_names()) if check.runs),
        decoding=prepared.decoding,
        scores=candidate.scores,
        budget=budget,
        notes=(
            *lowered.encoder.notes,
            *lowered.decoder.notes,
            *(() if golden else ("The model cannot be run on examples of its own: it carries no golden examples.",)),
        ),
    )


def _candidate(
    recipe: PairRecipe,
    quantizer: PairQuantizer,
    lowered: LoweredPair,
    prepared: Prepared,
    options: PairOptions,
    *,
    references: _References | None,
) -> _Candidate:
    models = quantizer.quantized(recipe)
    merged = merge_signatures({ENCODE: models[0].model, DECODE: models[1].model})
    require_runs(check_targets(merged, options.targets), recipe.mode)
    manifest, parts = _manifest(lowered, prepared, models, options, recipe)
    model = edgekit_runtime.load(pack(merged, manifest, other_parts=parts))
    scores = None if references is None else _scores(references, model, prepared, options)
    return _Candidate(recipe, merged, manifest, parts, model, scores)


def _manifest(
    lowered: LoweredPair,
    prepared: Prepared,
    models: tuple[TargetedModel, TargetedModel],
    options: PairOptions,
    recipe: PairRecipe,
) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest without golden examples and scores, and the parts that go with it."""
    facts = {
        "edgekit": __version__,
        "keras_version": lowered.encoder.keras_version,
        "quantize": recipe.mode.value,
        "source_sha256": lowered.encoder.source_sha256,
        "decoder_sha256": lowered.decoder.source_sha256,
        "targets": [name for name in models[0].targets if name in models[1].targets],
    }
    if recipe.is_repaired or recipe.in_float:
        facts["recipe"] = recipe.describe()
    if recipe.mode.needs_calibration and prepared.calibrated is not None:
        facts["calibration"] = {"data": prepared.calibrated.name, "samples": len(prepared.calibrated.sequences)}
    parts = {}
    raw = {}
    kinds = {info.name: TOKENS for info in lowered.encoder_model.inputs if info.dtype.kind in "iu"}
    if prepared.text_input is not None:
        name = lowered.encoder_model.inputs[0].name
        raw[name], kinds[name] = prepared.text_input.to_dict(), TEXT
        parts.update(prepared.text_input.parts())
    if options.tokenizer is not None:
        parts[prepared.decoding.vocabulary] = options.tokenizer.content()
    manifest = Manifest(
        provenance=facts,
        task=Claim(FILE, inputs=kinds),
        raw_preprocessing=raw,
        decoding={SEQUENCE: prepared.decoding.to_dict()},
    )
    return manifest, parts


@dataclass(frozen=True, slots=True)
class _References:
    """What the source model, None if it cannot run here, and the float model generate for the judged pairs."""

    source: list[tuple[int, ...]] | None
    float_model: list[tuple[int, ...]]


def _references(source_model: StepwiseModel, float_model: StepwiseModel, prepared: Prepared) -> _References:
    pairs = prepared.judged
    assert pairs is not None
    try:
        source = _generated(source_model, pairs, prepared)
    except SourceFailedError:
        source = None
    return _References(source, _generated(float_model, pairs, prepared))


def _scores(references: _References, model: Model, prepared: Prepared, options: PairOptions) -> SequenceScores:
    pairs, padding = prepared.judged, prepared.decoding.padding
    assert pairs is not None
    return compare(
        pairs.sequences.generated(),
        source=references.source,
        float_model=references.float_model,
        converted=[tuple(t for t in each.tokens if t != padding) for each in model.generate(pairs.values)],
        tokenizer=options.tokenizer,
        is_held_back=prepared.is_held_back,
    )


def _generated(model: StepwiseModel, pairs: Pairs, prepared: Prepared) -> list[tuple[int, ...]]:
    decoding = prepared.decoding
    options = SearchOptions(
        decoding.start, decoding.end, model.longest(decoding.max_length), decoding.beams, decoding.length_penalty
    )
    found: list[tuple[int, ...]] = []
    for start in range(0, len(pairs.sequences), _JUDGED_AT_ONCE):
        values = {name: array[start : start + _JUDGED_AT_ONCE] for name, array in pairs.values.items()}
        for hypotheses in model.generate(values, options):
            tokens = hypotheses[0].tokens if hypotheses else ()
            found.append(tuple(token for token in tokens if token != decoding.padding))
    return found


def _golden(
    merged: TfliteModel, model: Model, lowered: LoweredPair, prepared: Prepared, options: PairOptions
) -> tuple[bytes, Mapping[str, object]] | None:
    """Golden examples with the texts that the file generates; those that are least likely to change by rounding."""
    pairs = prepared.judged
    text_input = prepared.text_input
    if pairs is None:
        raw: Mapping[str, np.ndarray] = lowered.made_up_inputs(_GOLDEN_EXAMPLES, options.seed)
        values, origin = raw, f"random, seed {options.seed}"
    else:
        pairs = pairs.rows(np.arange(min(_LOOKED_AT, len(pairs.sequences))))
        raw, values, origin = pairs.raw, pairs.values, pairs.name
    try:
        chosen = _surest(model, values)
        answers = [each.answer for each in model.generate({name: array[chosen] for name, array in values.items()})]
    except InterpreterError:
        return None
    names = [info.name for info in model.inputs]
    preprocessing = {} if text_input is None else {names[0]: text_input}
    arrays = []
    for name in names:
        array = raw[name][chosen]
        is_text = text_input is not None and text_input.is_raw(array)
        arrays.append(text_input.as_golden(array) if is_text and text_input is not None else array)
    golden = make_golden(
        merged, arrays, origin=origin, preprocessing=preprocessing, decode=lambda _: pack_texts(answers)
    )
    return None if golden is None else (golden.content, golden.facts)


def _surest(model: Model, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The examples whose sequence is most probable compared with the next best one."""
    margins = [
        each.log_probability - each.alternatives[0].log_probability if each.alternatives else 0.0
        for each in model.generate(values, beams=2)
    ]
    return np.sort(np.argsort(-np.array(margins), kind="stable")[:_GOLDEN_EXAMPLES])


def _shared_bytes(merged: TfliteModel) -> int:
    """Size of the constants that the subgraphs of both signatures use."""
    used = [
        {(t.data_offset, t.size_bytes) for t in merged.description.subgraphs[each.subgraph].tensors if t.is_constant}
        for each in merged.description.signatures
    ]
    return sum(size for _, size in set.intersection(*used))
