"""``edgekit demo``: the main job from end to end, on real digits."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.options import EXISTING_OR_NOT, json_option, seed_option


@click.command()
@click.option(
    "-o",
    "--output",
    type=EXISTING_OR_NOT,
    default=Path("edgekit-demo"),
    show_default=True,
    help="Folder for the models, the figures and the report.",
)
@seed_option
@json_option
def command(output: Path, seed: int, as_json: bool) -> None:
    """Train on real digits, convert, compare, replay on the runtime.

    Takes about a minute and needs no network: the digits come with scikit-learn.
    """
    from edgekit.demo import run_demo
    from edgekit.progress import progress_bar
    from edgekit.reports.tables import kilobytes, milliseconds, percent, print_json, print_table
    from edgekit_converters.temporary_folders import private_temporary_files

    click.get_current_context().with_resource(private_temporary_files("demo"))

    def say(sentence: str) -> None:
        click.echo(sentence, err=True)

    result = run_demo(output, seed=seed, say=say, progress=progress_bar)
    if as_json:
        print_json(result.to_dict())
        return
    rows = [
        (
            variant.name + (" (taken)" if variant.name == result.winner else ""),
            kilobytes(variant.size_bytes),
            percent(variant.agreement.candidate_top1),
            percent(variant.agreement.top1_agreement),
            f"{variant.agreement.max_absolute_error:.1e}",
            milliseconds(variant.latency.p50_ms),
            milliseconds(variant.latency.p99_ms),
        )
        for variant in result.variants
    ]
    title = f"{result.test_images} held-back digits; the Keras model has {percent(result.keras_top1)} top-1"
    columns = ("variant", "size", "top-1", "agreement", "max error", "median", "p99")
    print_table(title, columns, rows)
    click.echo(
        f"{result.replayed_images} images replayed in a process without TensorFlow ({result.replay_interpreter}): "
        "all answers equal."
    )
    click.echo(f"Files in {result.folder}/:")
    for file in sorted(result.folder.iterdir()):
        if not file.name.startswith("."):
            click.echo(f"  {file.name}")
