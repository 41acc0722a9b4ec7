"""A longer run of the scan under the fuzzer atheris, outside CI.

    pip install atheris
    python tests/fuzz/fuzz_scan.py -max_total_time=3600 -rss_limit_mb=1024 -timeout=5 CORPUS_FOLDER

The folder may hold Keras files to begin with, such as those of ``tests/data/keras_eras``. atheris stops at the first
input that raises anything but an ``EdgekitError``, takes more than five seconds or more than 1 GiB, and writes it
to ``crash-*``; with that file as the only argument the run repeats it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["edgekit_converters.keras_files"]):
    from edgekit_converters.keras_files.summary import summarize
from edgekit_runtime.errors import EdgekitError

_PATH = Path(tempfile.mkdtemp()) / "mutant"


def summarize_bytes(content: bytes) -> None:
    """Open, scan and upgrade one file's content."""
    _PATH.write_bytes(content)
    try:
        summarize(_PATH)
    except EdgekitError as error:
        str(error)


if __name__ == "__main__":
    atheris.Setup(sys.argv, summarize_bytes)
    atheris.Fuzz()
