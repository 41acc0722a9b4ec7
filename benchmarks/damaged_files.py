"""Damaged .tflite files, read by the runtime and by the bare interpreter: what crashes, hangs, refuses or answers.

``python benchmarks/damaged_files.py [--files 10000] [--seed 0] [--json] [PYTHON …]``: each Python has an interpreter
installed, of which the runtime takes the first; by default this one. The files come from tests/data/tflite, as they
are and packed by edgekit (with a digest); tests/runtime/damage.py flips, overwrites, cuts and splices them. Exits
with 1 where the runtime crashes or hangs, or where a packed file answers something else than the sound one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from edgekit_converters.packaging.artifact import pack
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

TOP = Path(__file__).resolve().parent.parent
PROGRAM = TOP / "tests" / "runtime" / "damage.py"
SLICE_FILES = 1000
SLICE_TIMEOUT_S = 600
COLUMNS = ("crashed", "hung", "refused", "as the sound file", "something else")
INTERPRETER = """
from edgekit_runtime.interpreters.choosing import choose_interpreter
choice = choose_interpreter()
print(choice.name, choice.version)
"""


def outcomes(python: str, seed: int, files: int, models: list[Path], *flags: str) -> Iterator[str]:
    """What became of each file; the program is started again after each file that ended it."""
    environment = {**os.environ, "PYTHONPATH": str(TOP / "runtime")}
    first = 0
    while first < files:
        last = min(first + SLICE_FILES, files)
        command = [python, str(PROGRAM), *flags, str(seed), str(first), str(last), *map(str, models)]
        try:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                timeout=SLICE_TIMEOUT_S,
                check=False,
            )
            written, verdict = done.stdout, f"crashed: {done.returncode}"
        except subprocess.TimeoutExpired as error:
            written, verdict = error.stdout or b"", "hung"
        lines = written.decode().splitlines()
        yield from (line for line in lines if not line[:1].isdigit())
        if not lines:
            raise SystemExit(f"{python} cannot run {PROGRAM.name}: {verdict}")
        unfinished = lines[-1][:1].isdigit()
        if unfinished:
            print(f"{verdict} at {lines[-1]}, seed {seed}, {' '.join(flags)}", file=sys.stderr)
            yield verdict
        first = int(next(line for line in reversed(lines) if line[:1].isdigit()).split()[0]) + 1


def count(python: str, seed: int, files: int, models: list[Path], *flags: str) -> dict[str, int]:
    """How many files had each outcome."""
    counts = Counter(outcome.partition(": ") for outcome in outcomes(python, seed, files, models, *flags))
    row = dict.fromkeys(COLUMNS, 0)
    for (what, _, which), number in counts.items():
        row[which if what == "answered" else what] += number
    return row


def survivors(python: str, models: list[Path]) -> list[Path]:
    """The intact models that do not end a process in which the bare interpreter runs them."""
    environment = {**os.environ, "PYTHONPATH": str(TOP / "runtime")}
    command = [python, str(PROGRAM), "--bare", "0", "0", "0"]
    return [
        model
        for model in models
        if subprocess.run([*command, str(model)], env=environment, capture_output=True, check=False).returncode == 0
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pythons", nargs="*", default=[sys.executable], metavar="PYTHON")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    plain = sorted((TOP / "tests" / "data" / "tflite").glob("*.tflite"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        packed = []
        for path in plain:
            packed.append(Path(folder) / path.name)
            packed[-1].write_bytes(pack(TfliteModel(path.read_bytes()), Manifest()))
        for python in options.pythons:
            environment = {**os.environ, "PYTHONPATH": str(TOP / "runtime")}
            interpreter = subprocess.run(
                [python, "-c", INTERPRETER], capture_output=True, text=True, check=True, env=environment
            ).stdout.strip()
            for what, models, flags in (
                ("edgekit_runtime, packed files", packed, ()),
                ("edgekit_runtime, plain files", plain, ()),
                ("the bare interpreter", survivors(python, packed), ("--bare",)),
            ):
                row = count(python, options.seed, options.files, models, *flags)
                rows.append({"interpreter": interpreter, "what": what, **row})
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        print(f"| interpreter | {options.files} files read by | " + " | ".join(COLUMNS) + " |")
        print("|" + "---|" * (2 + len(COLUMNS)))
        for row in rows:
            print("| " + " | ".join(str(value) for value in row.values()) + " |")
    ours = [row for row in rows if str(row["what"]).startswith("edgekit_runtime")]
    failed = any(row["crashed"] or row["hung"] for row in ours)
    return int(failed or any(row["something else"] for row in ours if "packed" in str(row["what"])))


if __name__ == "__main__":
    sys.exit(main())
