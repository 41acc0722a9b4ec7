"""What calibration measures, against numpy's own arithmetic; and the samples that it refuses."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.ranges import RangeRule, Ranges
from edgekit_runtime.errors import DataError, TensorMismatchError, UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel


@pytest.fixture(scope="module")
def sum_of_two() -> TfliteModel:
    """Two inputs of three values, ``left`` and ``right``; their sum after a ReLU of each."""
    import keras

    left, right = (keras.layers.Input((3,), name=name) for name in ("left", "right"))
    total = keras.layers.Add(name="total")([keras.layers.ReLU()(left), keras.layers.ReLU()(right)])
    return lower_keras_model(keras.Model([left, right], total), name="sum")[0]


def two(left: list[float], right: list[float]) -> dict[str, np.ndarray]:
    return {"left": np.array([left], np.float32), "right": np.array([right], np.float32)}


def limits_at_the_edges(model: TfliteModel, ranges: Ranges) -> dict[str, tuple[float, float]]:
    """Limits of the model's inputs and outputs by their names in the signature."""
    description = model.description
    signature = description.signatures[0]
    return {
        name: ranges.limits[description.tensors[index].name] for name, index in signature.inputs + signature.outputs
    }


def test_the_ranges_are_the_extremes_of_all_samples(sum_of_two: TfliteModel) -> None:
    ranges = calibrate(sum_of_two, [two([1, -2, 3], [0, 0, 0]), two([0, 0, 0], [5, 0, -1]), two([2, 0, 0], [4, 0, 0])])
    assert ranges.samples == 3
    # 2 + 4 is more than 3 or 5; the ReLUs leave nothing below 0.
    assert limits_at_the_edges(sum_of_two, ranges) == {"left": (-2, 3), "right": (-1, 5), "total": (0, 6)}


def test_rules_draw_other_limits_from_one_calibration(sum_of_two: TfliteModel) -> None:
    # 199 samples that reach up to 1 and down to -2, and one that reaches 1000.
    samples = [two([1, -2, 0], [0, 0, 0]) for _ in range(199)] + [two([1000, 0, 0], [0, 0, 0])]
    ranges = calibrate(sum_of_two, samples)
    left = {rule: limits_at_the_edges(sum_of_two, ranges.clipped(rule))["left"] for rule in RangeRule}
    assert left[RangeRule.MINMAX] == (-2, 1000)
    assert left[RangeRule.PERCENTILE] == (-2, 1)
    # (199 × 1 + 1000) / 200 and 199 × -2 / 200.
    assert left[RangeRule.AVERAGE] == pytest.approx((-1.99, 5.995))
    assert ranges.clipped(RangeRule.PERCENTILE).clipped(RangeRule.MINMAX).limits == ranges.limits


def test_learnt_ranges_count_before_measured_ones_as_far_as_training_had_settled_them(sum_of_two: TfliteModel) -> None:
    measured = calibrate(sum_of_two, [two([4, -4, 0], [2, 0, 0])])
    names = [tensor.name for tensor in sum_of_two.description.tensors[:2]]
    learnt = {names[0]: (-3.0, 5.0), names[1]: (-6.0, 6.0), "of another model": (0.0, 1.0)}
    ranges = measured.with_learnt(learnt)
    # Clipped as in training at -3; wider than the data at 5. 6 is three times as far as the data reaches.
    assert [ranges.limits[name] for name in names] == [(-3, 5), measured.limits[names[1]]]
    assert len(ranges.learnt) == 2
    assert ranges.learnt_in_use == 1
    assert ranges.clipped(RangeRule.MINMAX).limits == ranges.limits


def test_a_long_stream_is_read_once_and_let_go(sum_of_two: TfliteModel) -> None:
    alive, most_alive = 0, 0
    done: list[int] = []

    def gone() -> None:
        nonlocal alive
        alive -= 1

    def stream() -> Iterator[dict[str, np.ndarray]]:
        nonlocal alive, most_alive
        for number in range(3000):
            sample = two([number, 0, 0], [0, -1, 0])
            alive += 1
            weakref.finalize(sample["left"], gone)
            most_alive = max(most_alive, alive)
            yield sample

    ranges = calibrate(sum_of_two, stream(), progress=done.append)
    assert ranges.samples == sum(done) == 3000
    assert limits_at_the_edges(sum_of_two, ranges)["left"] == (0, 2999)
    assert most_alive <= 600
    # At most 1024 of the samples' own ranges are kept, spread over all.
    column = list(ranges.limits).index(sum_of_two.description.inputs[0].name)
    kept = np.sort(ranges.sample_highs[:, column])
    assert 512 <= len(kept) <= 1024
    assert np.ptp(np.diff(kept)) == 0
    assert kept[-1] > 2990


UNFIT = {
    "missing input": ({"left": np.zeros((1, 3), np.float32)}, TensorMismatchError, "does not have the model's inputs"),
    "wrong name": (
        {"left": np.zeros((1, 3), np.float32), "rihgt": np.zeros((1, 3), np.float32)},
        TensorMismatchError,
        "does not have the model's inputs",
    ),
    "no names": (np.zeros((1, 3), np.float32), TensorMismatchError, "does not have the model's inputs"),
    "wrong shape": (
        {"left": np.zeros((1, 4), np.float32), "right": np.zeros((1, 3), np.float32)},
        TensorMismatchError,
        "does not fit the model's input",
    ),
    "no batch axis": (
        {"left": np.zeros(3, np.float32), "right": np.zeros(3, np.float32)},
        TensorMismatchError,
        "does not fit the model's input",
    ),
    "integers": (
        {"left": np.zeros((1, 3), np.uint8), "right": np.zeros((1, 3), np.float32)},
        TensorMismatchError,
        "does not fit the model's input",
    ),
    "NaN": (two([0, np.nan, 0], [0, 0, 0]), DataError, "values that are not finite"),
    "infinity": (two([0, 0, 0], [0, -np.inf, 0]), DataError, "values that are not finite"),
}


@pytest.mark.parametrize(("sample", "kind", "words"), UNFIT.values(), ids=UNFIT.keys())
def test_an_unfit_sample_is_named_by_its_number(sample: Any, kind: type, words: str, sum_of_two: TfliteModel) -> None:
    with pytest.raises(kind, match=f"Sample 1 .*{words}"):
        calibrate(sum_of_two, [two([0, 1, 0], [0, 0, 1]), sample])


def test_values_that_overflow_inside_the_model_are_refused(sum_of_two: TfliteModel) -> None:
    with pytest.raises(DataError, match="The model computes values that are not finite"):
        calibrate(sum_of_two, [two([3e38, 0, 0], [3e38, 0, 0])])


def test_float64_is_taken(sum_of_two: TfliteModel) -> None:
    sample = {name: value.astype(np.float64) for name, value in two([1, 2, 3], [0, 0, 0]).items()}
    assert limits_at_the_edges(sum_of_two, calibrate(sum_of_two, [sample]))["left"] == (1, 3)


def test_no_samples_are_refused(sum_of_two: TfliteModel) -> None:
    with pytest.raises(UsageError, match="at least one sample"):
        calibrate(sum_of_two, iter(()))
