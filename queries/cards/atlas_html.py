"""An atlas as HTML for a notebook: what it was computed from, how, and its tables."""

from html import escape

from attlas.queries.description import table_sizes
from attlas.schema import Manifest


def atlas_html(place: str, manifest: Manifest) -> str:
    """Return a heading, a line on the run, and a table of the tables that have rows."""
    counts, run = manifest.counts, manifest.run
    outcomes = f"{counts.n_ok:,} ok, {counts.n_skipped:,} skipped, {counts.n_failed:,} failed"
    heading = f"{counts.n_requested:,} proteins: {outcomes}"
    origin = f"{manifest.source} · {run.model} · {run.n_layers} layers x {run.n_heads} heads · {run.dtype} · {run.rule}"

    rows = "".join(
        f"<tr><td><code>{escape(table['name'])}</code></td><td style='text-align:right'>{table['n_rows']:,}</td>"
        f"<td style='text-align:left'>{escape(table['doc'])}</td></tr>"
        for table in table_sizes(manifest)
        if table["n_rows"]
    )
    head = "<thead><tr><th>table</th><th>rows</th><th>a row is</th></tr></thead>"
    lines = f"<b>{escape(place)}</b><div>{escape(heading)}</div><div>{escape(origin)}</div>"
    return f"<div>{lines}<table>{head}<tbody>{rows}</tbody></table></div>"
