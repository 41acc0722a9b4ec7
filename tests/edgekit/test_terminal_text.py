"""What a hostile model's author wrote is text on a terminal, whatever command shows it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit_converters.packaging.artifact import pack
from edgekit_runtime.packed_file.manifest import Manifest, read_manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

ROOT = Path(__file__).resolve().parents[2]
TFLITE = ROOT / "tests" / "data" / "tflite"
#: Sets a terminal's title, clears it, colours it, in 7 and in 8 bits; turns text around; ends a line; is markup.
HOSTILE = "\x1b]0;OWNED\x07\x1b[2J\x9b31m\u202egpj\r\x00[red]"
FORBIDDEN = ("\x1b]", "\x1b[2J", "\x9b", "\x07", "\x00", "\u202e", "\u2066")
LABELS = (HOSTILE, "\u2066b", "x" * 5000, *"defghij")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with such texts for names of tensors and metadata, labels and provenance."""
    plain = (TFLITE / "cnn_int8_io_int8.tflite").read_bytes()
    for name, evil in (
        (b"serving_default_image:0", "\x1b]0;OWNED\x07\x9b31m\u202e"),
        (b"min_runtime_version", "\x1b[2J\u2066\n[red]"),
        (b"image", "\x1b[2J\x07"),
    ):
        plain = plain.replace(name, evil.encode().ljust(len(name), b"_"))
    path = tmp_path_factory.mktemp("hostile") / "model.tflite"
    path.write_bytes(pack(TfliteModel(plain), Manifest(LABELS, provenance={"note": HOSTILE, HOSTILE: "\ud800"})))
    return path


@pytest.fixture(scope="module")
def custom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose operator's name is such a text: it is refused in a sentence that holds the name."""
    path = tmp_path_factory.mktemp("custom") / "model.tflite"
    path.write_bytes((TFLITE / "custom_operator.tflite").read_bytes().replace(b"Cholesky", b"\x1b]0;h\x07\xc2\x9b"))
    return path


def on_a_terminal(*arguments: object) -> str:
    """What a Python program writes to stdout and stderr where both are a terminal."""
    ours, its = os.openpty()
    process = subprocess.Popen([sys.executable, *map(str, arguments)], stdin=its, stdout=its, stderr=its)
    os.close(its)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # That is how Linux says that the program has ended.
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    process.wait()
    # "\r\n" is how a terminal ends a line.
    return written.decode("utf-8", errors="surrogateescape").replace("\r\n", "\n")


def pixels(folder: Path) -> Path:
    import numpy as np

    path = folder / "pixels.npy"
    np.save(path, np.zeros((12, 12, 1), np.uint8))
    return path


@pytest.mark.parametrize(
    "command",
    [
        ("edgekit", "inspect"),
        ("edgekit", "inspect", "--all"),
        ("edgekit", "verify"),
        ("edgekit_runtime", "info"),
        ("edgekit_runtime", "predict", "--top-k", "3"),
        ("edgekit_runtime", "verify", "--debug"),
    ],
    ids=" ".join,
)
def test_no_command_lets_a_terminal_obey_a_model(command: tuple[str, ...], hostile: Path, tmp_path: Path) -> None:
    inputs = [pixels(tmp_path)] if "predict" in command else []
    shown = on_a_terminal("-m", command[0], command[1], hostile, *inputs, *command[2:])
    assert not [mark for mark in FORBIDDEN if mark in shown]
    assert "\r" not in shown
    if command[1] in ("inspect", "info"):
        assert "\\x1b]0;OWNED\\x07" in shown
        assert "[red]" in shown
    # A label of 5,000 of them is cut.
    assert shown.count("x") < 4500


@pytest.mark.parametrize("package", ["edgekit", "edgekit_runtime"])
@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["sentence", "traceback"])
def test_no_error_lets_a_terminal_obey_a_model(package: str, debug: list[str], custom: Path, tmp_path: Path) -> None:
    arguments = ["bench", custom] if package == "edgekit" else ["predict", custom, pixels(tmp_path)]
    shown = on_a_terminal("-m", package, *arguments, *debug)
    assert "\\x1b]0;h\\x07" in shown
    assert not [mark for mark in FORBIDDEN if mark in shown]


WHILE_A_BAR_IS_UP = r"""
import sys
from edgekit.progress import progress_bar
from edgekit.reports.terminal.tables import print_table
from edgekit_runtime.printable_text import filter_streams
filter_streams()
with progress_bar("[red]\x1b]0;OWNED\x07", 2) as advance:
    print("\x1b[2Jprinted")
    print("\x9b31mreported", file=sys.stderr)
    print_table("\u202etitle", ("\x1b]0;heading\x07", "[red]heading"), [("\x1b[2Jcell", "[red]cell")])
    advance(1)
"""


def test_no_text_passes_while_a_progress_bar_is_up() -> None:
    """rich then has streams of its own in the place of stdout and stderr, and writes escape sequences itself."""
    shown = on_a_terminal("-c", WHILE_A_BAR_IS_UP)
    assert "\x1b[?25l" in shown
    for text in (
        "[red]\\x1b]0;OWNED\\x07",
        "\\x1b[2Jprinted",
        "\\x9b31mreported",
        "\\u202etitle",
        "\\x1b[2Jcell",
        "[red]cell",
    ):
        assert text in shown
    assert not [mark for mark in FORBIDDEN if mark in shown]


WHILE_A_TABLE_IS_UP = r"""
import sys
from edgekit.progress import live_table
from edgekit_runtime.printable_text import filter_streams
filter_streams()
with live_table(("host", "result"), lambda: ("\x1b]0;title\x07", [("\x1b[2Jcell", "[red]cell")])):
    print("\x9b31mprinted")
"""


def test_no_text_passes_while_a_live_table_is_up() -> None:
    shown = on_a_terminal("-c", WHILE_A_TABLE_IS_UP)
    assert "\x1b[?25l" in shown
    for text in ("\\x1b]0;title\\x07", "\\x1b[2Jcell", "[red]cell", "\\x9b31mprinted"):
        assert text in shown
    assert not [mark for mark in FORBIDDEN if mark in shown]


def test_json_holds_the_very_text(hostile: Path) -> None:
    done = CliRunner().invoke(cli, ["inspect", str(hostile), "--json"])
    assert done.stdout.isascii()
    manifest = json.loads(done.stdout)["manifest"]
    assert tuple(manifest["labels"]) == read_manifest(hostile.read_bytes()).labels
    assert manifest["provenance"] == {"note": HOSTILE, HOSTILE: "\ud800"}


def test_rich_writes_past_the_filter_in_two_modules_only() -> None:
    """Whoever makes a Console has to escape what it shows: tables.py and progress.py do."""
    makers = set()
    for file in (ROOT / "edgekit").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = (
                {node.attr} if isinstance(node, ast.Attribute) else {node.id} if isinstance(node, ast.Name) else set()
            )
            if names & {"Console", "unfiltered"}:
                makers.add(file.name)
    assert makers == {"tables.py", "progress.py"}


def test_a_million_facts_are_not_a_million_rows(tmp_path: Path) -> None:
    provenance = {f"fact {number:04}": number for number in range(1000)}
    path = tmp_path / "model.tflite"
    path.write_bytes(pack(TfliteModel((TFLITE / "dense_float32.tflite").read_bytes()), Manifest(provenance=provenance)))
    shown = CliRunner().invoke(cli, ["inspect", str(path)]).stdout
    assert "fact 0199" in shown
    assert "fact 0200" not in shown
    assert "800 more facts" in shown
