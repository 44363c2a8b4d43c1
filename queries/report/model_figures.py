"""Figures of the heads without annotation: how sharp and how far they look, how many edges, what period."""

from functools import partial

from attlas.queries.report.figures import Figure, Rows, Section, spell
from attlas.queries.report.heat_maps import draw_grid, head_grid
from attlas.queries.report.pictures import Picture

Proteins = dict[str, object]


def model_section(proteins: Proteins, *, n_layers: int, n_heads: int, theta: float) -> Section:
    """Return heat maps of the statistics of heads; `proteins` restricts them.

    `theta` is the attention from which on the build counted a pair as an edge.
    """
    figure = partial(_heat_map, proteins, n_layers, n_heads)
    return Section(
        "model",
        "The heads, before any annotation",
        "Means over distinct sequences of ten residues or more. A cell is a head; layers run downwards, both counted "
        "from 0. Ringed: the largest value. Resting the pointer on a cell tells its value.",
        tuple(figure(*line[:-1], line[-1].format(theta=spell(theta))) for line in _STATISTICS),
    )


_SPREAD = "Entropy of a residue's attention over that of even attention: 0 looks at one token, 1 at all alike."
_FAR = "Mean separation of what a residue attends to, over that of even attention: 1 reaches as far as chance."
_EDGES = "Pairs of residues with an attention of {theta} or more, per residue."
_HELIX = "Attention to residues three and four away, over that of even attention. A period is no structure by itself."
_SINKS = "Attention that goes to the special tokens: where a head rests that has found nothing."


_STATISTICS = (
    ("entropy", "How spread attention is", "heads_by_entropy", "share_of_max", "entropy over its largest", _SPREAD),
    ("distance", "How far attention reaches", "heads_by_distance", "of_even", "distance over that of even", _FAR),
    ("edges", "Pairs of strong attention", "edge_heads", "edges_per_residue", "edges per residue", _EDGES),
    ("helix", "Attention one helix turn along", "periodic_heads", "ratio", "share over that of even", _HELIX),
    ("sinks", "Attention to <cls> and <eos>", "sink_heads", "special_share", "share of attention", _SINKS),
)
"""Name, title, question, column drawn, its unit, how to read it."""


def _heat_map(
    proteins: Proteins,
    n_layers: int,
    n_heads: int,
    name: str,
    title: str,
    question: str,
    column: str,
    unit: str,
    reading: str,
) -> Figure:
    def describe(rows: Rows) -> str:
        best = max(rows, key=lambda row: (row[column], -row["layer"], -row["head"]))
        where = f"layer {spell(best['layer'])}, head {spell(best['head'])}"
        return f"Largest: {spell(best[column])} in {where}; over {spell(best['n_sequences'])} sequences."

    def draw(rows: Rows) -> Picture:
        grid = head_grid(rows, column, n_layers=n_layers, n_heads=n_heads)
        return draw_grid(grid, unit, is_log=column == "ratio")

    return Figure(f"heads-{name}", title, question, proteins, reading, describe, draw)
