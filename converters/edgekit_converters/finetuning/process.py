"""The parent's side of fine-tuning: TensorFlow is imported in a child process."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit_converters import interrupts
from edgekit_converters.finetuning.options import FineTuningOptions
from edgekit_converters.lowering.child_failure import cause_of_exit
from edgekit_converters.lowering.process import (
    explaining_no_room,
    parent_id,
    rebuild_error,
    save_by_name,
    tensorflow_environment,
)
from edgekit_converters.own_models import parse_lowered
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Packages whose version can change the result.
_PACKAGES = ("tensorflow", "numpy", "edgekit-converters")


class FineTuningFailedError(ConversionError):
    """The child process ended without a result, whatever the model may allow."""


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A fine-tuned float model.

    Attributes:
        model: The float32 .tflite; weights that become integers have their values already.
        limits: Range that was learnt for each activation that becomes an integer, by tensor name.
        trained: Number of layers that were trained.
        frozen: Layers that were not: name of the output tensor and kind of operator.
        losses: Loss on held-back examples before training and after each epoch.
        best_epoch: The epoch that was kept; 0 if training did not improve anything.
    """

    model: TfliteModel
    limits: Mapping[str, tuple[float, float]]
    trained: int
    frozen: tuple[tuple[str, str], ...]
    losses: tuple[float, ...]
    best_epoch: int


def fine_tune(
    float_model: TfliteModel,
    quantized: TfliteModel,
    inputs: Mapping[str, np.ndarray],
    options: FineTuningOptions,
    *,
    checkpoint: Path,
    progress: Callable[[int], None] = lambda batches: None,
) -> FineTuned:
    """Train the constants of a float model so that its quantized form predicts what it predicts now.

    The float model is the teacher, so no labels are needed. Equal arguments give equal results; a training that was
    interrupted continues after its last completed epoch.

    Args:
        float_model: A float32 model with one signature.
        quantized: What ``quantize`` makes of it: its scales are those that training starts from.
        inputs: Examples by input name, shape (N, ...), at least two; some of them are held back for early stopping.
        options: Options of the training.
        checkpoint: File for the state after each epoch; it is removed at the end.
        progress: Called with the number of batches trained since the last call.
    Raises:
        ConversionError: The model has no layer that can be trained.
        FineTuningFailedError: The child process ended without a result, such as by an error of TensorFlow.
    """
    digest = _digest(float_model, quantized, inputs, options)
    with explaining_no_room(), temporary_folder("finetuning") as folder:
        (folder / "float.tflite").write_bytes(float_model.content)
        (folder / "quantized.tflite").write_bytes(quantized.content)
        save_by_name(folder / "examples.npz", inputs)
        request = {"options": options.to_dict(), "checkpoint": str(checkpoint.absolute()), "digest": digest}
        (folder / "request.json").write_text(json.dumps(request))
        answer = _answer(folder, progress)
        tuned = parse_lowered((folder / "tuned.tflite").read_bytes())
    checkpoint.unlink(missing_ok=True)
    return FineTuned(
        model=tuned,
        limits={name: (low, high) for name, (low, high) in answer["limits"].items()},
        trained=answer["trained"],
        frozen=tuple((name, kind) for name, kind in answer["frozen"]),
        losses=tuple(answer["losses"]),
        best_epoch=answer["best_epoch"],
    )


def _digest(
    float_model: TfliteModel, quantized: TfliteModel, inputs: Mapping[str, np.ndarray], options: FineTuningOptions
) -> str:
    """SHA-256 of everything that a training depends on."""
    whole = hashlib.sha256(json.dumps(options.to_dict()).encode())
    whole.update(json.dumps([importlib.metadata.version(name) for name in _PACKAGES]).encode())
    for content in (float_model.content, quantized.content):
        whole.update(hashlib.sha256(content).digest())
    for name, values in sorted(inputs.items()):
        whole.update(hashlib.sha256(name.encode()).digest())
        whole.update(hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest())
    return whole.hexdigest()


def _answer(folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    """Run the child process and return its result."""
    with _child(folder) as child:
        assert child.stdout is not None
        for line in child.stdout:
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise rebuild_error(answer)
            if "batches" not in answer:
                return answer
            progress(answer["batches"])
        code = child.wait()
    cause = cause_of_exit((folder / "stderr.txt").read_text(errors="replace"))
    raise FineTuningFailedError(
        "The process that fine-tunes the model ended without a result.",
        expected="a fine-tuned float .tflite",
        received=f"exit code {code}: {cause}" if cause else f"exit code {code}, without a message",
        next_step="leave --recover out, or report it with what `edgekit inspect` shows of the model",
    )


@contextmanager
def _child(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child process, and end it when the block ends."""
    with (folder / "stderr.txt").open("wb") as stderr:
        # If an interrupt arrived between the start and the assignment, the child would be left running.
        with interrupts.held_back():
            child = subprocess.Popen(
                [sys.executable, "-m", "edgekit_converters.finetuning.child", str(folder), str(parent_id())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=tensorflow_environment(folder) | {"PYTHONSAFEPATH": "1"},
            )
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
