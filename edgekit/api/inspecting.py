"""``edgekit.inspect``: reads the content of a model file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from edgekit.api.arguments import as_texts
from edgekit.api.models import ModelSource, model_file

if TYPE_CHECKING:
    from edgekit.artifacts.inspecting import TargetChecks, TfliteInspection
    from edgekit_converters.exported_programs.program import Program
    from edgekit_converters.keras_files.summary import KerasFileSummary
    from edgekit_converters.saved_models.summary import SavedModelSummary

    Inspection = TfliteInspection | KerasFileSummary | SavedModelSummary | Program


@overload
def inspect(model: ModelSource) -> Inspection: ...
@overload
def inspect(model: ModelSource, *, targets: Sequence[str]) -> Inspection | TargetChecks: ...
def inspect(model: ModelSource, *, targets: Sequence[str] = ()) -> Inspection | TargetChecks:
    """Read the content of a model file, without TensorFlow and without running any of it.

    Args:
        model: Path of a .tflite, .h5, .keras or .pt2 file or of a SavedModel folder, as text or ``Path``; or a
            ``keras.Model`` in memory.
        targets: Names of runtimes, such as ``"tflite-runtime-2.14"``, to check instead whether a .tflite runs there.
            ``edgekit targets`` lists the names. Default: none.

    Returns:
        By the kind of file: a ``TfliteInspection`` (``description`` with tensors and operators, ``manifest`` with
        labels and preprocessing, ``runs_on``), a ``KerasFileSummary`` (``layers``, ``inputs``, ``outputs``,
        ``upgrades``, ``refusal``), a ``SavedModelSummary`` (``signatures``, ``operators``) or a ``Program`` of
        PyTorch (``inputs``, ``outputs``, ``operators``). With ``targets``, a ``TargetChecks`` (``passed``,
        ``failed_targets``, ``checks``). Each has ``to_dict()``.

    Raises:
        EdgekitError: The file is missing, is damaged or has another format, or a target does not exist.
        TypeError: An argument has the wrong type; the error is also an ``EdgekitError``.

    Example:
        >>> import edgekit
        >>> edgekit.inspect("model-int8.tflite").manifest.labels
        ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    from edgekit.artifacts.inspecting import check_tflite, inspect_tflite, is_tflite
    from edgekit_converters.exported_programs.archive import is_exported_program
    from edgekit_converters.exported_programs.program import read_program
    from edgekit_converters.keras_files.summary import summarize
    from edgekit_converters.saved_models.summary import summarize_saved_model

    asked = as_texts(targets, "targets")
    with model_file(model) as path:
        if asked:
            return check_tflite(path, asked)
        if is_tflite(path):
            return inspect_tflite(path)
        if path.is_file() and is_exported_program(path):
            return read_program(path)
        return summarize_saved_model(path) if path.is_dir() else summarize(path)
