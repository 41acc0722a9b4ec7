"""Reads members of a ``.keras`` zip into memory, with limits; nothing is extracted to disk."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO

from edgekit_runtime.errors import ModelFileError, UnsafeModelError

MAX_MEMBERS = 1_000
#: Trained weights hardly compress; a member beyond this ratio was designed to expand.
MAX_RATIO = 100
#: Small members may have a larger ratio.
FREE_BYTES = 16 << 20


def open_zip(file: BinaryIO, name: str) -> zipfile.ZipFile:
    """Open a zip and check its table of contents.

    Args:
        file: The opened file.
        name: Name of the file in messages.
    Raises:
        UnsafeModelError: A member's name points outside the folder to which it would be extracted.
        ModelFileError: The zip is truncated, lists a member twice, or lists too many.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeError) as error:
        raise ModelFileError(
            f"{name} begins like a .keras zip but cannot be opened.",
            received=str(error)[:200],
            next_step="copy or download the file again: its end is missing",
        ) from None
    members = archive.namelist()
    if len(members) > MAX_MEMBERS:
        raise ModelFileError(f"{name} holds {len(members)} members.", expected=f"at most {MAX_MEMBERS}")
    for member in members:
        if _leads_out(member):
            raise UnsafeModelError(
                f"{name}: the zip's member {member[:200]!r} would be written outside its folder.",
                expected="plain names such as config.json",
                next_step="don't use this file",
            )
    twice = {member for member in members if members.count(member) > 1}
    if twice:
        raise ModelFileError(f"{name} holds '{sorted(twice)[0][:200]}' twice.", expected="every member once")
    return archive


def read_member(archive: zipfile.ZipFile, member: str, name: str, max_bytes: int) -> bytes:
    """Read one member.

    Raises:
        UnsafeModelError: The member would expand excessively.
        ModelFileError: It is missing, damaged, encrypted or larger than ``max_bytes``.
    """
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise ModelFileError(
            f"{name} is a zip, but not one that Keras writes.",
            expected=f"a member {member}",
            received=", ".join(archive.namelist()[:10])[:300] or "an empty zip",
            next_step="pass the .keras or .h5 file itself",
        ) from None
    if info.file_size > max_bytes:
        raise ModelFileError(
            f"{name}: {member} is larger than it can be.", expected=f"{max_bytes} bytes", received=f"{info.file_size}"
        )
    if info.file_size > FREE_BYTES and info.file_size > MAX_RATIO * info.compress_size:
        raise UnsafeModelError(
            f"{name}: {member} would grow from {info.compress_size} to {info.file_size} bytes.",
            next_step="don't use this file",
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise ModelFileError(f"{name}: {member} is encrypted, or packed in a way that Keras doesn't use.")
    try:
        with archive.open(info) as stream:
            # Reading one byte more than declared detects a member whose declared size is wrong.
            data = stream.read(info.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ModelFileError(
            f"{name}: {member} is damaged.", received=str(error)[:200], next_step="copy or download the file again"
        ) from None
    if len(data) != info.file_size:
        raise ModelFileError(
            f"{name}: {member} is damaged.", expected=f"{info.file_size} bytes", received=str(len(data))
        )
    return data


def _leads_out(member: str) -> bool:
    posix, windows = PurePosixPath(member), PureWindowsPath(member)
    return (
        posix.is_absolute()
        or bool(windows.drive or windows.root)
        or ".." in posix.parts
        or ".." in windows.parts
        or "\0" in member
    )
