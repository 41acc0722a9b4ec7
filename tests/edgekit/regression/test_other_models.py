"""Models that estimate numbers, have several inputs, or have nothing to be judged by; targets; latency."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import Result

import edgekit_runtime
from edgekit.regression.baseline.stored import LatencyRatio
from edgekit.regression.predictions import PredictionErrors, RawOutputs
from edgekit.regression.rules.error_rule import judge_error, judge_outputs
from edgekit.regression.rules.latency_ratio import (
    BUILT_IN,
    built_in_reference,
    measure_latency_ratio,
    median_interval_ranks,
)
from edgekit.regression.rules.latency_rule import judge_latency
from edgekit.regression.rules.thresholds import Limits
from edgekit.regression.verdicts import Verdict

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
Check = Callable[..., Result]


def rules(check: Check, folder: Path, exit_code: int) -> list[dict[str, str]]:
    result = check(folder, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)["models"][0]["rules"]


def verdicts(check: Check, folder: Path, exit_code: int) -> dict[str, str]:
    return {rule["rule"]: rule["verdict"] for rule in rules(check, folder, exit_code)}


def begin(folder: Path, model: str, settings: str, check: Check) -> Path:
    """A project with a fixture's model and a baseline of it."""
    shutil.copy(TFLITE / model, folder / "model.tflite")
    (folder / "edgekit.toml").write_text(
        f'data = "data.npz"\n[thresholds]\nmax_slowdown = false\n[models.m]\nfile = "model.tflite"\n{settings}'
    )
    result = check(folder, "--update-baseline")
    assert result.exit_code == 0, result.output
    return folder / "model.tflite"


def scale_weights(path: Path, factor: float) -> None:
    """Multiply the largest float constant."""
    content = bytearray(path.read_bytes())
    model = schema.Model.GetRootAs(content)
    buffers = [model.Buffers(number).DataAsNumpy() for number in range(model.BuffersLength())]
    graph = model.Subgraphs(0)
    used = {graph.Tensors(number).Buffer() for number in range(graph.TensorsLength())}
    largest = max((b for n, b in enumerate(buffers) if n in used and isinstance(b, np.ndarray)), key=len)
    largest.view(np.float32)[:] *= factor
    path.write_bytes(content)


def test_a_regression_fails_by_its_error(tmp_path: Path, check: Check) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4)).astype(np.float32)
    model = edgekit_runtime.load(TFLITE / "dense_float32.tflite")
    y = np.asarray(model.predict(x)) + rng.normal(0, 0.1, (500, 2)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    path = begin(tmp_path, "dense_float32.tflite", "", check)
    record = json.loads((tmp_path / "edgekit-baseline.json").read_text())["models"]["m"]
    # The mean of |N(0, 0.1)| is 0.1 √(2/π).
    assert record["mean_absolute_error"] == pytest.approx(0.0798, rel=0.15)
    assert record["samples"] == 100
    assert verdicts(check, tmp_path, 0)["error"] == "passed"
    scale_weights(path, 1.2)
    found = verdicts(check, tmp_path, 3)
    assert found["error"] == "failed"
    # A bare file does not say what its weights should be, and all of these few are others.
    assert found["integrity"] == "passed"


def change(path: Path, constants: int, *, whole: bool = False) -> None:
    """Flip the lowest bit of one byte, or of every float, in so many of the largest float constants."""
    content = bytearray(path.read_bytes())
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(number) for number in range(graph.TensorsLength())]
    used = sorted({tensor.Buffer() for tensor in tensors if tensor.Type() == schema.TensorType.FLOAT32})
    arrays = [data for n in used if isinstance(data := model.Buffers(n).DataAsNumpy(), np.ndarray)]
    for data in sorted(arrays, key=len)[-constants:]:
        data[:: 4 if whole else len(data)] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("constants", "verdict"),
    [(0, "passed"), (1, "failed"), (2, "warning"), (20, "passed")],
    ids=lambda value: str(value),
)
def test_a_bare_file_that_is_nearly_the_baselines_is_damaged(
    constants: int, verdict: str, tmp_path: Path, check: Check
) -> None:
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(6).random((60, 8, 8, 3), np.float32))
    path = begin(tmp_path, "many_operators.tflite", "", check)
    if constants:
        change(path, constants)
    assert verdicts(check, tmp_path, 3 if verdict == "failed" else 0)["integrity"] == verdict


def test_one_layer_trained_anew_is_asked_about_and_no_damage(tmp_path: Path, check: Check) -> None:
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(6).random((60, 8, 8, 3), np.float32))
    path = begin(tmp_path, "many_operators.tflite", "", check)
    change(path, 1, whole=True)
    assert verdicts(check, tmp_path, 0)["integrity"] == "warning"


def test_all_examples_are_judged_on_where_the_data_is_a_test_set(tmp_path: Path, check: Check) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 4)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=rng.normal(size=(50, 2)).astype(np.float32))
    begin(tmp_path, "dense_float32.tflite", 'examples = "all"', check)
    assert json.loads((tmp_path / "edgekit-baseline.json").read_text())["models"]["m"]["samples"] == 50


def test_several_inputs_and_outputs_are_compared_with_the_baselines_values(tmp_path: Path, check: Check) -> None:
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(100, 3)).astype(np.float32), rng.normal(size=(100, 2)).astype(np.float32)
    np.savez(tmp_path / "data.npz", left=left, right=right)
    path = begin(tmp_path, "two_in_two_out.tflite", "", check)
    assert verdicts(check, tmp_path, 0)["outputs"] == "passed"
    scale_weights(path, 1.5)
    assert verdicts(check, tmp_path, 3)["outputs"] == "failed"


def test_each_of_several_outputs_is_judged_by_its_own_metric(tmp_path: Path, check: Check) -> None:
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(400, 3)).astype(np.float32), rng.normal(size=(400, 2)).astype(np.float32)
    answers = edgekit_runtime.load(TFLITE / "two_in_two_out.tflite").predict_named({"left": left, "right": right})
    targets = {"y_total": answers["total"] + 0.01, "y_hidden": answers["hidden"].argmax(1)}
    np.savez(tmp_path / "data.npz", left=left, right=right, **targets)
    path = begin(tmp_path, "two_in_two_out.tflite", "", check)
    baseline = json.loads((tmp_path / "edgekit-baseline.json").read_text())
    stored = baseline["models"]["m"]["answers"]["outputs"]
    assert {name: each["kind"] for name, each in stored.items()} == {"total": "errors", "hidden": "classes"}
    found = {rule["rule"]: rule for rule in rules(check, tmp_path, 0)}
    assert found["error"]["measured"].startswith("total: 0.01")
    assert found["accuracy"]["measured"].startswith("hidden: 100.00")
    assert "outputs" not in found
    scale_weights(path, -1.0)
    found = verdicts(check, tmp_path, 3)
    # The weights of one output alone are others.
    assert (found["error"], found["accuracy"]) == ("passed", "failed")
    # Whoever edits the labels out of the baseline is found out.
    stored["hidden"]["labelled"] = False
    (tmp_path / "edgekit-baseline.json").write_text(json.dumps(baseline))
    result = check(tmp_path)
    assert result.exit_code == 1
    assert "labelled was edited" in result.stderr


def test_a_linear_score_is_judged_as_two_classes(tmp_path: Path, check: Check) -> None:
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(400, 3)).astype(np.float32), rng.normal(size=(400, 2)).astype(np.float32)
    answers = edgekit_runtime.load(TFLITE / "two_in_two_out.tflite").predict_named({"left": left, "right": right})
    targets = {"y_total": (answers["total"] > 0).astype(int), "y_hidden": answers["hidden"]}
    np.savez(tmp_path / "data.npz", left=left, right=right, **targets)
    begin(tmp_path, "two_in_two_out.tflite", "", check)
    found = {rule["rule"]: rule for rule in rules(check, tmp_path, 0)}
    assert found["accuracy"]["measured"].startswith("total: 100.00")


def test_a_classifier_without_labels_is_judged_by_its_agreement(tmp_path: Path, check: Check) -> None:
    inputs = np.random.default_rng(2).random((60, 12, 12, 1), np.float32)
    np.savez(tmp_path / "data.npz", x=inputs)
    begin(tmp_path, "cnn_float32.tflite", "thresholds = {min_agreement = 0.9, new_operators = true}", check)
    shutil.copy(TFLITE / "cnn_dynamic.tflite", tmp_path / "model.tflite")
    found = verdicts(check, tmp_path, 0)
    assert found["agreement"] == "passed"
    assert "accuracy" not in found


def test_a_target_that_cannot_run_the_model_fails_it(tmp_path: Path, check: Check) -> None:
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(3).random((60, 12, 12, 1), np.float32))
    begin(tmp_path, "cnn_dynamic.tflite", 'targets = ["litert", "tflite-runtime-2.14"]', check)
    found = verdicts(check, tmp_path, 3)
    assert found["target litert"] == "passed"
    assert found["target tflite-runtime-2.14"] == "failed"


def errors(mean: float, spread: float = 0.1, samples: int = 500) -> PredictionErrors:
    return PredictionErrors(mean + spread * np.sin(np.arange(samples)))


@pytest.mark.parametrize(
    ("before", "after", "limits", "verdict"),
    [
        pytest.param(errors(1), errors(1), {}, Verdict.PASSED, id="equal"),
        pytest.param(errors(1), errors(0.5), {}, Verdict.PASSED, id="better"),
        pytest.param(errors(1), errors(1.01), {}, Verdict.PASSED, id="within-the-limit"),
        pytest.param(errors(1), errors(1.05), {}, Verdict.FAILED, id="worse"),
        pytest.param(errors(1), errors(1.05), {"max_error_growth": 0.1}, Verdict.PASSED, id="more-allowed"),
        pytest.param(
            errors(1, 0, 5), PredictionErrors(np.array([1, 1, 1, 1, 1.5])), {}, Verdict.WARNING, id="one-sample"
        ),
        pytest.param(
            errors(1, 0, 5),
            PredictionErrors(np.array([1, 1, 1, 1, 1.5])),
            {"strict": True},
            Verdict.FAILED,
            id="strict",
        ),
    ],
)
def test_an_error_fails_where_its_growth_is_too_large_and_real(
    before: PredictionErrors, after: PredictionErrors, limits: dict, verdict: Verdict
) -> None:
    assert judge_error(before, after, Limits(limits), seed=0).verdict is verdict


def test_regressions_without_a_true_difference_pass() -> None:
    rng = np.random.default_rng(4)
    failed = 0
    for _ in range(200):
        before = np.abs(rng.normal(0, 1, 300))
        after = np.abs(rng.normal(0, 1, 300))
        result = judge_error(PredictionErrors(before), PredictionErrors(after), Limits({"max_error_growth": 0}), seed=0)
        failed += result.verdict is Verdict.FAILED
    # One in a hundred is the design; the bootstrap's tails are a little thin.
    assert failed <= 6


def test_outputs_of_another_shape_fail() -> None:
    result = judge_outputs(RawOutputs(np.ones(4)), RawOutputs(np.ones(5)), Limits())
    assert result.verdict is Verdict.FAILED
    assert judge_outputs(RawOutputs(np.ones(4)), RawOutputs(1.04 * np.ones(4)), Limits()).verdict is (Verdict.PASSED)


def ratio(value: float, *, spread: float = 0.01, machine: str = "a", reference: str = "built-in int8") -> LatencyRatio:
    return LatencyRatio(value, value * (1 - spread), value * (1 + spread), 0.1, reference, machine)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        pytest.param(ratio(1), ratio(1.2), Verdict.PASSED, id="within-the-limit"),
        pytest.param(ratio(1), ratio(1.3), Verdict.FAILED, id="slower"),
        pytest.param(ratio(1), ratio(1.5, spread=0.3), Verdict.WARNING, id="noisy"),
        pytest.param(ratio(1, spread=0.3), ratio(1.3), Verdict.WARNING, id="noisy-baseline"),
        pytest.param(ratio(1), ratio(1.3, machine="b"), Verdict.WARNING, id="another-machine"),
        pytest.param(ratio(1), ratio(0.1, reference="mine.tflite"), Verdict.WARNING, id="another-reference"),
        pytest.param(None, ratio(1), Verdict.SKIPPED, id="not-in-the-baseline"),
        pytest.param(ratio(1), None, Verdict.SKIPPED, id="not-measured"),
    ],
)
def test_latency_fails_beyond_limit_and_noise(
    before: LatencyRatio | None, after: LatencyRatio | None, verdict: Verdict
) -> None:
    assert judge_latency(before, after, Limits()).verdict is verdict


def test_a_latency_that_noise_hides_says_so() -> None:
    result = judge_latency(ratio(1, spread=0.1), ratio(1.48, spread=0.5), Limits())
    assert (result.verdict, result.why) == (Verdict.WARNING, "too noisy to tell: ±60 %")
    assert "(+48 %)" in result.measured


@pytest.mark.parametrize(("count", "ranks"), [(15, (2, 12)), (101, (37, 63))])
def test_the_medians_interval_has_the_ranks_of_the_sign_test(count: int, ranks: tuple[int, int]) -> None:
    from scipy.stats import binom

    low, high = median_interval_ranks(count, 0.99)
    assert (low, high) == ranks
    # At least as sure as asked for, and not much more: one rank further in would be too little.
    assert binom.cdf(low, count, 0.5) <= 0.005 < binom.cdf(low + 1, count, 0.5)
    assert high == count - 1 - low


def test_the_reference_computes_as_the_model_does() -> None:
    assert built_in_reference(edgekit_runtime.load(TFLITE / "cnn_int8_io_int8.tflite")) == "built-in int8"
    assert built_in_reference(edgekit_runtime.load(TFLITE / "cnn_float32.tflite")) == "built-in float32"
    for name in BUILT_IN:
        measured = measure_latency_ratio(edgekit_runtime.load(TFLITE / "dense_float32.tflite"), name)
        # Ten multiplications against two convolutions.
        assert 0 < measured.low <= measured.ratio <= measured.high < 1


def test_a_model_that_breaks_when_it_runs_fails(tmp_path: Path, check: Check) -> None:
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(7).random((60, 12, 12, 1), np.float32))
    path = begin(tmp_path, "cnn_float32.tflite", "", check)
    content = bytearray(path.read_bytes())
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    integers = [t for t in map(graph.Tensors, range(graph.TensorsLength())) if t.Type() == schema.TensorType.INT32]
    sizes = [data for t in integers if isinstance(data := model.Buffers(t.Buffer()).DataAsNumpy(), np.ndarray)]
    # A size that RESHAPE cannot make out of what it gets.
    max((data.view(np.int32) for data in sizes), key=lambda data: int(data.max()))[:] = 7
    path.write_bytes(content)
    assert verdicts(check, tmp_path, 3) == {"loads": "failed"}


def test_a_slower_model_fails_and_false_switches_the_rule_off(tmp_path: Path, check: Check) -> None:
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(5).normal(size=(60, 4)).astype(np.float32))
    begin(tmp_path, "dense_float32.tflite", "thresholds = {max_slowdown = 0.25}", check)
    path = tmp_path / "edgekit-baseline.json"
    baseline = json.loads(path.read_text())
    # As if the model had been a hundred times as fast.
    for figure in ("ratio", "low", "high"):
        baseline["models"]["m"]["latency"][figure] /= 100
    path.write_text(json.dumps(baseline))
    assert verdicts(check, tmp_path, 3)["latency"] == "failed"
    settings = (tmp_path / "edgekit.toml").read_text().replace("max_slowdown = 0.25", "max_slowdown = false")
    (tmp_path / "edgekit.toml").write_text(settings)
    assert verdicts(check, tmp_path, 0)["latency"] == "skipped"
