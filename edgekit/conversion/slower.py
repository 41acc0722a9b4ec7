"""Finds converted models that are slower than the float model on this machine, and the operators that cause it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from edgekit.budget.choice import EQUALLY_FAST
from edgekit.counting import listed
from edgekit.parity.latency import median_latencies_ms
from edgekit.progress import Advance, progress_bar
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.operator_noise import float_operator_kinds
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.tflite.tflite_model import TfliteModel

_logger = logging.getLogger(__name__)

#: A smaller difference is one of the interpreter's overhead, which no operator causes.
_LEAST_DIFFERENCE_MS = 0.02
#: Share of the difference to float that one kind of operator has to explain to be named.
_LEAST_SHARE = 0.2
#: Models slower than this are timed only a few times.
_SLOW_MS = 50.0

#: Quantizes the float model in a mode, with the named operators in float.
Quantize = Callable[[Mode, Collection[str]], TfliteModel]


@dataclass(frozen=True, slots=True)
class SlowerModel:
    """A converted model that is slower than the float model on this machine.

    Attributes:
        mode: Quantization mode.
        p50_ms: Median latency of one example, in milliseconds.
        float_ms: Median latency of the float model.
        operators: Kinds of operators that make a good part of the difference, the most expensive first; empty if no
            single kind does.
    """

    mode: str
    p50_ms: float
    float_ms: float
    operators: tuple[str, ...]

    def describe(self) -> str:
        """One sentence with both latencies and the cause."""
        cause = (
            f": {listed(self.operators, 'and')} {'is' if len(self.operators) == 1 else 'are'} slower in {self.mode}"
            if self.operators
            else "; no single kind of operator causes it"
        )
        return (
            f"{self.mode} is {self.p50_ms / self.float_ms:.1f} times as slow as float32 on this machine "
            f"({self.p50_ms:.3f} ms, float32 {self.float_ms:.3f} ms){cause}. Time it on the device with "
            "`edgekit devices`."
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def slower_than_float(
    float_model: TfliteModel,
    models: Mapping[Mode, TfliteModel],
    inputs: Mapping[str, np.ndarray],
    quantize: Quantize,
) -> tuple[SlowerModel, ...]:
    """Time every quantized model and the float model in turn.

    Args:
        float_model: The float32 .tflite.
        models: Converted models by mode.
        inputs: Examples by input name; the first one is predicted.
        quantize: Makes the model of a mode with further operators in float, to find the cause.
    Returns:
        The models that are slower than float beyond what timing cannot distinguish; empty if this machine cannot run
        one of them.
    """
    quantized = {mode: model for mode, model in models.items() if mode is not Mode.NONE}
    if not quantized:
        return ()
    try:
        with progress_bar("Timing", total=None) as advance:
            time_models = partial(_latencies_ms, inputs=inputs, advance=advance)
            float_ms, *times_ms = time_models([float_model, *quantized.values()])
            return tuple(
                SlowerModel(mode.value, p50_ms, float_ms, _causes(float_model, mode, model, quantize, time_models))
                for (mode, model), p50_ms in zip(quantized.items(), times_ms, strict=True)
                if p50_ms > EQUALLY_FAST * float_ms and p50_ms - float_ms > _LEAST_DIFFERENCE_MS
            )
    except EdgekitError as error:
        _logger.info("the models were not timed: %s", error)
        return ()


def _causes(
    float_model: TfliteModel,
    mode: Mode,
    model: TfliteModel,
    quantize: Quantize,
    time_models: Callable[[Sequence[TfliteModel]], list[float]],
) -> tuple[str, ...]:
    """Kinds of operators without which the model would be clearly faster."""
    names: dict[str, list[str]] = {}
    for name, kind in float_operator_kinds(float_model.description).items():
        names.setdefault(kind, []).append(name)
    made = {kind: quantize(mode, in_float) for kind, in_float in names.items()}
    without = {kind: changed for kind, changed in made.items() if changed != model}
    float_ms, own_ms, *times_ms = time_models([float_model, model, *without.values()])
    gains = {kind: own_ms - p50_ms for kind, p50_ms in zip(without, times_ms, strict=True)}
    named = [kind for kind, gain in gains.items() if gain > _LEAST_SHARE * max(own_ms - float_ms, _LEAST_DIFFERENCE_MS)]
    return tuple(sorted(named, key=lambda kind: -gains[kind]))


def _latencies_ms(models: Sequence[TfliteModel], inputs: Mapping[str, np.ndarray], advance: Advance) -> list[float]:
    once = median_latencies_ms(models[:1], inputs, rounds=1, warm_up=1)[0]
    if once > _SLOW_MS:
        return median_latencies_ms(models, inputs, rounds=3, warm_up=1, progress=advance)
    return median_latencies_ms(models, inputs, progress=advance)
