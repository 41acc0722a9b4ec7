"""``edgekit targets``: lists the runtimes that models can be converted for."""

from __future__ import annotations

import click

from edgekit.commands.shared.options import json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the runtimes that --target accepts.

    With NAME: operators and known problems of that runtime.

    \b
    edgekit targets
    edgekit targets tflite-runtime-2.14
    edgekit inspect model.tflite --target tflite-runtime-2.14
    edgekit convert model.h5 --quantize int8 --data digits --target tflite-micro
    """
    from edgekit.reports.terminal.targets import print_target, print_targets, target_as_dict
    from edgekit_converters.targets.target import find_target, target_names

    if name is not None:
        target = find_target(name)
        report(lambda: target_as_dict(target), lambda: print_target(target), as_json=as_json)
        return
    targets = [find_target(each) for each in target_names()]
    report(
        lambda: {"targets": [target_as_dict(target) for target in targets]},
        lambda: print_targets(targets),
        as_json=as_json,
    )
