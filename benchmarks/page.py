"""Run the benchmarks that give ratios, and write them with this machine's name into the page of benchmarks.

``python benchmarks/page.py [NAME…] [--page FILE]``: names of scripts without ``.py`` (default: all; leave the machine
idle meanwhile). The part of the page between its two markers is replaced; the rest stays.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parent
PAGE = BENCHMARKS.parent / "docs" / "pages" / "benchmarks.md"
START, END = "<!-- measured: start -->\n", "<!-- measured: end -->\n"
_PACKAGES = ("tensorflow", "ai-edge-litert", "litert-quantizer", "numpy")

#: Scripts that print ratios with ``--json``, and the arguments that they need.
SCRIPTS: dict[str, tuple[str, ...]] = {
    "start_up": (),
    "convert_all": (),
    "many_models": (),
    "convert_large_models": (),
    "convert_keras2": (str(BENCHMARKS.parent / "tests" / "data" / "keras_eras" / "tf215_convolutions.h5"),),
    "calibration": (),
    "budget_search": (),
    "quantized_latency": (),
    "dynamic_latency": (),
    "validate": (),
    "runtime_predict": (),
    "runtime_process": (),
    "runtime_large_models": (),
    "train_epoch": (),
    "tokenizers": (),
    "front_end": (),
    "list_folder": (),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """A ratio that a script printed.

    Attributes:
        script: Name of the script without ``.py``.
        what: What was compared with what.
        ratio: Ours over the peer's.
        target: The ratio that the project promises, at most; None if it promises nothing.
    """

    script: str
    what: str
    ratio: float
    target: float | None

    @property
    def is_missed(self) -> bool:
        """Whether the ratio is larger than promised, at the two decimals that the page shows."""
        return self.target is not None and round(self.ratio, 2) > self.target

    def row(self) -> str:
        """A row of the page's table; a missed promise is bold."""
        bold = "**" if self.is_missed else ""
        promised = "" if self.target is None else f"at most {self.target:.2f}"
        return (
            f"| {bold}{self.what}{bold} | {bold}{self.ratio:.2f}{bold} | {promised} | `benchmarks/{self.script}.py` |"
        )


def measure(script: str) -> list[Measurement]:
    """Run a script and read its ratios."""
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), *SCRIPTS[script], "--json"]
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"}
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
    rows: list[dict[str, Any]] = json.loads(printed)
    return [Measurement(script, row["what"], row["ratio"], row["target"]) for row in rows]


def machine() -> str:
    """This machine in a sentence: processor, cores, system, Python and packages."""
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text(encoding="utf-8").splitlines() if cpu_info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores; {platform.system()}, "
        f"Python {platform.python_version()}; {versions}."
    )


def with_measurements(page: str, measurements: Sequence[Measurement], machine_name: str, date: str) -> str:
    """The page with the part between its markers replaced.

    Raises:
        ValueError: The page has no such part.
    """
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"The page needs the lines {START.strip()} and {END.strip()}")
    missed = sum(measurement.is_missed for measurement in measurements)
    table = "\n".join(measurement.row() for measurement in measurements)
    text = (
        f"Measured on {date} by `python benchmarks/page.py`: {machine_name}\n\n"
        f"{missed} of {len(measurements)} rows miss what was promised; they are in bold.\n\n"
        f"| what | ours / the peer's | promised | script |\n|---|---|---|---|\n{table}\n"
    )
    return before + start + text + end + after


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the benchmarks and write the page of benchmarks.")
    parser.add_argument("scripts", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--page", type=Path, default=PAGE, help="page to write into")
    options = parser.parse_args()
    unknown = sorted(set(options.scripts) - set(SCRIPTS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; expected: {', '.join(SCRIPTS)}")
    measurements: list[Measurement] = []
    for script in options.scripts or SCRIPTS:
        print(f"Running benchmarks/{script}.py", file=sys.stderr, flush=True)
        measurements += measure(script)
    page = options.page.read_text(encoding="utf-8")
    today = datetime.date.today().isoformat()
    options.page.write_text(with_measurements(page, measurements, machine(), today), encoding="utf-8")


if __name__ == "__main__":
    main()
