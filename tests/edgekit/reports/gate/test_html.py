"""The HTML report: safe with any name, small, and whole in a browser that is allowed nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgekit.datasets.streams import Batch
from edgekit.parity.layers.noise import LayerNoise
from edgekit.regression.baseline.content_digest import ContentDigest
from edgekit.regression.baseline.stored import LatencyRatio, ModelRecord
from edgekit.regression.measurement import Measurement
from edgekit.regression.predictions import ClassPredictions, PredictionErrors
from edgekit.regression.results import CheckResult, ModelCheck
from edgekit.regression.verdicts import RuleResult, Verdict
from edgekit.reports.figures.page import Point, draw_against_size, draw_reliability, reliability_caption
from edgekit.reports.figures.palette import DARK, LIGHT
from edgekit.reports.gate.html import check_html

CHROMIUM = Path(__file__).parent.parent / "chromium.py"
NASTY = '<script>alert(1)</script> $x_1$ & "q" \ud800'
CLASSES, SAMPLES = 30, 400
FEW = np.array([0.0, 0.5])


class Pictures:
    """A stream of noise in three colours, as hard to compress as pictures get."""

    name, labels, count, digest, notes = "photos", (), SAMPLES, "0" * 64, ()

    def batches(self, size: int) -> Iterator[Batch]:
        rng = np.random.default_rng(0)
        for start in range(0, SAMPLES, size):
            count = min(size, SAMPLES - start)
            names = tuple(f"{NASTY} {start + row}.jpg" for row in range(count))
            yield Batch({"x": rng.random((count, 224, 224, 3), np.float32)}, {}, None, names)

    def sample(self, count: int, *, seed: int) -> Pictures:
        return self


def record(top1: float, size_bytes: int) -> ModelRecord:
    return ModelRecord(
        file="m.tflite",
        sha256="0" * 64,
        content=ContentDigest("1" * 64, ()),
        size_bytes=size_bytes,
        operators=(("CONV_2D", 3),),
        labels=(NASTY, *(f"a class with the number {number}" for number in range(1, CLASSES))),
        provenance=(),
        made_with=(),
        data="photos",
        data_sha256="2" * 64,
        samples=SAMPLES,
        top1=top1,
        mean_absolute_error=None,
        reliability=((10, 0.5, 0.4), (390, 0.95, top1)),
        answers={},
        latency=LatencyRatio(0.5, 0.4, 0.6, 0.1, "built-in int8", "a machine"),
    )


@pytest.fixture(scope="module")
def result() -> CheckResult:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, CLASSES, SAMPLES)
    before = ClassPredictions(np.where(rng.random(SAMPLES) < 0.9, labels, (labels + 1) % CLASSES), CLASSES, labels)
    after = ClassPredictions(np.where(rng.random(SAMPLES) < 0.8, labels, (labels + 2) % CLASSES), CLASSES, labels)
    measurement = Measurement(record(0.8, 2000), after, Pictures())
    rules = tuple(RuleResult("accuracy", verdict, "drop", NASTY, NASTY * 5) for verdict in Verdict)
    layer = LayerNoise(NASTY, "Dense", "t", 0, "int8", 31.5, 33.0, -1.0, 1.0, 0.0, 0.1, 0)
    whole = ModelCheck(
        NASTY,
        Path("m <b>.tflite"),
        measurement,
        record(0.9, 1000),
        before,
        rules,
        (layer, replace(layer, snr_db=None, added_snr_db=None)),
    )
    unloadable = replace(whole, name="unloadable", measurement=None, baseline_predictions=None, layers=())
    return CheckResult((whole, unloadable))


@pytest.fixture(scope="module")
def page(result: CheckResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(check_html(result), encoding="utf-8")
    return path


class Document(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_stay_text_and_nothing_is_loaded_or_run(page: Path) -> None:
    document = Document(page.read_text())
    tags = {tag for tag, _ in document.tags}
    assert tags.isdisjoint({"script", "iframe", "object", "embed", "form"})
    assert "<script>alert(1)</script>" in document.text
    for tag, attributes in document.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "action", "data"):
                assert (value or "").startswith(("data:", "#")), (tag, value)
    policy = next(a["content"] for t, a in document.tags if t == "meta" and "http-equiv" in a)
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_every_id_is_there_once_and_every_reference_is_met(page: Path) -> None:
    document = Document(page.read_text())
    ids = [attributes["id"] for _, attributes in document.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {a["xlink:href"].removeprefix("#") for _, a in document.tags if (a.get("xlink:href") or "").startswith("#")}
    assert used
    assert used <= set(ids)


def test_it_is_small_and_the_same_bytes_again(page: Path, result: CheckResult) -> None:
    assert page.stat().st_size < 2_000_000
    text = page.read_text()
    assert check_html(result) == text
    assert text.count("<svg") == 5
    assert text.count("<img ") == 24
    assert "24 of " in text


def look(page: Path, width: int, scheme: str) -> tuple[dict[str, Any], np.ndarray]:
    """The page in Chromium, and its picture as grey values; skips where there is no Chromium."""
    program = (
        f"import importlib.util as u; s = u.spec_from_file_location('c', {str(CHROMIUM)!r}); "
        "m = u.module_from_spec(s); s.loader.exec_module(m); print(m.find_chromium() or '')"
    )
    if not subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip():
        pytest.skip("Chromium is not installed here (Debian: apt-get install chromium)")
    picture = page.with_suffix(f".{width}.{scheme}.png")
    command = [sys.executable, str(CHROMIUM), str(page), str(width), scheme, str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), np.asarray(Image.open(picture).convert("L"))


@pytest.mark.parametrize("width", [1100, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_chromium_it_is_whole_quiet_and_asks_for_nothing(page: Path, width: int, scheme: str) -> None:
    found, grey = look(page, width, scheme)
    assert found["complaints"] == []
    assert found["requests"] == [page.resolve().as_uri()]
    assert found["title"] == "edgekit check: failed"
    # Nothing sticks out to the side, also on a phone.
    assert found["scroll_width"] == width
    background = int(np.median(grey))
    assert background > 230 if scheme == "light" else background < 50
    # Text stands out from the page: nearly black on light, nearly white on dark.
    assert int(np.percentile(grey, 0.5)) < 80 if scheme == "light" else int(np.percentile(grey, 99.5)) > 190


def test_the_browser_would_tell_of_a_request(page: Path) -> None:
    text = page.read_text().replace("</main>", '<img src="http://127.0.0.1:9/x.png"></main>')
    spoilt = page.with_name("spoilt.html")
    spoilt.write_text(text)
    found, _ = look(spoilt, 1100, "light")
    assert found["complaints"] != []


def test_a_regression_shows_its_error_first(result: CheckResult) -> None:
    whole, _ = result.models
    assert whole.measurement is not None
    judged = (replace(each, top1=None, mean_absolute_error=0.25) for each in (whole.baseline, whole.measurement.record))
    baseline, now = judged
    measurement = replace(
        whole.measurement, record=replace(now, mean_absolute_error=0.5), predictions=PredictionErrors(FEW)
    )
    check = replace(whole, baseline=baseline, measurement=measurement, baseline_predictions=PredictionErrors(FEW))
    text = " ".join(Document(check_html(CheckResult((check,)))).text.split())
    assert "mean absolute error0.5baseline 0.25" in text
    assert "top-1" not in text


def test_the_reliability_diagram_shows_intervals_and_joins_nothing() -> None:
    svg = draw_reliability([(20, 0.5, 0.4), (20, 0.9, 1.0)], [(20, 0.55, 0.5)], "r")
    # Two lines only: the diagonal, and no more; the rest are marks (used) and whiskers.
    lines = re.findall(r'<path d="([^"]*)" clip-path[^>]*stroke-dasharray', svg)
    assert len(lines) == 1
    assert svg.count("LineCollection_") == 2
    assert "samples" not in svg
    assert reliability_caption([(20, 0.5, 0.4), (20, 0.9, 1.0)]).startswith("Each mark: 20 predictions")
    assert reliability_caption([(20, 0.5, 0.4), (31, 0.9, 1.0)]).startswith("Each mark: 20 to 31 predictions")


def test_shares_end_at_100_percent_and_a_failed_candidate_is_red() -> None:
    before, after = Point(1000, 1.0, None), Point(900, 0.999, None, passed=False)
    failed = draw_against_size([("m", before, after)], "a")
    ticks = [float(text) for text in re.findall(r">(\d+(?:\.\d+)?)</text>", failed)]
    # Sizes in kB are below 2 here; what else is on an axis is a percentage.
    assert max(ticks) <= 100
    assert "var(--bad)" in failed
    assert "failed</text>" in failed
    passed = draw_against_size([("m", before, replace(after, passed=True))], "a")
    assert "var(--bad)" not in passed
    assert "failed" not in passed


def test_no_text_of_a_figure_is_below_11_px_where_it_is_not_shrunk(result: CheckResult, page: Path) -> None:
    html = page.read_text()
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: ?(\d+(?:\.\d+)?)px", html.partition("</head>")[2])]
    assert len(sizes) > 50
    assert min(sizes) >= 11
    # Shown at their own size at least: a figure that is wider than a phone scrolls.
    for svg in re.findall(r"<svg[^>]*>", html):
        width, height = (float(size) for size in svg.partition('viewBox="0 0 ')[2].partition('"')[0].split())
        assert f"min-width:{round(width)}px;min-height:{round(height)}px" in svg


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_the_palette_is_legible_and_apart_without_colour(colors: dict[str, str]) -> None:
    light = {name: luminance(color) for name, color in colors.items()}
    for name in ("before", "after", "good", "bad", "faint"):
        assert contrast(light[name], light["card"]) >= 3, name
    for name in ("text", "muted"):
        assert contrast(light[name], light["card"]) >= 4.5, name
    # What stands side by side differs in brightness, and so in print and to the colour-blind.
    for first, second in (("before", "after"), ("good", "bad")):
        assert contrast(light[first], light[second]) >= 1.4, (first, second)


def luminance(color: str) -> float:
    """Relative luminance, 0 to 1, as WCAG 2.2 defines it."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: float, second: float) -> float:
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)
