"""The child process of fine-tuning: ``python -m edgekit_converters.finetuning.child FOLDER PARENT``.

FOLDER contains ``request.json``, ``float.tflite``, ``quantized.tflite`` and ``examples.npz``. The child writes lines of
JSON to stdout: the number of batches trained since the last line, and at the end the result or an error. It writes
``tuned.tflite`` before that. It ends when its stdin is closed, and on Linux when its parent ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from edgekit_converters.finetuning.constants import with_constants, with_own_biases
from edgekit_converters.finetuning.options import FineTuningOptions
from edgekit_converters.finetuning.rounding_plan import plan_rounding
from edgekit_converters.lowering.parent_process import end_with_parent, lines_of_parent
from edgekit_converters.lowering.process import load_by_name
from edgekit_converters.quiet_tensorflow import import_quietly
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.errors import ConversionError, EdgekitError
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Examples that the operators are compared on.
_COMPARED = 2


def main(folder: Path, parent_id: int) -> None:
    """Process the request in ``folder``."""
    # Ctrl-C reaches the whole process group: the parent reports it and ends its child.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent_id:
        end_with_parent(parent_id)
    lines_of_parent(sys.stdin.fileno())
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        answer = _fine_tune(folder, channel)
    except EdgekitError as error:
        answer = error.to_dict()
    channel.write(json.dumps(answer) + "\n")


def _fine_tune(folder: Path, channel: TextIO) -> Mapping[str, Any]:
    import_quietly()
    import tensorflow as tf

    from edgekit_converters.finetuning.student import Network, Student
    from edgekit_converters.finetuning.training import train

    request = json.loads((folder / "request.json").read_text())
    options = FineTuningOptions(**request["options"])
    tf.keras.utils.set_random_seed(options.seed)
    tf.config.experimental.enable_op_determinism()
    model = TfliteModel(with_own_biases((folder / "float.tflite").read_bytes()))
    examples = load_by_name(folder / "examples.npz")
    values = TensorValues(model)
    if values.batch not in (None, 1):
        raise ConversionError(
            "--recover needs a model that takes one example, or any number of them, at a time.",
            received=f"a model that takes {values.batch}",
            next_step="leave --recover out, or export the model with a batch of 1",
        )
    values.run({name: array[: values.batch or _COMPARED] for name, array in examples.items()})
    example = {index: array.copy() for index, array in _all_tensors(values).items()}
    network = Network(model.content, example)
    if not network.trained or not network.outputs:
        raise ConversionError(
            "The model has no layer that --recover can train.",
            expected="convolutions or dense layers, and operators behind them that training can go through",
            received=", ".join(sorted({layer.kind for layer in network.frozen})) or "no layer with weights",
            next_step="leave --recover out",
        )

    def report(batches: int) -> None:
        channel.write(json.dumps({"batches": batches}) + "\n")

    plan = plan_rounding(model.description, TfliteModel((folder / "quantized.tflite").read_bytes()).description)
    student = Student(network, plan, example)
    state = train(
        network,
        student,
        _sources(model, values, network.sources, examples),
        options,
        one_by_one=values.batch == 1,
        checkpoint=(Path(request["checkpoint"]), request["digest"]),
        progress=report,
    )
    (folder / "tuned.tflite").write_bytes(with_constants(model.content, student.trained_constants()))
    return {
        "limits": student.trained_limits(),
        "trained": len(network.trained),
        "frozen": [[layer.name, layer.kind] for layer in network.frozen],
        "losses": state.losses,
        "best_epoch": state.best_epoch,
    }


def _all_tensors(values: TensorValues) -> dict[int, np.ndarray]:
    """Every tensor of the last run that is readable, by number."""
    found = {}
    for tensor in values.tensors:
        # A value that a loop only passes through has no memory of its own.
        with contextlib.suppress(ValueError):
            if not tensor.is_constant and tensor.dtype != "string":
                found[tensor.index] = values.real(tensor)
    return found


def _sources(
    model: TfliteModel, values: TensorValues, indices: Sequence[int], examples: Mapping[str, np.ndarray]
) -> dict[int, np.ndarray]:
    """Values of some tensors for all examples; inputs are returned as they are."""
    given = {index: examples[name] for name, index in model.description.signatures[0].inputs}
    computed = [index for index in indices if index not in given]
    rows: dict[int, list[np.ndarray]] = {index: [] for index in computed}
    for row in range(len(next(iter(examples.values())))) if computed else ():
        values.run({name: array[row : row + 1] for name, array in examples.items()})
        for index in computed:
            rows[index].append(values.real(values.tensors[index]).copy())
    return {index: np.concatenate(rows[index]) if index in rows else given[index] for index in indices}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
    # The response is written: an orderly shutdown of TensorFlow would only make the parent wait.
    os._exit(0)
