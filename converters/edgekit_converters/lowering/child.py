"""The child process of lowering: ``python -m edgekit_converters.lowering.child FOLDER PARENT``.

FOLDER contains ``request.json``. The child writes ``model.tflite`` there and then its response to stdout, as one line
of JSON. It then keeps running: for each line on stdin it runs the source model on ``inputs.npz``, writes
``outputs.npz`` and responds with another line. It ends when its stdin is closed, and on Linux when its parent ends.
PARENT is the parent's process id, or 0 if the thread that started the child may end before it.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

import numpy as np

from edgekit_converters.exported_programs.archive import is_exported_program
from edgekit_converters.lowering.cpu_time import limit_cpu_time
from edgekit_converters.lowering.inputs_and_outputs import with_source_names_and_order
from edgekit_converters.lowering.parent_process import end_with_parent, lines_of_parent
from edgekit_converters.lowering.process import LoweringRequest, load_by_name, no_room, save_by_name, write_raw_inputs
from edgekit_converters.lowering.source_digest import read_unchanged
from edgekit_converters.memory_limits import (
    limit_own_memory,
    out_of_memory,
    ran_out_of_memory,
    require_fits_flatbuffer,
    require_tensor_within,
    source_bytes,
)
from edgekit_converters.non_finite import defects_of_constants
from edgekit_runtime.errors import EdgekitError, UsageError
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Space for what TensorFlow writes of a graph, in addition to its weights.
_GRAPH_BYTES = 2_000_000

#: Runs the source model on values by input name; returns values by output name, both as in the signature.
SourceModel = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def main(folder: Path, parent_id: int) -> None:
    """Process the request in ``folder``, then run the source model as often as requested."""
    # Ctrl-C reaches the whole process group: the parent reports it and ends its child.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent_id:
        end_with_parent(parent_id)
    requests = lines_of_parent(sys.stdin.fileno())
    parent = _reserve_stdout()
    answer: Mapping[str, object]
    source_model: SourceModel | None = None
    try:
        answer, source_model = _lower(_read_request(folder), folder / "model.tflite")
    # TensorFlow's out-of-memory error has no suitable base class.
    except Exception as error:
        answer = _explain(error, json.loads((folder / "request.json").read_text())["source"]).to_dict()
    parent.write(json.dumps(answer) + "\n")
    if source_model is not None:
        for _ in requests:
            parent.write(_run(source_model, folder))


def _explain(error: Exception, source: str) -> EdgekitError:
    """Convert an error to one for the user; re-raise an unexpected one."""
    if ran_out_of_memory(error):
        return out_of_memory(Path(source).name, str(error).splitlines()[0][:200] if str(error) else "")
    if isinstance(error, EdgekitError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_room(error)
    raise error


def _reserve_stdout() -> TextIO:
    """Reserve stdout for the parent: TensorFlow, Keras and PyTorch print there at will."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.close(devnull)
    return channel


def _run(source_model: SourceModel, folder: Path) -> str:
    try:
        save_by_name(folder / "outputs.npz", source_model(load_by_name(folder / "inputs.npz")))
    # Keras and TensorFlow raise errors of any type; the parent decides what to do.
    except Exception as error:
        return f"failed {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}\n"
    return "ran\n"


def _read_request(folder: Path) -> LoweringRequest:
    fields = json.loads((folder / "request.json").read_text())
    shape = fields["input_shape"]
    return LoweringRequest(
        source=Path(fields["source"]),
        input_shape=None if shape is None else tuple(shape),
        architecture=fields["architecture"],
        custom_objects=tuple(fields["custom_objects"]),
        allow_unsafe=fields["allow_unsafe"],
        fixed_batch=fields["fixed_batch"],
        channels_last=fields["channels_last"],
        max_memory=fields["max_memory"],
        signature=fields["signature"],
    )


def _lower(request: LoweringRequest, destination: Path) -> tuple[dict[str, object], SourceModel | None]:
    source_model: SourceModel | None = None
    source_size = source_bytes(request.source)
    limit_own_memory(request.max_memory, source_size)
    # A constant that is stored in the source may be as large as the source.
    request = replace(request, max_memory=max(request.max_memory, source_size))
    if request.source.is_dir():
        from edgekit_converters.lowering.saved_model import LoadedSavedModel

        load = partial(
            LoadedSavedModel,
            request.source,
            signature=request.signature,
            input_shape=request.input_shape,
            max_memory=request.max_memory,
        )
        limit_cpu_time(request.source)
        loaded, sha256 = read_unchanged(request.source, load)
        require_fits_flatbuffer(loaded.parameters, model=request.source.name)
        _require_room(destination.parent, loaded.parameters)
        model, batch = loaded.lower(fixed_batch=request.fixed_batch)
        facts, source_model = _foreign_facts(batch), partial(_run_within_limit, request.source, loaded.run)
    elif request.source.is_file() and is_exported_program(request.source):
        from edgekit_converters.lowering.exported_program import lower_exported_program

        lower = partial(
            lower_exported_program,
            request.source,
            channels_last=request.channels_last,
            fixed_batch=request.fixed_batch,
        )
        lowered, sha256 = read_unchanged(request.source, lower)
        model, source_model = lowered.model, lowered.run
        facts = _foreign_facts(lowered.batch) | {
            "notes": list(lowered.notes),
            "warnings": list(lowered.warnings),
            "channels_first": lowered.channels_first,
        }
    else:
        model, sha256, facts, source_model = _lower_keras_file(request, destination.parent)
    model = with_source_names_and_order(model)
    _require_bounded(model.description, request)
    destination.write_bytes(model.content)
    if "defects" not in facts:
        facts["defects"] = list(defects_of_constants(model))
    return facts | {"inputs": _inputs(model.description), "source_sha256": sha256}, source_model


def _require_bounded(description: ModelDescription, request: LoweringRequest) -> None:
    """Reject a model with a tensor that is too large for any interpreter to allocate."""
    for subgraph in description.subgraphs:
        for tensor in subgraph.tensors:
            place = f"the tensor '{tensor.name}'"
            # NumPy has no 4-bit type; the size of strings and tables is unknown.
            item_bytes = (
                1 if tensor.dtype in ("int4", "string", "resource", "variant") else np.dtype(tensor.dtype).itemsize
            )
            require_tensor_within(request.max_memory, tensor.shape, item_bytes, model=request.source.name, place=place)


def _run_within_limit(source: Path, run: SourceModel, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    limit_cpu_time(source)
    return run(inputs)


def _lower_keras_file(
    request: LoweringRequest, folder: Path
) -> tuple[TfliteModel, str, dict[str, object], SourceModel]:
    from edgekit_converters.keras_files.load import load_keras_model
    from edgekit_converters.lowering.keras.applications import application_note
    from edgekit_converters.lowering.keras.learnt_ranges import ranges_by_tensor, recorded_results
    from edgekit_converters.lowering.keras.model import keras_runner, lower_keras_model, rescales_pixels
    from edgekit_converters.lowering.keras.open_input import shape_to_try
    from edgekit_converters.lowering.keras.texts import KerasTexts, text_layers_by_input

    load = partial(
        load_keras_model,
        request.source,
        allow_unsafe=request.allow_unsafe,
        custom_objects=_import_custom_objects(request.custom_objects),
        architecture=request.architecture,
        input_shape=request.input_shape,
        max_memory=request.max_memory,
    )
    loaded, sha256 = read_unchanged(request.source, load)
    _require_room(folder, loaded.model.count_params())
    with recorded_results() as calls:
        model, batch = lower_keras_model(
            loaded.model, name=request.source.name, fixed_batch=request.fixed_batch, max_memory=request.max_memory
        )
    text_layers = text_layers_by_input(loaded)
    facts = {
        "raw_inputs": write_raw_inputs(folder, {name: each.text_input for name, each in text_layers.items()}),
        "keras_version": loaded.keras_version,
        "batch": batch,
        "rescales_pixels": rescales_pixels(loaded.model),
        "notes": list(loaded.notes),
        "defects": list(loaded.defects),
        "learnt_ranges": ranges_by_tensor(model.description, loaded.learnt_ranges, calls)
        if loaded.learnt_ranges
        else {},
        "shape_to_try": list(shape_to_try(loaded.model)),
        "application_note": application_note(loaded.model),
    }
    texts = KerasTexts(text_layers)
    run = keras_runner(loaded.model)
    return model, sha256, facts, lambda inputs: run(texts.prepared(inputs))


def _require_room(folder: Path, parameters: int) -> None:
    """Report a full disk before TensorFlow runs into it: TensorFlow would continue without what it could not write."""
    # Once for the SavedModel that TensorFlow lowers, once for the result.
    needed = 2 * parameters * np.dtype(np.float32).itemsize + _GRAPH_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{free / 1e6:.1f} MB free, {needed / 1e6:.1f} MB needed")


def _foreign_facts(batch: str) -> dict[str, object]:
    """Facts about a source that was not written by Keras."""
    return {"keras_version": "", "batch": batch, "rescales_pixels": False, "notes": [], "application_note": ""}


def _inputs(description: ModelDescription) -> list[dict[str, object]]:
    """The inputs of the model's only signature."""
    tensors = [(name, description.tensors[index]) for name, index in description.signatures[0].inputs]
    return [{"name": name, "shape": tensor.shape_signature, "dtype": tensor.dtype} for name, tensor in tensors]


def _import_custom_objects(names: tuple[str, ...]) -> dict[str, type]:
    """Import each ``module:Class`` that the user named explicitly."""
    found = {}
    for name in names:
        module_name, _, class_name = name.partition(":")
        try:
            found[class_name] = getattr(importlib.import_module(module_name), class_name)
        # The user's module may raise anything.
        except Exception as error:
            raise UsageError(
                f"--custom-objects {name} could not be imported.",
                expected="module:Class, with the module importable from this folder",
                received=f"{type(error).__name__}: {error}",
            ) from error
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
    # The response is written: an orderly shutdown of TensorFlow would only make the parent wait.
    os._exit(0)
