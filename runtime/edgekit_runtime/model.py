"""Loading a model and asking it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Union, overload

import numpy as np

from edgekit_runtime.classification import Classification, class_count, labels_for, probabilities, rank, read_labels
from edgekit_runtime.errors import TensorMismatchError, UsageError
from edgekit_runtime.execution.batch_runner import BatchRunner
from edgekit_runtime.execution.batches import available_cores, conform
from edgekit_runtime.execution.interpreter import InterpreterChoice, choose_interpreter
from edgekit_runtime.execution.session import Session
from edgekit_runtime.inputs.image_decoding import MAX_IMAGE_PIXELS
from edgekit_runtime.inputs.image_input import ImageInput, image_preprocessing
from edgekit_runtime.inputs.preprocessing import Image, Images, Preprocessing
from edgekit_runtime.packed_file.model_file import read_model_file, refuse_custom_operators, refuse_lost_parts
from edgekit_runtime.packed_file.zip_parts import zip_end
from edgekit_runtime.task import CLASSES, IMAGE, LABELS, UNNAMED, Task
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tensor_info import TensorInfo, model_inputs, model_outputs
from edgekit_runtime.tflite.known_crashes import refuse_known_crashes
from edgekit_runtime.tflite.scales import refuse_scales_beyond
from edgekit_runtime.tflite.tflite_model import TfliteModel

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.golden import GoldenReport
    from edgekit_runtime.packed_file.manifest import Manifest

#: No operator of a device's model gains from more; each thread has a stack of some megabytes.
_MOST_THREADS = 64
#: Pillow's own limit, which applies whatever the caller passes.
_MOST_IMAGE_PIXELS = 178_000_000
#: What :meth:`Model.predict` gives back: one array, or one for each output by name.
Prediction = Union[np.ndarray, "dict[str, np.ndarray]"]


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
) -> Model:
    """Load a .tflite model.

    Args:
        path: The file, its bytes, or what was parsed of them already.
        num_threads: Threads that one operator may use: at most 64, or as many as there are cores.
        interpreter: ``litert`` or ``tflite-runtime``; by default the first of these that is installed.
        labels: Names of the classes, or a text file with one in each line; by default those packed into the
            model, else the classes' numbers.
        pixel_range: Real values that pixels 0 and 255 had in training; by default those packed into the model,
            else those that an 8-bit input was calibrated on, else 0.0 and 1.0.
        num_interpreters: Over how many interpreters a large batch is spread; by default one for each
            ``num_threads`` cores.
        stateful: Whether state inside the model (of an LSTM, say) goes over from one sample to the next, as in
            a stream. By default each sample starts anew, as in Keras.
        verify: Replay the golden examples packed into the model, and refuse it where this device's interpreter
            does not answer them as it should.
        public_key: Refuse a model that was not signed with this Ed25519 key: a PEM file, or its 32 bytes.
        max_image_pixels: Refuse larger image files in ``classify()``, by the size in their headers, before they are
            decoded; at most 178 million, which is Pillow's limit. Arrays may have any size.
    Raises:
        ModelFileError: The file is missing, damaged, foreign, not signed as asked, or needs code that is not here.
        InterpreterError: No interpreter is installed, it refuses the model, or fails its golden examples.
    """
    most = max(_MOST_THREADS, available_cores())
    _require_count("num_threads", num_threads, most)
    if num_interpreters is not None:
        _require_count("num_interpreters", num_interpreters, most)
    _require_count("max_image_pixels", max_image_pixels, _MOST_IMAGE_PIXELS)
    parsed = path if isinstance(path, TfliteModel) else None
    content = _content_of(path) if parsed is None else parsed.content
    if public_key is not None:
        from edgekit_runtime.packed_file.signature import require_signature

        require_signature(content, public_key)
    # The digest comes first: a file that was changed on its way is reported as such.
    packed = _packed_manifest(content)
    if parsed is None:
        parsed = TfliteModel(content)
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
        labels=names,
        task=find_task(description, [packed.task] if packed else (), label_count=len(names)),
        preprocessing=packed.preprocessing if packed else {},
        pixel_range=pixel_range,
        max_image_pixels=max_image_pixels,
        runner=BatchRunner(
            parsed,
            choice,
            num_threads=num_threads,
            num_interpreters=num_interpreters or max(1, available_cores() // num_threads),
            stateful=stateful,
        ),
    )
    if verify:
        model.verify().require_passed()
    return model


def _content_of(model: Any) -> bytes:
    return bytes(model) if isinstance(model, (bytes, bytearray, memoryview)) else read_model_file(model)


def _require_count(name: str, count: Any, most: int) -> None:
    # Each is a thread, or memory for a whole model: a wrong digit more would stop the device.
    if type(count) is not int or not 1 <= count <= most:
        raise UsageError(
            f"{name} must be at least 1, and not more than this machine could use.",
            expected=f"a whole number from 1 to {most}",
            received=f"{count!r:.40}",
        )


def _packed_manifest(content: bytes) -> Manifest | None:
    if zip_end(content) < 0:
        return None
    from edgekit_runtime.packed_file.manifest import read_manifest

    return read_manifest(content)


class Model:
    """A model that is ready to answer; made by :func:`load`. Any number of threads may call it.

    Attributes:
        description: Everything the file says of itself.
        inputs: The inputs, in the file's order.
        outputs: The outputs, in the file's order.
        interpreter: Name of the interpreter it runs on, ``litert`` or ``tflite-runtime``.
        interpreter_version: Version of that interpreter.
        labels: Names of the classes; empty if none are known.
        task: What its inputs and outputs are.
        preprocessing: How images become its only input, ``None`` where that takes none.
    """

    def __init__(
        self,
        model: TfliteModel,
        interpreter: InterpreterChoice,
        *,
        labels: tuple[str, ...],
        task: Task,
        preprocessing: Mapping[str, Preprocessing],
        pixel_range: tuple[float, float] | None,
        max_image_pixels: int,
        runner: BatchRunner,
    ) -> None:
        self.description = description = model.description
        self.interpreter = interpreter.name
        self.interpreter_version = interpreter.version
        self.inputs: tuple[TensorInfo, ...] = model_inputs(description)
        self.outputs: tuple[TensorInfo, ...] = model_outputs(description)
        self.labels = labels
        self.task = task
        self._content = model.content
        self._runner = runner
        # Bound once: each look-up that a call is spared shows beside an invoke of 13 µs.
        self._session, self._fast_shape = runner.session, runner.single_shape
        self._encode, self._decode = runner.encoders[0], runner.decoders[0]
        self.preprocessing = self._image_preprocessing(preprocessing, pixel_range)
        self._knows_range = bool(preprocessing) or pixel_range is not None
        self._image = self._image_input(max_image_pixels)

    def __reduce__(self) -> str:
        # pickle, copy and deepcopy come here.
        raise UsageError(
            "A Model cannot be pickled or copied: it holds an interpreter.",
            expected="one Model for each process; its threads may share it",
            next_step="pass the file's path on, and call edgekit_runtime.load() there",
        )

    def predict(self, batch: Any) -> Prediction:
        """Answer a batch.

        Args:
            batch: For a model of one input an array (N, …) of any N, or one sample without the batch axis; for
                several a dict of such arrays by name. Floats as in training; integers where the model's own
                input is of that dtype, and then they are its codes.
        Returns:
            Real values: float32 of shape (N, …) where the output is quantized or float32, else the output's own
            dtype; for several outputs a dict of such arrays by name. They are the caller's own copies.
        Raises:
            TensorMismatchError: A shape or dtype does not fit, or a value is NaN.
            InterpreterError: The interpreter cannot run the model on this shape.
        """
        if batch.__class__ is np.ndarray and batch.shape == self._fast_shape:
            return self._decode(self._session.run_one(self._encode(batch)))
        return self._predict(None, batch)

    def predict_named(self, batch: Any) -> dict[str, np.ndarray]:
        """Predict as :meth:`predict` does, and always return a dict, also for a model with one output.

        Args:
            batch: What :meth:`predict` takes; a dict of arrays by input name fits every model.
        Returns:
            The array of each output by name, in the file's order; dtypes and shapes as in :meth:`predict`.
        Raises:
            TensorMismatchError: A shape or dtype does not fit, or a value is NaN.
            InterpreterError: The interpreter cannot run the model on this shape.
        """
        outputs = self.predict(batch)
        return outputs if isinstance(outputs, dict) else {self.outputs[0].name: outputs}

    def classify(self, images: Images, top_k: int = 1) -> list[Classification]:
        """Name what images show.

        Args:
            images: One image or many: uint8 arrays (H, W), (H, W, C), (N, H, W) or (N, H, W, C), paths, encoded
                bytes, PIL images; brought to the model's size and range. A float array counts as prepared
                already.
            top_k: How many classes each answer holds.
        Returns:
            One answer for each image, in order. A model with a single score between 0 and 1 is taken for one
            of two classes, the score being the second one's.
        Raises:
            DataError: A file is missing or no image.
            TensorMismatchError: An array has no image's shape or dtype; the model does not classify images, or
                its single score is no probability.
        """
        self._require_images(top_k)
        return self._classify(None, images, top_k)

    @overload
    def stream(self, samples: Iterable[Any], top_k: None = None) -> Iterator[Prediction]: ...

    @overload
    def stream(self, samples: Iterable[Image], top_k: int) -> Iterator[Classification]: ...

    def stream(self, samples: Iterable[Any], top_k: int | None = None) -> Iterator[Any]:
        """Answer samples as they come, in order, on all interpreters at once and in constant memory.

        Reads some samples ahead of the answers. If the source is slow, as a camera is, a sample's answer comes
        as soon as the next sample has been read.

        Args:
            samples: What :meth:`predict` takes, one after the other; with ``top_k`` single images for
                :meth:`classify`.
            top_k: How many classes each answer holds; without it answers are those of :meth:`predict`.
        Returns:
            An answer for each sample. Closing it (or leaving a ``for`` loop that holds the only reference) ends
            the work; a sample that cannot be answered raises where its answer would have come.
        Raises:
            TensorMismatchError: With ``top_k``, and the model does not classify images.
        """
        # Not needed for the first answer of a process.
        from edgekit_runtime.inputs.streaming import answer_in_order

        answer: Callable[[Session, Any], Any] = self._predict
        if top_k is not None:
            self._require_images(top_k)
            answer = partial(self._classify_one, top_k=top_k)
        return answer_in_order(samples, answer, self._runner.sessions())

    @property
    def manifest(self) -> Manifest:
        """What edgekit packed into the file; empty if nothing is."""
        from edgekit_runtime.packed_file.manifest import Manifest

        return _packed_manifest(self._content) or Manifest()

    def verify(self) -> GoldenReport:
        """Replay the golden examples packed into the model on this device's interpreter.

        Raises:
            ModelFileError: None are packed, or they are damaged.
        """
        from edgekit_runtime.packed_file.golden import read_golden, replay

        return replay(self, read_golden(self._content), self.manifest.preprocessing)

    def close(self) -> None:
        """Free the memory of its interpreters now, not with the last reference to the model.

        A call that another thread has begun is finished first; calls afterwards raise a ``UsageError``.
        """
        self._runner.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reset(self) -> None:
        """Set state inside a model loaded with ``stateful=True`` back to its start."""
        self._runner.reset()

    def _predict(self, session: Session | None, batch: Any) -> Prediction:
        """:meth:`predict` on one interpreter, or without one on as many as the batch is worth."""
        if session is not None and batch.__class__ is np.ndarray and batch.shape == self._fast_shape:
            return self._decode(session.run_one(self._encode(batch)))
        runner = self._runner
        outputs = runner.run(conform(batch, self.inputs, runner.batch_size), runner.encoders, session)
        if len(outputs) == 1:
            return outputs[0]
        return {info.name: output for info, output in zip(self.outputs, outputs)}

    def _classify(self, session: Session | None, images: Images, top_k: int) -> list[Classification]:
        """:meth:`classify` on one interpreter, or without one on as many as the images are worth."""
        image = self._image
        assert image is not None
        if isinstance(images, np.ndarray) and images.dtype.kind == "f":
            if self._knows_range:
                image.require_range(images)
            scores = self.predict(images) if session is None else self._predict(session, images)
        else:
            pixels = image.pixels(images)
            if pixels.shape == self._fast_shape:
                scores = self._decode((session or self._session).run_one(image.encode(pixels)))
            else:
                scores = self._runner.run([pixels], [image.encode], session)[0]
        assert isinstance(scores, np.ndarray)
        if scores.shape[1] == 1:
            (kind,) = self.task.outputs.values()
            scores = probabilities(scores, kind.is_logit)
            if not ((scores >= 0) & (scores <= 1)).all():
                raise TensorMismatchError(
                    "The model's only score is no probability of a class.",
                    expected="values from 0 to 1",
                    received=f"{scores.min():g} to {scores.max():g}",
                    next_step="use predict()",
                )
            scores = np.concatenate([1 - scores, scores], axis=1)
        return rank(scores, image.labels, top_k)

    def _classify_one(self, session: Session, image: Image, top_k: int) -> Classification:
        answers = self._classify(session, image, top_k)
        if len(answers) != 1:
            raise TensorMismatchError(
                "A stream is classified one image at a time.",
                expected="single images",
                received=f"{len(answers)} images in one sample",
                next_step="pass the images one after the other, or many at once to classify()",
            )
        return answers[0]

    def _require_images(self, top_k: int) -> None:
        if top_k < 1:
            raise UsageError("The option top_k must be at least 1.", received=str(top_k))
        if self._image is None:
            raise TensorMismatchError(
                "This model does not turn one image into one row of class scores, as classify() needs it.",
                expected="one input of the kind image, and one output of the kind classes or labels",
                received=", ".join(
                    f"{what} {name} of the kind {kind.name}"
                    for what, kinds in (("input", self.task.inputs), ("output", self.task.outputs))
                    for name, kind in kinds.items()
                ),
                next_step="use predict(); if these are classes, pass labels= or declare it: edgekit pack --task",
            )

    def _image_preprocessing(
        self, packed: Mapping[str, Preprocessing], pixel_range: tuple[float, float] | None
    ) -> Preprocessing | None:
        """How images become its only input; ``None`` where that takes none."""
        name = self.inputs[0].name
        if len(self.inputs) != 1 or self.task.inputs[name].name != IMAGE:
            return None
        known = packed.get(name) or packed.get(UNNAMED)
        return image_preprocessing(self.description, self.inputs[0], known, pixel_range)

    def _image_input(self, max_pixels: int) -> ImageInput | None:
        """How pixels become its input, ``None`` where it takes no images or gives no scores for them."""
        kinds = [kind.name for kind in self.task.outputs.values()]
        classes = class_count([info.shape for info in self.outputs])
        if self.preprocessing is None or not classes or kinds not in ([CLASSES], [LABELS]):
            return None
        return ImageInput(self.preprocessing, self.inputs[0], labels_for(self.labels, classes), max_pixels)
