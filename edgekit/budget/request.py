"""Declares the user's options for a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from edgekit.datasets.readers.memory import MemoryData
from edgekit.parity.latency import Timer
from edgekit.parity.metrics import METRICS, require_known
from edgekit_runtime.errors import UsageError

#: Default budget of ``--quantize auto``: half a point of top-1 accuracy or of agreement.
DEFAULT_MAX_DROP = 0.005


class Preference(str, Enum):
    """The preference of ``--quantize auto`` among the models within the budget.

    Attributes:
        SPEED: The fastest model; of about equally fast models, the smallest.
        SIZE: The smallest file.
    """

    SPEED = "speed"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class BudgetRequest:
    """A budget.

    Attributes:
        max_drop: Maximum drop against the float model, in the unit of the metric.
        metrics: Metric name by output name, or under "" for every output; if empty, the defaults of the kinds.
        prefer: Preference among several modes.
        is_strict: Whether a model counts as within the budget only if the examples prove it.
        timer: Times the models where they will run; by default they are timed in this process.
    """

    max_drop: float
    metrics: Mapping[str, str] = field(default_factory=dict)
    prefer: Preference = Preference.SPEED
    is_strict: bool = False
    timer: Timer | None = None


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """The options of the command line; None if an option is omitted.

    Attributes:
        max_drop: ``--max-drop``.
        metrics: ``--metric``, by output name.
        strict: ``--strict``.
        prefer: ``--prefer``.
        figure: ``--figure``.
        timer: ``--device``.
    """

    max_drop: float | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    prefer: str | None = None
    figure: Path | None = None
    timer: Timer | None = None


def budget_request(options: BudgetOptions, *, quantize: str, data: str | MemoryData | None) -> BudgetRequest | None:
    """The budget that the options of the command line request, or None for no budget.

    Args:
        options: Options for the budget.
        quantize: A mode, ``auto``, or ``all``.
        data: Data for the judgement, or None.
    Raises:
        UsageError: Options contradict each other, or a metric does not exist.
    """
    is_auto = quantize == "auto"
    if options.prefer is not None and not is_auto:
        raise UsageError(
            "--prefer chooses among modes.",
            expected="--quantize auto",
            received=f"--prefer {options.prefer} with {'--all' if quantize == 'all' else f'--quantize {quantize}'}",
        )
    if options.timer is not None and not is_auto:
        raise UsageError("--device measures the models that auto selects from.", expected="--quantize auto")
    if options.max_drop is None and options.metrics:
        raise UsageError("--metric needs --max-drop: the budget is in its unit.", next_step="add --max-drop 0.005, say")
    if options.strict and options.max_drop is None and not is_auto:
        raise UsageError(
            "--strict applies to a budget.",
            expected="--max-drop or --quantize auto",
            received="--strict without either",
        )
    if options.max_drop is None and not is_auto:
        if options.figure is not None:
            raise UsageError(
                "--figure draws the models of a budget.", expected="--max-drop or --quantize auto", received="neither"
            )
        return None
    if quantize == "all":
        raise UsageError(
            "--all writes every variant, but a budget selects one.",
            next_step="use --quantize auto, which measures every mode and selects one",
        )
    if data is None:
        raise UsageError(
            f"{'--quantize auto' if is_auto else '--max-drop'} needs data to judge the models on.",
            expected="--data with some hundred examples, best with labels",
            received="no --data",
        )
    return _checked(options)


def _checked(options: BudgetOptions) -> BudgetRequest:
    max_drop = DEFAULT_MAX_DROP if options.max_drop is None else options.max_drop
    for name in options.metrics.values():
        require_known(name)
    is_share = all(name in METRICS and METRICS[name].is_share for name in options.metrics.values())
    if max_drop > 1 and is_share:
        raise UsageError(
            "--max-drop is a fraction.", expected="0.005 for half a point of top-1", received=f"{max_drop:g}"
        )
    return BudgetRequest(
        max_drop,
        dict(options.metrics),
        Preference(options.prefer or Preference.SPEED),
        options.strict,
        options.timer,
    )
