"""Renders the result of converting many models as an HTML page without external files."""

from __future__ import annotations

from html import escape

from edgekit.counting import percent
from edgekit.many_models.result import ManyConversions, ModelRow, Status

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8884; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.failed td { background: #d4343422; }
pre { white-space: pre-wrap; margin: 0; font-size: 13px; }
:root { color-scheme: light dark; }
"""


def render_html(result: ManyConversions) -> str:
    """The page: counts, then one row per model with sizes, drop, and the reason of a refusal."""
    counts = ", ".join(f"{result.count(status)} {status.value}" for status in Status)
    rows = "\n".join(_row(row) for row in result.rows)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Conversion of {len(result.rows)} models</title>
<style>{_STYLE}</style></head><body>
<h1>Conversion of {len(result.rows)} models</h1>
<p>{counts}</p>
<table><thead><tr><th>model</th><th>status</th><th>source</th><th>size</th><th>drop</th><th>time</th><th>details</th></tr>
</thead><tbody>
{rows}
</tbody></table></body></html>
"""


def _row(row: ModelRow) -> str:
    drop = "–" if row.drop is None else percent(row.drop)
    if row.meets_budget is False:
        drop += ", budget missed"
    details = "\n".join([*row.files, *row.notes, *([row.reason] if row.reason else [])])
    numbers = (_kilobytes(row.source_bytes), _kilobytes(row.size_bytes), drop, f"{row.seconds:.1f} s")
    cells = "".join(f'<td class="number">{escape(text)}</td>' for text in numbers)
    kind = "failed" if row.has_failed else row.status.value
    return (
        f'<tr class="{kind}"><td>{escape(row.name)}</td><td>{row.status.value}</td>{cells}'
        f"<td><pre>{escape(details)}</pre></td></tr>"
    )


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.1f} kB" if size else "–"
