"""Loads a model file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from edgekit_runtime.classification import read_labels
from edgekit_runtime.errors import UsageError
from edgekit_runtime.execution.batch_runner import BatchRunner
from edgekit_runtime.execution.batches import available_cores
from edgekit_runtime.inputs.image_decoding import MAX_IMAGE_PIXELS
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.mapped_file import MappedFile, content_of
from edgekit_runtime.packed_file.model_file import open_model_file, refuse_custom_operators, refuse_lost_parts
from edgekit_runtime.packed_file.zip_parts import zip_end
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tflite.known_crashes import refuse_known_crashes
from edgekit_runtime.tflite.scales import refuse_scales_beyond
from edgekit_runtime.tflite.tflite_model import TfliteModel

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.manifest import Manifest
    from edgekit_runtime.packed_file.mapped_file import Content

#: No operator of a model for devices gets faster with more threads, and the stack of each takes a few megabytes.
_MOST_THREADS = 64
#: Pillow's own limit, which applies regardless of what the caller passes.
_MOST_IMAGE_PIXELS = 178_000_000


def load(
    path: str | os.PathLike[str] | bytes | bytearray | memoryview | TfliteModel,
    *,
    num_threads: int = 1,
    interpreter: str | None = None,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    pixel_range: tuple[float, float] | None = None,
    num_interpreters: int | None = None,
    stateful: bool = False,
    verify: bool = False,
    public_key: str | os.PathLike[str] | bytes | None = None,
    max_image_pixels: int = MAX_IMAGE_PIXELS,
    watch: bool = False,
) -> Model:
    """Load a .tflite model.

    Args:
        path: Path of the file, the name of an installed model, the content of the file as bytes, or a model that has
            already been parsed. A file has precedence over an installed model of the same name.
        num_threads: Number of threads that one operator may use: at most 64, or the number of cores if that is larger.
        interpreter: ``litert``, ``tflite-runtime``, ``tflite-c``, or ``c:`` and the path of a TensorFlow Lite C
            library; by default the first of these that is installed.
        labels: Names of the classes, or a text file with one label per line; by default the labels packed into the
            model, else the class numbers.
        pixel_range: Real values of pixels 0 and 255 in training; by default those packed into the model, else the
            range that an 8-bit input was calibrated with, else 0.0 and 1.0.
        num_interpreters: Number of interpreters that share a large batch; by default the number of cores divided by
            ``num_threads`` if their copies of the weights fit into a share of the free memory. Otherwise there is only
            one, which gets all threads with the first large batch; :meth:`Model.describe` says so.
        stateful: Whether state inside the model (for example of an LSTM) is kept from one example to the next, as in
            a stream. By default the state is reset for each example, as in Keras.
        verify: Run the golden examples packed into the model, and refuse the model if the predictions of this device's
            interpreter differ from the packed ones by more than the tolerance. The digest of a large file is then
            computed anew; otherwise the one that an earlier load has remembered beside the file is used.
        public_key: Ed25519 public key: a PEM file, or its 32 bytes. A model that is not signed with it is refused.
        max_image_pixels: Largest number of pixels of an image file that ``classify()`` accepts. It is compared with the
            size in the file's header before the image is decoded; at most 178 million, which is Pillow's limit.
            Arrays may have any size.
        watch: Whether the model follows its file: a new version is loaded in the background and takes over between two
            calls. If it cannot be loaded, the version before stays in use and a ``RuntimeWarning`` says why.
    Raises:
        ModelFileError: The file is missing, damaged, not a .tflite, not signed with the key, or needs operators that
            are not available here.
        InterpreterError: No interpreter is installed, or the interpreter refuses the model or fails its golden
            examples.
    """
    if isinstance(path, str) and not path.endswith(".tflite"):
        from edgekit_runtime.store.slot import installed_path

        path = installed_path(path) or path
    if watch:
        return _watched(
            path,
            partial(
                load,
                num_threads=num_threads,
                interpreter=interpreter,
                labels=labels,
                pixel_range=pixel_range,
                num_interpreters=num_interpreters,
                stateful=stateful,
                verify=verify,
                public_key=public_key,
                max_image_pixels=max_image_pixels,
            ),
        )
    most = max(_MOST_THREADS, available_cores())
    _require_count("num_threads", num_threads, most)
    if num_interpreters is not None:
        _require_count("num_interpreters", num_interpreters, most)
    _require_count("max_image_pixels", max_image_pixels, _MOST_IMAGE_PIXELS)
    parsed = path if isinstance(path, TfliteModel) else None
    source = _source_of(path) if parsed is None else parsed.source
    content = content_of(source)
    if public_key is not None:
        from edgekit_runtime.packed_file.signature import require_signature

        require_signature(content, public_key)
    # The digest is checked first, so that a file that was changed in transit is reported as such.
    packed = _packed_manifest(source, content, anew=verify)
    if parsed is None:
        parsed = TfliteModel(source)
    description = parsed.description
    refuse_lost_parts(description, packed.model_sha256 if packed else "")
    refuse_custom_operators(description)
    choice = choose_interpreter(interpreter)
    refuse_scales_beyond(choice.name, choice.version, description)
    refuse_known_crashes(choice.name, choice.version, description)
    names = read_labels(labels if labels is not None else packed.labels if packed else ())
    model = Model(
        parsed,
        choice,
        file=os.fsdecode(path) if isinstance(path, (str, os.PathLike)) else "",
        manifest=packed,
        labels=names,
        task=find_task(description, [packed.task] if packed else (), label_count=len(names)),
        pixel_range=pixel_range,
        max_image_pixels=max_image_pixels,
        runner=BatchRunner(
            parsed,
            choice,
            num_threads=num_threads,
            num_interpreters=num_interpreters,
            stateful=stateful,
        ),
    )
    if verify:
        model.verify().require_passed()
    return model


def _watched(path: Any, load_version: Callable[[str], Model]) -> Model:
    from edgekit_runtime.store.watching import WatchedModel

    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(
            "Only a file can be watched.",
            expected="the path of a .tflite file, or the name of an installed model",
            received=type(path).__name__,
        )
    return cast(Model, WatchedModel(path, load_version))


def _source_of(model: Any) -> bytes | MappedFile:
    return bytes(model) if isinstance(model, (bytes, bytearray, memoryview)) else open_model_file(model)


def _require_count(name: str, count: Any, most: int) -> None:
    # Each one costs a thread, or memory for a whole model: one mistyped digit could bring the device to a halt.
    if type(count) is not int or not 1 <= count <= most:
        raise UsageError(
            f"{name} must be at least 1, and not more than this machine could use.",
            expected=f"a whole number from 1 to {most}",
            received=f"{count!r:.40}",
        )


def _packed_manifest(source: bytes | MappedFile, content: Content, *, anew: bool) -> Manifest | None:
    if zip_end(content) < 0:
        return None
    from edgekit_runtime.packed_file.manifest import read_manifest

    if not isinstance(source, MappedFile):
        return read_manifest(content)
    from edgekit_runtime.packed_file.known_digest import known_sha256

    return read_manifest(content, partial(known_sha256, source, anew=anew))
