"""Makes one signature of a file with several the main one, so that every interpreter runs it like any other model.

An interpreter's own interface for signatures differs between packages, copies more, and knows nothing of tensors by
number. The view is a file of its own instead: its structure is checked again before native code sees it, and
everything that the runtime does for a model (quantized inputs, batches, recovery from errors) applies to it.
"""

from __future__ import annotations

import struct

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.packed_file.zip_parts import flatbuffer_end
from edgekit_runtime.tflite.flatbuffer import FlatBuffer, Table, damaged
from edgekit_runtime.tflite.schema import Model, SignatureDef, SubGraph
from edgekit_runtime.tflite.tflite_model import TfliteModel

_U32 = struct.Struct("<I")
_ENTRY_BYTES = 4
_COUNT_BYTES = 4


def signature_view(model: TfliteModel, key: str) -> TfliteModel:
    """Return a model whose main subgraph is that of one signature.

    Args:
        model: A .tflite with several signatures.
        key: Name of the signature.
    Returns:
        The FlatBuffer of the same size without the parts behind it. Its only signature is ``key``; the subgraphs of
        the other signatures are empty, so that an interpreter does not prepare their weights.
    Raises:
        ModelFileError: The file has no such signature, or cannot be rearranged.
    """
    signatures = model.description.signatures
    chosen = next((number for number, each in enumerate(signatures) if each.key == key), None)
    if chosen is None:
        raise ModelFileError(
            f"The model has no signature {key!r}.",
            expected="a file that edgekit convert --pair has written",
            received=", ".join(each.key for each in signatures) or "no signatures",
        )
    content = bytearray(model.buffer[: flatbuffer_end(model.buffer)])
    root = FlatBuffer(bytes(content)).root()
    subgraph = signatures[chosen].subgraph
    subgraphs = list(root.tables(Model.SUBGRAPHS, "subgraph"))
    for other in {each.subgraph for each in signatures} - {subgraph}:
        _make_empty(content, subgraphs[other])
    _swap_entries(content, root, Model.SUBGRAPHS, 0, subgraph)
    table = list(root.tables(Model.SIGNATURE_DEFS, "signature"))[chosen]
    place = table.place(SignatureDef.SUBGRAPH_INDEX)
    if place:
        _U32.pack_into(content, place, 0)
    _swap_entries(content, root, Model.SIGNATURE_DEFS, 0, chosen)
    _set_count(content, root, Model.SIGNATURE_DEFS, 1)
    return TfliteModel(bytes(content))


def _make_empty(content: bytearray, subgraph: Table) -> None:
    for field in (SubGraph.INPUTS, SubGraph.OUTPUTS, SubGraph.OPERATORS):
        _set_count(content, subgraph, field, 0)


def _set_count(content: bytearray, table: Table, field: int, count: int) -> None:
    start, _ = table.vector_place(field, "vector")
    if start:
        _U32.pack_into(content, start - _COUNT_BYTES, count)


def _swap_entries(content: bytearray, table: Table, field: int, first: int, second: int) -> None:
    """Swap two entries of a vector of tables, each of which is stored as a distance from its own place."""
    start, _ = table.vector_place(field, "vector")
    places = [start + _ENTRY_BYTES * number for number in (first, second)]
    targets = [place + _U32.unpack_from(content, place)[0] for place in places]
    for place, target in zip(places, reversed(targets)):
        if target < place:
            raise damaged("a table lies inside the vector that refers to it")
        _U32.pack_into(content, place, target - place)
