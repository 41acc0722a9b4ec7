"""``edgekit bench``: times models, and explains why they are slow."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.option_rules import require_consistent
from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option, open_option
from edgekit.commands.shared.reporting import open_in_browser, report
from edgekit_runtime.errors import UsageError

_SSH = "ssh:"
#: Numbers of threads that --explain compares.
_THREADS = (1, 2, 4)


@click.command()
@click.argument("models", nargs=-1, required=True, type=EXISTING_OR_NOT, metavar="[ssh:USER@HOST] MODELS...")
@click.option("--runs", type=click.IntRange(min=1), default=500, show_default=True, help="Timed predictions per model.")
@click.option(
    "--warmup", type=click.IntRange(min=0), default=50, show_default=True, help="Untimed predictions before them."
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads per prediction. --explain compares 1, 2 and 4 threads unless this is given.",
)
@click.option("--device", metavar="DEVICE", help="Run the models there: ssh:USER@HOST, here, or the path of a Python.")
@click.option(
    "--explain",
    "explains",
    is_flag=True,
    help="Time every operator instead, and say why a model is slow and what to do about it.",
)
@click.option("--html", type=EXISTING_OR_NOT, metavar="FILE.html", help="Write the explanation as a page with figures.")
@open_option
@json_option
def command(
    models: tuple[Path, ...],
    runs: int,
    warmup: int,
    threads: int,
    device: str | None,
    explains: bool,
    html: Path | None,
    opens: bool,
    as_json: bool,
) -> None:
    """Time MODELS (.tflite), or explain why they are slow.

    Times on different machines are not comparable, ratios are. --explain times each operator, says whether XNNPACK runs
    it, what conversions and threads cost and whether the processor was throttled, and names causes with remedies.

    \b
    edgekit bench model.tflite model-int8.tflite
    edgekit bench ssh:pi@raspberrypi model-int8.tflite --explain
    """
    from edgekit.devices.timing import find_timed_device

    require_consistent(needs={"html": ("explains",), "opens": ("html",)}, excludes={"explains": ("runs", "warmup")})
    where, paths = _device_and_models(device, models)
    found = None if where is None else find_timed_device(where)
    if explains:
        from edgekit.benchmark import explain_models
        from edgekit.reports.terminal.explanation import print_explanations

        is_default = click.get_current_context().get_parameter_source("threads") is click.core.ParameterSource.DEFAULT
        explained = explain_models(paths, threads=_THREADS if is_default else (threads,), device=found)
        if html is not None:
            from edgekit.reports.html.explanation import explanation_html
            from edgekit_converters.atomic_files import write_text

            write_text(html, explanation_html(explained))
            click.echo(f"Wrote {html}.", err=True)
            if opens:
                open_in_browser(html)
        report(
            lambda: {"models": [each.to_dict() for each in explained]},
            lambda: print_explanations(explained),
            as_json=as_json,
        )
        return
    from edgekit.benchmark import benchmark
    from edgekit.reports.terminal.benchmark import print_benchmark

    result = benchmark(paths, runs=runs, warmup=warmup, threads=threads, device=found)
    report(result.to_dict, lambda: print_benchmark(result), as_json=as_json)


def _device_and_models(device: str | None, arguments: tuple[Path, ...]) -> tuple[str | None, tuple[Path, ...]]:
    """The device, which may also be the one argument that begins with ssh:, and the models."""
    named = [str(argument) for argument in arguments if str(argument).startswith(_SSH)]
    models = tuple(argument for argument in arguments if str(argument) not in named)
    devices = [*named, *((device,) if device is not None else ())]
    if len(devices) > 1 or not models:
        raise UsageError(
            "Pass one device at most, and at least one model.",
            expected="edgekit bench ssh:USER@HOST model.tflite",
            received=f"{len(devices)} device(s), {len(models)} model(s)",
        )
    return (devices[0] if devices else None), models
