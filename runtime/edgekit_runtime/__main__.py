"""The device's command line: ``python -m edgekit_runtime info|predict|bench``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit_runtime.description import ModelDescription, TensorDescription
from edgekit_runtime.errors import DataError, EdgekitError
from edgekit_runtime.interpreter import INTERPRETERS
from edgekit_runtime.latency import measure
from edgekit_runtime.model import Model
from edgekit_runtime.model_file import read_model_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 for an error, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except EdgekitError as error:
        if options.debug:
            raise
        _report(error, options.json)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--interpreter", choices=list(INTERPRETERS), help="by default the first one installed")
    running.add_argument("--threads", type=_at_least_one, default=1, help="threads an operator may use (default: 1)")
    parser = argparse.ArgumentParser(prog="python -m edgekit_runtime", description="Run .tflite models on this device.")
    parser.add_argument("--version", action="version", version=edgekit_runtime.__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="info|predict|bench")

    info = commands.add_parser("info", parents=[common], help="show tensors, operators and what is packed in the file")
    info.add_argument("model", type=Path, help=".tflite file")
    info.set_defaults(run=_info)

    predict = commands.add_parser("predict", parents=[common, running], help="answer images or .npy arrays")
    predict.add_argument("model", type=Path, help=".tflite file")
    predict.add_argument("inputs", type=Path, nargs="+", help="images, or .npy: uint8 pixels or float inputs")
    predict.add_argument("--top-k", type=_at_least_one, default=1, help="classes to show for each image (default: 1)")
    predict.add_argument("--labels", type=Path, help="text file with a label in each line")
    predict.add_argument(
        "--pixel-range", type=float, nargs=2, metavar=("LOW", "HIGH"), help="values of pixels 0 and 255 in training"
    )
    predict.set_defaults(run=_predict)

    bench = commands.add_parser("bench", parents=[common, running], help="time single predictions")
    bench.add_argument("model", type=Path, help=".tflite file")
    bench.add_argument("--runs", type=_at_least_one, default=500, help="timed predictions (default: 500)")
    bench.add_argument("--warmup", type=int, default=50, help="untimed predictions before (default: 50)")
    bench.set_defaults(run=_bench)
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _report(error: EdgekitError, as_json: bool) -> None:
    if as_json:
        print(json.dumps(error.to_dict(), indent=1))
    else:
        print(f"Error: {error}", file=sys.stderr)


def _info(options: argparse.Namespace) -> None:
    from edgekit_runtime.manifest import read_manifest

    content = read_model_file(options.model)
    description = edgekit_runtime.read_model_description(content)
    manifest = read_manifest(content)
    if options.json:
        print(json.dumps({**description.to_dict(), "manifest": manifest.to_dict()}, indent=1))
        return
    print(f"{options.model}: {description.size_bytes:,} bytes, {len(description.operators)} operators")
    for title, tensors in (("input", description.inputs), ("output", description.outputs)):
        for tensor in tensors:
            print(f"{title:<10}{_tensor_line(tensor)}")
    for line in _operator_lines(description):
        print(f"{'operator':<10}{line}")
    if description.metadata:
        print(f"{'metadata':<10}{', '.join(description.metadata)}")
    if manifest.labels:
        print(f"{'labels':<10}{', '.join(manifest.labels)}")


def _tensor_line(tensor: TensorDescription) -> str:
    shape = " × ".join("N" if size == -1 else str(size) for size in tensor.shape_signature) or "scalar"
    line = f"{tensor.name}  {tensor.dtype}  {shape}"
    if len(tensor.scales) == 1:
        line += f"  scale {tensor.scales[0]:.6g}  zero point {tensor.zero_points[0]}"
    return line


def _operator_lines(description: ModelDescription) -> Iterator[str]:
    for operator in description.operators:
        yield f"{operator.custom_code or operator.name} version {operator.version}"


def _predict(options: argparse.Namespace) -> None:
    model = edgekit_runtime.load(
        options.model,
        num_threads=options.threads,
        interpreter=options.interpreter,
        labels=options.labels,
        pixel_range=None if options.pixel_range is None else tuple(options.pixel_range),
    )
    results = [{"input": str(path), **_answer(model, path, options.top_k)} for path in options.inputs]
    if options.json:
        print(json.dumps({"model": str(options.model), "results": results}, indent=1))
        return
    for result in results:
        for answer in result.get("answers", ()):
            print(f"{result['input']}: " + ", ".join(f"{e['label']} {e['score']:.3f}" for e in answer["top"]))
        for name, values in result.get("outputs", {}).items():
            print(f"{result['input']}: {name} {json.dumps(values)}")


def _answer(model: Model, path: Path, top_k: int) -> dict[str, Any]:
    """Classes for an image or an array of pixels, the raw outputs for any other array."""
    if path.suffix != ".npy":
        return {"answers": [answer.to_dict() for answer in model.classify(path, top_k)]}
    array = _read_array(path)
    if array.dtype == np.uint8 and model.preprocessing is not None:
        return {"answers": [answer.to_dict() for answer in model.classify(array, top_k)]}
    outputs = model.predict(array)
    if isinstance(outputs, np.ndarray):
        outputs = {model.outputs[0].name: outputs}
    return {"outputs": {name: values.tolist() for name, values in outputs.items()}}


def _read_array(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.", next_step="check the path") from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} is not a .npy file of numbers.",
            received=str(error).splitlines()[0],
            next_step="write it with numpy.save",
        ) from error
    return array


def _bench(options: argparse.Namespace) -> None:
    model = edgekit_runtime.load(options.model, num_threads=options.threads, interpreter=options.interpreter)
    latency = measure(model, runs=options.runs, warmup=max(options.warmup, 0))
    interpreter = f"{model.interpreter} {model.interpreter_version}"
    if options.json:
        report = {"model": str(options.model), "interpreter": interpreter, "threads": options.threads}
        print(json.dumps({**report, **latency.to_dict()}, indent=1))
        return
    print(f"{options.model} on {interpreter}, {options.threads} thread(s), {latency.runs} runs")
    print(f"p50 {latency.p50_ms:.3f} ms  p90 {latency.p90_ms:.3f} ms  p99 {latency.p99_ms:.3f} ms")
    print(f"mean {latency.mean_ms:.3f} ms  {latency.images_per_second:,.0f} per second")


if __name__ == "__main__":
    sys.exit(main())
