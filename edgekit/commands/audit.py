"""``edgekit audit``: what is wrong with a .tflite, whoever made it."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import (
    EXISTING_OR_NOT,
    data_option,
    json_option,
    label_column_option,
    pixel_range_option,
    seed_option,
    target_option,
    task_options,
)
from edgekit.commands.shared.reporting import exit_code_of, report


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.option(
    "--against", type=EXISTING_OR_NOT, metavar="MODEL", help="Model that the .tflite was made from, to compare with."
)
@data_option(required=False, purpose="Data to judge predictions on; all of it is used")
@label_column_option
@click.option(
    "--samples", type=click.IntRange(min=1), default=1000, show_default=True, help="Examples to use, at most."
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="Largest drop against the other model that is not a problem, as a share of 1.",
)
@target_option
@pixel_range_option
@task_options
@seed_option
@json_option
def command(
    model: Path,
    against: Path | None,
    data: str | None,
    label_column: str | None,
    samples: int,
    max_drop: float,
    targets: tuple[str, ...],
    pixel_ranges: dict[str, tuple[float, float]],
    task: str | None,
    output_kinds: dict[str, str],
    input_kinds: dict[str, str],
    seed: int,
    as_json: bool,
) -> None:
    """Find problems in MODEL, a .tflite made by any tool.

    Checks the structure, operators of each target, known runtime errors, scales of 0, weights that are clipped or share
    one scale although their channels differ, outputs that do not depend on the input, and missing metadata. With
    --data, checks accuracy and input ranges too; with --against, the difference from the source model.

    Exits with 3 if there is a problem, not for remarks.

    \b
    edgekit audit foreign.tflite
    edgekit audit foreign.tflite --data photos/ --against model.h5
    """
    from edgekit.api.arguments import user_claim
    from edgekit.auditing.audit import audit
    from edgekit.auditing.context import AuditRequest
    from edgekit.reports.terminal.audit import print_audit
    from edgekit_converters.temporary_folders import private_temporary_files

    click.get_current_context().with_resource(private_temporary_files("audit"))
    request = AuditRequest(
        targets=targets,
        against=against,
        data=data,
        label_column=label_column,
        samples=samples,
        max_drop=max_drop,
        pixel_ranges=pixel_ranges,
        claim=user_claim(task, input_kind=input_kinds, output_kind=output_kinds),
        seed=seed,
    )
    result = audit(model, request)
    report(result.to_dict, lambda: print_audit(result), as_json=as_json, exit_code=exit_code_of(result.passed))
