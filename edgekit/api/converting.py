"""``edgekit.convert``: converts a Keras, TensorFlow or PyTorch model to .tflite."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgekit.api.arguments import (
    Kinds,
    PathLike,
    PixelRanges,
    as_choice,
    as_column,
    as_count,
    as_flag,
    as_optional_choice,
    as_optional_fraction,
    as_optional_numbers,
    as_optional_path,
    as_optional_text,
    as_texts,
    box_head,
    by_name,
    pixel_ranges,
    sound_input,
    type_name,
    user_claim,
)
from edgekit.api.data import LARGEST_SEED, DataSource, optional_data
from edgekit.api.devices import device_timer
from edgekit.api.models import ModelSource, is_keras_model, model_file
from edgekit.api.vocabularies import ctc_options, tokenizer_of
from edgekit_runtime.errors import ArgumentTypeError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from edgekit.conversion.result import Conversion
    from edgekit_converters.finetuning.options import FineTuningOptions

#: Values of ``architecture`` other than a file or ``module:function``.
_BUILT_IN_ARCHITECTURES = {"reference-cnn": "edgekit.training.reference_cnn:build_for_digits"}


def convert(
    model: ModelSource,
    output: PathLike | None = None,
    *,
    quantize: str = "none",
    data: DataSource | None = None,
    max_drop: float | None = None,
    targets: Sequence[str] = (),
    io: str = "float32",
    scheme: str = "per-channel",
    repair: str = "auto",
    keep_float: Sequence[str] = (),
    recover: bool = False,
    epochs: int | None = None,
    learning_rate: float | None = None,
    samples: int = 256,
    seed: int = 0,
    random_calibration: bool = False,
    label_column: str | int | None = None,
    labels: PathLike | Sequence[str] = (),
    pixel_range: PixelRanges | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    color_order: str | None = None,
    resize: str | None = None,
    task: str | None = None,
    output_kind: Kinds | None = None,
    input_kind: Kinds | None = None,
    ctc_blank: int | None = None,
    sequence_vocabulary: PathLike | None = None,
    sequence_tokenizer: str = "words",
    beams: int = 1,
    boxes: str | None = None,
    box_parameters: Mapping[str, Any] | None = None,
    anchors: PathLike | np.ndarray | None = None,
    front_end: PathLike | Mapping[str, Any] | None = None,
    sample_rate: int | None = None,
    vocabulary: PathLike | None = None,
    tokenizer: str = "words",
    input_shape: Sequence[int] | None = None,
    channels_last: bool = False,
    signature: str | None = None,
    architecture: PathLike | None = None,
    custom_objects: Sequence[str | type] = (),
    allow_unsafe: bool = False,
    max_memory: int = 512_000_000,
    metric: str | Mapping[str, str] | None = None,
    strict: bool = False,
    prefer: str | None = None,
    device: str | None = None,
    figure: PathLike | None = None,
) -> Conversion:
    """Convert a model to .tflite files; the same arguments give the same bytes.

    The model is lowered in a separate process: TensorFlow is not imported here, and code in the file does not run.

    Args:
        model: Path of an .h5, .keras or .pt2 file or of a SavedModel folder, as text or ``Path``; or a
            ``keras.Model`` in memory, which is saved to a temporary file.
        output: File to write, or a folder to write it to; with ``quantize="all"``, a folder. Default: None, next to the
            model; required for a model in memory.
        quantize: Quantization mode: ``"none"`` (float32), ``"float16"`` (weights), ``"dynamic"`` (int8 weights),
            ``"int8"`` (weights and activations), ``"int16x8"`` (int8 weights, int16 activations), ``"int4"`` (4-bit
            weights). ``"auto"`` measures all modes and writes the best within the budget, and ``"all"`` writes none,
            float16, dynamic and int8. Default: ``"none"``.
        data: Real inputs for calibration, which int8 and int16x8 need, and for judging a budget: a name or path as for
            ``edgekit convert --data``; inputs (N, ...) as an array or as a dict by input name; ``(inputs, labels)``;
            an iterable of such batches or single examples; or a function that returns one. uint8 arrays are pixels,
            floats are passed unchanged. Default: None.
        max_drop: Accuracy budget: maximum drop against the float model on held-back data, in the unit of the metric;
            0.005 is half a point of top-1. Default: None, no budget; 0.005 with ``"auto"``.
        targets: Runtimes that the files must run on, such as ``["tflite-runtime-2.14"]``. Default: none.
        io: Type of inputs and outputs: ``"float32"``, ``"int8"``, ``"uint8"`` or ``"int16"``. Default: ``"float32"``.
        scheme: Scales of integer weights, ``"per-channel"`` or ``"per-tensor"``. Default: ``"per-channel"``.
        repair: ``"auto"`` repairs the float model before int8, with ``data``, and uses the result if it is nearer to
            the float model than plain int8 is; ``"off"`` does not. Default: ``"auto"``.
        keep_float: Kinds of operators that stay in float in int8 and int16x8, as ``["hard_swish"]``. Default: none.
        recover: Fine-tune for int8 and int4 on ``data``, with the float model as teacher; labels are not needed. The
            result is used if it is nearer to the float model on held-back data. Default: False.
        epochs: Largest number of epochs of ``recover``. Default: None, 10.
        learning_rate: Learning rate of ``recover``, relative to the size of the weights. Default: None, 0.002.
        samples: Maximum number of examples for calibration. Default: 256.
        seed: Seed of all random choices, 0 to 2**32 - 1. Default: 0.
        random_calibration: Calibrate on noise instead of data; do not deploy the result. Default: False.
        label_column: Heading or number of the label column of a table. Default: None, detected automatically.
        labels: Class names, or the path of a text file with one per line. Default: those of the data.
        pixel_range: Real values of pixels 0 and 255 at the model's image input, such as ``(-1, 1)``, or a dict of
            these by input name. Default: None, (0, 1), or (0, 255) for a model that rescales its input.
        mean: Subtracted after ``pixel_range``: a number, or one for each channel. Default: None, nothing.
        std: Divisor after ``mean``: a number, or one for each channel. Default: None, 1.
        color_order: ``"rgb"`` or ``"bgr"``. Default: None, rgb.
        resize: How images of another size are resized: ``"stretch"``, ``"crop"``, ``"pad"``, ``"letterbox"`` or
            ``"nearest"``. Default: None, stretch.
        task: ``"classification"``, ``"multilabel"``, ``"regression"``, ``"segmentation"``, ``"detection"`` or
            ``"sequence"``. Default: None, detected from the model and the data.
        output_kind: Kind of all outputs, such as ``"classes"``, or a dict by output name. Default: None, detected.
        input_kind: Kind of the only input, such as ``"image"``, or a dict by input name. Default: None, detected.
        ctc_blank: For a model that was trained with CTC: number of the blank, -1 for the last token. Default: None, not
            such a model.
        sequence_vocabulary: Vocabulary of the tokens of a CTC model, one per line. Default: None, tokens without texts.
        sequence_tokenizer: Tokenizer of these tokens, such as ``"characters"``. Default: ``"words"``.
        beams: Number of prefixes that CTC decoding follows on the device, 1 to 64. Default: 1.
        boxes: Head layout of a detector, as for ``edgekit convert --boxes``, such as ``"yolov8"``. Default: None, not a
            detector unless the model ends in TFLite_Detection_PostProcess.
        box_parameters: Parameters of the head layout by name, and under ``"outputs"`` the names of its outputs.
            Default: None, those of the layout.
        anchors: Anchor table of an SSD: an array (N, 4), or the path of an .npy or a text file. Default: None.
        front_end: How recordings become the model's spectrograms: a preset such as ``"log-mel"``, the path of a JSON
            file, or a dict of its fields. Default: None, the model takes no spectrograms.
        sample_rate: Sample rate of the recordings that the model was trained on, in Hz. Default: None, that of the
            front end.
        vocabulary: Vocabulary of a model that takes tokens, so that the device takes texts: a text file with one token
            per line in the order of the indices, or a model of SentencePiece. Default: None; a model with a layer of
            text, such as TextVectorization, brings its own.
        tokenizer: Tokenizer of that vocabulary: ``"words"``, ``"characters"``, ``"wordpiece"`` or
            ``"sentencepiece"``. Default: ``"words"``.
        input_shape: Shape without the batch axis, such as ``(224, 224, 3)``, for a model with open sizes. Default:
            None, that of the model.
        channels_last: Give a PyTorch program's images the layout (N, H, W, C). Default: False.
        signature: Signature of a SavedModel. Default: None, serving_default or the only one.
        architecture: For a file of weights only: a .json or .yaml file, ``"module:function"`` or ``"reference-cnn"``.
            Default: None.
        custom_objects: Your own classes that the model uses, each as ``"module:Class"`` or as the class; their modules
            are imported in the separate process. Default: none.
        allow_unsafe: Load files that the scan refuses, and run the code in them. Default: False.
        max_memory: Refuse a model with a tensor of more bytes than this at batch size 1. Default: 512,000,000.
        metric: Metric of ``max_drop``, such as ``"top1"`` or ``"f1"``, or a dict by output name. Default: None, that of
            the output's kind.
        strict: Count a budget as met only if the examples prove it. Default: False.
        prefer: Preference of ``"auto"`` among the models within the budget, ``"speed"`` or ``"size"``. Default: None,
            speed.
        device: Where ``"auto"`` times the models: ``"ssh:USER@HOST"``, ``"here"`` or the path of a Python. Default:
            None, this process.
        figure: PNG to write, with size, latency and drop of every judged model. Default: None.

    Returns:
        A ``Conversion``: ``path`` (the file), ``models`` (each file with ``size_bytes``, ``sha256`` and ``scores``),
        ``task``, ``calibration``, ``budget`` (``met``, ``require_met()``), ``notes``, ``warnings`` and ``to_dict()``.

    Raises:
        EdgekitError: The model, the data or a target cannot be used, or arguments contradict each other; nothing is
            written in that case. Messages name the command's options: ``--max-drop`` is ``max_drop``. A missed budget
            does not raise an error.
        TypeError: An argument has the wrong type; the error is also an ``EdgekitError``.

    Example:
        >>> import edgekit
        >>> conversion = edgekit.convert("model.h5", quantize="int8", data="digits", max_drop=0.005)
        >>> conversion.path.name, conversion.budget.met
        ('model-int8.tflite', True)
    """
    from edgekit.budget.request import BudgetOptions, Preference, budget_request
    from edgekit.conversion import ConversionOptions
    from edgekit.conversion import convert as convert_file
    from edgekit.conversion.output_paths import output_paths, quantize_choices
    from edgekit.datasets.readers.image_options import ImageOptions
    from edgekit_converters.atomic_files import require_place
    from edgekit_converters.lowering import LoweringRequest
    from edgekit_converters.quantization.modes import IoType, Scheme
    from edgekit_runtime.inputs.resizing import RESIZE_MODES

    asked = as_choice(quantize, "quantize", quantize_choices())
    io_type = IoType(as_choice(io, "io", [each.value for each in IoType]))
    source = optional_data(data)
    figure_path = as_optional_path(figure, "figure")
    budget = budget_request(
        BudgetOptions(
            as_optional_fraction(max_drop, "max_drop", highest=float("inf")),
            by_name(metric),
            as_flag(strict, "strict"),
            as_optional_choice(prefer, "prefer", [each.value for each in Preference]),
            figure_path,
            device_timer(device),
        ),
        quantize=asked,
        data=source,
    )
    options = ConversionOptions(
        io=io_type,
        scheme=Scheme(as_choice(scheme, "scheme", [each.value for each in Scheme])),
        data=source,
        random_calibration=as_flag(random_calibration, "random_calibration"),
        samples=as_count(samples, "samples"),
        seed=as_count(seed, "seed", lowest=0, highest=LARGEST_SEED),
        label_column=as_column(label_column),
        pixel_ranges=pixel_ranges(pixel_range),
        image_options=ImageOptions(
            as_optional_numbers(mean, "mean"),
            as_optional_numbers(std, "std"),
            as_optional_choice(color_order, "color_order", ("rgb", "bgr")),
            as_optional_choice(resize, "resize", RESIZE_MODES),
        ),
        labels=_labels(labels),
        targets=as_texts(targets, "targets"),
        keep_float=as_texts(keep_float, "keep_float"),
        budget=budget,
        repairs=as_choice(repair, "repair", ("auto", "off")) == "auto",
        recovery=_recovery(recover, epochs, learning_rate, seed=as_count(seed, "seed", lowest=0, highest=LARGEST_SEED)),
        claim=user_claim(task, input_kind=input_kind, output_kind=output_kind),
        boxes=box_head(boxes, box_parameters, anchors),
        sound=sound_input(front_end, sample_rate),
        tokenizer=tokenizer_of(vocabulary, tokenizer),
        ctc=ctc_options(ctc_blank, sequence_vocabulary, sequence_tokenizer, beams),
    )
    if output is None and is_keras_model(model):
        raise UsageError(
            "output is missing: a model in memory has no folder to write beside.",
            expected="a path",
            received="output=None",
            next_step='pass output="model.tflite"',
        )
    destination = as_optional_path(output, "output")
    with model_file(model) as path:
        outputs = output_paths(path, destination, asked, io_type)
        for each in outputs.values():
            require_place(each)
        request = LoweringRequest(
            path,
            None if input_shape is None else _sizes(input_shape),
            _architecture(architecture),
            class_names(custom_objects),
            as_flag(allow_unsafe, "allow_unsafe"),
            channels_last=as_flag(channels_last, "channels_last"),
            max_memory=as_count(max_memory, "max_memory"),
            signature=as_optional_text(signature, "signature"),
        )
        conversion = convert_file(request, outputs, options)
    if conversion.budget and figure_path:
        from edgekit.reports.figures.pareto import draw_pareto

        draw_pareto(conversion.budget, figure_path)
    return conversion


def _recovery(recover: bool, epochs: int | None, learning_rate: float | None, *, seed: int) -> FineTuningOptions | None:
    """Options of fine-tuning, or None for none.

    Raises:
        UsageError: An option is out of bounds, or does nothing because there is no fine-tuning.
    """
    from edgekit_converters.finetuning.options import FineTuningOptions

    given = {name: value for name, value in (("epochs", epochs), ("learning_rate", learning_rate)) if value is not None}
    if not as_flag(recover, "recover"):
        if given:
            raise UsageError(f"{next(iter(given))} applies to recover.", next_step="pass recover=True, or leave it out")
        return None
    rate = as_optional_fraction(learning_rate, "learning_rate")
    if rate == 0:
        raise UsageError("learning_rate is out of bounds.", expected="a number above 0, up to 1", received="0")
    defaults = FineTuningOptions(seed=seed)
    return replace(
        defaults,
        epochs=defaults.epochs if epochs is None else as_count(epochs, "epochs", highest=1000),
        learning_rate=defaults.learning_rate if rate is None else rate,
    )


def _labels(labels: Any) -> tuple[str, ...]:
    from edgekit_runtime.classification import read_labels

    if isinstance(labels, (str, os.PathLike)):
        return read_labels(labels)
    return as_texts(labels, "labels")


def _sizes(sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, Sequence) or isinstance(sizes, str):
        raise ArgumentTypeError(
            "input_shape has the wrong type.",
            expected="sizes without the batch, such as (224, 224, 3)",
            received=type_name(sizes),
        )
    return tuple(as_count(size, "input_shape") for size in sizes)


def _architecture(architecture: Any) -> str | None:
    path = as_optional_path(architecture, "architecture")
    return None if path is None else _BUILT_IN_ARCHITECTURES.get(str(path), str(path))


def class_names(classes: Any) -> tuple[str, ...]:
    """``module:Class`` for each class, because the separate process imports them."""
    if isinstance(classes, (str, type)):
        classes = [classes]
    if not isinstance(classes, Sequence) or not all(isinstance(each, (str, type)) for each in classes):
        raise ArgumentTypeError(
            "custom_objects has the wrong type.",
            expected='a list of classes, or of texts such as "my_layers:Scale"',
            received=type_name(classes),
        )
    names = [each if isinstance(each, str) else f"{each.__module__}:{each.__qualname__}" for each in classes]
    unimportable = next((name for name in names if name.startswith("__main__:") or "<locals>" in name), None)
    if unimportable is not None:
        raise UsageError(
            "A class of custom_objects cannot be imported by the process that lowers the model.",
            expected="a class at the top level of a module in a file",
            received=unimportable,
            next_step="move the class to a module of its own, and import it from there",
        )
    return tuple(names)
