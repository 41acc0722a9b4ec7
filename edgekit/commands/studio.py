"""``edgekit studio``: a page in the browser to try models, compare them and look into them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, data_option, label_column_option
from edgekit_runtime.errors import UsageError


@click.command()
@click.argument("models", nargs=-1, required=True, type=EXISTING_OR_NOT)
@data_option(required=False, purpose="Data to compare the models on, and to make variants with")
@label_column_option
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port to listen on. [default: 8765, or a free one if it is taken]"
)
@click.option(
    "--public", is_flag=True, help="Let other machines reach the page; its address then holds a secret token."
)
@click.option("--open/--no-open", "opens", default=True, show_default=True, help="Open the page in the browser.")
def command(
    models: tuple[Path, ...], data: str | None, label_column: str | None, port: int | None, public: bool, opens: bool
) -> None:
    """Try MODELS in the browser, side by side.

    MODELS are the source model (.h5, .keras, SavedModel folder or .pt2) and its .tflite variants; variants are
    compared with the first one. Needs pip install 'edgekit[studio]'. Ends with Ctrl-C.

    \b
    edgekit studio model.h5 model-int8.tflite --data digits
    edgekit studio model-int8.tflite model-float16.tflite
    """
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"The studio needs {' and '.join(missing)}, not installed here.", next_step="pip install 'edgekit[studio]'"
        )
    from edgekit.studio.comparison import StudioData
    from edgekit.studio.server import has_display, serve

    if data is not None:
        from edgekit.datasets.opening import require_source

        require_source(data, label_column)

    def announce(address: str) -> None:
        click.echo(f"The studio is at {address} (Ctrl-C ends it).")
        if public:
            click.echo("Whoever knows this address can use the models; it is not encrypted.", err=True)
        if opens and has_display():
            import webbrowser

            webbrowser.open(address)

    serve(models, StudioData(data or "", label_column or ""), port=port, public=public, announce=announce)
