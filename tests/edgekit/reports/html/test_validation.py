"""The page of ``edgekit validate``: the figures of the terminal and of JSON, under the same names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from edgekit.parity.options import Thresholds
from edgekit.parity.tallies.output_tally import OutputTally
from edgekit.parity.validation import Validation
from edgekit.reports.html.validation import validation_html
from edgekit.reports.terminal.validation import print_validations, validations_as_dict
from edgekit_runtime.errors import BelowThresholdError
from edgekit_runtime.task import DATA, Kind, Task

RANDOM = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no row is stacked."""
    monkeypatch.setenv("COLUMNS", "240")


def validation(
    kind: str,
    values: tuple[np.ndarray, np.ndarray],
    targets: np.ndarray | None,
    *,
    groups: np.ndarray | None = None,
    thresholds: Thresholds | None = None,
    candidate: str = "m-int8.tflite",
    labels: tuple[str, ...] = (),
) -> Validation:
    """What ``validate`` finds of two models that gave these values."""
    tally = OutputTally("y", Kind(kind, DATA), labels, 5, 0)
    tally.add(values, targets, tuple(map(str, range(len(values[0])))), groups=groups)
    return Validation(
        reference=Path("m.h5"),
        candidate=Path(candidate),
        data="data.npz",
        data_sha256="0" * 64,
        samples=len(values[0]),
        task=Task({}, {"y": Kind(kind, DATA)}),
        outputs=(tally.result(),),
        thresholds=thresholds or Thresholds(),
        failures=(),
        notes=(),
    )


def text_of(html: str) -> str:
    """The text of a page, in one line."""
    body = re.sub(r"<style.*?</style>|<title>.*?</title>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.fixture(scope="module")
def regression() -> Validation:
    targets = RANDOM.normal(size=(120, 1)).astype(np.float32)
    reference = targets + RANDOM.normal(0, 0.2, targets.shape)
    groups = np.where(np.arange(120) % 4 == 0, "night", "day")
    candidate = reference + 0.3 * (groups == "night")[:, np.newaxis]
    return validation("values", (reference, candidate), targets, groups=groups)


def test_terminal_json_and_page_say_the_same_of_a_regression(
    regression: Validation, capsys: pytest.CaptureFixture[str]
) -> None:
    print_validations([regression], ())
    terminal = " ".join(capsys.readouterr().out.split())
    page = text_of(validation_html([regression]))
    plain = json.loads(json.dumps(validations_as_dict([regression], ())))["outputs"][0]
    for name, key in (("mean absolute error", "mae"), ("RMSE", "rmse"), ("R²", "r2")):
        figures = plain["regression"][key]
        row = f"{name} against the ground truth {figures['reference']:.5g} {figures['candidate']:.5g}"
        assert row in terminal
        assert row in page
    difference = f"mean absolute difference {plain['errors']['mean_absolute_difference']:.2e}"
    assert difference in terminal
    assert difference in page
    assert "mean_absolute_error" not in json.dumps(plain)


def test_the_page_of_a_regression_shows_predictions_errors_and_slices(regression: Validation) -> None:
    html = validation_html([regression])
    page = text_of(html)
    assert html.count("<svg") == 2
    assert "Predicted against true" in page
    assert "Slices, the worst first slice examples MAE before MAE after change of MAE RMSE before RMSE after" in page
    night, day = regression.outputs[0].slices
    assert night.mae is not None
    assert day.mae is not None
    assert f"night 30 {night.mae.reference:.4g} {night.mae.candidate:.4g} +0." in page
    assert f"day 90 {day.mae.reference:.4g} {day.mae.candidate:.4g} +0 (+0 to +0)" in page
    # McNemar's test is about classes.
    assert "McNemar" not in page
    assert validation_html([regression]) == html


def test_slices_of_classes_show_accuracy_and_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    y = RANDOM.integers(0, 3, 200)
    scores = np.eye(3)[y].astype(np.float32)
    wrong = np.eye(3)[np.where(np.arange(200) < 20, (y + 1) % 3, y)].astype(np.float32)
    groups = np.where(np.arange(200) < 100, "a", "b")
    result = validation("classes", (scores, wrong), y, groups=groups)
    print_validations([result], ())
    row = "a 100 100.00 % 80.00 % −20.00 points"
    assert "slice examples top-1 before top-1 after change agreement a 100" in text_of(validation_html([result]))
    assert row in text_of(validation_html([result]))
    assert row in " ".join(capsys.readouterr().out.split())


def several_classifiers(tmp_path: Path) -> list[Validation]:
    y = RANDOM.integers(0, 3, 200)
    scores = np.eye(3)[y].astype(np.float32)
    wrong = np.eye(3)[np.where(np.arange(200) < 20, (y + 1) % 3, y)].astype(np.float32)
    good, bad = (
        validation("classes", (scores, values), y, candidate=name, thresholds=Thresholds(max_drop=0.01))
        for name, values in (("good.tflite", scores), ("bad.tflite", wrong))
    )
    (tmp_path / "m.h5").write_bytes(b"0" * 2000)
    reference = tmp_path / "m.h5"
    return [
        replace(good, reference=reference, size_bytes=1000, p50_ms=0.5),
        replace(bad, reference=reference, size_bytes=500, p50_ms=0.25, failures=("top-1 drops by 10.00 points",)),
    ]


def test_several_candidates_begin_with_one_table_that_compares_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = several_classifiers(tmp_path)
    page = text_of(validation_html(compared))
    print_validations(compared, ())
    terminal = " ".join(capsys.readouterr().out.split())
    assert page.index("Side by side, 200 examples") < page.index("Figures")
    assert "model verdict top-1 change agreement signal to noise size median latency here m.h5" in page
    assert "m.h5 100.00 % 2.0 kB good.tflite passed 100.00 % +0.00 points (−1.88 to +1.88) 100.00 % no noise" in page
    assert "no noise 1.0 kB 0.500 ms bad.tflite failed 90.00 % −10.00 points" in page
    assert "Side by side, 200 examples" in terminal
    assert "−10.00 points" in terminal
    plain = validations_as_dict(compared, ())["validations"]
    assert [(each["size_bytes"], each["p50_ms"]) for each in plain] == [(1000, 0.5), (500, 0.25)]


def test_one_candidate_has_nothing_to_be_compared_with(regression: Validation) -> None:
    assert "Side by side" not in validation_html([regression])


@pytest.mark.parametrize(
    ("thresholds", "sentence", "verdict"),
    [
        (Thresholds(), "No threshold was given.", "edgekit validate</title>"),
        (
            Thresholds(max_drop=0.5, min_agreement=0.5),
            "Passed: a drop of at most 0.5 and agreement of at least 50 %.",
            "edgekit validate: passed</title>",
        ),
    ],
    ids=["none", "met"],
)
def test_a_page_says_passed_only_of_thresholds_that_were_given(
    thresholds: Thresholds, sentence: str, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = np.eye(3, dtype=np.float32)[RANDOM.integers(0, 3, 50)]
    result = validation("classes", (scores, scores), scores.argmax(1), thresholds=thresholds)
    html = validation_html([result])
    assert sentence in text_of(html)
    assert verdict in html
    assert ('class="verdict passed"' in html) is sentence.startswith("Passed")
    print_validations([result], ())
    assert (sentence in capsys.readouterr().out) is sentence.startswith("Passed")


@pytest.mark.parametrize(
    ("noise", "advice"), [(0.01, "try --quantize dynamic"), (2.0, "it does not look like the same model")]
)
def test_advice_fits_how_far_the_models_are_apart(noise: float, advice: str) -> None:
    values = RANDOM.normal(size=(80, 1))
    result = validation("values", (values, values + RANDOM.normal(0, noise, values.shape)), None)
    with pytest.raises(BelowThresholdError, match=advice):
        replace(result, failures=("R² −0.2",)).require_passed()
