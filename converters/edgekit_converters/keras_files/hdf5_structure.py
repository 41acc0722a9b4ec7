"""Checks every object of an HDF5 file before anything of it is read.

HDF5 can reach other files (external and soft links, external storage, virtual data sets), run plug-ins (filters) and
declare more than it stores. Files that Keras writes do none of it, so whatever does is refused. Finding this out
reads only HDF5's own tables.
"""

from __future__ import annotations

import math

import h5py

from edgekit_runtime.errors import ModelFileError, UnsafeModelError

MAX_OBJECTS = 200_000
MAX_DEPTH = 100
MAX_RANK = 16
MAX_ATTRIBUTES = 1_000
#: Deflate's limit is 1032 : 1, reached by arrays of zeros.
MAX_RATIO = 1_040
#: What all compressed arrays together may grow to, beyond the file's own size.
MAX_EXPANDED_BYTES = 256 << 20

#: Filters that HDF5 itself brings along: the others are shared libraries that HDF5 would look for on the disk.
_FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
    h5py.h5z.FILTER_LZF: "lzf",
    h5py.h5z.FILTER_SZIP: "szip",
    h5py.h5z.FILTER_NBIT: "nbit",
    h5py.h5z.FILTER_SCALEOFFSET: "scaleoffset",
}
_GROWING_FILTERS = frozenset(_FILTERS) - {h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_VALUE_CLASSES = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM, h5py.h5t.BITFIELD)
_LINKS = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "a link to another file"}


def check_structure(file: h5py.File, size_bytes: int, name: str) -> None:
    """Check every link, data set and attribute.

    Args:
        file: The file, opened through a file object and not by its path.
        size_bytes: The file's size.
        name: What the messages call the file.
    Raises:
        UnsafeModelError: Something reaches out of the file, needs a plug-in, or declares more than it stores.
        ModelFileError: The file is larger than sense in its number of objects.
    """
    _Check(size_bytes, name).group(file.id, "", 0)


class _Check:
    """The running totals of one file."""

    def __init__(self, size_bytes: int, name: str) -> None:
        self.size_bytes = size_bytes
        self.name = name
        self.seen: set[int] = set()
        self.stored_bytes = 0
        self.expanded_bytes = 0

    def group(self, group: h5py.h5g.GroupID, path: str, depth: int) -> None:
        if not self._first_visit(group, path):
            return
        if depth > MAX_DEPTH:
            raise ModelFileError(f"{self.name}: groups are nested more than {MAX_DEPTH} deep at {path[:80]!r}.")
        self._attributes(group, path)
        for key in group:
            inner_path = f"{path}/{key.decode('utf8', 'replace')}"
            kind = group.links.get_info(key).type
            if kind != h5py.h5l.TYPE_HARD:
                raise self._unsafe(inner_path, f"is {_LINKS.get(kind, 'a link of a kind that needs a plug-in')}")
            inner = h5py.h5o.open(group, key)
            if isinstance(inner, h5py.h5g.GroupID):
                self.group(inner, inner_path, depth + 1)
            elif isinstance(inner, h5py.h5d.DatasetID):
                self.dataset(inner, inner_path)
            else:
                raise self._unsafe(inner_path, "is neither a group nor an array")

    def dataset(self, dataset: h5py.h5d.DatasetID, path: str) -> None:
        if not self._first_visit(dataset, path):
            return
        self._attributes(dataset, path)
        properties = dataset.get_create_plist()
        if properties.get_external_count():
            raise self._unsafe(path, "keeps its values in another file (external storage)")
        layout = properties.get_layout()
        if layout == h5py.h5d.VIRTUAL:
            raise self._unsafe(path, "is a virtual data set, made of other files' values")
        if layout not in (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED, h5py.h5d.COMPACT):
            raise self._unsafe(path, "is stored in a way that HDF5 itself does not know")
        kind = dataset.get_type()
        if not _is_plain(kind):
            raise self._unsafe(path, "holds values that are neither numbers nor text of a fixed length")
        self._sizes(dataset, properties, path)

    def _sizes(self, dataset: h5py.h5d.DatasetID, properties: h5py.h5p.PropDCID, path: str) -> None:
        """Refuse shapes that the stored bytes cannot fill."""
        shape = dataset.get_space().shape or ()
        if len(shape) > MAX_RANK:
            raise self._unsafe(path, f"has {len(shape)} axes")
        declared = math.prod(shape) * dataset.get_type().get_size()
        stored = dataset.get_storage_size()
        self.stored_bytes += stored
        if stored > self.size_bytes or self.stored_bytes > self.size_bytes:
            raise self._unsafe(path, f"takes {stored} bytes, more than the file of {self.size_bytes} bytes has left")
        filters = [properties.get_filter(index)[0] for index in range(properties.get_nfilters())]
        unknown = [number for number in filters if number not in _FILTERS]
        if unknown:
            raise self._unsafe(path, f"is packed with filter {unknown[0]}, which needs a plug-in")
        growing = any(number in _GROWING_FILTERS for number in filters)
        if declared > stored * (MAX_RATIO if growing else 1):
            raise self._unsafe(path, f"declares {declared} bytes of shape {shape}, but {stored} bytes are stored")
        if properties.get_layout() == h5py.h5d.CHUNKED:
            self._chunks(dataset, properties, declared, path)
        if growing:
            self.expanded_bytes += declared
            if self.expanded_bytes > MAX_EXPANDED_BYTES + 20 * self.size_bytes:
                raise self._unsafe(path, f"brings the unpacked arrays to {self.expanded_bytes} bytes")

    def _chunks(self, dataset: h5py.h5d.DatasetID, properties: h5py.h5p.PropDCID, declared: int, path: str) -> None:
        """Refuse chunks much larger than their array: each is unpacked whole."""
        chunk_bytes = math.prod(properties.get_chunk()) * dataset.get_type().get_size()
        if chunk_bytes > max(8 * declared, 1 << 20):
            raise self._unsafe(path, f"has chunks of {chunk_bytes} bytes for {declared} bytes of values")

    def _attributes(self, item: h5py.h5g.GroupID | h5py.h5d.DatasetID, path: str) -> None:
        count = h5py.h5a.get_num_attrs(item)
        if count > MAX_ATTRIBUTES:
            raise ModelFileError(f"{self.name}: {path or '/'} has {count} attributes.", expected=str(MAX_ATTRIBUTES))

    def _first_visit(self, item: h5py.h5g.GroupID | h5py.h5d.DatasetID, path: str) -> bool:
        """Hard links may name an object twice, or make a circle."""
        address = h5py.h5o.get_info(item).addr
        if address in self.seen:
            return False
        self.seen.add(address)
        if len(self.seen) > MAX_OBJECTS:
            raise ModelFileError(f"{self.name} holds more than {MAX_OBJECTS} objects, at {path[:80]!r}.")
        return True

    def _unsafe(self, path: str, what: str) -> UnsafeModelError:
        return UnsafeModelError(
            f"{self.name}: '{path[:200]}' {what}.",
            expected="arrays of numbers that stand in the file itself",
            next_step="don't use this file; ask for it from where it was made",
        )


def _is_plain(kind: h5py.h5t.TypeID) -> bool:
    """True for numbers, and for text of a fixed length."""
    if kind.get_class() == h5py.h5t.STRING:
        return not kind.is_variable_str()
    return kind.get_class() in _VALUE_CLASSES
