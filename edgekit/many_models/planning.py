"""Finds the models to convert, and decides where each result is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.regression.configuration.sections import LoadedConfiguration
from edgekit_runtime.errors import ModelFileError, UsageError

_SUFFIXES = (".h5", ".hdf5", ".keras", ".pt2")
_SAVED_MODEL = "saved_model.pb"


@dataclass(frozen=True, slots=True)
class PlannedConversion:
    """One model to convert.

    Attributes:
        name: Name in tables and reports; unique.
        source: The model.
        output: File to write; with ``quantize="all"``, a folder.
        options: Keyword arguments of ``edgekit.convert``.
    """

    name: str
    source: Path
    output: Path
    options: Mapping[str, Any]


def has_models(path: Path) -> bool:
    """Whether a path is a folder with models, and not itself a SavedModel."""
    return _is_plain_folder(path) and bool(_models_in(path))


def _is_plain_folder(path: Path) -> bool:
    return path.is_dir() and not (path / _SAVED_MODEL).exists() and path.suffix != ".keras"


def plan_sources(sources: Sequence[Path], output: Path, options: Mapping[str, Any]) -> list[PlannedConversion]:
    """Plan the conversion of files and of all models in folders, with the same options.

    Args:
        sources: Models, and folders that are searched for models.
        output: Folder for the results. A model of a folder keeps its path inside it; results that would have the same
            path are told apart by the suffix of their source, then by the name of its folder.
        options: Keyword arguments of ``edgekit.convert``.
    Raises:
        ModelFileError: A folder has no model.
        UsageError: Two results would have the same path.
    """
    found: dict[Path, tuple[Path, Path]] = {}
    for source in sources:
        is_folder = _is_plain_folder(source)
        models_here = _models_in(source) if is_folder else [source]
        if not models_here:
            raise _no_model(source)
        for model in models_here:
            found.setdefault(model.resolve(), (model, source if is_folder else source.parent))
    models = list(found.values())
    names = _unique_names(models)
    is_all = options.get("quantize") == "all"
    return [
        PlannedConversion(str(model), model, output / (name if is_all else f"{name}.tflite"), options)
        for (model, _), name in zip(models, names, strict=True)
    ]


def plan_configuration(configuration: LoadedConfiguration, output: Path | None) -> list[PlannedConversion]:
    """Plan the conversion of every model of a configuration that has a source, with its own options.

    Args:
        configuration: The configuration of ``edgekit check``.
        output: Folder for models without ``file``; None for the folder of the configuration.
    Raises:
        UsageError: No model has a source.
    """
    planned = []
    for name, model in configuration.settings.models.items():
        if model.source is None:
            continue
        target = configuration.resolve(model.file) if model.file else None
        options: dict[str, Any] = {
            "quantize": model.quantize,
            "io": model.io,
            "samples": model.samples,
            "seed": configuration.settings.seed,
            "pixel_range": model.pixel_ranges,
            "targets": tuple(model.targets or configuration.settings.targets),
            "input_shape": model.input_shape,
            "signature": model.signature,
        }
        if model.quantize in ("int8", "int16x8"):
            named = model.calibration
            options["data"] = configuration.data_source(named) if named else configuration.data_of(name)
        folder = output or configuration.path.parent
        planned.append(
            PlannedConversion(name, configuration.resolve(model.source), target or folder / f"{name}.tflite", options)
        )
    if not planned:
        raise UsageError(
            f"No model in {configuration.path} has a source to convert.",
            next_step='add source = "model.h5" to a model of the configuration',
        )
    return planned


def _models_in(folder: Path) -> list[Path]:
    saved = sorted(path.parent for path in folder.rglob(_SAVED_MODEL))
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _SUFFIXES and path.is_file() and not set(saved) & set(path.parents)
    ]
    return sorted([*files, *saved])


def _no_model(folder: Path) -> ModelFileError:
    return ModelFileError(
        f"The folder {folder} has no model.",
        expected=f"{', '.join(_SUFFIXES)} files, or folders with {_SAVED_MODEL}",
        next_step="check the path",
    )


def _unique_names(models: Sequence[tuple[Path, Path]]) -> list[str]:
    """Relative output names without ``.tflite``."""
    forms: tuple[Callable[[Path, Path], Path], ...] = (
        lambda model, root: model.relative_to(root).with_name(_stem(model)),
        lambda model, root: model.relative_to(root),
        lambda model, root: Path(root.resolve().name) / model.relative_to(root),
    )
    names = [str(forms[0](*pair)) for pair in models]
    for form in forms[1:]:
        count = Counter(names)
        names = [str(form(*pair)) if count[name] > 1 else name for name, pair in zip(names, models, strict=True)]
    doubled = [str(model) for name, (model, _) in zip(names, models, strict=True) if Counter(names)[name] > 1]
    if doubled:
        raise UsageError(
            "Several models would be written to the same file.",
            received=", ".join(doubled),
            next_step="convert them with different --output, or pass the folder above them",
        )
    return names


def _stem(model: Path) -> str:
    return model.stem if model.suffix.lower() in _SUFFIXES else model.name
