"""Judges every model of a configuration against the committed baseline."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import edgekit_runtime
from edgekit.counting import counted
from edgekit.datasets.opening import DataRequest
from edgekit.parity.latency import Timer
from edgekit.parity.layers.noise import LayerNoise, compare_layers_on_data
from edgekit.regression.baseline.figures import known_record, require_comparable
from edgekit.regression.baseline.stored import LatencyRatio, ModelRecord
from edgekit.regression.candidates import Candidate, bytes_of_second_conversion, prepare
from edgekit.regression.configuration.changes import OTHER_DATA, removed_models
from edgekit.regression.configuration.sections import LoadedConfiguration
from edgekit.regression.measurement import DataChoice, Measurement, measure
from edgekit.regression.predictions import true_classes_of, unpack_predictions
from edgekit.regression.results import CheckResult, ModelCheck
from edgekit.regression.rules.latency_ratio import BUILT_IN, built_in_reference, latency_ratio_on, measure_latency_ratio
from edgekit.regression.rules.latency_rule import latency_is_too_large
from edgekit.regression.rules.registry import judge_all
from edgekit.regression.rules.rule import RuleContext
from edgekit.regression.rules.thresholds import MAX_SLOWDOWN, STRICT, Limits
from edgekit.regression.verdicts import RuleResult, Verdict
from edgekit_converters.lowering.fork_server import fork_server
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime.errors import EdgekitError, InterpreterError, ModelFileError, UsageError
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.model_file import read_model_file

_logger = logging.getLogger(__name__)
#: For a baseline, latency is measured again up to this often while high / low of its interval exceeds this ratio.
_MOST_RETRIES, _SHARP = 3, 1.1


def check(
    configuration: LoadedConfiguration,
    records: dict[str, ModelRecord],
    *,
    names: Sequence[str] = (),
    strict: bool = False,
    layers: bool = False,
    changes: Mapping[str, tuple[RuleResult, ...]] | None = None,
    timer: Timer | None = None,
) -> CheckResult:
    """Judge models against the baseline.

    Args:
        configuration: Models and limits.
        records: Baseline records by model name.
        names: Models to judge; empty means all.
        strict: Also fail drops larger than allowed that may be due to chance.
        layers: Also compare the layers of models that are converted from a Keras file.
        changes: For each model, what changed in configuration and baseline relative to another commit. After a failed
            change of the data the model is not measured.
        timer: Times the models where they will run; by default they are timed in this process.
    Raises:
        EdgekitError: A model is not in the baseline, the baseline contradicts itself or was made with other data, or
            a model cannot be run.
    """
    changes = changes or {}
    judged = [] if names else removed_models(configuration, records, changes)
    with fork_server():
        for name in _chosen(configuration, names):
            record, found = known_record(records, name), changes.get(name, ())
            if any(change.rule in OTHER_DATA and change.verdict is Verdict.FAILED for change in found):
                judged.append(ModelCheck(name, configuration.path_of(name), None, record, None, found))
                continue
            limits = configuration.settings.limits_of(name)
            if strict:
                limits = limits.replaced(STRICT, True)
            with _task(configuration, name, limits, record, timer=timer) as task:
                judged_model = task.judge(record, layers=layers)
            judged.append(replace(judged_model, rules=(*found, *judged_model.rules)))
    return CheckResult(tuple(judged))


def measure_for_baseline(configuration: LoadedConfiguration, *, names: Sequence[str] = ()) -> dict[str, ModelRecord]:
    """Measure models for a new baseline.

    Raises:
        EdgekitError: A model cannot be converted or run.
    """
    return {name: measurement.record for name, measurement in measure_models(configuration, names=names).items()}


def measure_models(
    configuration: LoadedConfiguration, *, names: Sequence[str] = (), timer: Timer | None = None
) -> dict[str, Measurement]:
    """Measure models without a baseline; see ``measure_for_baseline``, and ``check`` for ``timer``."""
    measured = {}
    with fork_server():
        for name in _chosen(configuration, names):
            with _task(configuration, name, configuration.settings.limits_of(name), None, timer=timer) as task:
                measured[name] = task.measure(task.candidate())
    return measured


def written_models(
    configuration: LoadedConfiguration, measured: Mapping[str, Measurement], before: Mapping[str, ModelRecord]
) -> CheckResult:
    """Models that were written into the baseline beside their previous records, for reports and the history."""
    rule = RuleResult(
        "baseline", Verdict.PASSED, "–", "written", "an update: the model is the new baseline and is not judged"
    )
    return CheckResult(
        tuple(
            ModelCheck(
                name,
                configuration.path_of(name),
                measurement,
                before.get(name, measurement.record),
                None,
                (rule,),
            )
            for name, measurement in measured.items()
        )
    )


@dataclass(frozen=True, slots=True)
class _Task:
    """One model to judge or measure.

    Attributes:
        configuration: The whole configuration.
        name: Model name in the configuration.
        limits: Limits of the model.
        baseline: Record of the model in the baseline; None if a baseline is being made.
        folder: Where conversions are written if the configuration names no file for them.
        timer: Times the models where they will run; None times them in this process.
    """

    configuration: LoadedConfiguration
    name: str
    limits: Limits
    baseline: ModelRecord | None
    folder: Path
    timer: Timer | None

    def candidate(self) -> Candidate:
        """The file of the model, converted now if it has a source."""
        source = self.configuration.settings.models[self.name].source
        if source is not None:
            _logger.info("converting %s", source)
        return prepare(self.configuration, self.name, self.folder)

    def measure(self, candidate: Candidate) -> Measurement:
        """Read, run and time a candidate."""
        _logger.info("measuring %s", candidate.path)
        latency = None if self.limits[MAX_SLOWDOWN] is False else partial(self._latency, candidate.path)
        return measure(candidate.path, self._data(), made_with=candidate.made_with, latency=latency)

    def _latency(self, path: Path, model: Model) -> LatencyRatio:
        """Latency relative to the baseline's reference; noise may spoil a measurement, so a failing one is repeated."""
        reference = self.configuration.settings.models[self.name].reference
        before = None if self.baseline is None else self.baseline.latency
        other: Path | str
        if reference is not None:
            other = self.configuration.resolve(reference)
        elif before is not None and before.reference in BUILT_IN:
            other = before.reference
        else:
            other = built_in_reference(model)
        if self.timer is None:
            measure_once = partial(measure_latency_ratio, model, other)
        else:
            measure_once = partial(latency_ratio_on, self.timer, read_model_file(path), other)
        measured = measure_once()
        if self.baseline is None:
            return _settled(measured, measure_once)
        if before is not None and latency_is_too_large(before, measured, float(self.limits[MAX_SLOWDOWN])):
            measured = min(measured, measure_once(), key=lambda ratio: ratio.low)
        return measured

    def judge(self, baseline: ModelRecord, *, layers: bool) -> ModelCheck:
        """Measure the candidate and apply every rule; a file that exists but cannot be loaded fails at once."""
        candidate = self.candidate()
        if not candidate.path.is_file():
            raise ModelFileError(
                f"The model {candidate.path} of {self.name} does not exist.",
                next_step=f"create it, or fix the path in {self.configuration.path.name}",
            )
        try:
            edgekit_runtime.load(candidate.path)
            measurement = self.measure(candidate)
        except (ModelFileError, InterpreterError) as error:
            why = " ".join(str(error).split())
            rule = RuleResult("loads", Verdict.FAILED, "a file that an interpreter can run", "refused", why)
            return ModelCheck(self.name, candidate.path, None, baseline, None, (rule,))
        check = self._apply_rules(candidate.path, measurement, baseline)
        return replace(check, layers=self._compare_layers(candidate.path)) if layers else check

    def _apply_rules(self, path: Path, measurement: Measurement, baseline: ModelRecord) -> ModelCheck:
        record = measurement.record
        _require_same_data(self.name, baseline, record)
        require_comparable(self.name, baseline, record)
        before = unpack_predictions(
            baseline.answers, true_classes_of(measurement.predictions), record.samples, f"the baseline of {self.name}"
        )
        settings = self.configuration.settings
        own = settings.models[self.name].targets
        context = RuleContext(
            path,
            measurement,
            baseline,
            before,
            self.limits,
            targets=settings.targets if own is None else own,
            seed=settings.seed,
            convert_again=self._convert_again,
        )
        return ModelCheck(self.name, path, measurement, baseline, before, judge_all(context))

    def _compare_layers(self, path: Path) -> tuple[LayerNoise, ...]:
        source = self.configuration.settings.models[self.name].source
        if source is None or Path(source).suffix not in (".h5", ".hdf5", ".keras"):
            return ()
        _logger.info("comparing the layers of %s", source)
        return compare_layers_on_data(self.configuration.resolve(source), path, self._data().request)

    def _data(self) -> DataChoice:
        settings = self.configuration.settings
        model = settings.models[self.name]
        return DataChoice(
            DataRequest(self.configuration.data_of(self.name), settings.seed, model.label_column),
            everything=model.examples == "all",
            pixel_ranges=model.pixel_ranges,
            labels=None if self.baseline is None else self.baseline.labels,
        )

    def _convert_again(self) -> str:
        _logger.info("converting %s once more", self.name)
        return bytes_of_second_conversion(self.configuration, self.name, self.folder)


def _settled(measured: LatencyRatio, measure_once: Callable[[], LatencyRatio]) -> LatencyRatio:
    """The most precise of several measurements: a noisy baseline would hide later slowdowns."""
    best = measured
    for _ in range(_MOST_RETRIES):
        if best.high <= _SHARP * best.low:
            break
        best = min(best, measure_once(), key=lambda ratio: ratio.high / ratio.low)
    return best


@contextmanager
def _task(
    configuration: LoadedConfiguration,
    name: str,
    limits: Limits,
    baseline: ModelRecord | None,
    *,
    timer: Timer | None,
) -> Iterator[_Task]:
    with temporary_folder("check") as folder:
        yield _Task(configuration, name, limits, baseline, folder, timer)


def _require_same_data(name: str, baseline: ModelRecord, record: ModelRecord) -> None:
    if record.data_sha256 != baseline.data_sha256:
        raise EdgekitError(
            f"The baseline of {name} was made with other data, so a comparison would be meaningless.",
            expected=f"{baseline.data}, {counted(baseline.samples, 'example')}, sha256 {baseline.data_sha256[:12]}",
            received=f"{record.data}, {counted(record.samples, 'example')}, sha256 {record.data_sha256[:12]}",
            next_step="restore the data; or, if the change is intended, make a new baseline from a known good model: "
            f"edgekit check --update-baseline --model {name}",
        )


def _chosen(configuration: LoadedConfiguration, names: Sequence[str]) -> list[str]:
    models = configuration.settings.models
    for name in names:
        if name not in models:
            raise UsageError(f"{configuration.path} has no model {name}.", expected=", ".join(models), received=name)
    return list(names or models)
