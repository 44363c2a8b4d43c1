"""The profile of a protein as a figure: attention received along the sequence, sites with ranks, known features."""

from collections.abc import Sequence
from typing import Any

from attlas.queries.answers.one_id import Answer
from attlas.queries.answers.stored_rows import SiteRow
from attlas.queries.plots.feature_bars import draw_feature_bars, select_bars
from attlas.queries.plots.sequence_rows import (
    LANE_INCHES,
    PlacedLabel,
    SequenceRow,
    TextAtPosition,
    largest_of_bins,
    place_labels,
    residues_per_bar,
    split_sequence,
    write_label,
)
from attlas.queries.plots.titles import add_origin, add_title
from attlas.queries.plots.track_lines import TRACK_INCHES, DrawnTrack, draw_track
from attlas.queries.report.pictures import BLUE, FAINT, VERMILION, WIDE

MAX_BARS = 1_400
"""Bars of a row: more would be narrower than the thinnest line."""
NAMED_SITES = 15
"""Sites up to which each is named, such as `1 R131`; of more, only the ranks are written."""
MAX_LANES = 5
"""Lines of labels above a row."""
POINTS_PER_INCH = 72
_BAR_SHARE = 0.85
"""Width of a bar over that of its residue."""
_MIN_BAR, _MAX_BAR = 0.5, 6.0
"""Width of the thinnest and the widest bar, points."""
_ROW_INCHES = 1.35


def draw_profile(
    answer: Answer,
    layer: int,
    values: Sequence[float],
    *,
    tracks: Sequence[DrawnTrack] = (),
    origin: str,
    model: str,
) -> Any:
    """Return the figure of a profile.

    Args:
        answer: the protein, with its sites and features.
        layer: the layer of the profile, 0-based.
        values: attention received in it, (N,).
        tracks: tracks drawn below it.
        origin: what the atlas was computed with, for the last line.
        model: name of the model, for the title.
    """
    from matplotlib.figure import Figure

    rows = split_sequence(len(values))
    bars = select_bars(answer.features or ())
    site_labels = [_site_label(site, len(answer.sites)) for site in answer.sites]
    labels = [place_labels(site_labels, row, max_lanes=MAX_LANES) for row in rows]
    n_lanes = max((label.lane + 1 for row_labels in labels for label in row_labels), default=0)
    row_inches = _ROW_INCHES + n_lanes * LANE_INCHES
    bars_of_rows = [bars.of_row(row) for row in rows]
    track_inches = [TRACK_INCHES] * len(tracks)
    heights = [inches for part in bars_of_rows for inches in (row_inches, *track_inches, part.inches) if inches]

    figure = Figure(figsize=(WIDE, sum(heights) + 0.35 * len(rows) + 0.75), layout="constrained")
    axes = iter(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
    top = max(values) or 1.0
    for row, row_labels, row_bars in zip(rows, labels, bars_of_rows, strict=True):
        axis = next(axes)
        _draw_row(axis, row, values)
        _draw_sites(axis, row, answer.sites, values)
        _write_site_labels(axis, row_labels, values, n_lanes=n_lanes, top=top)
        for track in tracks:
            axis.tick_params(bottom=False, labelbottom=False)
            axis = next(axes)
            draw_track(axis, track, row)
        if row_bars.n_lines:
            axis.tick_params(bottom=False, labelbottom=False)
            axis = next(axes)
            draw_feature_bars(axis, row_bars, row)
    axis.set_xlabel("position")
    figure.align_ylabels([axis for axis in figure.axes if axis.get_ylabel()])

    add_title(figure, answer.protein, f"attention received in layer {layer} of {model}")
    words = [_site_words(answer, layer), *_bar_words(rows[0]), *bars.words]
    add_origin(figure, "; ".join(words), origin)
    return figure


def _draw_row(axis: Any, row: SequenceRow, values: Sequence[float]) -> None:
    points = list(largest_of_bins(values, row, size=residues_per_bar(row, max_bars=MAX_BARS)))
    axis.grid(axis="y", color=FAINT, alpha=0.3, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.vlines([at for at, _ in points], 0, [value for _, value in points], color=BLUE, linewidth=_bar_width(row))
    axis.set_xlim(row.begin - 0.5, row.begin + row.width - 0.5)
    axis.set_ylabel("received")
    axis.margins(y=0)


def _bar_width(row: SequenceRow) -> float:
    """Return the width of the bar of a residue in points, at least that of a line that is seen."""
    return min(max(_BAR_SHARE * POINTS_PER_INCH * row.inches(1), _MIN_BAR), _MAX_BAR)


def _draw_sites(axis: Any, row: SequenceRow, sites: Sequence[SiteRow], values: Sequence[float]) -> None:
    """Draw sites as coloured bars with a point on top."""
    positions = [site.position for site in sites if row.begin <= site.position <= row.end]
    if not positions:
        return  # matplotlib would make room for an empty line at the corner of the figure
    heights = [values[position - 1] for position in positions]
    axis.vlines(positions, 0, heights, color=VERMILION, linewidth=max(_bar_width(row), 1.2))
    axis.plot(positions, heights, "o", color=VERMILION, markersize=3.5, zorder=4, clip_on=False)


def _write_site_labels(
    axis: Any, labels: Sequence[PlacedLabel], values: Sequence[float], *, n_lanes: int, top: float
) -> None:
    """Write labels above a row, joined to their sites by thin lines; the axis ends below them."""
    axis_top = top * 1.06
    lane_height = axis_top * LANE_INCHES / _ROW_INCHES
    axis.set_ylim(0, axis_top + lane_height * (n_lanes + 0.3))
    axis.set_yticks([tick for tick in axis.get_yticks() if tick <= axis_top])
    axis.spines["left"].set_bounds(0, axis_top)
    for label in labels:
        height = axis_top + lane_height * (label.lane + 0.2)
        axis.vlines(label.position, values[label.position - 1], height, color=VERMILION, linewidth=0.5, alpha=0.6)
        write_label(axis, label, height)


def _site_label(site: SiteRow, n_sites: int) -> TextAtPosition:
    rank = str(site.rank)
    return (
        TextAtPosition(site.position, f"{rank} {site.name}", rank)
        if n_sites <= NAMED_SITES
        else TextAtPosition(site.position, rank)
    )


def _bar_words(row: SequenceRow) -> list[str]:
    size = residues_per_bar(row, max_bars=MAX_BARS)
    return [f"each bar: the largest of {size} residues"] if size > 1 else []


def _site_words(answer: Answer, layer: int) -> str:
    protein = answer.protein
    if not answer.sites:
        return f"no high-attention sites{f': {protein.sites_note}' if protein.sites_note else ''}"
    layer_note = "" if layer == protein.layer else f", called in layer {protein.layer}"
    residue_note = " and residue" if len(answer.sites) <= NAMED_SITES else ""
    return f"points: high-attention sites with rank{residue_note}{layer_note}"
