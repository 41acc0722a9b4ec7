"""``edgekit.convert_pair``: converts an encoder and a decoder to one .tflite that generates sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgekit.api.arguments import (
    PathLike,
    as_choice,
    as_count,
    as_flag,
    as_optional_fraction,
    as_optional_path,
    as_texts,
    type_name,
)
from edgekit.api.converting import class_names
from edgekit.api.data import LARGEST_SEED, DataSource, optional_data
from edgekit.api.models import ModelSource, is_keras_model, model_file
from edgekit.api.vocabularies import tokenizer_of
from edgekit_runtime.errors import ArgumentTypeError, UsageError

if TYPE_CHECKING:
    from edgekit.sequences.result import PairConversion

#: Modes that ``auto`` tries, from the fastest.
_AUTO_MODES = ("int8", "dynamic", "float16")
_AUTO_MAX_DROP = 0.005


def convert_pair(
    encoder: ModelSource,
    decoder: ModelSource,
    output: PathLike | None = None,
    *,
    quantize: str = "none",
    data: DataSource | None = None,
    max_drop: float | None = None,
    repair: str = "auto",
    targets: Sequence[str] = (),
    scheme: str = "per-channel",
    samples: int = 256,
    seed: int = 0,
    vocabulary: PathLike | None = None,
    tokenizer: str = "words",
    sequence_vocabulary: PathLike | None = None,
    sequence_tokenizer: str = "words",
    start_token: int | str | None = None,
    end_token: int | str | None = None,
    max_length: int | None = None,
    beams: int = 1,
    length_penalty: float = 0.0,
    custom_objects: Sequence[str | type] = (),
    allow_unsafe: bool = False,
    max_memory: int = 512_000_000,
) -> PairConversion:
    """Convert an encoder and a decoder to one .tflite, which ``Model.generate()`` translates with.

    Inputs and outputs are connected by their names: a decoder input gets the encoder output of its name, and in later
    steps the decoder's own output of its name, or with ``next_`` before it. The decoder is calibrated step by step
    along the known sequences of the data.

    Args:
        encoder: The encoder: a path, or a ``keras.Model`` in memory.
        decoder: The decoder: a path, or a ``keras.Model`` in memory.
        output: File to write, or a folder to write it to. Default: None, next to the encoder; required for models in
            memory.
        quantize: Quantization mode of both, as in ``convert``, without ``"all"``; ``"auto"`` tries int8, dynamic and
            float16 in this order and needs data. Default: ``"none"``.
        data: Pairs of sources and sequences: an .npz, a .csv, .tsv or .jsonl of texts, or a dict, by the names of the
            encoder's inputs and of the decoder's input of tokens. Default: None.
        max_drop: Accuracy budget: maximum drop of exact match and of token accuracy against the float model on pairs
            that were held back, such as 0.01. Plain int8, repaired int8, and one of both models in float are tried in
            this order; a file that misses the budget is named so. Default: None, no budget; 0.005 with ``"auto"``.
        repair: ``"auto"`` or ``"off"``: whether repaired int8 is among these. Default: ``"auto"``.
        targets: Runtimes that the file must run on. Default: none.
        scheme: Scales of integer weights, ``"per-channel"`` or ``"per-tensor"``. Default: ``"per-channel"``.
        samples: Maximum number of pairs for calibration. Default: 256.
        seed: Seed for choosing pairs, 0 to 2**32 - 1. Default: 0.
        vocabulary: Vocabulary of the texts that the encoder gets, one token per line. Default: None, no texts.
        tokenizer: Tokenizer of these texts, such as ``"words"`` or ``"wordpiece"``. Default: ``"words"``.
        sequence_vocabulary: Vocabulary of the generated sequences. Default: None, tokens without texts.
        sequence_tokenizer: Tokenizer of the generated sequences. Default: ``"words"``.
        start_token: Token that the decoder gets first, by number or name. Default: None, found in vocabulary or data.
        end_token: Token that ends a sequence, by number or name. Default: None, found in vocabulary or data.
        max_length: Largest number of generated tokens. Default: None, twice the longest sequence of the data, or 128.
        beams: Number of beams on the device, 1 (greedy search) to 64. Default: 1.
        length_penalty: Exponent of the length penalty of the search, 0 to 10. Default: 0.0.
        custom_objects: Your own classes that the models use, as in ``convert``. Default: none.
        allow_unsafe: Load files that the scan refuses, and run the code in them. Default: False.
        max_memory: Refuse a model with a tensor of more bytes than this at batch size 1. Default: 512,000,000.

    Returns:
        A ``PairConversion``: ``path``, ``size_bytes``, ``decoding``, ``scores`` (of source, float model and file on
        pairs that were held back), ``budget``, ``notes``, ``warnings`` and ``to_dict()``.

    Raises:
        EdgekitError: A model, the data, a token or a target cannot be used; nothing is written in that case.
        TypeError: An argument has the wrong type; the error is also an ``EdgekitError``.

    Example:
        >>> import edgekit
        >>> conversion = edgekit.convert_pair("encoder.keras", "decoder.keras", quantize="int8", data="pairs.npz")
        >>> conversion.path.name
        'encoder-decoder-int8.tflite'
    """
    from edgekit.conversion.output_paths import AUTO, output_paths
    from edgekit.sequences.options import PairOptions
    from edgekit.sequences.pair import convert_pair as convert_files
    from edgekit_converters.atomic_files import require_place
    from edgekit_converters.lowering import LoweringRequest
    from edgekit_converters.quantization.modes import IoType, Mode, Scheme
    from edgekit_runtime.sequences.search import LONGEST, MOST_BEAMS

    asked = as_choice(quantize, "quantize", [*(each.value for each in Mode), AUTO])
    modes = _AUTO_MODES if asked == AUTO else (asked,)
    budget = as_optional_fraction(max_drop, "max_drop")
    if budget is None and asked == AUTO:
        budget = _AUTO_MAX_DROP
    _require_usable_budget(budget, asked, has_data=data is not None)
    options = PairOptions(
        modes=tuple(map(Mode, modes)),
        max_drop=budget,
        repairs=as_choice(repair, "repair", ("auto", "off")) == "auto",
        scheme=Scheme(as_choice(scheme, "scheme", [each.value for each in Scheme])),
        data=optional_data(data),
        samples=as_count(samples, "samples"),
        seed=as_count(seed, "seed", lowest=0, highest=LARGEST_SEED),
        targets=as_texts(targets, "targets"),
        source_tokenizer=tokenizer_of(vocabulary, tokenizer),
        tokenizer=tokenizer_of(sequence_vocabulary, sequence_tokenizer, "sequence_vocabulary", "sequence_tokenizer"),
        start=_token(start_token, "start_token"),
        end=_token(end_token, "end_token"),
        max_length=None if max_length is None else as_count(max_length, "max_length", highest=LONGEST),
        beams=as_count(beams, "beams", highest=MOST_BEAMS),
        length_penalty=as_optional_fraction(length_penalty, "length_penalty", highest=10.0) or 0.0,
    )
    if output is None and (is_keras_model(encoder) or is_keras_model(decoder)):
        raise UsageError(
            "output is missing: a model in memory has no folder to write beside.",
            expected="a path",
            received="output=None",
            next_step='pass output="model.tflite"',
        )
    destination = as_optional_path(output, "output")
    with model_file(encoder, "encoder") as first, model_file(decoder, "decoder") as second:
        named = first.with_name(f"{first.stem}-{second.stem}{first.suffix}")
        outputs = {
            mode: path
            for each in modes
            for mode, path in output_paths(named, destination, each, IoType.FLOAT32).items()
        }
        for path in outputs.values():
            require_place(path)
        requests = [
            LoweringRequest(
                source,
                custom_objects=class_names(custom_objects),
                allow_unsafe=as_flag(allow_unsafe, "allow_unsafe"),
                max_memory=as_count(max_memory, "max_memory"),
            )
            for source in (first, second)
        ]
        return convert_files(requests[0], requests[1], outputs, options)


def _require_usable_budget(max_drop: float | None, quantize: str, *, has_data: bool) -> None:
    if max_drop is None:
        return
    if not has_data:
        raise UsageError(
            "A budget needs data.",
            expected="--data with pairs, some of which are held back",
            received="no data",
            next_step="pass --data",
        )
    if quantize == "none":
        raise UsageError(
            "A budget needs a quantization mode.",
            expected="--quantize int8 or another mode",
            received="--quantize none",
            next_step="pass --quantize",
        )


def _token(value: Any, name: str) -> int | str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentTypeError(f"{name} is not a token.", expected="a number or a word", received=type_name(value))
    return as_count(value, name, lowest=0)
