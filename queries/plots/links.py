"""The links of a head as a figure: arcs over the sequence, from the residue that attends to the one attended to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from attlas.queries.answers.one_id import Answer
from attlas.queries.plots.feature_bars import draw_feature_bars, select_bars
from attlas.queries.plots.sequence_rows import (
    LANE_INCHES,
    PlacedLabel,
    SequenceRow,
    TextAtPosition,
    place_labels,
    write_label,
)
from attlas.queries.plots.titles import add_origin, add_title
from attlas.queries.report.pictures import INK, PURPLE, VERMILION, WIDE

LONG_RANGE = 6
"""Distance along the sequence from which on a link is long-range."""
MAX_LINE = 2.6
"""Width of the line of a link of weight 1, points."""
N_HUBS = 6
"""Residues named because most links end at them."""
_HUB_LINKS = 3
"""Fewest links that end at a hub."""
_MAX_LANES = 3
_MIN_ARC_INCHES, _MAX_ARC_INCHES = 0.5, 1.5
"""Height of the longest link's arc, which is half a circle in between."""
_MIN_LINE = 0.6
_N_BROAD = 50
"""Links up to which lines have their full width; of more they are thinner, all by the same factor."""
_THINNEST = 0.35
_ROOM = 0.05
_LANE_GAP = 0.5
"""Room between the arcs and the labels, over the height of a line of labels."""
_FLAT = 0.06
"""Height of the arc of neighbours, over that of the longest link of the head."""


@dataclass(frozen=True)
class Link:
    """Attention of a residue to another."""

    layer: int
    head: int
    i: int
    """The residue that attends."""
    j: int
    """The residue attended to."""
    weight: float


@dataclass(frozen=True)
class HeadLinks:
    """The links of one head on a protein."""

    layer: int
    head: int
    links: tuple[Link, ...]
    n_edges: int
    """Edges of the head on the protein, whether they are kept as links or not."""
    theta: float
    """Attention from which on a pair counted as an edge."""

    @property
    def words(self) -> str:
        """The number of edges that are drawn, of how many, in words."""
        n_drawn_edges = sum(link.weight >= self.theta for link in self.links)
        n_weaker = len(self.links) - n_drawn_edges
        weaker = f", and {n_weaker:,} weaker links" if n_weaker else ""
        return (
            f"drawn: {n_drawn_edges:,} of the head's {self.n_edges:,} edges (attention of {self.theta} or more, "
            f"of a residue to itself included){weaker}"
        )


def choose_head(links: Sequence[Link], site_positions: set[int]) -> tuple[int, int] | None:
    """Return layer and head whose links touch the sites with the largest sum of weights; None without links.

    Without sites, and without links at them, it is the head of the strongest long-range links. Of equal heads the
    first one is taken.
    """
    at_sites: dict[tuple[int, int], float] = {}
    far: dict[tuple[int, int], float] = {}
    for link in links:
        key = link.layer, link.head
        is_at_site = link.i in site_positions or link.j in site_positions
        is_far = abs(link.i - link.j) >= LONG_RANGE
        at_sites[key] = at_sites.get(key, 0.0) + (link.weight if is_at_site else 0.0)
        far[key] = far.get(key, 0.0) + (link.weight if is_far and not is_at_site else 0.0)
    if not at_sites:
        return None
    return min(at_sites, key=lambda key: (-at_sites[key], -far[key], key))


def draw_links(answer: Answer, of_head: HeadLinks, *, origin: str, model: str) -> Any:
    """Return the figure of the links of a head.

    Args:
        answer: the protein, with its sites and features.
        of_head: the links.
        origin: what the atlas was computed with, for the last line.
        model: name of the model, for the title.
    """
    from matplotlib.figure import Figure

    row = SequenceRow(1, answer.protein.length, answer.protein.length)
    bars = select_bars(answer.features or ())
    labels = place_labels(_labels(answer, of_head.links), row, max_lanes=_MAX_LANES)
    n_lanes = max((label.lane + 1 for label in labels), default=0)

    # Each side of the sequence is as high as its longest link needs.
    longest = max((abs(link.i - link.j) for link in of_head.links), default=1)
    above, below = (_height(of_head.links, side, longest) for side in (1, -1))
    scale = _arc_inches(row, longest)
    arcs_inches = scale * (above + below) + LANE_INCHES * (n_lanes + _LANE_GAP)
    heights = [arcs_inches, *([bars.inches] if bars.n_lines else [])]

    figure = Figure(figsize=(WIDE, sum(heights) + 1.25), layout="constrained")
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_arcs(axes[0], row, of_head.links, longest)
    lane_height = LANE_INCHES / scale
    axes[0].set_ylim(-below, above + lane_height * (n_lanes + _LANE_GAP))
    _draw_residues(axes[0], [site.position for site in answer.sites], labels, above=above, lane_height=lane_height)
    if bars.n_lines:
        axes[0].tick_params(bottom=False, labelbottom=False)
        axes[0].spines["bottom"].set_visible(False)
        draw_feature_bars(axes[1], bars, row)
    axes[-1].set_xlabel("position")

    add_title(figure, answer.protein, f"links of head {of_head.layer}-{of_head.head} of {model}")
    directions = _direction_words(of_head.links)
    add_origin(figure, "; ".join([of_head.words, directions, _point_words(answer), *bars.words]), origin)
    return figure


def _arc_inches(row: SequenceRow, longest: int) -> float:
    """Return the height of the arc of the longest link, inches."""
    return min(max(row.inches(longest) / 2, _MIN_ARC_INCHES), _MAX_ARC_INCHES)


def _height(links: Sequence[Link], side: int, longest: int) -> float:
    """Return the height of the arcs of a side, 1 for the longest link, with a little room; 0 where there is none."""
    distances = [side * (link.j - link.i) for link in links]
    return max((_FLAT + (1 - _FLAT) * d / longest + _ROOM for d in distances if d > 0), default=0.0)


def _draw_arcs(axis: Any, row: SequenceRow, links: Sequence[Link], longest: int) -> None:
    """Draw each link as an arc, above the sequence where it goes to a later residue; the strongest lie on top."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    broadness = MAX_LINE * max(min(1.0, sqrt(_N_BROAD / len(links))), _THINNEST)
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    for link in sorted(links, key=lambda link: (link.weight, link.i, link.j)):
        side = 1 if link.j > link.i else -1
        # The height of the curve is three quarters of that of its handles.
        height = side * 4 / 3 * (_FLAT + (1 - _FLAT) * abs(link.i - link.j) / longest)
        points = [(link.i, 0.0), (link.i, height), (link.j, height), (link.j, 0.0)]
        look = {"linewidth": max(broadness * link.weight, _MIN_LINE), "alpha": 0.5 + 0.5 * min(link.weight, 1.0)}
        axis.add_patch(PathPatch(Path(points, codes), fill=False, edgecolor=PURPLE, capstyle="butt", **look))

    axis.axhline(0, color=INK, linewidth=0.8)
    axis.set_xlim(row.begin - 0.5, row.end + 0.5)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)


def _draw_residues(
    axis: Any, sites: Sequence[int], labels: Sequence[PlacedLabel], *, above: float, lane_height: float
) -> None:
    """Draw sites as points on the sequence, and write labels above the arcs."""
    if sites:  # matplotlib would make room for an empty line at the corner of the figure
        axis.plot(sites, [0] * len(sites), "o", color=VERMILION, markersize=4, zorder=4, clip_on=False)
    for label in labels:
        height = above + lane_height * (label.lane + _LANE_GAP)
        colour = VERMILION if label.position in sites else INK
        axis.vlines(label.position, 0, height, color=colour, linewidth=0.5, linestyle=(0, (1, 2)))
        write_label(axis, label, height)


def _labels(answer: Answer, links: Sequence[Link]) -> list[TextAtPosition]:
    """Return the names of sites, then of the residues where most links end."""
    sites = {site.position: site for site in answer.sites}
    sequence = answer.protein.sequence or ""
    hubs = (position for position in _hubs(links) if position not in sites)
    return [
        *(TextAtPosition(position, f"{site.rank} {site.name}", str(site.rank)) for position, site in sites.items()),
        *(TextAtPosition(position, f"{sequence[position - 1]}{position}") for position in hubs),
    ]


def _hubs(links: Sequence[Link]) -> Iterator[int]:
    """Yield the residues where most links end, by their number, then by weight."""
    sums: dict[int, tuple[int, float]] = {}
    for link in links:
        n, weight = sums.get(link.j, (0, 0.0))
        sums[link.j] = n + 1, weight + link.weight
    ordered = sorted(sums, key=lambda position: (-sums[position][0], -sums[position][1], position))
    yield from (position for position in ordered[:N_HUBS] if sums[position][0] >= _HUB_LINKS)


def _direction_words(links: Sequence[Link]) -> str:
    sides = {link.j > link.i for link in links}
    if sides == {True, False}:
        where = "arcs above the line: a residue attends to a later one; below: to an earlier one"
    elif sides == {True}:
        where = "arcs: a residue attends to a later one"
    else:
        where = "arcs: a residue attends to an earlier one"
    return f"{where}; width: weight"


def _point_words(answer: Answer) -> str:
    return "points: high-attention sites with rank" if answer.sites else "no high-attention sites"


def links_of_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[Link, ...]:
    """Return rows of the table `links` as links."""
    return tuple(Link(row["layer"], row["head"], row["i"], row["j"], row["weight"]) for row in rows)
