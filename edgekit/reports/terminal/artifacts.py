"""Prints the results of ``edgekit pack``, ``unpack``, ``keygen``, ``verify`` and ``export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edgekit.artifacts.exporting import ExportedSource
from edgekit.artifacts.packing import Packed
from edgekit.artifacts.verification import Verification
from edgekit.reports.terminal.packed_facts import packed_facts
from edgekit.reports.terminal.tables import kilobytes, print_table
from edgekit_runtime.packed_file.golden import GoldenReport


def print_packed(packed: Packed) -> None:
    """Print the notes, the size, and the packed facts."""
    for note in packed.notes:
        click.echo(note)
    facts = [("size", f"{kilobytes(packed.size_bytes)}, {packed.added_bytes:,} bytes of it added")]
    print_table(f"{packed.path}: packed", (), [*facts, *packed_facts(packed.manifest)])


def print_parts(model: str, files: Sequence[Path]) -> None:
    """Print the files that the parts of a packed model were written to."""
    print_table(f"{model}: parts", ("file", "bytes"), [(str(path), f"{path.stat().st_size:,}") for path in files])


def print_keys(private: Path, public: Path) -> None:
    """Print the paths of a new pair of keys."""
    rows = [("private, for edgekit sign", str(private)), ("public, for the devices", str(public))]
    print_table("Ed25519 key", (), rows)


def print_verification(verification: Verification) -> None:
    """Print the results for the digest, the signature and the golden examples."""
    whose = "the given key" if verification.is_trusted else "an unknown key; pass --public-key to verify it"
    rows = [
        ("digest", "valid" if verification.model_sha256 else "none is packed"),
        ("signature", f"valid, by {whose}" if verification.signer else "not signed"),
        *_golden_rows(verification.golden),
    ]
    print_table(f"{verification.path.name}: verified", (), rows)


def _golden_rows(golden: GoldenReport | None) -> list[tuple[str, str]]:
    if golden is None:
        return [("golden examples", "none are packed")]
    return [
        ("golden examples", f"{golden.examples}, {'passed' if golden.passed else 'FAILED'}"),
        ("largest error", f"{max(golden.max_error):.3g}, allowed {max(golden.tolerance):.3g}"),
        *([] if golden.prepared_equal else [("prepared inputs", "DIFFER from the packed ones")]),
        *([] if golden.answer_equal else [("decoded answer", "DIFFERS from the packed one")]),
        ("interpreter", golden.interpreter),
    ]


def print_export(model: str, exported: ExportedSource) -> None:
    """Print the sizes of the array and of the tensor arena, and the files."""
    rows = [
        ("array", kilobytes(exported.model_bytes)),
        ("tensor arena, at most", kilobytes(exported.arena_bytes)),
        *(("file", str(file)) for file in exported.files),
    ]
    print_table(f"{model} as C source", (), rows)
