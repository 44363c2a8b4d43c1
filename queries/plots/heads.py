"""The heads of a protein as a figure: a map of a statistic, a row for each layer."""

from collections.abc import Mapping, Sequence
from typing import Any

from attlas.queries.answers.stored_rows import ProteinRow
from attlas.queries.plots.titles import add_origin, add_title
from attlas.queries.report.heat_maps import draw_grid, head_grid
from attlas.schema import HEADS, Column

STATISTICS: Mapping[str, Column] = {
    column.name: column for column in HEADS.stored() if column.name not in ("sequence_id", "layer", "head")
}
"""The statistics of heads, by name."""
DEFAULT_STATISTIC = "n_edges"
_LAYER_MARK = "◂"


def draw_heads(
    protein: ProteinRow,
    statistic: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    n_layers: int,
    n_heads: int,
    origin: str,
) -> Any:
    """Return the figure of a statistic of all heads.

    Args:
        protein: the protein.
        statistic: a name of STATISTICS.
        rows: layer, head and the statistic of each head.
        n_layers: layers of the model.
        n_heads: heads of a layer.
        origin: what the atlas was computed with, for the last line.
    """
    column = STATISTICS[statistic]
    unit = f" ({column.unit})" if column.unit else ""
    picture = draw_grid(
        head_grid(rows, statistic, n_layers=n_layers, n_heads=n_heads),
        f"{statistic.removeprefix('n_').replace('_', ' ')}{unit}",
    )
    figure = picture.figure
    axis = figure.axes[0]
    words = ["ringed: the largest"]
    if protein.layer is not None:
        place = {"transform": axis.get_yaxis_transform(), "va": "center", "fontsize": 8}
        axis.text(1.01, protein.layer + 0.5, _LAYER_MARK, **place)
        words.append(f"{_LAYER_MARK} layer of convergence, {protein.layer}")

    add_title(figure, protein, column.doc.rstrip("."))
    add_origin(figure, "; ".join(words), origin)
    n_lines = figure.get_suptitle().count("\n") + figure.get_supxlabel().count("\n") + 2
    figure.set_figheight(figure.get_figheight() + 0.14 * n_lines)
    return figure
