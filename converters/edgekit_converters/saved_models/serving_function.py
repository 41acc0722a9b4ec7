"""Makes one signature of a SavedModel a TensorFlow function, which consists only of what the scan has allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit_converters.lowering.keras.signature import argument_names
from edgekit_converters.saved_models.description import Signature, SignatureTensor, read_graph_file, read_meta_graphs
from edgekit_converters.saved_models.graph_part import part_of, to_trace
from edgekit_converters.saved_models.scan import CONSTANT_TABLES, require_allowed
from edgekit_converters.saved_models.signature_choice import choose_signature, serving_graph
from edgekit_converters.saved_models.stored_values import StoredValues
from edgekit_runtime.errors import ModelFileError


class ServingFunction:
    """A signature, its graph and the values of its variables.

    Attributes:
        signature: Names, types and shapes of inputs and outputs.
        input_names: The signature's name of each input by the name that TensorFlow accepts, in order.
        output_names: The same for the outputs.
        graph: TensorFlow's ``GraphDef`` of what the signature needs, without inputs and variables.
        operators: All operators in it.
        parameters: Number of values in its variables.

    Args:
        folder: The SavedModel.
        signature_name: Name of the signature; None selects ``serving_default`` or the only one.
    Raises:
        ModelFileError: The folder is not a complete SavedModel.
        UnsafeModelError: It contains an operator that may access files, processes or the network.
        ConversionError: It has no signature, or one that has no form in TFLite.
        UsageError: It has several signatures and none was selected.
    """

    def __init__(self, folder: Path, signature_name: str | None = None) -> None:
        content = read_graph_file(folder)
        graph = serving_graph(read_meta_graphs(content, folder), folder)
        self._folder = folder
        self.signature: Signature = choose_signature(graph, signature_name, folder)
        self.input_names = _by_argument(self.signature.inputs)
        self.output_names = _by_argument(self.signature.outputs)
        part = require_allowed(graph, self.signature, folder)
        meta_graph = _parsed(content, graph.number, folder)
        self.graph = part_of(meta_graph.graph_def, part, folder)
        table_names = {name for name in part.stored if graph.nodes[name].op in CONSTANT_TABLES}
        stored = StoredValues(meta_graph, folder)
        self._values = stored.variables(part.stored - table_names)
        self.parameters = sum(value.size for value in self._values.values())
        self._tables = stored.tables(table_names)
        functions = (function.node_def for function in self.graph.library.function)
        self.operators = {node.op for nodes in (self.graph.node, *functions) for node in nodes}
        self._handles = {name for name in self._values if graph.nodes[name].op == "VarHandleOp"}
        self._used = {_full_name(tensor) for node in self.graph.node for tensor in node.input}

    def traced(self, shapes: Mapping[str, Sequence[int | None] | None], *, batch: int | None = None) -> tuple[Any, Any]:
        """Trace the function for the given shapes.

        Args:
            shapes: Shape of each input, None for any size or any number of axes.
            batch: 1 if a dynamic batch is fixed at 1 in all shapes.
        Returns:
            The concrete function, whose outputs have the signature's names, and the ``tf.Module`` that owns its
            variables.
        """
        import tensorflow as tf
        from tensorflow.python.eager import context

        module = tf.Module()
        module.variables_of_model = {
            name: tf.Variable(self._values[name], trainable=False, name=name) for name in sorted(self._handles)
        }
        module.tables_of_model = {name: _table(*entries) for name, entries in self._tables.items()}
        handles = {name: variable.handle for name, variable in module.variables_of_model.items()}
        handles |= {name: table.resource_handle for name, table in module.tables_of_model.items()}
        # Variables of TensorFlow 1 provide their values, later ones a handle.
        graph = to_trace(self.graph, batch=batch)
        constants = {name: value for name, value in self._values.items() if name not in self._handles}

        def serve(*tensors: Any) -> dict[str, Any]:
            known = {_full_name(each.tensor): x for each, x in zip(self.signature.inputs, tensors, strict=True)}
            # Importing a graph requires symbolic tensors.
            capture = tf.compat.v1.get_default_graph().capture
            known |= {f"{name}:0": capture(handle) for name, handle in handles.items()}
            known |= {f"{name}:0": tf.constant(value) for name, value in constants.items()}
            return self._outputs(graph, known)

        inputs = zip(self.input_names, self.signature.inputs, strict=True)
        specs = [tf.TensorSpec(shapes[each.name], each.dtype, argument) for argument, each in inputs]
        module.serve = tf.function(serve, input_signature=specs, autograph=False)
        concrete = module.serve.get_concrete_function()
        # An imported graph keeps its functions to itself, but running and saving look them up in the context.
        for function in concrete.graph.as_graph_def().library.function:
            context.context().add_function_def(function)
        return concrete, module

    def run(
        self, shapes: Mapping[str, Sequence[int | None] | None], inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Run the function; with a fixed batch it is called as often as the examples require.

        Args:
            shapes: As for :meth:`traced`.
            inputs: Values (N, ...) by input name.
        Returns:
            Values (N, ...) by output name.
        """
        import tensorflow as tf

        concrete, _module = self.traced(shapes)
        batches = [shape[0] for shape in shapes.values() if shape and shape[0] is not None]
        count = len(next(iter(inputs.values())))
        step = batches[0] if batches else count
        parts = []
        for start in range(0, count, step):
            tensors = [tf.constant(inputs[x.name][start : start + step], x.dtype) for x in self.signature.inputs]
            parts.append(concrete(*tensors))
        named = self.output_names.items()
        return {name: np.concatenate([np.asarray(part[argument]) for part in parts]) for argument, name in named}

    def _outputs(self, graph: Any, known: Mapping[str, Any]) -> dict[str, Any]:
        """Import the graph with known tensors as its inputs; an output may be one of them."""
        import tensorflow as tf

        outputs = zip(self.output_names, self.signature.outputs, strict=True)
        tensors = {argument: _full_name(each.tensor) for argument, each in outputs}
        computed = [tensor for tensor in dict.fromkeys(tensors.values()) if tensor not in known]
        used = {tensor: value for tensor, value in known.items() if tensor in self._used}
        results = tf.graph_util.import_graph_def(graph, input_map=used, return_elements=computed, name="model")
        by_tensor = {**known, **dict(zip(computed, results, strict=True))}
        # Make each output a separate tensor, even if two are the same or an input is passed through.
        return {name: tf.identity(by_tensor[tensor]) for name, tensor in tensors.items()}


def _parsed(content: bytes, number: int, folder: Path) -> Any:
    """Parse TensorFlow's ``MetaGraphDef`` from exactly the bytes that were scanned."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    try:
        saved_model = SavedModel.FromString(content)
        return saved_model.meta_graphs[number]
    except (DecodeError, IndexError) as error:
        raise ModelFileError(
            f"{folder / 'saved_model.pb'} is damaged.", expected="a SavedModel protocol buffer", received=str(error)
        ) from error


def _table(keys: np.ndarray, values: np.ndarray) -> Any:
    """Make a look-up table with constant entries; each look-up brings its own default for missing keys."""
    import tensorflow as tf

    entries = tf.lookup.KeyValueTensorInitializer(tf.constant(keys), tf.constant(values))
    default = "" if values.dtype.kind in "OSU" else values.dtype.type(0)
    return tf.lookup.StaticHashTable(entries, default)


def _by_argument(tensors: Sequence[SignatureTensor]) -> dict[str, str]:
    names = [tensor.name for tensor in tensors]
    return dict(zip(argument_names(names), names, strict=True))


def _full_name(tensor: str) -> str:
    """Normalize ``node`` to ``node:0``, which is the same tensor."""
    return tensor if ":" in tensor or tensor.startswith("^") else f"{tensor}:0"
