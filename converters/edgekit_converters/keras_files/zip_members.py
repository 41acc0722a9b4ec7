"""The members of a ``.keras`` zip, read into memory under limits; nothing is extracted to the disk."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO

from edgekit_runtime.errors import ModelFileError, UnsafeModelError

MAX_MEMBERS = 1_000
#: Trained weights hardly shrink; beyond this a member is made to grow.
MAX_RATIO = 100
#: Small members may shrink more.
FREE_BYTES = 16 << 20


def open_zip(file: BinaryIO, name: str) -> zipfile.ZipFile:
    """Open a zip and check its table of contents.

    Args:
        file: The opened file.
        name: What the messages call it.
    Raises:
        UnsafeModelError: A member's name leads out of the folder it would be extracted to.
        ModelFileError: It is truncated, or lists a member twice, or too many.
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
        UnsafeModelError: It would grow beyond measure.
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
            # One byte more than declared tells a member that lies about its size.
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
