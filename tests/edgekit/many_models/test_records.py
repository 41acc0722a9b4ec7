"""What makes a finished conversion be repeated."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgekit.many_models.planning import PlannedConversion
from edgekit.many_models.records import Records


@pytest.fixture
def planned(tmp_path: Path) -> PlannedConversion:
    (tmp_path / "model.h5").write_bytes(b"weights")
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "1.png").write_bytes(b"a photo")
    (tmp_path / "labels.txt").write_text("cat")
    options: dict[str, Any] = {"data": str(tmp_path / "photos"), "labels": tmp_path / "labels.txt", "quantize": "int8"}
    return PlannedConversion("model", tmp_path / "model.h5", tmp_path / "model.tflite", options)


@pytest.mark.parametrize(
    ("changed", "content"),
    [("model.h5", b"others"), ("photos/cat/1.png", b"another"), ("photos/cat/2.png", b"new"), ("labels.txt", b"dog")],
)
def test_a_changed_file_is_another_key(
    changed: str, content: bytes, planned: PlannedConversion, tmp_path: Path
) -> None:
    records = Records.beside(tmp_path)
    before = records.key_of(planned)
    assert records.key_of(planned) == before
    (tmp_path / changed).write_bytes(content)
    os.utime(tmp_path / changed, ns=(1, 1))
    assert records.key_of(planned) != before


def test_other_options_are_another_key_and_no_source_is_none(planned: PlannedConversion, tmp_path: Path) -> None:
    records = Records.beside(tmp_path)
    assert records.key_of(planned) != records.key_of(replace(planned, options={**planned.options, "quantize": "none"}))
    assert records.key_of(replace(planned, source=tmp_path / "gone.h5")) is None
