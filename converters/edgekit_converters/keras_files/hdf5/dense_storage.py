"""Objects with many links or attributes: these are stored in a fractal heap and listed in a B-tree (version 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgekit_converters.keras_files.hdf5.source import UNDEFINED, Fields, Source

_MAX_DEPTH = 16
# Offset of the object's id in a record of links (5: after the hash of the name) and of attributes (8).
_ID_POSITION = {5: 4, 8: 0}


def read_dense(source: Source, heap_address: int, tree_address: int) -> Iterator[bytes]:
    """Read every object of the heap that the tree lists: messages of links or attributes."""
    if UNDEFINED in (heap_address, tree_address):
        return
    heap = _open_heap(source, heap_address)
    for record in _records(source, tree_address):
        yield heap.read(record)


@dataclass(frozen=True, slots=True)
class _Heap:
    """A fractal heap.

    Attributes:
        source: The file.
        offset_bytes: Width of an offset in an object's id.
        id_bytes: Width of an id.
        blocks: Offset in the heap, size, and address in the file of every block that contains objects.
    """

    source: Source
    offset_bytes: int
    id_bytes: int
    blocks: list[tuple[int, int, int]]

    def read(self, record: bytes) -> bytes:
        """Read the object whose id is at the start of ``record``."""
        fields = Fields(self.source, record[: self.id_bytes])
        if fields.number(1) & 0x30:
            raise self.source.unsupported("links or attributes of more than 64 kB")
        offset = fields.number(self.offset_bytes)
        size = fields.number(fields.left)
        for start, block_size, address in self.blocks:
            if start <= offset and offset + size <= start + block_size:
                return self.source.read(address + offset - start, size)
        raise self.source.damaged("a link or attribute outside its heap")


def _open_heap(source: Source, address: int) -> _Heap:
    fields = Fields(source, source.signed(address, 142, b"FRHP"), 5)
    id_bytes, filter_bytes = fields.number(2), fields.number(2)
    if filter_bytes:
        raise source.unsupported("packed links or attributes")
    fields.skip(1 + 4 + 8 * 12)
    width, start_size, max_direct = fields.number(2), fields.number(8), fields.number(8)
    heap_bits = fields.number(2)
    fields.skip(2)
    root, rows = fields.number(8), fields.number(2)
    powers = all(size and size & (size - 1) == 0 for size in (width, start_size, max_direct))
    if not powers or heap_bits > 64 or max_direct < start_size or max_direct > 1 << 32:
        raise source.damaged("a heap of impossible sizes")
    offset_bytes = (heap_bits + 7) // 8
    heap = _Heap(source, offset_bytes, id_bytes, [])
    if root != UNDEFINED:
        table = _DoublingTable(width, start_size, max_direct, 13 + offset_bytes)
        if rows == 0:
            heap.blocks.append((0, start_size, root))
        else:
            table.collect(source, root, rows, 0, heap.blocks)
    return heap


@dataclass(frozen=True, slots=True)
class _DoublingTable:
    """Sizes of a heap's blocks: the first two rows have the starting size, each further one twice the previous."""

    width: int
    start_size: int
    max_direct: int
    header_bytes: int

    def collect(self, source: Source, address: int, rows: int, offset: int, blocks: list[tuple[int, int, int]]) -> None:
        """Add all blocks below the indirect block at ``address``, which starts at ``offset`` in the heap."""
        if rows > 64:
            raise source.damaged("a heap of impossible sizes")
        source.signed(address, 4, b"FHIB")
        addresses = Fields(source, source.read(address + self.header_bytes, 8 * rows * self.width))
        for row in range(rows):
            size = self.start_size << max(row - 1, 0)
            for _ in range(self.width):
                block = addresses.number(8)
                if block != UNDEFINED and size <= self.max_direct:
                    source.signed(block, 4, b"FHDB")
                    blocks.append((offset, size, block))
                elif block != UNDEFINED:
                    below = size.bit_length() - (self.start_size * self.width).bit_length() + 1
                    self.collect(source, block, below, offset, blocks)
                offset += size


def _records(source: Source, address: int) -> Iterator[bytes]:
    """Yield the records of a B-tree, each starting with the object's id."""
    fields = Fields(source, source.signed(address, 38, b"BTHD"), 4)
    version, kind = fields.number(1), fields.number(1)
    if version != 0 or kind not in _ID_POSITION:
        raise source.damaged("another kind of list instead of names")
    node_size, record_size, depth = fields.number(4), fields.number(2), fields.number(2)
    fields.skip(2)
    root, root_records = fields.number(8), fields.number(2)
    if not 11 <= record_size <= 64 or not 64 <= node_size <= 1 << 20 or depth > _MAX_DEPTH:
        raise source.damaged("a list of impossible sizes")
    if root == UNDEFINED:
        return
    # Most records in a node of each level, and in the whole tree below it, which determine the widths of the counts.
    most = [(node_size - 10) // record_size]
    total = [most[0]]
    pointers: list[tuple[int, int]] = [(0, 0)]
    for level in range(1, depth + 1):
        count_bytes, total_bytes = _width(most[-1]), _width(total[-1]) if level > 1 else 0
        pointer = 8 + count_bytes + total_bytes
        pointers.append((count_bytes, total_bytes))
        most.append((node_size - 10 - pointer) // (record_size + pointer))
        total.append((most[-1] + 1) * total[-1] + most[-1])

    def walk(node: int, records: int, level: int) -> Iterator[bytes]:
        if records > most[level]:
            raise source.damaged("a list that is longer than its node")
        content = Fields(source, source.signed(node, node_size, b"BTIN" if level else b"BTLF"), 6)
        yield from [content.take(record_size)[_ID_POSITION[kind] :] for _ in range(records)]
        if level:
            count_bytes, total_bytes = pointers[level]
            for _ in range(records + 1):
                child, child_records = content.number(8), content.number(count_bytes)
                content.skip(total_bytes)
                yield from walk(child, child_records, level - 1)

    yield from walk(root, root_records, depth)


def _width(number: int) -> int:
    return (number.bit_length() + 7) // 8
