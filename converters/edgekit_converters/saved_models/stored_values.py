"""Finds the values of a SavedModel's variables and tables in its saver and checkpoint, without running either."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit_converters.saved_models.scan import node_of
from edgekit_runtime.errors import ConversionError, ModelFileError

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_ASSIGNMENTS = ("AssignVariableOp", "Assign")
_FILLINGS = ("LookupTableImportV2", "InitializeTableV2")
#: Nodes that may be between a stored value and its variable.
_CARRIERS = ("Identity", "Cast")
#: Longest path through such nodes and calls; TensorFlow's savers have three steps.
_LONGEST_PATH = 100
#: Most nodes to visit, each counted once per call; functions that call each other twice would never end.
_MOST_NODES = 2_000_000


@dataclass(frozen=True, slots=True)
class _Scope:
    """Nodes of the main graph, or those of a function with the tensors that one call passes as its arguments."""

    nodes: Mapping[str, Any]
    arguments: Mapping[str, tuple[_Scope, str]]
    depth: int


@dataclass(frozen=True, slots=True)
class _Source:
    scope: _Scope
    node: Any
    index: int


class StoredValues:
    """The values of a graph's variables and tables.

    Args:
        meta_graph: TensorFlow's ``MetaGraphDef``.
        folder: The SavedModel.
    """

    def __init__(self, meta_graph: Any, folder: Path) -> None:
        self._folder = folder
        self._main = _Scope({node.name: node for node in meta_graph.graph_def.node}, {}, 0)
        self._functions = {each.signature.name: each for each in meta_graph.graph_def.library.function}
        self._restore = meta_graph.saver_def.restore_op_name
        self._nodes_left = _MOST_NODES

    def variables(self, names: Collection[str]) -> dict[str, np.ndarray]:
        """Read the values of variables, by the name of their node.

        Raises:
            ModelFileError: The checkpoint is missing or damaged, or lacks a value.
        """
        if not names:
            return {}
        keys = self._checkpoint_keys()
        checkpoint = _Checkpoint(self._folder)
        unknown = sorted(name for name in names if name not in keys)
        if unknown:
            raise ModelFileError(
                f"{self._folder.name} does not say which stored value the variable {unknown[0]} has.",
                expected="a saver that restores every variable",
                next_step="save the model again, with a newer version of TensorFlow if possible",
            )
        return checkpoint.read({name: keys[name] for name in names})

    def tables(self, names: Collection[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Read keys and values of look-up tables that the graph fills with constants, by the name of their node.

        Raises:
            ConversionError: A table is filled from another source, for example a vocabulary file.
        """
        found = {}
        if names:
            for scope, node in self._all_calls(self._main.nodes.values()):
                table = self._source(scope, node.input[0]) if node.op in _FILLINGS else None
                if table is not None and table.scope is self._main and table.node.name in names:
                    entries = [self._constant(scope, tensor) for tensor in node.input[1:3]]
                    if len(entries) == 2 and entries[0] is not None and entries[1] is not None:
                        found[table.node.name] = (entries[0], entries[1])
        for name in sorted(set(names) - found.keys()):
            raise ConversionError(
                f"{self._folder.name} needs the look-up table {name}, which is not filled with constants.",
                expected="a signature that takes numbers, or tables that are filled with constants",
                next_step="export a signature that starts after the look-up, and look up the values before the model",
            )
        return found

    def _checkpoint_keys(self) -> dict[str, str]:
        """The checkpoint key of each variable, as assigned by the saver's restore operation."""
        waiting, reached = [self._restore], set()
        while waiting:
            name = node_of(waiting.pop())
            if name in reached or name not in self._main.nodes:
                continue
            reached.add(name)
            waiting += self._main.nodes[name].input
        keys = {}
        for scope, node in self._all_calls(self._main.nodes[name] for name in sorted(reached)):
            if node.op not in _ASSIGNMENTS or len(node.input) < 2:
                continue
            variable, value = self._source(scope, node.input[0]), self._source(scope, node.input[1])
            if variable is None or value is None or variable.scope is not self._main:
                continue
            key = self._restored_key(value)
            if key is not None:
                keys[variable.node.name] = key
        return keys

    def _restored_key(self, value: _Source) -> str | None:
        if value.node.op != "RestoreV2" or len(value.node.input) < 3:
            return None
        names = self._source(value.scope, value.node.input[1])
        if names is None or names.node.op != "Const":
            return None
        strings = names.node.attr["value"].tensor.string_val
        return strings[value.index].decode(errors="replace") if value.index < len(strings) else None

    def _all_calls(self, nodes: Any, scope: _Scope | None = None) -> Iterator[tuple[_Scope, Any]]:
        """Yield nodes, and those of the functions that they call, each with its scope."""
        scope = scope or self._main
        for node in nodes:
            self._nodes_left -= 1
            if self._nodes_left < 0:
                raise ModelFileError(f"The functions of {self._folder.name} call each other without end.")
            yield scope, node
            function = self._functions.get(node.attr["f"].func.name) if node.op in _CALLS else None
            if function is not None and scope.depth < _LONGEST_PATH:
                names = [argument.name for argument in function.signature.input_arg]
                arguments = {name: (scope, tensor) for name, tensor in zip(names, node.input, strict=False)}
                inner = _Scope({each.name: each for each in function.node_def}, arguments, scope.depth + 1)
                yield from self._all_calls(function.node_def, inner)

    def _source(self, scope: _Scope, tensor: str) -> _Source | None:
        """The node that a tensor comes from, followed through arguments and nodes that only pass it on."""
        for _ in range(_LONGEST_PATH):
            name, _, rest = tensor.partition(":")
            if name in scope.arguments:
                scope, tensor = scope.arguments[name]
                continue
            node = scope.nodes.get(name)
            if node is None:
                return None
            if node.op not in _CARRIERS or not node.input:
                index = rest.rpartition(":")[2]
                return _Source(scope, node, int(index) if index.isdecimal() else 0)
            tensor = node.input[0]
        return None

    def _constant(self, scope: _Scope, tensor: str) -> np.ndarray | None:
        """The values of a constant if all are stored, otherwise None."""
        import tensorflow as tf

        source = self._source(scope, tensor)
        if source is None or source.node.op != "Const":
            return None
        stored = source.node.attr["value"].tensor
        elements = math.prod(dimension.size for dimension in stored.tensor_shape.dim)
        return np.asarray(tf.make_ndarray(stored)) if 0 <= elements <= stored.ByteSize() else None


def require_checkpoint(folder: Path) -> Path:
    """Return the file prefix of a SavedModel's checkpoint.

    Raises:
        ModelFileError: The folder does not contain one.
    """
    prefix = folder / "variables" / "variables"
    if not prefix.with_suffix(".index").is_file():
        raise ModelFileError(
            f"{folder.name} lacks its variables: there is no variables/variables.index in it.",
            expected="a whole SavedModel folder: saved_model.pb and variables/",
            received=", ".join(sorted(path.name for path in folder.iterdir())[:6]),
            next_step="copy the whole folder, with variables/, from where it was saved",
        )
    return prefix


class _Checkpoint:
    """The checkpoint in a SavedModel's ``variables`` folder."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self._folder = folder
        prefix = require_checkpoint(folder)
        self._stored_bytes = sum(part.stat().st_size for part in prefix.parent.glob("variables.data-*"))
        with self._explaining_damage():
            self._reader = tf.train.load_checkpoint(str(prefix))
            self._shapes = self._reader.get_variable_to_shape_map()
            self._dtypes = self._reader.get_variable_to_dtype_map()

    def read(self, keys: Mapping[str, str]) -> dict[str, np.ndarray]:
        """Read values by key; none may be larger than the stored data."""
        values = {}
        with self._explaining_damage():
            for name, key in keys.items():
                size = math.prod(self._shapes[key]) * self._dtypes[key].size
                if not 0 <= size <= self._stored_bytes:
                    raise ValueError(f"{key} needs {size:,} bytes, and {self._stored_bytes:,} are stored")
                values[name] = np.asarray(self._reader.get_tensor(key))
        return values

    @contextlib.contextmanager
    def _explaining_damage(self) -> Iterator[None]:
        try:
            yield
        # TensorFlow's reader raises errors of any type.
        except Exception as error:
            raise ModelFileError(
                f"The variables of {self._folder.name} could not be read.",
                expected="variables/variables.index and all of its data files, as they were saved",
                received=str(error)[:300],
                next_step="copy the whole folder again from where it was saved",
            ) from error
