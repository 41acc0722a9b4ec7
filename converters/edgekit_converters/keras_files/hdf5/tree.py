"""The groups and arrays of an HDF5 file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from edgekit_converters.keras_files.hdf5.arrays import Array
from edgekit_converters.keras_files.hdf5.attributes import Attributes
from edgekit_converters.keras_files.hdf5.links import read_links
from edgekit_converters.keras_files.hdf5.object_header import (
    LINK,
    LINK_INFO,
    SHARED_MESSAGES,
    SYMBOL_TABLE,
    read_messages,
)
from edgekit_converters.keras_files.hdf5.source import Fields, Source
from edgekit_runtime.errors import ModelFileError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MAX_DEPTH = 100
_MAX_OBJECTS = 200_000


class Group:
    """A group: its members, sorted by name, and its attributes.

    Attributes:
        attrs: Attributes of the group.
        members: Groups and arrays in the group, by name.
    """

    def __init__(self, attrs: Attributes, members: dict[str, Group | Array]) -> None:
        self.attrs = attrs
        self.members = members

    def find(self, path: str) -> Group | Array | None:
        """Find the member at a path such as ``"dense_1/kernel:0"``; None if there is none."""
        found: Group | Array | None = self
        for name in path.split("/"):
            if name not in ("", "."):  # HDF5 reads "a//b" and "a/./b" as "a/b".
                found = found.members.get(name) if isinstance(found, Group) else None
        return found

    def group(self, path: str) -> Group:
        """Return the group at a path.

        Raises:
            ModelFileError: There is no such group.
        """
        found = self.find(path)
        if not isinstance(found, Group):
            raise self._missing("group", path)
        return found

    def array(self, path: str) -> np.ndarray:
        """Read the array at a path.

        Raises:
            ModelFileError: There is no such array, or it does not contain numbers.
        """
        found = self.find(path)
        if not isinstance(found, Array):
            raise self._missing("array", path)
        return found.read()

    def _missing(self, what: str, path: str) -> ModelFileError:
        there = ", ".join(list(self.members)[:10])
        return ModelFileError(
            f"The file names the {what} '{path[:200]}', which it doesn't have.",
            received=there[:300] or "an empty group",
            next_step="copy or download the file again, or save the model again",
        )

    def without_values(self) -> Group:
        """Return the same group with arrays of zeros, for callers that need only shapes."""
        return Group(self.attrs, {name: member.without_values() for name, member in self.members.items()})

    def walk(self, path: str = "") -> Iterator[tuple[str, Group | Array]]:
        """Yield everything below this group with its path, each group before its members."""
        for name, member in self.members.items():
            inner = f"{path}/{name}" if path else name
            yield inner, member
            if isinstance(member, Group):
                yield from member.walk(inner)


def open_hdf5(file: BinaryIO, size_bytes: int, name: str) -> Group:
    """Read all tables of an HDF5 file; values of arrays and attributes are read when they are accessed.

    Args:
        file: The opened file; it must stay open while values are read.
        size_bytes: File size in bytes.
        name: Name of the file in messages.
    Returns:
        The outermost group.
    Raises:
        ModelFileError: The file is truncated or damaged, or uses a part of HDF5 that Keras files don't.
        UnsafeModelError: The file refers to other files, needs a plug-in, or declares more than it stores.
    """
    source = Source(file, size_bytes, name)
    root = _read_object(source, _root_address(source), "", {})
    if not isinstance(root, Group):
        raise source.damaged("its root is an array")
    return root


def _root_address(source: Source) -> int:
    fields = Fields(source, source.read(0, min(source.size_bytes, 112)), len(SIGNATURE))
    version = fields.number(1)
    if version in (0, 1):
        fields.skip(4)
        widths = fields.number(1), fields.number(1)
        fields.skip(9 + 4 * version)
    elif version in (2, 3):
        widths = fields.number(1), fields.number(1)
        fields.skip(1)
    else:
        raise source.unsupported(f"a file of version {version}")
    if widths != (8, 8):
        raise source.unsupported(f"addresses of {widths[0]} and lengths of {widths[1]} bytes")
    base = fields.number(8)
    fields.skip(8)
    end = fields.number(8)
    if base:
        raise source.unsupported("bytes before its beginning")
    if end > source.size_bytes:
        raise source.damaged(f"it is truncated, {source.size_bytes} of {end} bytes are there")
    fields.skip(16 if version < 2 else 0)
    return fields.number(8)


def _read_object(source: Source, address: int, path: str, seen: dict[int, str]) -> Group | Array:
    """Read the object at ``address``; ``seen`` maps the addresses of objects read before to their paths."""
    if address in seen:
        raise source.unsupported(f"two names for one object, '{path[:200]}' and '{seen[address][:200]}'")
    seen[address] = path
    if len(seen) > _MAX_OBJECTS or path.count("/") > _MAX_DEPTH:
        raise source.damaged(f"more than {_MAX_OBJECTS} objects, or nested more than {_MAX_DEPTH} deep")
    messages = read_messages(source, address)
    kinds = {message.kind for message in messages}
    if SHARED_MESSAGES in kinds:
        raise source.unsupported("messages that several objects share")
    if not kinds & {SYMBOL_TABLE, LINK_INFO, LINK}:
        return Array(source, messages, path)
    members: dict[str, Group | Array] = {}
    for name, member in sorted(read_links(source, messages, path)):
        if name in members:
            raise source.damaged(f"'{path[:200]}' has two members named '{name[:200]}'")
        members[name] = _read_object(source, member, f"{path}/{name}", seen)
    return Group(Attributes(source, messages), members)
