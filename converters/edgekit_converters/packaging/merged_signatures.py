"""Merges several models into one .tflite with one signature each; weights that are equal are stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from edgekit_converters.own_models import parse_own_model
from edgekit_converters.quantization.packing import packed
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Metadata of the converter that names the oldest runtime; of several models, the newest of these counts.
_OLDEST_RUNTIME = b"min_runtime_version"


def merge_signatures(models: Mapping[str, TfliteModel]) -> TfliteModel:
    """Merge models into one file.

    The main subgraphs come first, in the order of ``models``, then the bodies of their loops and branches. A constant
    that several models contain, such as an embedding that encoder and decoder share, is stored once.

    Args:
        models: Models by the key that their signature gets; each has one signature, on its main subgraph. Nothing may
            be appended to them.
    Raises:
        ConversionError: A model does not have exactly one signature on its main subgraph.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    for key, model in models.items():
        if [signature.subgraph for signature in model.description.signatures] != [0]:
            raise ConversionError(
                f"The model for the signature {key!r} cannot be merged.",
                expected="one signature, on the main subgraph",
                received=f"{len(model.description.signatures)} signatures",
            )
    parsed = [flatbuffer_utils.read_model_from_bytearray(bytearray(model.content)) for model in models.values()]
    merged = _Merged(parsed[0])
    free = len(parsed)
    for number, (key, graph_file) in enumerate(zip(models, parsed, strict=True)):
        bodies = len(graph_file.subgraphs) - 1
        merged.add(key, graph_file, [number, *range(free, free + bodies)])
        free += bodies
    return parse_own_model(packed(merged.finished()), step="has merged the models")


class _Merged:
    """The merged file while models are added to it."""

    def __init__(self, first: Any) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._file = schema.ModelT()
        self._file.version = first.version
        self._file.description = first.description
        self._file.operatorCodes, self._file.signatureDefs, self._file.metadata = [], [], []
        # The first buffer is empty by convention: tensors without constant data refer to it.
        self._file.buffers = [schema.BufferT()]
        self._buffer_by_digest: dict[bytes, int] = {}
        self._subgraphs: dict[int, Any] = {}

    def add(self, key: str, graph_file: Any, places: list[int]) -> None:
        """Add a model; its subgraph ``i`` becomes subgraph ``places[i]``."""
        codes = [self._operator_code(code) for code in graph_file.operatorCodes]
        buffers = [self._buffer(buffer) for buffer in graph_file.buffers]
        for subgraph, place in zip(graph_file.subgraphs, places, strict=True):
            for tensor in subgraph.tensors:
                tensor.buffer = buffers[tensor.buffer]
            for operator in subgraph.operators:
                operator.opcodeIndex = codes[operator.opcodeIndex]
                _renumber_calls(operator.builtinOptions, places)
                _renumber_calls(operator.builtinOptions2, places)
            self._subgraphs[place] = subgraph
        for entry in graph_file.metadata or []:
            self._add_metadata(entry, buffers[entry.buffer])
        (signature,) = graph_file.signatureDefs
        signature.signatureKey, signature.subgraphIndex = key.encode(), places[0]
        self._file.signatureDefs.append(signature)

    def finished(self) -> Any:
        """The merged file in object form."""
        self._file.subgraphs = [self._subgraphs[place] for place in range(len(self._subgraphs))]
        return self._file

    def _operator_code(self, code: Any) -> int:
        same = [vars(known) == vars(code) for known in self._file.operatorCodes]
        if True not in same:
            self._file.operatorCodes.append(code)
        return same.index(True) if True in same else len(same)

    def _buffer(self, buffer: Any) -> int:
        if buffer.data is None or not len(buffer.data):
            return 0
        digest = hashlib.sha256(bytes(buffer.data)).digest()
        if digest not in self._buffer_by_digest:
            self._buffer_by_digest[digest] = len(self._file.buffers)
            self._file.buffers.append(buffer)
        return self._buffer_by_digest[digest]

    def _add_metadata(self, entry: Any, buffer: int) -> None:
        known = next((each for each in self._file.metadata if each.name == entry.name), None)
        if known is None:
            entry.buffer = buffer
            self._file.metadata.append(entry)
        elif entry.name == _OLDEST_RUNTIME and self._version(known.buffer) < self._version(buffer):
            known.buffer = buffer

    def _version(self, buffer: int) -> list[int]:
        text = bytes(self._file.buffers[buffer].data).rstrip(b"\0").decode()
        return [int(part) for part in text.split(".") if part.isdigit()]


def _renumber_calls(options: Any, places: list[int]) -> None:
    """Renumber the subgraphs that an operator calls; a negative number means that it calls none."""
    for field, value in vars(options).items() if options is not None else ():
        is_call = field.lower().endswith("subgraphindex") or field == "subgraph"
        if is_call and isinstance(value, int) and value >= 0:
            setattr(options, field, places[value])
