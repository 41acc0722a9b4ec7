"""Damaged SavedModels: no code run, nothing written, within 5 s and 1 GiB each. By hand: ``mutations.py 1 0 2000``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MUTATIONS = Path(__file__).with_name("mutations.py")
SAVED_MODELS = Path(__file__).parents[2] / "data" / "saved_models"


def test_sixty_mutations(tmp_path: Path) -> None:
    folders = []
    for name in ("keras2_cnn", "keras2_embedding"):
        folders.append(str(tmp_path / name))
        shutil.unpack_archive(SAVED_MODELS / f"{name}.zip", folders[-1])
    (tmp_path / "empty").mkdir()
    finished = subprocess.run(
        [sys.executable, str(MUTATIONS), "2", "0", "60", *folders],
        cwd=tmp_path / "empty",
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split() for line in finished.stdout.splitlines()]
    assert len(rows) == 60
    outcomes = {row[2] for row in rows}
    assert outcomes <= {"lowered", "ModelFileError", "UnsafeModelError", "ConversionError"}, finished.stdout
    assert {"lowered", "ModelFileError", "UnsafeModelError"} <= outcomes
    assert max(float(row[3]) for row in rows) < 5
    assert max(int(row[4]) for row in rows) < 1024
    assert list((tmp_path / "empty").iterdir()) == []
