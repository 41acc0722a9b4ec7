from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from edgekit_converters.quantization.unread_parts import has_unread_parts
from edgekit_runtime.tflite.structure import read_model_description

ARCHIVE = Path(__file__).resolve().parents[2] / "data" / "operators" / "operators.tar.xz"


@pytest.mark.parametrize(("case", "unread"), [("unpack", True), ("split", False), ("split_v", False), ("tile", False)])
def test_parts_that_nothing_reads_are_found(case: str, unread: bool) -> None:
    with tarfile.open(ARCHIVE) as archive:
        file = archive.extractfile(f"{case}/float32.tflite")
        assert file is not None
        assert has_unread_parts(read_model_description(file.read())) is unread
