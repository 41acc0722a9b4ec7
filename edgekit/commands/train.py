"""``edgekit train``: trains the reference CNN on a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, data_option, json_option, seed_option
from edgekit.commands.shared.reporting import report


@click.command()
@data_option(False, "Images to learn from, with the class of each", default="digits", also="--dataset")
@click.option("--epochs", type=click.IntRange(min=1), default=30, show_default=True, help="Passes over the data.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Images per step.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    default=0.001,
    show_default=True,
    help="Learning rate of Adam.",
)
@seed_option
@click.option(
    "--augment/--no-augment",
    default=True,
    show_default=True,
    help="Rotate, shift, zoom and shear the images slightly, as suits digits; never mirror them.",
)
@click.option(
    "--dropout",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.3,
    show_default=True,
    help="Dropout rate around the dense layer, 0 to 1.",
)
@click.option("--batch-norm", is_flag=True, help="Normalize after each convolution.")
@click.option(
    "--early-stopping", is_flag=True, help="Monitor a fifth of the training images and stop when their accuracy stalls."
)
@click.option("--resume", is_flag=True, help="Resume an interrupted training in the output folder.")
@click.option(
    "-o",
    "--output",
    type=EXISTING_OR_NOT,
    default=Path("edgekit-model"),
    show_default=True,
    help="Folder for model.h5, model.keras, the report and the figures.",
)
@json_option
def command(
    data: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    augment: bool,
    dropout: float,
    batch_norm: bool,
    early_stopping: bool,
    resume: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Train the reference CNN; save it as model.h5 and model.keras.

    A fifth of the images, or the test part of the dataset, is held back for the final test.

    \b
    edgekit train --data mnist --epochs 5
    """
    from edgekit.datasets import load_dataset
    from edgekit.reports.terminal.training import print_training
    from edgekit.training.fit import CHECKPOINT_NAME, train
    from edgekit.training.options import TrainingOptions
    from edgekit.training.saving import save_training
    from edgekit_converters.temporary_folders import private_temporary_files

    click.get_current_context().with_resource(private_temporary_files("train"))
    options = TrainingOptions(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        augment=augment,
        dropout=dropout,
        batch_norm=batch_norm,
        early_stopping=early_stopping,
    )
    checkpoint = output / CHECKPOINT_NAME
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
    try:
        result = train(load_dataset(data, seed=seed), options, folder=output, resume=resume)
    except KeyboardInterrupt:
        if checkpoint.exists() and checkpoint.stat().st_mtime_ns != before:
            click.echo(f"{checkpoint} holds the last whole epoch: add --resume to the command to go on.", err=True)
        raise
    save_training(result, output)
    report(
        lambda: {"folder": str(output), **result.to_dict()},
        lambda: print_training(
            train_count=result.train_count,
            test_count=result.test_count,
            test_accuracy=result.test_accuracy,
            epochs=len(result.history["loss"]),
            folder=output,
        ),
        as_json=as_json,
    )
