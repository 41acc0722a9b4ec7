"""Figures and names as the tables show them."""

from __future__ import annotations

import pytest

from edgekit.counting import counted, percent, points
from edgekit.reports.terminal.tables import metric_words, print_table, print_verdict


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (-0.00001, "0.00 %"),
        (-0.0, "0.00 %"),
        (-0.0123, "-1.23 %"),
        (None, "–"),
        (0.00004, "under 0.01 %"),
        (0.00006, "0.01 %"),
        (0.0, "0.00 %"),
    ],
)
def test_a_percentage_is_never_a_negative_zero(fraction: float | None, text: str) -> None:
    assert percent(fraction) == text


def test_metrics_and_counts_are_spelled_as_in_prose() -> None:
    assert [metric_words(name) for name in ("mean_iou", "token_accuracy")] == ["mean IoU", "token accuracy"]
    assert [counted(count, "example") for count in (1, 2000)] == ["1 example", "2,000 examples"]


_COLUMNS = ("rule", "verdict", "why")
_ROWS = [("top1", "failed", "55 of 360 samples regressed " * 3), ("size", "passed", "")]


def test_a_table_that_fits_is_one_line_per_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    print_table("Gate", _COLUMNS, _ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Gate"
    assert [line.split()[0] for line in lines[1:] if line.split() and line.split()[0] in {"rule", "top1", "size"}] == [
        "rule",
        "top1",
        "size",
    ]


@pytest.mark.parametrize(("columns", "width"), [(None, 80), ("60", 60), ("40", 40)])
def test_the_reason_of_a_row_goes_below_it_if_the_table_is_too_wide(
    columns: str | None, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    print_table("Gate", _COLUMNS, _ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[:5] == ["Gate", "", "  rule   verdict", " ────────────────", "  top1   failed"]
    assert lines[5].startswith("    why: 55 of 360 samples")
    assert lines[6].startswith("      ")
    assert lines[-2:] == ["  size   passed", ""]


def test_rows_are_stacked_if_no_two_columns_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    print_table("Layers", ("layer", "class"), [("block_1_expand_relu", "SeparableConv2D")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["Layers", "", "  block_1_expand_relu", "    class: SeparableConv2D", ""]


def test_wide_characters_keep_columns_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Labels", ("label", "score"), [("猫", "0.9"), ("dog", "0.1")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:6] == ["  label   score", " ─────────────────"[:16], "  猫        0.9", "  dog       0.1"]


def test_a_long_value_is_wrapped_between_words_and_a_path_stays_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    path = "/".join(["folder-of-models"] * 6)
    print_table("File", (), [("labels", "zero, one, two, " * 8), ("path", path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("  labels   zero, one,")
    assert lines[3].startswith("           ")
    assert [line for line in lines if path in line]
    assert max(len(line) for line in lines if path not in line) <= 80


def test_cells_are_text_and_never_markup(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    print_table("Layers", ("layer", "what it does there"), [("[bold]conv[/bold]", "[red]long words of a file[/red]")])
    assert "[bold]conv[/bold]" in (out := capsys.readouterr().out)
    assert "[red]long" in out


@pytest.mark.parametrize(
    ("change", "text"),
    [(-0.4083, "−40.83 points"), (0.005, "+0.50 points"), (-0.00001, "+0.00 points"), (0.0, "+0.00 points")],
)
def test_a_change_of_a_share_is_written_one_way(change: float, text: str) -> None:
    assert points(change) == text


def test_verdicts_have_a_colour_on_a_terminal_and_a_word_everywhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_table("Rules", _COLUMNS, _ROWS)
    print_verdict("Failed: m (top1).", passed=False)
    plain = capsys.readouterr().out
    assert "\x1b" not in plain
    assert "failed" in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    print_table("Rules", _COLUMNS, _ROWS)
    print_verdict("Failed: m (top1).", passed=False)
    coloured = capsys.readouterr().out
    # Bold red and green, as terminals number them.
    assert "\x1b[1;31mfailed" in coloured
    assert "\x1b[32mpassed" in coloured
    assert "\x1b[1;31mFailed: m (top1)." in coloured
