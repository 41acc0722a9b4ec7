"""A SavedModel folder to a float32 .tflite; its graph is read before TensorFlow loads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgekit_converters.lowering.converter_errors import explain
from edgekit_runtime.errors import ModelFileError, UnsafeModelError

#: Operators that reach out of the graph: files, processes, Python, plug-ins, other machines.
REACHING_OUT = frozenset(
    {
        "PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles", "WholeFileReader",
        "WholeFileReaderV2", "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "TextLineReader",
        "TextLineReaderV2", "TFRecordReader", "TFRecordReaderV2", "TFRecordDataset", "TFRecordDatasetV2",
        "TextLineDataset", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "Save", "SaveV2", "SaveSlices",
        "MergeV2Checkpoints", "PrintV2", "LoadAndRemapMatrix", "Recv", "Send", "_Recv", "_Send", "RemoteCall",
        "RpcCall", "TensorFlowServing", "LookupTableExportV2", "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2", "DebugIdentity", "DebugIdentityV2", "DumpTensor", "ImportEvent",
        "WriteSummary", "CreateSummaryFileWriter", "XlaLaunch",
    }
)  # fmt: skip
#: The restore function of every SavedModel saves and reads its own variables; nothing else may.
_OWN_VARIABLES = frozenset({"SaveV2", "MergeV2Checkpoints"})


def lower_saved_model(folder: Path) -> bytes:
    """Lower the SavedModel in ``folder``, signature ``serving_default``.

    Raises:
        ModelFileError: The folder holds no SavedModel, or one that is damaged.
        UnsafeModelError: Its graph has operators that reach files, processes or Python.
        ConversionError: An operator has no builtin form in TFLite.
    """
    _require_plain_graph(folder)
    import tensorflow as tf

    try:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        return bytes(converter.convert())
    except OSError as error:
        raise ModelFileError(f"{folder} could not be read as a SavedModel.", received=str(error)[:300]) from error
    except Exception as error:
        raise explain(error, folder.name) from error


def run_saved_model(folder: Path, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run the signature ``serving_default`` of a SavedModel that :func:`lower_saved_model` has lowered.

    Args:
        folder: The SavedModel.
        inputs: Values (N, ...) by the signature's names.
    Returns:
        Values (N, ...) by the signature's names of the outputs.
    """
    import tensorflow as tf

    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    outputs = signature(**{name: tf.constant(inputs[name], spec.dtype) for name, spec in specs.items()})
    return {name: np.asarray(value) for name, value in outputs.items()}


def _require_plain_graph(folder: Path) -> None:
    """Refuse a graph with operators that reach out of it, before anything of it is loaded."""
    graph_file = folder / "saved_model.pb"
    if not graph_file.is_file():
        raise ModelFileError(
            f"{folder} is a folder without a saved_model.pb.",
            expected="a Keras file (.h5, .keras) or a SavedModel folder",
            received=", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "an empty folder",
        )
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved_model = SavedModel()
    try:
        saved_model.ParseFromString(graph_file.read_bytes())
    except DecodeError as error:
        raise ModelFileError(f"{graph_file} is damaged.", expected="a SavedModel protocol buffer") from error
    for meta_graph in saved_model.meta_graphs:
        _require_plain_nodes(meta_graph.graph_def.node, folder, allowed=_OWN_VARIABLES)
        for function in meta_graph.graph_def.library.function:
            saves = function.signature.name.startswith("__inference__traced_save")
            _require_plain_nodes(function.node_def, folder, allowed=_OWN_VARIABLES if saves else frozenset())


def _require_plain_nodes(nodes: object, folder: Path, allowed: frozenset[str]) -> None:
    for node in nodes:  # type: ignore[attr-defined]
        if node.op in REACHING_OUT - allowed:
            raise UnsafeModelError(
                f"{folder.name} holds the operator {node.op} (node {node.name}), which reaches out of the model.",
                expected="a graph that only computes",
                next_step="export the model again without it",
            )
