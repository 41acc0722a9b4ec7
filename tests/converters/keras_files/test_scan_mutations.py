"""10,000 mutated files: each is accepted or refused in words, in time and within memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MUTATIONS = Path(__file__).parent / "mutations.py"


@pytest.mark.timeout(600)
def test_mutants_are_accepted_or_refused_in_words() -> None:
    # A process of its own: a crash of native code would end it, and its memory is its own.
    run = subprocess.run([sys.executable, MUTATIONS, "20261", "10000"], capture_output=True, text=True, check=False)
    lines = run.stdout.splitlines()
    assert run.returncode == 0, f"{lines[-1:]} ended the scan with {run.returncode}:\n{run.stderr[-2000:]}"
    result = json.loads(lines[-1])
    assert sum(result["outcomes"].values()) == 10_000
    assert set(result["outcomes"]) == {"accepted", "refused", "ModelFileError", "UnsafeModelError"}
    assert min(result["outcomes"].values()) > 20
    assert result["slowest_seconds"] < 5
    assert result["memory_bytes"] < 1 << 30
