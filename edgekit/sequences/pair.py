"""Converts an encoder and a decoder into one file with a signature for each."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import edgekit_runtime
from edgekit import __version__
from edgekit.sequences.calibration import decoder_samples, encoder_samples
from edgekit.sequences.lowered_pair import LoweredPair, SourceFailedError
from edgekit.sequences.options import PairOptions
from edgekit.sequences.preparation import Pairs, Prepared, prepare
from edgekit.sequences.result import PairConversion
from edgekit.sequences.scores import SequenceScores, compare
from edgekit_converters.atomic_files import write_bytes
from edgekit_converters.lowering import LoweringProcess, LoweringRequest
from edgekit_converters.packaging.artifact import pack
from edgekit_converters.packaging.golden_examples import make_golden
from edgekit_converters.packaging.merged_signatures import merge_signatures
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import IoType
from edgekit_converters.quantization.quantize import require_possible
from edgekit_converters.quantization.samples import Sample
from edgekit_converters.repair.attention_masks import with_clamped_masks
from edgekit_converters.targets.adaptation import (
    TargetedModel,
    needs_fixed_batch,
    quantize_for_targets,
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

_logger = logging.getLogger(__name__)

#: Examples that are searched for golden ones, and golden examples.
_LOOKED_AT, _GOLDEN_EXAMPLES = 32, 8
_JUDGED_AT_ONCE = 64


def convert_pair(
    encoder: LoweringRequest, decoder: LoweringRequest, output: Path, options: PairOptions
) -> PairConversion:
    """Convert an encoder and a decoder to one .tflite; the same arguments give the same bytes.

    Args:
        encoder: The encoder and how to lower it.
        decoder: The decoder and how to lower it.
        output: File to write.
        options: Options for data, tokens and quantization.
    Raises:
        EdgekitError: A source, the data, a token or a target cannot be used; nothing is written in that case.
    """
    require_possible(options.mode, IoType.FLOAT32, has_data=options.data is not None)
    require_mode(options.mode, options.targets)
    fixed_batch = needs_fixed_batch(options.targets)
    requests = [replace(request, fixed_batch=fixed_batch) for request in (encoder, decoder)]
    # Both processes start at once, since importing TensorFlow takes seconds.
    with LoweringProcess(requests[0]) as first, LoweringProcess(requests[1]) as second:
        lowered = LoweredPair.of(first, second)
        prepared = prepare(lowered, options)
        float_model = lowered.float_model(prepared.decoding)
        models = _quantized(lowered, float_model, prepared, options)
        merged = merge_signatures({ENCODE: models[0].model, DECODE: models[1].model})
        checks = check_targets(merged, target_names())
        require_runs([check for check in checks if check.target in options.targets], options.mode)
        manifest, parts = _manifest(lowered, prepared, models, options)
        model = edgekit_runtime.load(pack(merged, manifest, name=output.stem, other_parts=parts))
        source_model = lowered.source_model(first, second, prepared.decoding)
        scores = None if prepared.judged is None else _scores(source_model, float_model, model, prepared, options)
    golden = _golden(merged, model, lowered, prepared, options)
    facts = dict(manifest.provenance)
    if scores is not None:
        facts["scores"] = {SEQUENCE: scores.to_dict()}
    if golden is not None:
        facts["golden"] = golden[1]
    artifact = pack(
        merged,
        manifest._replace(provenance=facts),
        golden[0] if golden else b"",
        name=output.stem,
        other_parts=parts,
    )
    write_bytes(output, artifact)
    return PairConversion(
        path=output,
        quantize=options.mode.value,
        size_bytes=len(artifact),
        shared_bytes=_shared_bytes(merged),
        sha256=hashlib.sha256(artifact).hexdigest(),
        targets=tuple(check.target for check in checks if check.runs),
        decoding=prepared.decoding,
        scores=scores,
        notes=(
            *lowered.encoder.notes,
            *lowered.decoder.notes,
            *(() if golden else ("The model cannot be run on examples of its own: it carries no golden examples.",)),
        ),
    )


def _quantized(
    lowered: LoweredPair, float_model: StepwiseModel, prepared: Prepared, options: PairOptions
) -> tuple[TargetedModel, TargetedModel]:
    """Quantize both models; the decoder is calibrated step by step along the known sequences."""
    pairs = prepared.calibrated
    if not options.mode.needs_calibration or pairs is None:
        encoder, decoder = (
            quantize_for_targets(each.model, options.mode, options.targets, scheme=options.scheme)
            for each in (lowered.encoder, lowered.decoder)
        )
        return encoder, decoder
    _logger.info("calibrating on %d pairs of %s", len(pairs.sequences), pairs.name)
    steps = list(decoder_samples(float_model, pairs.values, pairs.sequences))
    return (
        _calibrated(lowered.encoder.model, list(encoder_samples(pairs.values)), options),
        _calibrated(lowered.decoder.model, steps, options),
    )


def _calibrated(model: TfliteModel, samples: Sequence[Sample], options: PairOptions) -> TargetedModel:
    """Quantize a model with the ranges of some samples; an attention mask would leave no steps to the scores."""
    inputs = {name: np.concatenate([sample[name] for sample in samples]) for name in samples[0]}
    model = with_clamped_masks(model, inputs)
    ranges = calibrate(model, samples)
    return quantize_for_targets(model, options.mode, options.targets, scheme=options.scheme, ranges=ranges)


def _manifest(
    lowered: LoweredPair, prepared: Prepared, models: tuple[TargetedModel, TargetedModel], options: PairOptions
) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest without golden examples and scores, and the parts that go with it."""
    facts = {
        "edgekit": __version__,
        "keras_version": lowered.encoder.keras_version,
        "quantize": options.mode.value,
        "source_sha256": lowered.encoder.source_sha256,
        "decoder_sha256": lowered.decoder.source_sha256,
        "targets": [name for name in models[0].targets if name in models[1].targets],
    }
    if options.mode.needs_calibration and prepared.calibrated is not None:
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


def _scores(
    source_model: StepwiseModel, float_model: StepwiseModel, model: Model, prepared: Prepared, options: PairOptions
) -> SequenceScores:
    pairs, decoding = prepared.judged, prepared.decoding
    assert pairs is not None
    try:
        source = _generated(source_model, pairs, prepared)
    except SourceFailedError:
        source = None
    return compare(
        pairs.sequences.generated(),
        source=source,
        float_model=_generated(float_model, pairs, prepared),
        converted=[tuple(t for t in each.tokens if t != decoding.padding) for each in model.generate(pairs.values)],
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
