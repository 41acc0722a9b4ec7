"""The device's command line: ``python -m edgekit_runtime info|predict|verify|bench``, and of installed models."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit_runtime.errors import BelowThresholdError, DataError, EdgekitError
from edgekit_runtime.execution.batches import available_cores
from edgekit_runtime.interpreters.choosing import (
    INTERPRETER_HELP,
    INTERPRETERS,
    choose_interpreter,
    is_interpreter_name,
)
from edgekit_runtime.interpreters.startup_note import keep_off_stderr
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.printable_text import filter_streams, one_line, printable_streams
from edgekit_runtime.regular_file import open_regular_file
from edgekit_runtime.store.command_line import add_commands
from edgekit_runtime.store.slot import installed_path
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tflite.description import TensorDescription


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 for an error, 2 for wrong usage, 3 for a failed verification."""
    with printable_streams():
        return _run(_parser().parse_args(arguments))


def _run(options: argparse.Namespace) -> int:
    keep_off_stderr()
    try:
        code: int = options.run(options) or 0
        sys.stdout.flush()
        return code
    except EdgekitError as error:
        if options.debug:
            raise
        _report(error, options.json)
        return error.exit_code
    except BrokenPipeError:
        # The reader, such as head, has closed the pipe; Python would report the error again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("model", type=_model_path, help=".tflite file, or the name of an installed model")
    running.add_argument(
        "--public-key", metavar="FILE|HEX", help="Ed25519 public key that the model must be signed with"
    )
    running.add_argument(
        "--interpreter",
        type=_interpreter,
        metavar="NAME",
        help=f"interpreter: {INTERPRETER_HELP} (default: the first installed)",
    )
    parser = argparse.ArgumentParser(prog="python -m edgekit_runtime", description="Run .tflite models on this device.")
    parser.add_argument("--version", action="version", version=edgekit_runtime.__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    info = commands.add_parser(
        "info", parents=[common], help="show a model's tensors, operators and packed metadata, or describe this device"
    )
    info.add_argument(
        "model",
        type=_model_path,
        nargs="?",
        help=".tflite file, or the name of an installed model; without it, this device and its interpreters",
    )
    info.set_defaults(run=_info)

    predict = commands.add_parser(
        "predict", parents=[common, running], help="run a model on images, .npy arrays or lines of JSON"
    )
    predict.add_argument(
        "inputs",
        nargs="+",
        help="images; .npy files with uint8 pixels or float inputs; or - to read lines of JSON from standard input (an"
        " image's path, a list of numbers, or an object with one list per input) and print one line of JSON for each",
    )
    predict.add_argument("--threads", type=_at_least_one, default=1, help="number of threads per operator (default: 1)")
    predict.add_argument("--top-k", type=_at_least_one, default=1, help="number of classes per image (default: 1)")
    predict.add_argument("--labels", help="text file with one label per line")
    predict.add_argument(
        "--pixel-range", type=float, nargs=2, metavar=("LOW", "HIGH"), help="values of pixels 0 and 255 in training"
    )
    predict.set_defaults(run=_predict)

    verify = commands.add_parser(
        "verify",
        parents=[common, running],
        help="run the golden examples packed into a model and compare the predictions; exits with 3 if they differ",
    )
    verify.set_defaults(run=_verify)

    bench = commands.add_parser(
        "bench", parents=[common, running], help="measure cold start, latency, throughput, memory and temperature"
    )
    bench.add_argument(
        "--threads",
        type=_at_least_one,
        action="append",
        help="number of threads per operator; may be repeated (default: 1, 2, 4, … up to the number of cores)",
    )
    bench.add_argument("--runs", type=_at_least_one, default=500, help="number of timed predictions (default: 500)")
    bench.add_argument("--warmup", type=int, default=50, help="number of untimed predictions before them (default: 50)")
    bench.add_argument(
        "--explain",
        action="store_true",
        help="time every operator instead, and say why the model is slow and what to do about it",
    )
    bench.set_defaults(run=_bench)
    add_commands(commands, common, list(INTERPRETERS))
    return parser


def _model_path(text: str) -> str:
    """The path of a file, or of the current version of an installed model if there is no such file."""
    return installed_path(text) or text


def _interpreter(name: str) -> str:
    if not is_interpreter_name(name):
        raise argparse.ArgumentTypeError(f"must be {INTERPRETER_HELP}")
    return name


def _at_least_one(text: str) -> int:
    # int() also accepts digits of other scripts, and raises an error for more than 4,300 digits.
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number, at least 1")
    return int(text)


def _report(error: EdgekitError, as_json: bool) -> None:
    if as_json:
        print(json.dumps(error.to_dict(), indent=1))
    else:
        print(f"Error: {error}", file=sys.stderr)


def _info(options: argparse.Namespace) -> None:
    from edgekit_runtime.packed_file.manifest import read_manifest

    if options.model is None:
        _device(options)
        return
    content = read_model_file(options.model)
    description = edgekit_runtime.read_model_description(content)
    manifest = read_manifest(content)
    if options.json:
        print(json.dumps({**description.to_dict(), "manifest": manifest.to_dict()}, indent=1))
        return
    operators = description.operators
    print(f"{one_line(str(options.model))}: {description.size_bytes:,} bytes, {len(operators)} operators")
    # predict() uses the names of the signature for inputs and outputs.
    names = {index: name for s in description.signatures[:1] for name, index in (*s.inputs, *s.outputs)}
    for title, tensors in (("input", description.inputs), ("output", description.outputs)):
        for tensor in tensors:
            print(f"{title:<10}{_tensor_line(tensor._replace(name=names.get(tensor.index, tensor.name)))}")
    kinds = Counter(f"{operator.custom_code or operator.name} version {operator.version}" for operator in operators)
    for kind, number in kinds.items():
        print(f"{'operator':<10}{number} × {one_line(kind)}")
    if description.metadata:
        print(f"{'metadata':<10}{one_line(', '.join(description.metadata))}")
    if manifest.labels:
        print(f"{'labels':<10}{one_line(', '.join(manifest.labels))}")
    task = find_task(description, [manifest.task], label_count=len(manifest.labels))
    for title, named in (("input", task.inputs), ("output", task.outputs)):
        for tensor_name, declared in named.items():
            print(f"{'task':<10}{title} {one_line(tensor_name)} is {declared.name}")
    for name, preprocessing in manifest.preprocessing.items():
        how = ", ".join(f"{key} {value}" for key, value in preprocessing.to_dict().items())
        print(f"{'images':<10}{one_line(f'{name}: ' if name else '')}{how}")


def _device(options: argparse.Namespace) -> None:
    from edgekit_runtime.device_benchmark import read_board

    report: dict[str, Any] = {
        "edgekit_runtime": edgekit_runtime.__version__,
        "python": f"{sys.version.split()[0]} on {sys.platform}",
        "numpy": np.__version__,
        **vars(read_board()),
    }
    for name in INTERPRETERS:
        try:
            report[name] = choose_interpreter(name).version
        except EdgekitError as error:
            report[name] = error.problem
    if options.json:
        print(json.dumps(report, indent=1))
        return
    for name, value in report.items():
        print(f"{name:<16}{'-' if value in (None, '') else value}")


def _tensor_line(tensor: TensorDescription) -> str:
    shape = " × ".join("N" if size == -1 else str(size) for size in tensor.shape_signature) or "scalar"
    line = f"{one_line(tensor.name)}  {tensor.dtype}  {shape}"
    if len(tensor.scales) == 1:
        line += f"  scale {tensor.scales[0]:.6g}  zero point {tensor.zero_points[0]}"
    return line


def _predict(options: argparse.Namespace) -> None:
    model = edgekit_runtime.load(
        options.model,
        num_threads=options.threads,
        interpreter=options.interpreter,
        labels=options.labels,
        public_key=options.public_key,
        pixel_range=None if options.pixel_range is None else tuple(options.pixel_range),
    )
    if options.inputs == ["-"]:
        _predict_from_stdin(model, options.top_k)
        return
    results = [{"input": str(path), **_run_file(model, path, options.top_k)} for path in options.inputs]
    if options.json:
        print(json.dumps({"model": str(options.model), "results": results}, indent=1))
        return
    for result in results:
        for answer in result.get("answers", ()):
            best = ", ".join(f"{one_line(e['label'])} {e['score']:.3f}" for e in answer["top"])
            print(f"{one_line(result['input'])}: {best}")
        for name, values in result.get("outputs", {}).items():
            print(f"{one_line(result['input'])}: {one_line(name)} {json.dumps(values)}")


def _predict_from_stdin(model: Model, top_k: int) -> None:
    """Print one line of JSON for each input line immediately; a line with an error does not affect the others."""
    bad = 0
    for number, line in enumerate(sys.stdin, 1):
        try:
            result = _run_line(model, line, top_k)
        except EdgekitError as error:
            bad += 1
            result = {"line": number, **error.to_dict()}
        print(json.dumps(result), flush=True)
    if bad:
        raise DataError(f"{bad} of the lines could not be processed.", next_step="see the errors in the output")


def _run_line(model: Model, line: str, top_k: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError("The line is not valid JSON.", received=str(error)) from error
    if isinstance(value, str):
        return {"answers": [answer.to_dict() for answer in model.classify(value, top_k)]}
    given = value if isinstance(value, dict) else {model.inputs[0].name: value}
    # JSON does not distinguish 1 from 1.0: numbers are real values unless the model's input is an unquantized integer.
    # float64 can represent all numbers in JSON; predict() reports those that are too large for the model.
    are_real = {i.name: i.quantization is not None or i.dtype.kind == "f" for i in model.inputs}
    dtypes = {i.name: np.dtype(np.float64) if are_real[i.name] else i.dtype for i in model.inputs}
    try:
        batch = {name: np.array(values, dtypes.get(name)) for name, values in given.items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError("The line does not contain the model's inputs.", received=str(error)) from error
    return _outputs(model, batch)


def _run_file(model: Model, path: str, top_k: int) -> dict[str, Any]:
    """Classify an image or an array of pixels; return the raw outputs for any other array."""
    if not path.endswith(".npy"):
        return {"answers": [answer.to_dict() for answer in model.classify(path, top_k)]}
    array = _read_array(path)
    if array.dtype == np.uint8 and model.preprocessing is not None:
        return {"answers": [answer.to_dict() for answer in model.classify(array, top_k)]}
    return _outputs(model, array)


def _outputs(model: Model, batch: Any) -> dict[str, Any]:
    return {"outputs": {name: values.tolist() for name, values in model.predict_named(batch).items()}}


def _read_array(path: str) -> np.ndarray:
    try:
        with open_regular_file(path) as file:
            array: np.ndarray = np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.", next_step="check the path") from None
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise DataError(
            f"{path} is not a .npy file of numbers.",
            received=(str(error) or type(error).__name__).splitlines()[0],
            next_step="write it with numpy.save",
        ) from error
    return array


def _verify(options: argparse.Namespace) -> int:
    model = edgekit_runtime.load(options.model, interpreter=options.interpreter, public_key=options.public_key)
    report = model.verify()
    if options.json:
        print(json.dumps({"model": str(options.model), **report.to_dict()}, indent=1))
    else:
        errors = f"errors up to {max(report.max_error):.3g}, at most {max(report.tolerance):.3g} allowed"
        first = f"top class equal in {sum(report.top1_equal)} of {report.examples} examples"
        verdict = "passed" if report.passed else "FAILED"
        print(f"{options.model} on {report.interpreter}: {verdict}; {errors}; {first}")
    if not report.passed:
        return BelowThresholdError.exit_code
    return 0


def _explain(options: argparse.Namespace) -> None:
    from edgekit_runtime.packed_file.model_file import open_model_file
    from edgekit_runtime.profiling.explaining import explain
    from edgekit_runtime.profiling.explanation_text import explanation_lines
    from edgekit_runtime.tflite.tflite_model import TfliteModel

    parsed = TfliteModel(open_model_file(options.model))
    # Loading refuses what an interpreter must not see.
    edgekit_runtime.load(parsed, interpreter=options.interpreter, public_key=options.public_key).close()
    counts = options.threads or [1, 2, 4]
    explanation = explain(parsed, choose_interpreter(options.interpreter), counts, num_threads=counts[0])
    if options.json:
        print(json.dumps({"model": str(options.model), **explanation.to_dict()}, indent=1))
        return
    for line in explanation_lines(explanation):
        print(line)


def _bench(options: argparse.Namespace) -> None:
    from edgekit_runtime.device_benchmark import benchmark

    if options.explain:
        _explain(options)
        return
    counts = options.threads or [2**power for power in range(available_cores().bit_length())]
    load = partial(edgekit_runtime.load, options.model, interpreter=options.interpreter, public_key=options.public_key)
    report = benchmark(
        str(options.model), load, counts, options.runs, max(options.warmup, 0), public_key=options.public_key
    )
    if options.json:
        print(json.dumps({"model": str(options.model), **report.to_dict()}, indent=1))
        return
    print(f"{options.model} on {report.interpreter}; {report.after.name or sys.platform}, {report.after.cores} core(s)")
    print("threads  load ms  first ms   p50 ms   p90 ms   p99 ms  images/s")
    for r in report.threads:
        times = (r.load_ms, r.first_ms, r.latency.p50_ms, r.latency.p90_ms, r.latency.p99_ms)
        print(
            f"{r.num_threads:>7}  " + "".join(f"{t:>7.3f}  " for t in times) + f"{r.latency.images_per_second:>8,.0f}"
        )
    print(f"in large batches, over all cores: {report.batch_images_per_second:,.0f} images/s")
    for what, value, unit in (
        ("cold start to the first prediction", report.cold_start_ms, "ms"),
        ("peak memory of such a process", report.peak_memory_mb, "MB"),
        ("temperature before", report.before.temperature_c, "°C"),
        ("temperature after", report.after.temperature_c, "°C"),
        ("clock before", report.before.clock_mhz, "MHz"),
        ("clock after", report.after.clock_mhz, "MHz"),
    ):
        if value is not None:
            print(f"{what}: {value:.1f} {unit}")


if __name__ == "__main__":
    # Also covers the traceback of --debug, which Python writes after main().
    filter_streams()
    sys.exit(main())
