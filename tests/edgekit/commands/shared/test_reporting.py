"""``--open`` hands the report to the user's browser, or says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

MODEL = Path(__file__).resolve().parents[3] / "data" / "tflite" / "dense_float32.tflite"


def test_a_report_is_opened_in_the_browser_that_the_environment_names(tmp_path: Path) -> None:
    browser, opened, html = tmp_path / "browser", tmp_path / "opened", tmp_path / "a report.html"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n')
    browser.chmod(0o755)
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32))
    command = ["validate", str(MODEL), str(MODEL), "--data", str(tmp_path / "data.npz"), "--html", str(html), "--open"]
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", *command],
        env=os.environ | {"BROWSER": f"{browser} %s"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert opened.read_text() == html.as_uri()
    assert html.read_text().startswith("<!doctype html>")
