"""``edgekit --help`` against a Python that only imports click: ``python benchmarks/start_up.py``."""

from __future__ import annotations

import shutil
import sys

from ratios import command, report, time_in_turn

edgekit = shutil.which("edgekit") or "edgekit"
report(
    [
        time_in_turn(
            "`edgekit --help` / `python -c 'import click'`",
            command(edgekit, "--help"),
            command(sys.executable, "-c", "import click"),
            target=1.5,
            runs=30,
        )
    ]
)
