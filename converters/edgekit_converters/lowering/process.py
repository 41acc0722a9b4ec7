"""The parent's side of lowering: TensorFlow is imported in a child process, which confines its aborts and leaks."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from edgekit_converters import interrupts
from edgekit_converters.exported_programs.archive import is_exported_program
from edgekit_converters.foreign_formats import refuse_foreign
from edgekit_converters.lowering.child_failure import explain_ending
from edgekit_converters.lowering.fork_server import ForkedChild, running_server
from edgekit_converters.memory_limits import DEFAULT_MAX_MEMORY
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime import errors
from edgekit_runtime.errors import ConversionError, EdgekitError, UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.inputs.raw_inputs import RawInput, read_raw_inputs
from edgekit_runtime.tensor_info import model_inputs
from edgekit_runtime.tflite.tflite_model import TfliteModel

_logger = logging.getLogger(__name__)

#: Folder through which the child hands over vocabularies and other parts of raw inputs.
_PARTS = "parts"


@dataclass(frozen=True, slots=True)
class LoweringRequest:
    """What to lower, and how.

    Attributes:
        source: A Keras file (.h5, .keras), a SavedModel folder, or a PyTorch exported program (.pt2).
        input_shape: Shape without the batch axis, for a model with dynamic sizes.
        architecture: For a weights-only file: a path to JSON or YAML, or ``module:function``.
        custom_objects: ``module:Class`` for each class written by the model's author.
        allow_unsafe: Load what the scan rejects, and so run the file's code.
        fixed_batch: Fix a dynamic batch at 1, for a runtime that cannot change shapes.
        channels_last: Make the images of a PyTorch program (N, H, W, C).
        max_memory: Largest size in bytes of any tensor of the model at batch size 1; at least the source's size.
        signature: Signature of a SavedModel; None selects ``serving_default`` or the only one.
    """

    source: Path
    input_shape: tuple[int, ...] | None = None
    architecture: str | None = None
    custom_objects: tuple[str, ...] = ()
    allow_unsafe: bool = False
    fixed_batch: bool = False
    channels_last: bool = False
    max_memory: int = DEFAULT_MAX_MEMORY
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One input of a lowered model.

    Attributes:
        name: Name in the signature.
        shape: Sizes, batch axis first; -1 if any size is allowed.
        dtype: Type as named by numpy.
        pixels: For an image, the real values of pixels 0 and 255, or everything known about its preprocessing; None
            for every other kind of input.
        raw: How recordings or strings become this input; None if examples are passed on as they are.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    pixels: tuple[float, float] | Preprocessing | None = None
    raw: RawInput | None = None


@dataclass(frozen=True, slots=True)
class LoweredModel:
    """A float32 model and what is known about its source.

    Attributes:
        model: The .tflite.
        source_sha256: Digest of the bytes that the source was read from; see ``source_digest``.
        inputs: Inputs in the order of the signature.
        keras_version: Version of Keras that wrote the source; empty for other sources.
        batch: "dynamic", "1" if a layer needs a fixed batch, or "as exported" by PyTorch.
        rescales_pixels: Whether the model takes pixels from 0 to 255 unchanged and rescales them itself.
        notes: Sentences for the user: what was upgraded, what was read from a Lambda.
        application_note: How a model of ``keras.applications`` in it expects pixels; empty if there is none.
        channels_first: Whether its images are (N, C, H, W).
        warnings: Sentences about what is probably unintended in the source.
        defects: Layers or tensors with weights that are NaN or infinite, and how many.
        shape_to_try: Sizes of a dynamic input, without the batch, for which the model returns an output; empty if
            edgekit's default sizes are sufficient.
        learnt_ranges: Smallest and largest value of activations in quantization-aware training, by tensor name.
    """

    model: TfliteModel
    source_sha256: str
    inputs: tuple[ModelInput, ...]
    keras_version: str
    batch: str
    rescales_pixels: bool
    notes: tuple[str, ...]
    application_note: str = ""
    channels_first: bool = False
    warnings: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    shape_to_try: tuple[int, ...] = ()
    learnt_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class LoweringProcess:
    """A running child process; used as a context manager, so that it never outlives the block.

    The caller can prepare its data while TensorFlow starts, then call ``result()``, and after that ask for the
    predictions of the source model.
    """

    def __init__(self, request: LoweringRequest) -> None:
        refuse_foreign(request.source)
        if request.channels_last and not is_exported_program(request.source):
            raise UsageError(
                f"--channels-last is for PyTorch programs, and {request.source.name} is not one.",
                next_step="leave it out: other models already take (N, H, W, C)",
            )
        self._request = request
        self._resources = ExitStack()
        self._folder: Path | None = None
        self._child: subprocess.Popen[bytes] | ForkedChild | None = None

    @property
    def folder(self) -> Path:
        """Folder through which request, response and model are exchanged."""
        assert self._folder is not None, "the folder is there inside the with block"
        return self._folder

    def __enter__(self) -> LoweringProcess:
        try:
            with explaining_no_room():
                self._folder = self._resources.enter_context(temporary_folder("lowering"))
                payload = asdict(self._request) | {"source": str(self._request.source)}
                (self.folder / "request.json").write_text(json.dumps(payload))
                stderr = self._resources.enter_context((self.folder / "stderr.txt").open("wb"))
            # If an interrupt arrived between the start and the assignment, the child would be left running.
            with interrupts.held_back():
                self._child = _start_child(self._request, self.folder, stderr)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._child is not None:
            if self._child.poll() is None:
                self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    # Input that the child did not read before it ended no longer matters.
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
        self._resources.close()

    def result(self) -> LoweredModel:
        """Wait for the child and return the lowered model.

        Raises:
            EdgekitError: The child's error, or an explanation of how the child ended.
        """
        line = self._next_line()
        if not line:
            assert self._child is not None
            raise self._ended_without_result(self._child.wait())
        answer = json.loads(line)
        if "error" in answer:
            raise rebuild_error(answer)
        model = TfliteModel((self.folder / "model.tflite").read_bytes())
        packed = answer.get("raw_inputs", {})
        raw = read_raw_inputs(model_inputs(model.description), packed, self._read_part) if packed else {}
        return LoweredModel(
            model=model,
            source_sha256=answer["source_sha256"],
            inputs=tuple(
                ModelInput(x["name"], tuple(x["shape"]), x["dtype"], raw=raw.get(x["name"])) for x in answer["inputs"]
            ),
            keras_version=answer["keras_version"],
            batch=answer["batch"],
            rescales_pixels=answer["rescales_pixels"],
            notes=tuple(answer["notes"]),
            application_note=answer["application_note"],
            channels_first=answer.get("channels_first", False),
            warnings=tuple(answer.get("warnings", ())),
            defects=tuple(answer["defects"]),
            shape_to_try=tuple(answer.get("shape_to_try", ())),
            learnt_ranges={name: (low, high) for name, (low, high) in answer.get("learnt_ranges", {}).items()},
        )

    def _read_part(self, name: str) -> bytes:
        return (self.folder / _PARTS / name).read_bytes()

    def source_outputs(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray] | None:
        """Return the source model's predictions, computed by Keras or TensorFlow; call it after ``result()``.

        Args:
            inputs: Values (N, ...) by input name, preprocessed as in training; if the source itself prepares texts,
                these in the form of golden examples.
        Returns:
            Values (N, ...) by output name, or None if the source cannot be run.
        Raises:
            ConversionError: The source ran until its process was ended, so nothing else should try to run it.
        """
        assert self._child is not None, "source_outputs() goes inside the with block"
        assert self._child.stdin is not None
        with explaining_no_room():
            save_by_name(self.folder / "inputs.npz", inputs)
        try:
            self._child.stdin.write(b"run\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            return None
        line = self._next_line()
        if not line and self._child.wait() == -signal.SIGXCPU:
            raise self._ended_without_result(-signal.SIGXCPU)
        if line != "ran":
            _logger.info("%s cannot be run here: %s", self._request.source.name, line or "its process has ended")
            return None
        return load_by_name(self.folder / "outputs.npz")

    def _next_line(self) -> str:
        """The child's next line without the line ending; empty once it has ended."""
        assert self._child is not None, "result() goes inside the with block"
        assert self._child.stdout is not None
        return self._child.stdout.readline().decode(errors="replace").strip()

    def _ended_without_result(self, exit_code: int) -> EdgekitError:
        stderr = (self.folder / "stderr.txt").read_text(errors="replace")
        return explain_ending(self._request.source.name, exit_code, stderr)


def lower(request: LoweringRequest) -> LoweredModel:
    """Lower a Keras file or SavedModel to a float32 .tflite.

    Raises:
        EdgekitError: The file is missing, damaged, unsafe, or has no TFLite form.
    """
    with LoweringProcess(request) as process:
        return process.result()


def write_raw_inputs(folder: Path, raw_inputs: Mapping[str, RawInput]) -> dict[str, Any]:
    """Write the parts of raw inputs for the parent process; returns their fields by input name."""
    (folder / _PARTS).mkdir(exist_ok=True)
    for raw in raw_inputs.values():
        for name, content in raw.parts().items():
            (folder / _PARTS / name).write_bytes(content)
    return {name: raw.to_dict() for name, raw in raw_inputs.items()}


def save_by_name(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to an ``.npz``, whatever their names are."""
    # numpy's own parameters are named "file" and "allow_pickle", and an input may have such a name.
    named: dict[str, Any] = {f"={name}": np.asarray(values) for name, values in arrays.items()}
    np.savez(path, **named)


def load_by_name(path: Path) -> dict[str, np.ndarray]:
    """Read a file written by :func:`save_by_name`."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name[1:]: arrays[name] for name in arrays.files}


@contextmanager
def explaining_no_room() -> Iterator[None]:
    """Convert an error of the temporary folder, such as a full disk, to one for the user."""
    try:
        yield
    except OSError as error:
        raise no_room(error) from error


def no_room(error: OSError) -> EdgekitError:
    """Return the error for a temporary folder that cannot be written."""
    return EdgekitError(
        "The conversion does not fit into the folder for temporary files.",
        expected="space for the float model and for TensorFlow's files during lowering",
        received=error.strerror or str(error),
        next_step="free some space there (edgekit doctor names it), or set TMPDIR to another folder",
    )


def _start_child(request: LoweringRequest, folder: Path, stderr: IO[bytes]) -> subprocess.Popen[bytes] | ForkedChild:
    environment = _child_environment(request, folder)
    server = running_server()
    # The server has imported neither PyTorch nor the user's own modules, which may be in the working directory.
    if server and not (request.custom_objects or request.architecture or is_exported_program(request.source)):
        return server.start(folder, environment, stderr)
    return subprocess.Popen(
        [sys.executable, "-m", "edgekit_converters.lowering.child", str(folder), str(parent_id())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment,
    )


def parent_id() -> int:
    """This process's id; 0 in a thread that may end before the process, since the kernel also watches the thread."""
    return os.getpid() if threading.current_thread() is threading.main_thread() else 0


def tensorflow_environment(folder: Path) -> dict[str, str]:
    """The environment of a child process that imports TensorFlow and has its files in ``folder``."""
    environment = dict(os.environ)
    # TensorFlow leaves files behind when it is killed: these are removed with the folder.
    environment["TMPDIR"] = str(folder)
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    environment["KERAS_BACKEND"] = "tensorflow"
    # A fixed hash seed: sets are iterated during lowering, and equal inputs must give equal bytes.
    environment["PYTHONHASHSEED"] = "0"
    return environment


def _child_environment(request: LoweringRequest, folder: Path) -> dict[str, str]:
    environment = tensorflow_environment(folder)
    if not (request.custom_objects or request.architecture):
        # An untrusted folder may contain a module named like one of ours; only the user's own modules need the folder.
        environment["PYTHONSAFEPATH"] = "1"
    return environment


def rebuild_error(answer: dict[str, str]) -> EdgekitError:
    """Recreate the child's error in its original class."""
    kind = getattr(errors, answer["error"], ConversionError)
    return kind(
        answer["problem"],
        expected=answer["expected"],
        received=answer["received"],
        next_step=answer["next_step"],
    )
