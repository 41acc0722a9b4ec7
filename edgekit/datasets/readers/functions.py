"""Reads data from the user's own code, ``python:module:function``. The module is imported because the user named it."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.datasets.dataset import LARGEST_BYTES
from edgekit.datasets.ground_truth import GroundTruthForm, as_ground_truth, without_last_axis_of_one
from edgekit.datasets.kinds import FUNCTION
from edgekit.datasets.readers.stored_arrays import arrays_source, inputs_among
from edgekit.datasets.source import Source, row_hashes
from edgekit.datasets.splitting import HELD_BACK
from edgekit.datasets.streams import Batch, Conform, Part, Unchanged
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError, EdgekitError, UsageError
from edgekit_runtime.task import UNNAMED

_GROUND_TRUTH = "y"
#: Number of examples that are hashed, split and returned together.
_BLOCK = 64


def open_function(
    name: str, inputs: Sequence[ModelInput], *, seed: int, slice_by: str | None
) -> Source | FunctionExamples:
    """Call a function; arrays become a source with random access, and a generator is run again for every pass.

    Args:
        name: ``python:module:function``.
        inputs: Inputs of the model.
        seed: Seed for choosing the held-back examples.
        slice_by: Key of the slices in the dicts.
    Raises:
        UsageError: The name has another form.
        DataError: The function does not exist, fails, or returns arrays with other names.
    """
    return open_callable(name, import_function(name), inputs, seed=seed, slice_by=slice_by)


def open_callable(
    name: str, function: Callable[[], Any], inputs: Sequence[ModelInput], *, seed: int, slice_by: str | None
) -> Source | FunctionExamples:
    """Like :func:`open_function`, for a function object.

    Args:
        name: Name of the function, for messages.
        function: Returns arrays, or an iterable of examples or batches.
        inputs: Inputs of the model.
        seed: Seed for choosing the held-back examples.
        slice_by: Key of the slices in the dicts.
    Raises:
        DataError: The function returns arrays with other names.
    """
    arrays = as_arrays(function())
    if arrays is None:
        return FunctionExamples(name, function, tuple(inputs), Unchanged(), seed, slice_by=slice_by)
    return arrays_source(name, arrays, [each.name for each in inputs], slice_by=slice_by)


def import_function(name: str) -> Callable[[], Any]:
    """Import the module of ``python:module:function``, also from the current folder, and return the function.

    Raises:
        UsageError: The name has another form.
        DataError: The module or function does not exist, or importing the module fails.
    """
    module_name, _, function_name = name.removeprefix(FUNCTION.prefix).partition(":")
    if not module_name or not function_name:
        raise UsageError(f"{name} does not name a function.", expected="python:module:function", received=name)
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except Exception as error:
        raise DataError(
            f"{name} could not be imported.",
            expected="a function in a module on Python's path or in this folder",
            received=f"{type(error).__name__}: {error}",
        ) from error
    finally:
        sys.path.remove(folder)
    if not callable(function):
        raise DataError(f"{name} is not a function.", received=type(function).__name__)
    return function


def as_arrays(result: Any) -> dict[str, np.ndarray] | None:
    """Convert the result of a function to arrays by name; None if the result is an iterable of examples.

    A dict keeps its keys, a single array belongs to the only input, and the second item of a pair (x, y) is ``y``.
    """
    if isinstance(result, Mapping):
        return {str(key): np.asarray(value) for key, value in result.items()}
    if isinstance(result, np.ndarray):
        return {UNNAMED: result}
    if _is_pair(result) and isinstance(result[0], (np.ndarray, Mapping)):
        named = result[1] if isinstance(result[1], Mapping) else {UNNAMED: result[1]}
        return (as_arrays(result[0]) or {}) | {
            _GROUND_TRUTH + (key and f"_{key}"): np.asarray(values) for key, values in named.items()
        }
    return None


@dataclass(frozen=True)
class FunctionExamples:
    """Examples that a function yields, one by one or in batches; an ``ExampleStream``.

    The function is called again for every pass, and its examples are never in memory as a whole. The content of an
    example and the seed decide whether it is held back, so that copies stay in one part.

    Attributes:
        name: ``python:module:function``.
        function: Returns an iterable of the examples.
        inputs: Inputs of the model.
        conform: Converts raw values to the inputs of the model.
        seed: Seed for choosing the held-back examples.
        part: Part of the examples to read.
        slice_by: Key of the slices in the yielded dicts.
        limit: Maximum number of examples, or None.
        labels: Class names; always empty, because they are unknown.
        notes: Always empty, because reading changes nothing.
    """

    name: str
    function: Callable[[], Any]
    inputs: tuple[ModelInput, ...]
    conform: Conform
    seed: int
    part: Part = Part.EVERYTHING
    slice_by: str | None = None
    limit: int | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    _known: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def count(self) -> None:
        """Always None, because the number of examples is unknown until all have been read."""
        return

    @property
    def digest(self) -> str:
        """SHA-256 of the examples and their ground truth, in hex."""
        if "digest" not in self._known:
            for _ in self.batches(_BLOCK):
                pass
        return self._known["digest"]

    def sample(self, count: int, *, seed: int) -> FunctionExamples:
        """The first ``count`` examples, in the order of the function."""
        del seed
        return replace(self, limit=count if self.limit is None else min(count, self.limit), _known={})

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all examples in batches of ``size``; see ``ExampleStream.batches``."""
        whole = hashlib.sha256()
        waiting: list[Batch] = []
        for batch in self._numbered({}):
            for digest in row_hashes(*batch.inputs.values()):
                whole.update(digest)
            for output, values in sorted(batch.ground_truth.items()):
                whole.update(output.encode() + values.tobytes())
            waiting.append(batch)
            while sum(map(len, waiting)) >= size:
                joined = _joined(self.name, waiting)
                yield _rows(joined, slice(0, size))
                waiting = [_rows(joined, slice(size, None))] if len(joined) > size else []
        if waiting:
            yield _joined(self.name, waiting)
        self._known["digest"] = whole.hexdigest()

    def in_memory(self) -> Source:
        """Read all examples once into a source with random access.

        Raises:
            DataError: The examples do not fit into memory.
        """
        batches: list[Batch] = []
        size_bytes = 0
        for batch in self._numbered(None):
            size_bytes += sum(values.nbytes for values in batch.inputs.values())
            if size_bytes > LARGEST_BYTES:
                raise DataError(
                    f"The examples of {self.name} do not fit into memory.",
                    expected=f"at most {LARGEST_BYTES / 1e9:.0f} GB",
                    received="more",
                    next_step="give fewer or smaller examples",
                )
            batches.append(batch)
        whole = _joined(self.name, batches)
        ground_truth = {
            output: as_ground_truth(self.name, values, len(whole)) for output, values in whole.ground_truth.items()
        }
        return Source(
            name=self.name,
            count=len(whole),
            read=lambda rows: {key: values[rows] for key, values in whole.inputs.items()},
            hashes=lambda: row_hashes(*whole.inputs.values()),
            ground_truth={output: found.values for output, found in ground_truth.items()},
            labels=next((found.names for found in ground_truth.values()), ()),
        )

    def _numbered(self, forms: dict[str, GroundTruthForm] | None) -> Iterator[Batch]:
        """Yield the examples of this part, up to the limit, in batches of any size.

        Args:
            forms: Form of the ground truth of each output, which the first unambiguous batch decides; None leaves the
                ground truth unchanged.
        """
        number, given = 0, 0
        outputs: set[str] = set()
        for item in _items(self.name, self.function):
            batch = self._batch(item, number, forms)
            outputs = outputs if number else set(batch.ground_truth)
            if set(batch.ground_truth) != outputs:
                raise DataError(
                    f"{self.name} gave an item that is not labelled examples like the others.",
                    expected=f"labels of {_outputs(outputs)}",
                    received=f"labels of {_outputs(set(batch.ground_truth))}",
                    next_step="give all examples the same labels, or none",
                )
            number += len(batch)
            batch = _rows(batch, self._is_mine(batch))
            if self.limit is not None:
                batch = _rows(batch, slice(0, self.limit - given))
            given += len(batch)
            if len(batch):
                yield batch
            if given == self.limit:
                break
        if number == 0:
            raise DataError(f"{self.name} gave no examples.", expected="arrays, dicts by input name, or (x, y) pairs")

    def _is_mine(self, batch: Batch) -> np.ndarray:
        if self.part is Part.EVERYTHING:
            return np.ones(len(batch), bool)
        salt = self.seed.to_bytes(4, "little")
        shares = [
            int.from_bytes(hashlib.blake2b(digest, digest_size=8, salt=salt).digest(), "little") / 2**64
            for digest in row_hashes(*batch.inputs.values())
        ]
        return (np.array(shares) < HELD_BACK) == (self.part is Part.HELD_BACK)

    def _batch(self, item: Any, number: int, forms: dict[str, GroundTruthForm] | None) -> Batch:
        """Convert a yielded item to a batch; a single example gets a batch axis."""
        arrays = self._by_name(item)
        inputs = inputs_among(arrays, [model_input.name for model_input in self.inputs], self.slice_by) or arrays
        if self._is_single(inputs, [values for key, values in arrays.items() if _is_ground_truth(key)]):
            inputs = {key: value[np.newaxis] for key, value in inputs.items()}
            arrays = {key: value[np.newaxis] for key, value in arrays.items()}
        lengths = {len(value) for value in inputs.values()}
        if len(lengths) != 1:
            raise DataError(f"{self.name} gave inputs of different lengths.", received=str(sorted(lengths)))
        count = lengths.pop()
        return Batch(
            inputs=self.conform(inputs),
            raw=self.conform.raw(inputs),
            ground_truth={
                (output := _output_of(key)): values
                if forms is None
                else self._ground_truth(output, values, count, forms)
                for key, values in arrays.items()
                if _is_ground_truth(key)
            },
            groups=None if self.slice_by is None else self._groups(arrays, count),
            names=tuple(str(number + row) for row in range(count)),
        )

    def _by_name(self, item: Any) -> dict[str, np.ndarray]:
        """Convert a yielded item to arrays by name; tensors that NumPy can read are arrays too."""
        if _is_pair(item):
            named = item[1] if isinstance(item[1], Mapping) else {UNNAMED: item[1]}
            ground_truth = {_GROUND_TRUTH + (key and f"_{key}"): np.asarray(values) for key, values in named.items()}
            return self._by_name(item[0]) | ground_truth
        if isinstance(item, list) and len(item) == len(self.inputs):
            return {model_input.name: np.asarray(value) for model_input, value in zip(self.inputs, item, strict=True)}
        if isinstance(item, list) and len(item) in (2, 3) and all(hasattr(each, "__array__") for each in item):
            # A DataLoader of PyTorch returns pairs as lists.
            return self._by_name(tuple(item))
        arrays = as_arrays(item)
        return arrays if arrays is not None else {UNNAMED: np.asarray(item)}

    def _ground_truth(
        self, output: str, values: np.ndarray, count: int, forms: dict[str, GroundTruthForm]
    ) -> np.ndarray:
        # One batch is not enough to decide whether floats are classes.
        is_float = values.dtype.kind == "f"
        form = forms.get(output)
        if is_float and form is GroundTruthForm.CLASSES:
            return without_last_axis_of_one(as_ground_truth(self.name, values, count, GroundTruthForm.VALUES).values)
        ground_truth = as_ground_truth(self.name, values, count, form)
        if ground_truth.names:
            raise DataError(
                f"{self.name} gives names of classes, which have no order.",
                expected="class numbers from 0, as the model's outputs are numbered",
                received=", ".join(ground_truth.names[:5]),
            )
        # A mask that is all zeros does not show the form of the other masks.
        if values.ndim <= 2 or values.any():
            forms[output] = ground_truth.form
        return (
            ground_truth.values.astype(np.float32)
            if is_float and ground_truth.form is GroundTruthForm.CLASSES
            else ground_truth.values
        )

    def _groups(self, arrays: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        values = arrays.get(self.slice_by or "")
        if values is None or values.shape not in ((), (count,)):
            raise DataError(
                f"{self.name} gives no {self.slice_by} to slice by.",
                expected=f"a dict with the key {self.slice_by}, one value per example",
                received=", ".join(key for key in arrays if key) or "no dict",
            )
        return np.broadcast_to(values.astype(str), (count,))

    def _is_single(self, values: Mapping[str, np.ndarray], ground_truth: Sequence[np.ndarray]) -> bool:
        """Whether the values are one example without a batch axis; a channel axis of size 1 may be missing."""
        first = self.inputs[0]
        value = values.get(first.name, values.get(UNNAMED))
        if value is None:
            return False
        sizes = first.shape[1:]
        if first.pixels is not None and set(sizes) == {-1}:
            # Images of any size, as in training: the ground truth shows the batch axis, or the channel axis does.
            if ground_truth and value.ndim:
                return ground_truth[0].ndim == 0 or len(ground_truth[0]) != len(value)
            if value.ndim == len(sizes):
                return value.shape[-1] in (1, 3)
        if value.ndim == len(sizes) and not _equal(value.shape, sizes):
            return not (sizes[-1] == 1 and _equal(value.shape[1:], sizes[:-1]))
        return value.ndim <= len(sizes)


def _is_ground_truth(key: str) -> bool:
    return key == _GROUND_TRUTH or key.startswith(_GROUND_TRUTH + "_")


def _output_of(key: str) -> str:
    """The name of the output that an array of ground truth belongs to."""
    return key.removeprefix(_GROUND_TRUTH).removeprefix("_")


def _outputs(names: set[str]) -> str:
    return ", ".join(sorted(name or "the only output" for name in names)) or "no output"


def _is_pair(value: Any) -> bool:
    """Whether a value is a pair (x, y), optionally with weights as the third item."""
    return isinstance(value, tuple) and len(value) in (2, 3)


def _equal(given: Sequence[int], wanted: Sequence[int]) -> bool:
    return len(given) == len(wanted) and all(size in (-1, actual) for size, actual in zip(wanted, given, strict=True))


def _items(name: str, function: Callable[[], Any]) -> Iterator[Any]:
    """Yield the items of the function; exceptions that it raises are reported as its own."""
    try:
        result = function()
        if not isinstance(result, Iterable):
            raise DataError(
                f"{name} returned something that is not data.",
                expected="an array, a dict by input name, a pair (x, y), or a generator of these",
                received=type(result).__name__,
            )
        yield from result
    except EdgekitError:
        raise
    except Exception as error:
        raise DataError(
            f"{name} failed.",
            received=f"{type(error).__name__}: {error}",
            next_step="pass --debug to see the traceback",
        ) from error


def _rows(batch: Batch, rows: np.ndarray | slice) -> Batch:
    places = np.arange(len(batch))[rows]
    return Batch(
        inputs={key: value[rows] for key, value in batch.inputs.items()},
        ground_truth={key: value[rows] for key, value in batch.ground_truth.items()},
        groups=None if batch.groups is None else batch.groups[rows],
        names=tuple(batch.names[place] for place in places),
    )


def _joined(name: str, batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    first = batches[0]
    try:
        inputs = {key: np.concatenate([batch.inputs[key] for batch in batches]) for key in first.inputs}
        ground_truth = {
            key: np.concatenate([batch.ground_truth[key] for batch in batches]) for key in first.ground_truth
        }
    except ValueError as error:
        raise DataError(
            f"{name} gave batches whose examples differ in size.",
            expected="one size",
            received=str(error),
            next_step="give all examples, and all labels, one size",
        ) from error
    groups = [batch.groups for batch in batches if batch.groups is not None]
    return Batch(
        inputs=inputs,
        ground_truth=ground_truth,
        groups=np.concatenate(groups) if groups else None,
        names=tuple(name for batch in batches for name in batch.names),
    )
