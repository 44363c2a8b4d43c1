"""The proteome at a glance: answers of a few questions drawn as bars, each with the question behind it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attlas.queries.asking.questions import question_named
from attlas.queries.text import counted
from attlas.serve.pages.layout import show

Rows = Sequence[Mapping[str, Any]]

BARS_WIDTH, BARS_HEIGHT = 320, 96
"""Units of a drawing, which is scaled to the room there is."""
TEXT_HEIGHT = 14
N_BARS = 40
"""Bars of a drawing; what lies beyond the last is in the table behind it."""


@dataclass(frozen=True)
class GlanceBar:
    """A bar."""

    name: str
    """What it counts, such as `101 to 150 residues`."""
    label: str
    """What stands below it, where there is room."""
    value: float


@dataclass(frozen=True)
class GlancePanel:
    """A drawing at a glance."""

    question: str
    title: str
    unit: str
    """What the bars count."""


PANELS = (
    GlancePanel("lengths", "How long the proteins are", "sequences"),
    GlancePanel("layer_of_convergence", "The layer where attention converges", "sequences"),
    GlancePanel("sites_per_protein", "High-attention sites of a protein", "sequences"),
    GlancePanel("completeness", "What became of the input", "proteins"),
)
"""The drawings, in their order."""


def glance_html(answers: Mapping[str, Rows]) -> str:
    """Return the drawings from the answers of their questions, by name."""
    return "".join(_panel_html(panel, answers[panel.question]) for panel in PANELS)


def _panel_html(panel: GlancePanel, rows: Rows) -> str:
    bars = [] if panel.question == "completeness" else _bars(panel, rows)
    drawing = _draw(panel, bars[:N_BARS]) if bars else _outcomes(rows)
    cut_words = f" The drawing ends at {bars[N_BARS - 1].name}." if len(bars) > N_BARS else ""
    question = question_named(panel.question)
    return (
        f'<figure><figcaption><a href="/questions/{panel.question}">{show(panel.title)}</a></figcaption>{drawing}'
        f'<p class="reading">{show(_describe(panel, rows) + cut_words)}</p>'
        f"<details><summary>SQL</summary><pre><code>{_lines(question.sql)}</code></pre></details></figure>"
    )


def _lines(text: str) -> str:
    return "\n".join(show(line) for line in text.split("\n"))


def _bars(panel: GlancePanel, rows: Rows) -> list[GlanceBar]:
    """Return the bars of a drawing, those of nothing included: an axis without them would not be to scale."""
    match panel.question:
        case "lengths":
            return list(_length_bars(rows))
        case "layer_of_convergence":
            return list(_number_bars("layer", rows))
        case _:
            return list(_number_bars("n_sites", rows))


def _length_bars(rows: Rows) -> Iterator[GlanceBar]:
    """Yield a bar for each class of lengths, the empty ones included; all are as wide as those that the rows have."""
    values = {row["from_length"]: row["n_sequences"] for row in rows}
    ends = {row["from_length"]: row["to_length"] for row in rows}
    width = next((end - begin + 1 for begin, end in ends.items() if end is not None), 1)
    for begin in range(1, max(values, default=0) + 1, width):
        end = ends.get(begin, begin + width - 1)
        name = f"{begin:,} residues or more" if end is None else f"{begin:,} to {end:,} residues"
        yield GlanceBar(name, f"{begin:,}", values.get(begin, 0))


def _number_bars(column: str, rows: Rows) -> Iterator[GlanceBar]:
    """Yield a bar for each number from 0 on, such as the layers."""
    values = {row[column]: row["n_sequences"] for row in rows if row[column] is not None}
    for number in range(max(values, default=-1) + 1):
        name = f"layer {number}" if column == "layer" else counted(number, "site")
        yield GlanceBar(name, str(number), values.get(number, 0))


def _describe(panel: GlancePanel, rows: Rows) -> str:
    """Return a drawing in one sentence."""
    if not rows:
        return "Nothing was computed."

    match panel.question:
        case "lengths":
            return (
                f"{rows[0]['n_all']:,} distinct sequences, in the middle {rows[0]['median_length']:,.0f} residues long."
            )
        case "layer_of_convergence":
            commonest = max(rows, key=lambda row: row["n_sequences"])
            words = "no layer" if commonest["layer"] is None else f"layer {commonest['layer']}"
            return f"Most often {words}: {commonest['share']:.0%} of the sequences."
        case "sites_per_protein":
            return f"{rows[0]['mean_sites']:.1f} on average, in the middle {rows[0]['median_sites']:g}."
        case _:
            n_ok = sum(row["n_proteins"] for row in rows if row["status"] == "ok")
            n_all = sum(row["n_proteins"] for row in rows)
            return f"{n_ok:,} of {n_all:,} proteins were computed."


def _draw(panel: GlancePanel, bars: Sequence[GlanceBar]) -> str:
    """Return upright bars as SVG, each with its number for who points at it."""
    highest = max(bar.value for bar in bars) or 1
    step = BARS_WIDTH / len(bars)
    label_step = -(-len(bars) // 8)  # labels stand below every so many bars, or they would overlap
    parts = []
    for number, bar in enumerate(bars):
        height = max(BARS_HEIGHT * bar.value / highest, 1) if bar.value else 0
        x = number * step
        parts.append(
            f'<rect x="{x + step * 0.08:.1f}" y="{BARS_HEIGHT - height:.1f}" width="{step * 0.84:.1f}" '
            f'height="{height:.1f}"><title>{show(bar.name)}: {bar.value:,} {panel.unit}</title></rect>'
        )
        if number % label_step == 0:
            parts.append(f'<text x="{x + step / 2:.1f}" y="{BARS_HEIGHT + TEXT_HEIGHT}">{show(bar.label)}</text>')

    label = f"{panel.title}: bars of {panel.unit}"
    return (
        f'<svg class="bars" viewBox="0 0 {BARS_WIDTH} {BARS_HEIGHT + TEXT_HEIGHT + 4}" role="img" '
        f'aria-label="{show(label)}">{"".join(parts)}</svg>'
    )


def _outcomes(rows: Rows) -> str:
    """Return the outcomes as lines with a bar each: their names are too long to stand below bars."""
    total = sum(row["n_proteins"] for row in rows) or 1
    lines = [
        f'<tr><th scope="row">{show(row["outcome"] or row["status"])}</th><td class="number">{row["n_proteins"]:,}</td>'
        f'<td><svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * row["n_proteins"] / total:.1f}" height="8"/></svg></td></tr>'
        for row in rows[:8]
    ]
    return f'<table class="outcomes"><tbody>{"".join(lines)}</tbody></table>'
