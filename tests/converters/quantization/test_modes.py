"""One record for each quantization mode, from which everything else is made."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from edgekit_converters.quantization import modes
from edgekit_converters.quantization.modes import Mode, ModeRecord, modes_by_rank
from edgekit_converters.targets.target import target_names

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "pages" / "guides" / "quantization.md"


@pytest.mark.parametrize("field", [field.name for field in fields(ModeRecord)])
def test_a_record_with_a_missing_field_fails_at_import(field: str) -> None:
    source = Path(modes.__file__).read_text()
    # The field of the first record, up to the next field or the record's end.
    incomplete, removed = re.subn(
        rf"\n {{8}}{field}=.*?(?=\n {{8}}\w|\n {{4}}\))", "", source, count=1, flags=re.DOTALL
    )
    assert removed == 1
    with pytest.raises(TypeError, match=f"missing 1 required .*argument: '{field}'"):
        exec(compile(incomplete, modes.__file__, "exec"), {"__name__": modes.__name__})


def test_every_candidate_of_auto_has_a_rank_of_its_own() -> None:
    assert [mode.record.auto_rank for mode in modes_by_rank()] == list(range(len(Mode)))


def test_records_name_targets_that_exist() -> None:
    assert {name for mode in Mode for name in mode.record.unfit_targets} <= set(target_names())


def test_the_table_of_the_guide_agrees_with_the_records() -> None:
    text = GUIDE.read_text()
    head = "| `--quantize` | what becomes smaller | `--io` | needs data |\n|---|---|---|---|\n"
    rows = [line for line in text.partition(head)[2].partition("\n\n")[0].splitlines() if "`auto`" not in line]
    assert rows == [
        f"| `{mode.value}` | {mode.record.summary} | {', '.join(io.value for io in mode.io_types)} "
        f"| {'yes' if mode.needs_calibration else 'no'} |"
        for mode in Mode
    ]
    *others, last = (mode.value for mode in Mode if mode.record.in_all)
    assert f"`--all` writes {', '.join(others)} and {last}." in text
