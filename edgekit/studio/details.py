"""Collects the details of a model for the page: labels, preprocessing, golden examples, signature, and origin."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from edgekit.counting import counted
from edgekit.studio.comparison import StudioData, shown
from edgekit.studio.models import SourceModel, StudioModel, VariantModel
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.packed_file.golden import GoldenExamples, read_golden
from edgekit_runtime.packed_file.manifest import GOLDEN_NAME, SIGNATURE_NAME, Parts
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

_MOST_LABELS, _MOST_FACTS, _LONGEST = 1000, 60, 500
_MOST_EXAMPLES, _MOST_TYPED = 16, 4096
_CHANNELS = {1: "grey", 3: "colour"}


def describe_model(
    model: StudioModel, others: Iterable[StudioModel], command: str, *, data: StudioData, with_folders: bool
) -> dict[str, Any]:
    """All details of one file for the page.

    Args:
        model: The model.
        others: All models, among which its source is searched for.
        command: Command that made the model in the studio; empty if it was not made there.
        data: Data that the studio was started with.
        with_folders: Whether paths in commands keep their folders.
    """
    facts = [("size", f"{model.size_bytes / 1000:,.1f} kB"), ("runs on", model.runs_on)]
    facts += [
        ("input", _tensor(each.name, model.task.inputs[each.name].name, each.shape, each.dtype))
        for each in model.inputs
    ]
    described: dict[str, Any] = {
        "name": model.name,
        "labels": [label[:_LONGEST] for label in model.labels[:_MOST_LABELS]],
        "label_count": len(model.labels),
        "preprocessing": [_pixels(name, how) for name, how in model.preprocessing.items()],
        "golden": "",
        "signed": "",
        "command": command,
        "command_note": "",
    }
    if isinstance(model, VariantModel):
        parsed = TfliteModel(read_model_file(model.path))
        facts += _tflite_facts(model, parsed.description)
        described |= _packed(model, Parts(parsed.content).names)
        if not command:
            sources = [each for each in others if isinstance(each, SourceModel)]
            described |= _command(model, sources, data, with_folders)
    elif isinstance(model, SourceModel):
        facts += _source_facts(model)
    described["facts"] = [[name, str(value)[:_LONGEST]] for name, value in facts[:_MOST_FACTS]]
    return described


def golden_examples(model: StudioModel) -> GoldenExamples | None:
    """The golden examples of a .tflite; None if it has none."""
    if not isinstance(model, VariantModel):
        return None
    content = read_model_file(model.path)
    return read_golden(content) if GOLDEN_NAME in Parts(content).names else None


def example_png(golden: GoldenExamples, number: int) -> bytes:
    """One golden example of an image model as a PNG file."""
    from PIL import Image

    pixels = golden.inputs[0][number]
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def example_texts(model: StudioModel, golden: GoldenExamples) -> list[dict[str, str]]:
    """The golden examples of a model with numeric inputs, as a user would type them."""
    texts = []
    for number in range(min(_MOST_EXAMPLES, len(golden.inputs[0]))):
        arrays = [np.asarray(each[number]).ravel() for each in golden.inputs]
        if all(array.size <= _MOST_TYPED for array in arrays):
            named = zip(model.inputs, arrays, strict=True)
            texts.append({each.name: ", ".join(f"{value:.8g}" for value in array.tolist()) for each, array in named})
    return texts


def _tensor(name: str, kind: str, shape: tuple[int, ...], dtype: str) -> str:
    sizes = " × ".join("any" if size == -1 else str(size) for size in shape)
    return f"{name}: {kind}, {sizes}, {dtype}"


def _pixels(name: str, how: Any) -> str:
    low, high = how.value_range
    order = f", {how.color_order}" if how.channels == 3 else ""
    return (
        f"{name}: {how.width} × {how.height} pixels, {_CHANNELS[how.channels]}{order}; pixels 0 to 255 become "
        f"{low:g} to {high:g}; images of another size: {how.resize}"
    )


def _tflite_facts(model: VariantModel, description: ModelDescription) -> list[tuple[str, str]]:
    infos = {info.name: info for info in model.model.outputs}
    facts = [
        ("output", _tensor(name, kind.name, infos[name].shape, infos[name].dtype.name))
        for name, kind in model.task.outputs.items()
    ]
    facts.append(("operators", f"{len(description.operators)}"))
    for signature in description.signatures[:8]:
        names = [", ".join(name for name, _ in tensors) for tensors in (signature.inputs, signature.outputs)]
        facts.append(("signature key", f"{signature.key}({names[0]}) → {names[1]}"))
    provenance = model.manifest.provenance
    words = {"quantize": "quantization", "keras_version": "Keras version", "edgekit": "made by edgekit"}
    facts += [(word, str(provenance[name])) for name, word in words.items() if provenance.get(name)]
    if isinstance(provenance.get("targets"), list):
        facts.append(("runs on targets", ", ".join(map(str, provenance["targets"]))))
    digest = model.manifest.model_sha256
    return [*facts, ("SHA-256 of the model", f"{digest[:16]}…")] if digest else facts


def _packed(model: VariantModel, names: Collection[str]) -> dict[str, str]:
    golden = "none packed"
    if GOLDEN_NAME in names:
        try:
            report = model.model.verify()
            count = counted(report.examples, "example")
            verdict = "within the tolerance" if report.passed else "outside of the tolerance"
            golden = f"{count}, verified on {report.interpreter}: {verdict} (largest error {max(report.max_error):.3g})"
        except EdgekitError as error:
            golden = error.problem
    signed = "signed; edgekit verify checks it with the public key" if SIGNATURE_NAME in names else "not signed"
    return {"golden": golden[:_LONGEST], "signed": signed}


def _source_facts(model: SourceModel) -> list[tuple[str, str]]:
    facts = [("output", f"{name}: {kind.name}") for name, kind in model.task.outputs.items()]
    facts.append(("SHA-256 of the file", f"{model.lowered.source_sha256[:16]}…"))
    return facts + [("note", note) for note in (*model.lowered.notes, *model.lowered.warnings)]


def _command(model: VariantModel, sources: list[SourceModel], data: StudioData, with_folders: bool) -> dict[str, str]:
    """The command that made a file, as far as the file contains its options."""
    provenance = model.manifest.provenance
    mode = provenance.get("quantize")
    if not isinstance(mode, str):
        return {"command_note": "The file does not say how it was made."}
    digest = provenance.get("source_sha256")
    source = next((each for each in sources if each.lowered.source_sha256 == digest), None)
    arguments = ["convert", str(source.path) if source else "MODEL", "--quantize", mode]
    notes = [] if source else ["MODEL is the file that it was made from: none of the models here."]
    golden = provenance.get("golden")
    named = golden.get("inputs") if isinstance(golden, dict) else None
    if isinstance(named, str) and not named.startswith("random"):
        same = data.source and (named == data.source or data.source.rstrip("/").endswith(f"/{named}"))
        arguments += ["--data", data.source if same else named]
        notes += [] if same else ["The file knows the last part of the data's path only."]
    budget = provenance.get("budget")
    if isinstance(budget, dict) and isinstance(budget.get("max_drop"), (int, float)):
        arguments += ["--max-drop", f"{budget['max_drop']:g}"]
    notes.append("Options that the file does not record are left out.")
    return {"command": shown(arguments, with_folders=with_folders)[:2000], "command_note": " ".join(notes)}
