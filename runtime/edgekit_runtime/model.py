"""Runs a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Union, overload

import numpy as np

from edgekit_runtime.classification import Classification, class_count, labels_for, probabilities, rank
from edgekit_runtime.errors import TensorMismatchError, UsageError
from edgekit_runtime.execution.batch_runner import BatchRunner
from edgekit_runtime.execution.batches import conform
from edgekit_runtime.execution.session import Session
from edgekit_runtime.inputs.image_input import ImageInput, image_preprocessing
from edgekit_runtime.inputs.preprocessing import Image, Images, Preprocessing
from edgekit_runtime.interpreters.interface import InterpreterChoice
from edgekit_runtime.packed_file.mapped_file import MappedFile, content_of
from edgekit_runtime.task import BOXES, CLASSES, IMAGE, LABELS, MASK, SEQUENCE, SOUND, UNNAMED, Task
from edgekit_runtime.tensor_info import TensorInfo, model_inputs, model_outputs
from edgekit_runtime.tflite.tflite_model import TfliteModel

if TYPE_CHECKING:
    from edgekit_runtime.boxes.decoder import BoxDecoder
    from edgekit_runtime.boxes.detection import Detection
    from edgekit_runtime.boxes.detector import Detector
    from edgekit_runtime.inputs.raw_inputs import RawInput
    from edgekit_runtime.model_summary import ModelSummary
    from edgekit_runtime.packed_file.golden import DecodeAnswer, GoldenExamples, GoldenInput, GoldenReport
    from edgekit_runtime.packed_file.manifest import Manifest
    from edgekit_runtime.segmentation import Segmentation
    from edgekit_runtime.sequences.generation import Generation, Generator
    from edgekit_runtime.sound.streaming import HeardSound, Listening

#: The result of :meth:`Model.predict`: one array, or a dict with one array per output, by name.
Prediction = Union[np.ndarray, "dict[str, np.ndarray]"]


def _require_top_k(top_k: int) -> None:
    if top_k < 1:
        raise UsageError("The option top_k must be at least 1.", received=str(top_k))


class Model:
    """A loaded model, returned by :func:`load`. Any number of threads may call it.

    Attributes:
        description: Description of the file: subgraphs, signatures, metadata.
        inputs: Inputs, in the file's order.
        outputs: Outputs, in the file's order.
        interpreter: Name of the interpreter that runs the model: ``litert``, ``tflite-runtime`` or ``tflite-c``.
        interpreter_version: Version of the interpreter.
        labels: Names of the classes; empty if they are not known.
        task: Kind of each input and output.
        preprocessing: How images are converted to the only input; ``None`` if the model does not take images.
    """

    def __init__(
        self,
        model: TfliteModel,
        interpreter: InterpreterChoice,
        *,
        file: str,
        manifest: Manifest | None,
        labels: tuple[str, ...],
        task: Task,
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
        self._source, self._manifest, self._file = model.source, manifest, file
        self._runner = runner
        # Bound once: next to an invoke of 13 µs, every attribute look-up per call is noticeable.
        self._session, self._fast_shape = runner.session, runner.single_shape
        self._encode, self._decode = runner.encoders[0], runner.decoders[0]
        preprocessing = manifest.preprocessing if manifest else {}
        self.preprocessing = self._image_preprocessing(preprocessing, pixel_range)
        self._knows_range = bool(preprocessing) or pixel_range is not None
        self._class_names = self._names_of_classes()
        self._image = self._image_input(max_image_pixels)
        self._max_image_pixels = max_image_pixels
        self._detector: Detector | None = None
        self._raw_preprocessing = manifest.raw_preprocessing if manifest else {}
        self._raw_inputs: dict[str, RawInput] | None = None
        self._generator: Generator | None = None

    def __reduce__(self) -> str:
        # pickle, copy and deepcopy call this.
        raise UsageError(
            "A Model cannot be pickled or copied: it holds an interpreter.",
            expected="one Model for each process; its threads may share it",
            next_step="pass the file's path on, and call edgekit_runtime.load() there",
        )

    def describe(self) -> ModelSummary:
        """Summarize the model: inputs, outputs, labels, interpreter, and how batches use memory and threads."""
        from edgekit_runtime.model_summary import ModelSummary, batch_facts, summarize_tensors

        runner = self._runner
        mode = self._manifest.provenance.get("quantize", "") if self._manifest else ""
        return ModelSummary(
            file=self._file,
            size_bytes=self.description.size_bytes,
            is_mapped=isinstance(self._source, MappedFile) and self._source.is_mapped,
            interpreter=f"{self.interpreter} {self.interpreter_version}",
            inputs=summarize_tensors(self.inputs, self.task.inputs),
            outputs=summarize_tensors(self.outputs, self.task.outputs),
            labels=self.labels,
            mode=mode if isinstance(mode, str) else "",
            operators=len(self.description.operators),
            **batch_facts(runner.plan, runner.num_threads, runner.chunk),
        )

    def __repr__(self) -> str:
        from edgekit_runtime.printable_text import one_line

        summary = self.describe()
        inputs, outputs = (", ".join(map(str, tensors)) for tensors in (summary.inputs, summary.outputs))
        return f"<Model {one_line(summary.file) or 'from bytes'}: {inputs} → {outputs}; {summary.interpreter}>"

    def predict(self, batch: Any) -> Prediction:
        """Run the model on a batch.

        Args:
            batch: For a model with one input, an array (N, …) of any N, or one example without the batch axis; for
                several inputs, a dict of such arrays by name. Pass floats as in training. If the input has an integer
                dtype, an array of that dtype is passed on as codes.
        Returns:
            Real values: float32 of shape (N, …) if the output is quantized or float32, else the output's own
            dtype; for several outputs, a dict of such arrays by name. The arrays are copies that the caller may change.
        Raises:
            TensorMismatchError: A shape or dtype does not match the input, or a value is NaN.
            InterpreterError: The interpreter cannot run the model on this shape.
        """
        if batch.__class__ is np.ndarray and batch.shape == self._fast_shape:
            return self._decode(self._session.run_one(self._encode(batch)))
        return self._predict(None, batch)

    def predict_named(self, batch: Any) -> dict[str, np.ndarray]:
        """Run the model like :meth:`predict`, but always return a dict, even for a model with one output.

        Args:
            batch: Same as for :meth:`predict`; a dict of arrays by input name works with every model.
        Returns:
            The array of each output by name, in the file's order; dtypes and shapes as in :meth:`predict`.
        Raises:
            TensorMismatchError: A shape or dtype does not match the input, or a value is NaN.
            InterpreterError: The interpreter cannot run the model on this shape.
        """
        outputs = self.predict(batch)
        return outputs if isinstance(outputs, dict) else {self.outputs[0].name: outputs}

    def classify(self, images: Images, top_k: int = 1, *, sample_rate: int | None = None) -> list[Classification]:
        """Classify images, recordings or texts, whichever the model takes.

        Args:
            images: One image or many: uint8 arrays (H, W), (H, W, C), (N, H, W) or (N, H, W, C), paths, encoded
                bytes or PIL images; they are resized and converted to the model's size and range. A float array must
                already be preprocessed. For a model of recordings, one or many: paths of WAV files, their bytes, or
                arrays (samples,), (samples, channels) or (N, samples), resampled to the model's rate and cut or
                filled with silence to its length. For a model of texts, strings.
            top_k: Number of classes in each result.
            sample_rate: Sample rate of arrays of recordings, in Hz; WAV files state their own.
        Returns:
            One result per example, in order. A model with a single score between 0 and 1 is treated as a classifier of
            two classes, where the score belongs to the second class.
        Raises:
            DataError: A file is missing, damaged or of another kind.
            TensorMismatchError: An array does not have the shape or dtype of an example, the sample rate of an array
                is not known, the model does not classify, or its single score is not a probability.
        """
        if sample_rate is not None or (self._raw_preprocessing and self._image is None):
            return self._classify_raw(None, images, top_k, sample_rate)
        self._require_images(top_k)
        return self._classify(None, images, top_k)

    def detect(
        self,
        image: Image,
        *,
        score_threshold: float = 0.25,
        iou_threshold: float = 0.45,
        max_detections: int = 100,
    ) -> list[Detection]:
        """Find objects in an image.

        Args:
            image: One image, as for :meth:`classify`; it is resized as packed into the model.
            score_threshold: Smallest score of a detection, from 0 to 1.
            iou_threshold: Of two detections of one class whose intersection over union is larger than this, only the
                one with the higher score is reported. Not used if the model itself removes overlapping boxes.
            max_detections: Largest number of detections.
        Returns:
            The detections with their boxes in pixels of the image, the highest score first.
        Raises:
            DataError: The file is missing or is not an image.
            TensorMismatchError: The array is not one image, the model does not take images, or its outputs do not have
                the shapes of its head layout.
            ModelFileError: The packed decoding is damaged, or there is none.
            UsageError: An option is not in its range, or the labels do not match the classes.
        """
        from edgekit_runtime.boxes.detector import require_thresholds
        from edgekit_runtime.inputs.preprocessing import single_image

        require_thresholds(score_threshold, iou_threshold, max_detections)
        detector = self._find_detector()
        pixels = single_image(image, self._max_image_pixels)
        return detector.find(
            self._outputs_for(detector.image, pixels),
            pixels.shape[1:3],
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
        )

    @property
    def detects_boxes(self) -> bool:
        """Whether :meth:`detect` can find boxes: the model takes one image, and its head layout is known."""
        if self.preprocessing is None:
            return False
        from edgekit_runtime.boxes.decoding import BOXES_KEY, find_decoding

        return BOXES_KEY in self.manifest.decoding or find_decoding(self.description, self.outputs) is not None

    @property
    def finds_masks(self) -> bool:
        """Whether :meth:`segment` can be used: the model turns one image into one mask."""
        return self.preprocessing is not None and [kind.name for kind in self.task.outputs.values()].count(MASK) == 1

    @property
    def box_decoder(self) -> BoxDecoder:
        """How the outputs become boxes, for programs that run the model themselves; see :meth:`detect` for errors."""
        return self._find_detector().decoder

    def segment(self, image: Image, *, with_scores: bool = False) -> Segmentation:
        """Find the class of each pixel of an image.

        Args:
            image: One image, as for :meth:`classify`; it is resized as packed into the model.
            with_scores: Whether to return the score of each class for each pixel, too.
        Returns:
            The class map in the size of the image.
        Raises:
            DataError: The file is missing or is not an image.
            TensorMismatchError: The array is not one image, or the model does not turn an image into one mask.
        """
        from edgekit_runtime.inputs.preprocessing import single_image
        from edgekit_runtime.segmentation import segment

        names = [name for name, kind in self.task.outputs.items() if kind.name == MASK]
        if not self.finds_masks:
            raise self._unsuitable("an image into one mask", "segment", (IMAGE, MASK), "--task segmentation")
        taken = self._whole_image("segment", MASK)
        pixels = single_image(image, self._max_image_pixels)
        mask = probabilities(self._outputs_for(taken, pixels)[names[0]], self.task.outputs[names[0]].is_logit)
        return segment(mask, taken.preprocessing, pixels.shape[1:3], self.labels, with_scores=with_scores)

    def generate(
        self,
        examples: Any,
        *,
        beams: int | None = None,
        max_length: int | None = None,
        length_penalty: float | None = None,
        sample_rate: int | None = None,
    ) -> list[Generation]:
        """Generate a sequence for each example: a translation step by step, or a transcript by CTC.

        Args:
            examples: Strings or recordings if the file says how to prepare them, or inputs of :meth:`predict`.
            beams: Number of sequences that the search follows, 1 (greedy) to 64; by default as packed into the file.
            max_length: Largest number of generated tokens, the end token included; by default as packed.
            length_penalty: Exponent of the length penalty, 0 to 10; by default as packed.
            sample_rate: Sample rate of arrays of recordings, in Hz; WAV files state their own.
        Returns:
            One result per example, in order.
        Raises:
            ModelFileError: The file does not say how its outputs become a sequence.
            TensorMismatchError: An example does not match the model's input.
            UsageError: An option is out of range.
        """
        from edgekit_runtime.sequences.generation import Wishes

        generator = self._sequence_generator()
        raw = self.raw_inputs().get(self.inputs[0].name) if len(self.inputs) == 1 else None
        is_array = isinstance(examples, np.ndarray)
        if raw is not None and not isinstance(examples, Mapping) and (not is_array or raw.is_raw(examples)):
            from edgekit_runtime.inputs.raw_inputs import prepare_given

            examples = prepare_given(raw, examples, sample_rate)
        elif sample_rate is not None:
            raise self._unsuitable("a recording into a sequence", "generate", (SOUND, SEQUENCE), "--input sound")
        return generator(examples, Wishes(beams, max_length, length_penalty))

    @overload
    def stream(self, samples: Iterable[Any], top_k: None = None) -> Iterator[Prediction]: ...

    @overload
    def stream(self, samples: Iterable[Image], top_k: int) -> Iterator[Classification]: ...

    @overload
    def stream(
        self, samples: Iterable[np.ndarray], *, sample_rate: int, listening: Listening | None = None
    ) -> Iterator[HeardSound]: ...

    def stream(
        self,
        samples: Iterable[Any],
        top_k: int | None = None,
        *,
        sample_rate: int | None = None,
        listening: Listening | None = None,
    ) -> Iterator[Any]:
        """Run the model on examples as they arrive, on all interpreters in parallel and in constant memory.

        Reads a few examples ahead of the predictions. If the source is slow, such as a camera, the prediction for an
        example is available as soon as the next example has been read.

        Args:
            samples: Inputs of :meth:`predict`, one example after the other; with ``top_k``, single examples for
                :meth:`classify`; with ``sample_rate``, blocks of any length of one continuous recording, such as a
                microphone gives them: (samples,) or (samples, channels).
            top_k: Number of classes in each result; if omitted, the results are those of :meth:`predict`.
            sample_rate: Sample rate of the blocks, in Hz. The recording is then classified in overlapping windows, one
                after the other, and the iterator returns each sound that is recognized.
            listening: With ``sample_rate``, how the windows overlap and when a sound is reported; by default
                ``edgekit_runtime.Listening()``.
        Returns:
            An iterator over one prediction per example, in order. Closing it (or leaving a ``for`` loop that has the
            only reference to it) stops the work. If an example fails, the iterator raises the error in the place of
            its prediction.
        Raises:
            TensorMismatchError: ``top_k`` is given and the model does not classify, or ``sample_rate`` is given and the
                model does not classify recordings.
        """
        if sample_rate is not None or listening is not None:
            return self._hear(samples, sample_rate, listening)
        # Imported here because the first prediction of a process does not need it.
        from edgekit_runtime.inputs.streaming import predict_in_order

        predict: Callable[[Session, Any], Any] = self._predict
        if top_k is not None:
            if not self._raw_preprocessing:
                self._require_images(top_k)
            predict = partial(self._classify_one, top_k=top_k)
        return predict_in_order(samples, predict, self._runner.sessions())

    @property
    def manifest(self) -> Manifest:
        """The manifest that edgekit packed into the file; empty if there is none."""
        from edgekit_runtime.packed_file.manifest import Manifest

        return self._manifest or Manifest()

    def verify(self) -> GoldenReport:
        """Run the golden examples packed into the model on this device's interpreter and compare the predictions.

        Raises:
            ModelFileError: The model has no golden examples, or they are damaged.
        """
        from edgekit_runtime.packed_file.golden import read_golden, replay

        golden = read_golden(content_of(self._source))
        preprocessing: dict[str, GoldenInput] = {**self.manifest.preprocessing, **self.raw_inputs()}
        return replay(self, golden, preprocessing, self._golden_answer(golden, preprocessing))

    def raw_inputs(self) -> Mapping[str, RawInput]:
        """How recordings or strings become an input, by input name, as packed into the file.

        Raises:
            ModelFileError: What is packed is damaged, or this version does not know it.
        """
        if self._raw_inputs is None:
            from edgekit_runtime.inputs.raw_inputs import read_raw_inputs
            from edgekit_runtime.packed_file.manifest import Parts

            self._raw_inputs = read_raw_inputs(
                self.inputs, self._raw_preprocessing, Parts(content_of(self._source)).read
            )
        return self._raw_inputs

    def close(self) -> None:
        """Free the memory of the interpreters now instead of with the last reference to the model.

        A call that another thread has started is finished first; later calls raise a ``UsageError``.
        """
        self._runner.close()
        if self._generator is not None:
            self._generator.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reset(self) -> None:
        """Reset the state inside a model that was loaded with ``stateful=True``."""
        self._runner.reset()

    def _predict(self, session: Session | None, batch: Any) -> Prediction:
        """:meth:`predict` on one session, or, if ``None``, on as many as the size of the batch justifies."""
        if session is not None and batch.__class__ is np.ndarray and batch.shape == self._fast_shape:
            return self._decode(session.run_one(self._encode(batch)))
        runner = self._runner
        outputs = runner.run(conform(batch, self.inputs, runner.batch_size), runner.encoders, session)
        if len(outputs) == 1:
            return outputs[0]
        return {info.name: output for info, output in zip(self.outputs, outputs)}

    def _classify(self, session: Session | None, images: Images, top_k: int) -> list[Classification]:
        """:meth:`classify` on one session, or, if ``None``, on as many as the number of images justifies."""
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
        return self._ranked(scores, top_k)

    def _classify_raw(
        self, session: Session | None, examples: Any, top_k: int, sample_rate: int | None
    ) -> list[Classification]:
        """:meth:`classify` for recordings or strings, on one session or, if ``None``, on as many as is justified."""
        from edgekit_runtime.inputs.raw_inputs import prepare_given

        _require_top_k(top_k)
        values = prepare_given(self._raw_classifier("recording or string"), examples, sample_rate)
        scores = self._predict(session, values)
        assert isinstance(scores, np.ndarray)
        return self._ranked(scores, top_k)

    def _raw_classifier(self, kind: str) -> RawInput:
        """How recordings or strings become the only input of a classifier."""
        raw = self.raw_inputs().get(self.inputs[0].name) if len(self.inputs) == 1 and self._class_names else None
        if raw is None:
            raise self._no_classifier(kind)
        return raw

    def _hear(
        self, blocks: Iterable[np.ndarray], sample_rate: int | None, listening: Listening | None
    ) -> Iterator[HeardSound]:
        """:meth:`stream` for one continuous recording."""
        from edgekit_runtime.sound.sound_input import SoundInput
        from edgekit_runtime.sound.streaming import Listening, hear

        raw = self._raw_classifier(SOUND)
        if not isinstance(raw, SoundInput):
            raise self._no_classifier(SOUND)
        if sample_rate is None:
            raise UsageError("The sample rate of the stream is missing.", expected="sample_rate=, in Hz")

        def scores_of(window: np.ndarray) -> np.ndarray:
            scores = self._predict(None, raw.prepare_at(window, sample_rate))
            assert isinstance(scores, np.ndarray)
            return self._class_scores(scores)[0]

        listening = listening or Listening()
        listening.require_valid(self._class_names)
        return hear(blocks, scores_of, raw, self._class_names, sample_rate=sample_rate, listening=listening)

    def _ranked(self, scores: np.ndarray, top_k: int) -> list[Classification]:
        """The best classes of each row of scores (N, C)."""
        return rank(self._class_scores(scores), self._class_names, top_k)

    def _class_scores(self, scores: np.ndarray) -> np.ndarray:
        """One score per class; a single score belongs to the second of two classes."""
        if scores.shape[1] == 1:
            (kind,) = self.task.outputs.values()
            scores = probabilities(scores, kind.is_logit)
            if not ((scores >= 0) & (scores <= 1)).all():
                raise TensorMismatchError(
                    "The model's only score is not a probability.",
                    expected="values from 0 to 1",
                    received=f"{scores.min():g} to {scores.max():g}",
                    next_step="use predict()",
                )
            scores = np.concatenate([1 - scores, scores], axis=1)
        return scores

    def _find_detector(self) -> Detector:
        if self._detector is None:
            from edgekit_runtime.boxes.decoding import packed_decoding
            from edgekit_runtime.boxes.detector import Detector
            from edgekit_runtime.packed_file.manifest import Parts

            image = self._whole_image("detect", BOXES)
            decoding = packed_decoding(self.manifest.decoding, self.description, self.outputs)
            self._detector = Detector(decoding, image, self.labels, Parts(content_of(self._source)).read)
        return self._detector

    def _golden_answer(self, golden: GoldenExamples, preprocessing: Mapping[str, GoldenInput]) -> DecodeAnswer | None:
        """How outputs of golden examples are decoded; ``None`` if nothing is packed about it."""
        decoding = self.manifest.decoding
        if "sequence" in decoding and golden.answer:
            from edgekit_runtime.sequences.golden_texts import golden_texts

            return partial(golden_texts, self, golden, preprocessing)
        if "boxes" not in decoding:
            return None
        from edgekit_runtime.boxes.golden_boxes import golden_boxes

        return partial(golden_boxes, self.box_decoder, [info.name for info in self.outputs])

    def _whole_image(self, method: str, kind: str) -> ImageInput:
        """How an image is converted to the only input, for a method that needs no row of class scores."""
        if self.preprocessing is None:
            raise self._unsuitable(f"an image into {kind}", method, (IMAGE, kind), "--input image")
        return self._image or ImageInput(self.preprocessing, self.inputs[0], self._max_image_pixels)

    def _outputs_for(self, image: ImageInput, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Real values of each output by name, without the batch axis, for one image (1, H, W, C)."""
        outputs = self._runner.run([image.pixels(pixels)], [image.encode])
        return {info.name: output[0] if output.ndim else output for info, output in zip(self.outputs, outputs)}

    def _classify_one(self, session: Session, example: Any, top_k: int) -> Classification:
        if self._image is None:
            results = self._classify_raw(session, example, top_k, None)
        else:
            results = self._classify(session, example, top_k)
        if len(results) != 1:
            raise TensorMismatchError(
                "A stream is classified one example at a time.",
                expected="single examples",
                received=f"{len(results)} examples in one item",
                next_step="pass the examples one after the other, or many at once to classify()",
            )
        return results[0]

    def _sequence_generator(self) -> Generator:
        if self._generator is None:
            from edgekit_runtime.packed_file.manifest import Parts
            from edgekit_runtime.sequences.generation import Generator

            read_part = Parts(content_of(self._source)).read
            self._generator = Generator(self.manifest.decoding, TfliteModel(self._source), read_part, self._runner)
        return self._generator

    def _require_images(self, top_k: int) -> None:
        _require_top_k(top_k)
        if self._image is None:
            raise self._no_classifier(SOUND if self.task.named(SOUND) else IMAGE)

    def _no_classifier(self, kind: str) -> TensorMismatchError:
        is_undeclared = kind == SOUND and self.task.named(SOUND)
        return self._unsuitable(
            f"one {kind} into one row of class scores",
            "classify",
            (kind, f"{CLASSES} or {LABELS}"),
            "--sample-rate or --front-end" if is_undeclared else "--task, or pass labels= if these are classes",
        )

    def _unsuitable(self, what: str, method: str, kinds: tuple[str, str], option: str) -> TensorMismatchError:
        return TensorMismatchError(
            f"This model does not turn {what}, as {method}() needs it.",
            expected=f"one input of the kind {kinds[0]}, and one output of the kind {kinds[1]}",
            received=", ".join(
                f"{what} {name} of the kind {kind.name}"
                for what, kinds in (("input", self.task.inputs), ("output", self.task.outputs))
                for name, kind in kinds.items()
            ),
            next_step=f"use predict(), or declare it: edgekit pack {option}",
        )

    def _image_preprocessing(
        self, packed: Mapping[str, Preprocessing], pixel_range: tuple[float, float] | None
    ) -> Preprocessing | None:
        """How images are converted to the only input; ``None`` if the model does not take images."""
        name = self.inputs[0].name
        if len(self.inputs) != 1 or self.task.inputs[name].name != IMAGE:
            return None
        known = packed.get(name) or packed.get(UNNAMED)
        return image_preprocessing(self.description, self.inputs[0], known, pixel_range)

    def _image_input(self, max_pixels: int) -> ImageInput | None:
        """How pixels are converted to the input; ``None`` if the model does not take images or return their scores."""
        if self.preprocessing is None or not self._class_names:
            return None
        return ImageInput(self.preprocessing, self.inputs[0], max_pixels)

    def _names_of_classes(self) -> tuple[str, ...]:
        """Label or number of each class; empty if the model does not return one row of class scores."""
        kinds = [kind.name for kind in self.task.outputs.values()]
        classes = class_count([info.shape for info in self.outputs])
        return labels_for(self.labels, classes) if classes and kinds in ([CLASSES], [LABELS]) else ()
