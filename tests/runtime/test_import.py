"""Importing the runtime brings nothing but numpy and the standard library."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["edgekit_runtime", "edgekit_runtime.__main__", "edgekit_runtime.latency"])
def test_no_heavy_module_is_imported(module: str) -> None:
    program = f"""
import sys, {module}
heavy = ("PIL", "tensorflow", "ai_edge_litert", "tflite_runtime", "click", "zipfile", "pathlib", "asyncio")
print([name for name in heavy if name in sys.modules and name not in before])
"""
    # numpy of some versions imports pathlib itself.
    program = "import sys, numpy\nbefore = set(sys.modules)\n" + program
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    allowed = "['pathlib']" if module.endswith("__main__") else "[]"
    assert done.stdout.strip() in ("[]", allowed)
