"""``edgekit.validate``: compares the predictions of a .tflite with those of its source model."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from edgekit.api.arguments import (
    Kinds,
    PathLike,
    PixelRanges,
    as_column,
    as_count,
    as_flag,
    as_optional_fraction,
    as_optional_text,
    as_path,
    pixel_ranges,
    type_name,
    user_claim,
)
from edgekit.api.data import LARGEST_SEED, DataSource, data_of
from edgekit.api.models import ModelSource, is_keras_model, model_file
from edgekit_runtime.errors import ArgumentTypeError, UsageError

if TYPE_CHECKING:
    from edgekit.parity.validation import Validation


@overload
def validate(
    model: ModelSource,
    tflite: PathLike,
    data: DataSource,
    *,
    max_drop: float | None = None,
    min_agreement: float | None = None,
    samples: int | None = None,
    everything: bool = False,
    slice_by: str | None = None,
    top_k: int = 5,
    seed: int = 0,
    label_column: str | int | None = None,
    pixel_range: PixelRanges | None = None,
    task: str | None = None,
    output_kind: Kinds | None = None,
    input_kind: Kinds | None = None,
    layers: bool = False,
    progress: Callable[[int], None] | None = None,
    scheduler: str | None = None,
    cluster: str | None = None,
) -> Validation: ...
@overload
def validate(
    model: ModelSource,
    tflite: Sequence[PathLike],
    data: DataSource,
    **options: Any,
) -> tuple[Validation, ...]: ...
def validate(  # type: ignore[misc]  # The options for several files are those for one, which stand above.
    model: ModelSource,
    tflite: PathLike | Sequence[PathLike],
    data: DataSource,
    *,
    max_drop: float | None = None,
    min_agreement: float | None = None,
    samples: int | None = None,
    everything: bool = False,
    slice_by: str | None = None,
    top_k: int = 5,
    seed: int = 0,
    label_column: str | int | None = None,
    pixel_range: PixelRanges | None = None,
    task: str | None = None,
    output_kind: Kinds | None = None,
    input_kind: Kinds | None = None,
    layers: bool = False,
    progress: Callable[[int], None] | None = None,
    scheduler: str | None = None,
    cluster: str | None = None,
) -> Validation | tuple[Validation, ...]:
    """Compare one or more .tflite files with their source model on the same data.

    Args:
        model: The reference: path of an .h5, .keras, .pt2 or .tflite file or of a SavedModel folder, as text or
            ``Path``; or a ``keras.Model`` in memory.
        tflite: Path of the .tflite to judge, or a list of paths; the model then runs only once for all of them.
        data: Data for the comparison, with or without labels: a name or path as for ``edgekit validate --data``; inputs
            (N, ...) as an array or as a dict by input name; ``(inputs, labels)``; an iterable of such batches or
            single examples; or a function that returns one. uint8 arrays are pixels, floats are passed unchanged.
        max_drop: Maximum allowed drop, a fraction: 0.005 is half a point of top-1, F1, R², mean IoU or token
            accuracy, by the output's kind. Default: None, no limit.
        min_agreement: Minimum share of equal classes, a fraction such as 0.99. Default: None, no limit.
        samples: Maximum number of examples. Default: None, all.
        everything: Use all of the data, not only the part that is held back (a fifth, unless the data has a test
            part). Default: False.
        slice_by: Compare each slice by itself: a column of a table, an array or key of that name, or ``"folder"``.
            Default: None, no slices.
        top_k: The k of top-k accuracy. Default: 5.
        seed: Seed of all random choices, 0 to 2**32 - 1. Default: 0.
        label_column: Heading or number of the label column of a table. Default: None, detected automatically.
        pixel_range: Real values of pixels 0 and 255 at the model's image input, such as ``(-1, 1)``, or a dict of
            these by input name. Default: None, that of the .tflite.
        task: ``"classification"``, ``"multilabel"``, ``"regression"``, ``"segmentation"``, ``"detection"`` or
            ``"sequence"``. Default: None, detected from the model and the data.
        output_kind: Kind of all outputs, such as ``"classes"``, or a dict by output name. Default: None, detected.
        input_kind: Kind of the only input, such as ``"image"``, or a dict by input name. Default: None, detected.
        layers: Also measure the noise that each layer of a Keras model adds. Default: False.
        progress: Called with the number of examples done since the last call. Default: None.
        scheduler: Address of a Dask scheduler whose workers compare, such as ``"tcp://host:8786"``; needs
            ``edgekit[cluster]``. The result is the same. Default: None, this process.
        cluster: ``"local:N"`` to compare in N processes of this machine. Default: None, this process.

    Returns:
        A ``Validation``, or a tuple of these for a list of files: ``passed`` and ``failures`` (the limits that were
        missed), ``outputs`` (all figures of each output), ``agreement`` (the main ones), ``layers``, ``to_dict()``,
        and ``require_passed()``, which raises ``BelowThresholdError``.

    Raises:
        EdgekitError: A file or the data is missing, damaged or incompatible. A missed limit does not raise an error.
        TypeError: An argument has the wrong type; the error is also an ``EdgekitError``.

    Example:
        >>> import edgekit
        >>> result = edgekit.validate("model.h5", "model-int8.tflite", "digits", max_drop=0.005)
        >>> result.passed, result.agreement.accuracy_drop
        (True, 0.0)
    """
    from edgekit.datasets.opening import DataRequest
    from edgekit.jobs.opening import open_workers
    from edgekit.parity.options import Thresholds, ValidationOptions
    from edgekit.parity.validation import validate_all

    is_one = isinstance(tflite, (str, os.PathLike))
    candidates = [as_path(tflite, "tflite")] if is_one else _paths(tflite)
    thresholds = Thresholds(
        as_optional_fraction(max_drop, "max_drop"), as_optional_fraction(min_agreement, "min_agreement")
    )
    options = ValidationOptions(
        seed=as_count(seed, "seed", lowest=0, highest=LARGEST_SEED),
        everything=as_flag(everything, "everything"),
        samples=None if samples is None else as_count(samples, "samples"),
        pixel_ranges=pixel_ranges(pixel_range),
        label_column=as_column(label_column),
        slice_by=as_optional_text(slice_by, "slice_by"),
        top_k=as_count(top_k, "top_k"),
        claim=user_claim(task, input_kind=input_kind, output_kind=output_kind),
    )
    source = data_of(data)
    chosen = open_workers(as_optional_text(scheduler, "scheduler"), as_optional_text(cluster, "cluster"))
    with chosen as workers, model_file(model) as reference:
        results = validate_all(
            reference, candidates, source, thresholds=thresholds, options=options, progress=progress, workers=workers
        )
        if as_flag(layers, "layers"):
            request = DataRequest(source, options.seed, options.label_column)
            results = tuple(_with_layers(each, request, options) for each in results)
    if is_keras_model(model):
        # The temporary file is gone, but its name still identifies the model.
        results = tuple(replace(each, reference=Path(reference.name)) for each in results)
    return results[0] if is_one else results


def _paths(tflite: Any) -> list[Path]:
    if not isinstance(tflite, Sequence):
        raise ArgumentTypeError(
            "tflite is not a path.", expected="a path, or a list of paths", received=type_name(tflite)
        )
    if not tflite:
        raise UsageError("tflite names no file.", expected="a path, or a list of paths", received="an empty list")
    return [as_path(each, "tflite") for each in tflite]


def _with_layers(validation: Validation, request: Any, options: Any) -> Validation:
    from edgekit.parity.layers.noise import compare_layers_on_data

    noise = compare_layers_on_data(
        validation.reference,
        validation.candidate,
        request,
        pixel_ranges=options.pixel_ranges,
        claim=options.claim,
    )
    return replace(validation, layers=noise)
