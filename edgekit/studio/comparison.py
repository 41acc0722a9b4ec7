"""Builds the edgekit commands behind the tabs: compare variants, rank layers, make a variant within a budget."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from edgekit.studio.models import StudioModel, VariantModel

_TIMED_RUNS = "200"


@dataclass(frozen=True, slots=True)
class StudioData:
    """Data that the studio was started with.

    Attributes:
        source: A name, a path, or ``python:module:function``; empty if there is none.
        label_column: Label column of a table; empty if the user did not pass one.
    """

    source: str = ""
    label_column: str = ""

    def arguments(self) -> list[str]:
        """The data as options of a command."""
        column = ["--label-column", self.label_column] if self.label_column else []
        return ["--data", self.source, *column]


def comparison_commands(models: Sequence[StudioModel], data: StudioData) -> list[list[str]]:
    """The commands that time the variants and, if there is data, judge them: ``bench`` and ``validate``."""
    reference, *_ = models
    timed = [str(model.path) for model in models if isinstance(model, VariantModel)]
    judged = [str(model.path) for model in models[1:] if isinstance(model, VariantModel)]
    commands = [["bench", *timed, "--runs", _TIMED_RUNS]] if timed else []
    if data.source and judged:
        commands.append(["validate", str(reference.path), *judged, *data.arguments()])
    return commands


def comparison_rows(models: Mapping[str, StudioModel], outputs: Sequence[Any]) -> dict[str, Any]:
    """Convert the JSON of the commands to the table of the page: one row per model, the reference first.

    Args:
        models: Models by identifier; the first is the reference.
        outputs: JSON of the commands of :func:`comparison_commands`, in their order.
    """
    latencies: dict[str, Any] = {}
    validations: dict[str, Any] = {}
    for output in outputs:
        for entry in output.get("models", []):
            latencies[entry["model"]] = entry
        found = output.get("validations", [output] if "candidate" in output else [])
        validations |= {each["candidate"]: each for each in found}
    first = next(iter(validations.values()), None)
    rows = []
    for place, (identifier, model) in enumerate(models.items()):
        row = {"id": identifier, "name": model.name, "size_bytes": model.size_bytes, "is_reference": place == 0}
        latency = latencies.get(str(model.path))
        if latency:
            row |= {"p50_ms": latency["p50_ms"], "p90_ms": latency["p90_ms"]}
        validation = validations.get(str(model.path))
        if validation:
            row |= _figures(validation, "candidate")
        elif place == 0 and first:
            row |= {key: value for key, value in _figures(first, "reference").items() if key in ("metric", "value")}
        rows.append(row)
    samples = first["data"]["samples"] if first else 0
    return {"rows": rows, "data": first["data"]["name"] if first else "", "samples": samples}


def _figures(validation: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """Accuracy, drop and agreement of the first output, with the metric of its kind."""
    output = validation["outputs"][0]
    figures: dict[str, Any] = {"snr_db": output["errors"]["snr_db"]}
    classes, regression = output["classification"], output["regression"]
    if classes:
        figures |= {"agreement": classes["top1_agreement"], "metric": "agreement", "value": classes["top1_agreement"]}
        if whose == "reference":
            figures["value"] = 1.0
        labelled = classes["labelled"]
        if labelled:
            figures |= {"metric": "top-1 accuracy", "value": labelled[f"{whose}_top1"]}
            figures |= {"drop": labelled["accuracy_drop"], "interval": _interval(labelled["drop_interval"])}
    elif regression and regression["r2"]:
        r2 = regression["r2"]
        figures |= {"metric": "R²", "value": r2[whose], "drop": r2["worsening"], "interval": _interval(r2["interval"])}
    elif output["metrics"]:
        metric = output["metrics"][0]
        figures |= {"metric": metric["name"].replace("_", " "), "value": metric[whose], "drop": metric["drop"]}
        figures["interval"] = _interval(metric["interval"])
    return figures


def _interval(interval: Mapping[str, float] | None) -> list[float] | None:
    return None if interval is None else [interval["low"], interval["high"]]


def layers_command(reference: StudioModel, variant: StudioModel, data: StudioData) -> list[str]:
    """The command that ranks the layers by the noise that they add."""
    return ["validate", str(reference.path), str(variant.path), *data.arguments(), "--layers"]


def variant_name(source: StudioModel, mode: str, max_drop: float | None) -> str:
    """File name of a variant, such as ``model-int8-drop0.005.tflite``."""
    budget = "" if max_drop is None else f"-drop{max_drop:g}"
    return f"{source.path.stem}-{mode}{budget}.tflite"


def convert_command(
    source: StudioModel, mode: str, max_drop: float | None, data: StudioData, output: Path
) -> list[str]:
    """The command that makes a variant."""
    # Without data, nothing can be calibrated or judged.
    options = data.arguments() if data.source and (mode not in ("none", "float16") or max_drop is not None) else []
    budget = [] if max_drop is None else ["--max-drop", f"{max_drop:g}"]
    return ["convert", str(source.path), "--quantize", mode, *options, *budget, "--output", str(output)]


def shown(arguments: Sequence[str], *, with_folders: bool) -> str:
    """A command as the user would type it.

    Args:
        arguments: Arguments of ``edgekit``.
        with_folders: Whether paths keep their folders, which are private in a public studio.
    """
    words = arguments if with_folders else [PurePath(word).name if "/" in word else word for word in arguments]
    return shlex.join(["edgekit", *words])
