"""Shows the noise of each layer as a table and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekit.counting import percent
from edgekit.parity.layers.noise import LayerNoise
from edgekit.reports.figures.palette import LIGHT
from edgekit.reports.figures.writing import plain_text, save_figure
from edgekit.reports.terminal.tables import print_table

#: More bars would be illegible; only those of the noisiest layers are drawn.
_MOST_BARS = 40


def print_layers(layers: Sequence[LayerNoise]) -> None:
    """Print one row per layer, in the given order."""
    columns = (
        "layer",
        "kind",
        "added SNR, dB",
        "SNR, dB",
        "min",
        "max",
        "clipped",
        "type",
        "scale",
        "zero point",
        "tensor",
    )
    print_table(
        "Noise of each layer, most added first (added: given the .tflite's own inputs, without inherited noise); "
        "a layer without a tensor was fused into a later one",
        columns,
        [_row(layer) for layer in layers],
    )


def _row(layer: LayerNoise) -> tuple[str, ...]:
    return (
        layer.layer,
        layer.kind,
        "" if layer.added_snr_db is None else f"{layer.added_snr_db:.1f}",
        "" if layer.snr_db is None else f"{layer.snr_db:.1f}",
        f"{layer.minimum:.4g}",
        f"{layer.maximum:.4g}",
        "" if layer.clipped is None else percent(layer.clipped),
        layer.dtype or "",
        "" if layer.scale is None else f"{layer.scale:.4g}",
        "" if layer.zero_point is None else str(layer.zero_point),
        "–" if layer.tensor is None else f"{layer.tensor.partition(';')[0]} #{layer.index}",
    )


@plain_text
def draw_layers(layers: Sequence[LayerNoise], title: str, path: Path) -> None:
    """Draw the ratio of signal to added noise for each layer that has a tensor, the worst at the top.

    Args:
        layers: Layers, the worst first; the first 40 are drawn.
        title: Title that names the compared models.
        path: Path of the PNG to write.
    """
    from matplotlib.figure import Figure

    measured = [layer for layer in layers if layer.added_snr_db is not None]
    shown = measured[:_MOST_BARS]
    figure = Figure(figsize=(9, 1.4 + 0.26 * max(4, len(shown))), layout="constrained")
    axes = figure.subplots()
    in_integers = [layer.scale is not None for layer in shown]
    colors = [LIGHT["after" if is_integer else "before"] for is_integer in in_integers]
    bars = axes.barh(range(len(shown)), [layer.added_snr_db or 0.0 for layer in shown], color=colors)
    if len(set(in_integers)) > 1:
        for is_integer, name in ((True, "in integers"), (False, "in float")):
            axes.barh([0], [0], color=LIGHT["after" if is_integer else "before"], label=name)
        axes.legend(loc="lower right", frameon=False)
    axes.bar_label(bars, [_bar_text(layer) for layer in shown], fontsize=8, padding=3)
    axes.set_yticks(range(len(shown)), [layer.layer for layer in shown], fontsize=8)
    axes.margins(x=0.2)
    axes.invert_yaxis()
    axes.set_xlabel("signal to added noise, dB (6 dB a bit)")
    axes.spines[["top", "right"]].set_visible(False)
    left_out = f"; the worst {_MOST_BARS} of {len(measured)}" if len(measured) > _MOST_BARS else ""
    figure.suptitle(f"{title}{left_out}")
    save_figure(figure, path)


def _bar_text(layer: LayerNoise) -> str:
    return f"{layer.added_snr_db:.0f}" + (f", {percent(layer.clipped)} clipped" if layer.clipped else "")
