"""The archive of an exported program: an allow-list of members, each read once; compressed ones are rejected.

PyTorch's loader acts on member names: it opens what is below ``data/aotinductor/`` as native code, unpickles other
members, and treats everything that starts with ``models/`` as a model. Only members that are named here reach PyTorch.
"""

from __future__ import annotations

import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgekit_runtime.errors import ModelFileError, UnsafeModelError

MODEL = "models/model.json"
WEIGHTS, CONSTANTS = "data/weights/", "data/constants/"
WEIGHTS_CONFIG = WEIGHTS + "model_weights_config.json"
CONSTANTS_CONFIG = CONSTANTS + "model_constants_config.json"
#: Member that marks the archive.
FORMAT = "archive_format"

_ALLOWED = re.compile(
    rf"{FORMAT}|archive_version|byteorder|\.data/(version|serialization_id)"
    rf"|{MODEL}|{WEIGHTS}weight_\d{{1,6}}|{CONSTANTS}tensor_\d{{1,6}}|{WEIGHTS_CONFIG}|{CONSTANTS_CONFIG}"
    # These two are never read: sample inputs may be pickled objects, and extra files are irrelevant to a conversion.
    r"|data/sample_inputs/model\.pt|extra/[A-Za-z0-9_.-]{1,100}",
    re.ASCII,
)
_MAX_MEMBERS = 20_000
#: Written by PyTorch up to 2.7, and by 2.8: the weights in them are pickled objects.
_OLD_FORMAT = "serialized_exported_program.json"
_PICKLED_WEIGHTS = frozenset({WEIGHTS + "model.pt", CONSTANTS + "model.pt"})


@dataclass(frozen=True, slots=True)
class Archive:
    """The members of an exported program that are needed.

    Attributes:
        path: Path of the file.
        members: Content by name, without the folder that contains all of them.
    """

    path: Path
    members: dict[str, bytes]

    def read(self, name: str) -> bytes:
        """Return one member.

        Raises:
            ModelFileError: The member is missing.
        """
        if name not in self.members:
            raise ModelFileError(f"{self.path.name} is not a whole exported program.", expected=f"a member {name}")
        return self.members[name]


def is_exported_program(path: Path) -> bool:
    """Whether a file is a PyTorch exported program, judging by its content."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
    return _OLD_FORMAT in names or any(name.rpartition("/")[2] == FORMAT for name in names)


def read_archive(path: Path) -> Archive:
    """Read the allowed members, and reject a file that contains any other.

    Raises:
        ModelFileError: The archive is damaged, or was written by PyTorch before 2.9.
        UnsafeModelError: It contains a member that PyTorch would run, or one name twice.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _allowed_entries(archive.infolist(), path)
            return Archive(path, {name: _content(archive, entry) for name, entry in entries.items()})
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ModelFileError(
            f"{path.name} could not be read as an exported program.",
            received=str(error)[:200],
            next_step="copy the file again, or export the model again with torch.export.save",
        ) from error


def _allowed_entries(entries: list[zipfile.ZipInfo], path: Path) -> dict[str, zipfile.ZipInfo]:
    names = [entry.filename for entry in entries]
    folder = names[0].partition("/")[0] + "/" if names else ""
    if _OLD_FORMAT in names or _PICKLED_WEIGHTS & {name.removeprefix(folder) for name in names}:
        raise ModelFileError(
            f"{path.name} keeps its weights as pickled objects, as PyTorch 2.8 and before do.",
            expected="the format of PyTorch 2.9 and later",
            next_step="torch.export.save(torch.export.load('old.pt2'), 'new.pt2') in a newer PyTorch",
        )
    if len(names) > _MAX_MEMBERS:
        raise ModelFileError(f"{path.name} holds {len(names)} members.", expected=f"at most {_MAX_MEMBERS}")
    allowed: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = entry.filename.removeprefix(folder)
        # The table of contents contains the stored name, but zipfile cuts its own at a zero byte.
        if (
            not entry.filename.startswith(folder)
            or not _ALLOWED.fullmatch(name)
            or entry.orig_filename != entry.filename
        ):
            raise _unsafe(path, f"holds {entry.filename[:100]!r}, which is not part of a plain exported program")
        if name in allowed:
            raise _unsafe(path, f"holds {entry.filename[:100]!r} twice")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise _unsafe(path, f"holds {entry.filename[:100]!r}, which is not a regular file")
        allowed[name] = entry
    _require_stored(list(allowed.values()), path)
    return {name: entry for name, entry in allowed.items() if not name.startswith(("data/sample_inputs/", "extra/"))}


def _require_stored(entries: list[zipfile.ZipInfo], path: Path) -> None:
    """Require uncompressed members, as PyTorch writes them; in total they are then never larger than the file."""
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size or entry.flag_bits & 1:
            raise ModelFileError(
                f"{path.name}: {entry.filename[:100]!r} is compressed or encrypted, which PyTorch does not do.",
                next_step="save the program again with torch.export.save",
            )
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise ModelFileError(f"{path.name}: its members overlap, or claim to be larger than the file.")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    content = archive.read(entry)
    if len(content) != entry.file_size:
        raise ValueError(f"{entry.filename} ends too early")
    return content


def _unsafe(path: Path, what: str) -> UnsafeModelError:
    return UnsafeModelError(
        f"{path.name} {what}.",
        expected="the members that torch.export.save writes: a model, weights, constants and version files",
        next_step="export the model again with torch.export.export and torch.export.save; compiled packages"
        " (AOTInductor) cannot be converted",
    )
