"""Figures of contacts: precision of the contact head and of fused heads, and heads that attend to contacts."""

import re
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from attlas.queries.report.figures import (
    UNTESTED,
    Figure,
    Rows,
    Section,
    is_significant,
    shared_value,
    spell,
    spell_interval,
    spell_threshold,
)
from attlas.queries.report.heat_maps import draw_grid, head_grid
from attlas.queries.report.intervals import IntervalPanel, Point, draw_intervals
from attlas.queries.report.pictures import Picture

N_BEST = 15
"""Heads that are shown with intervals."""
ATOMS = {"ca": "C-alpha", "cb": "C-beta"}
"""Names of the atoms that stand for residues."""


METHODS = {"fused_heads": "Fused heads", "contact_head": "Contact head"}
"""Names of the methods whose scores rank pairs."""


def contact_section(
    proteins: dict[str, object],
    *,
    n_layers: int,
    n_heads: int,
    theta: float | None,
    atom: str | None,
    fused_heads: str | None,
) -> Section:
    """Return contacts against structures; `proteins` restricts them.

    `theta` is the attention from which on a pair of a head was counted as an edge, `atom` (`ca`, `cb`) what its
    contacts are between, `fused_heads` the heads (such as `5-3 4-17`) whose mean the fused contacts are; None where the
    atlas does not say.
    """

    shape = (n_layers, n_heads)
    return Section(
        "contacts",
        "Contacts",
        "A contact is a pair of residues nearer than 8 angstrom in a structure, six or more apart along the sequence. "
        "Structures are of few proteins, and those easy to solve: no sample of a proteome.",
        (
            _precision_figure(proteins),
            _fused_figure(proteins, fused_heads),
            _edges_figure(proteins, shape, theta=theta, atom=atom),
            _top_figure(proteins, shape),
            _best_heads_figure(proteins),
        ),
    )


def _precision_figure(proteins: dict[str, object]) -> Figure:
    return Figure(
        name="contact-precision",
        title="Predicted contacts by range",
        question="contact_precision",
        parameters=proteins,
        reading="A panel is a range along the sequence: short 6 to 11, medium 12 to 23, long 24 or more. A line is how "
        "many of the best pairs are looked at, L being the residues of a structure. Square: the share of contacts "
        "among all pairs of the same structures. Point: that of the best; line: interval of it beside the square, with "
        f"proteins as the independent units, 95 % for all points at once; {UNTESTED}.",
        describe=_describe_precision,
        draw=_draw_precision,
    )


def _fused_figure(proteins: dict[str, object], fused_heads: str | None) -> Figure:
    return Figure(
        name="fused-contact-precision",
        title="Contacts by fused heads",
        question="fused_contact_precision",
        parameters=proteins,
        reading="As for the predicted contacts, but the pairs are ranked by the mean of a few heads"
        f"{_name_heads(fused_heads)}, each symmetrised and corrected: a score, no probability. Structures on which the "
        "heads were chosen are left out, for the contact head as well.",
        describe=_describe_fused,
        draw=_draw_fused,
    )


def _edges_figure(
    proteins: dict[str, object], shape: tuple[int, int], *, theta: float | None, atom: str | None
) -> Figure:
    return Figure(
        name="contact-heads",  # not `head-…`, as the heat maps of labels: one may be called `contacts`
        title="Heads whose edges are contacts",
        question="head_contact_precision",
        parameters=proteins,
        reading=f"Colour: share of a head's edges (attention of {spell_threshold(theta, 'the run')}) that are "
        f"contacts{_name_atoms(atom)}; the mark `bg` on the scale is the share of all pairs. Ringed: the largest. "
        "Hatched: fewer than 100 edges.",
        describe=_describe_edges,
        draw=lambda rows: _draw_heat_map(rows, "p", "background", "p(contact | head)", shape),
    )


def _top_figure(proteins: dict[str, object], shape: tuple[int, int]) -> Figure:
    return Figure(
        name="contact-heads-top",
        title="Heads as predictors of contacts",
        question="head_contact_precision",
        parameters=proteins,
        reading="Colour: long-range P@L of the head by itself, from its symmetrised and corrected attention; `bg` on "
        "the scale is the share of all long-range pairs. Ringed: the largest.",
        describe=_describe_top,
        draw=lambda rows: _draw_heat_map(rows, "top_precision", "top_background", "P@L, long range", shape),
    )


def _best_heads_figure(proteins: dict[str, object]) -> Figure:
    return Figure(
        name="best-contact-heads",
        title="The best heads for contacts",
        question="head_contact_precision",
        parameters=proteins,
        reading=f"The {N_BEST} heads of largest p, layer-head. Square: p if attention is shuffled over the pairs of "
        "its structure. Point: p; line: interval of p beside it, with proteins as the independent units, 95 % for all "
        f"reported heads at once; {UNTESTED}. A head is significant at 5 %, corrected for all heads, where its "
        "interval does not reach the square.",
        describe=lambda rows: f"{_describe_edges(rows)} {_describe_significant(rows)}",
        draw=_draw_best_heads,
    )


def _draw_heat_map(rows: Rows, column: str, mark: str, value_name: str, shape: tuple[int, int]) -> Picture:
    """Draw a column of the heads, with a mark at the background."""
    n_layers, n_heads = shape
    grid = head_grid(rows, column, n_layers=n_layers, n_heads=n_heads)
    return draw_grid(grid, value_name, mark=shared_value(rows, mark), mark_name="bg")


def _name_atoms(atom: str | None) -> str:
    """Return between which atoms contacts are, for the text below a figure; empty if it is not known."""
    return f" between {ATOMS[atom]} atoms" if atom in ATOMS else ""


def _name_heads(heads: str | None) -> str:
    """Return the names of the fused heads, layer-head, for the text below a figure; empty if they are not known."""
    is_list = heads is not None and re.fullmatch(r"\d+-\d+( \d+-\d+)*", heads)
    return f" (layer-head: {', '.join(heads.split())})" if heads and is_list else ""


def _describe_precision(rows: Rows) -> str:
    parts = [
        f"{row['range']} {spell(row['precision'])}{spell_interval(row, 'proteins_low', 'proteins_high')}, background "
        f"{spell(row['background'])}"
        for row in rows
        if row["cut"] == "L"
    ]
    return f"P@L over {spell(shared_value(rows, 'n_proteins'))} proteins: {'; '.join(parts)}."


def _draw_precision(rows: Rows) -> Picture:
    return _draw_by_range(rows, lambda row: f"best {row['cut']}")


def _describe_fused(rows: Rows) -> str:
    parts = [
        f"{METHODS[method]}: {_describe_precision(rows_of_method)}"
        for method, rows_of_method in _split_by_method(rows).items()
    ]
    return " ".join(parts)


def _split_by_method(rows: Rows) -> dict[str, Rows]:
    methods = dict.fromkeys(row["method"] for row in rows)
    return {method: [row for row in rows if row["method"] == method] for method in methods}


def _draw_fused(rows: Rows) -> Picture:
    return _draw_by_range(rows, lambda row: f"best {row['cut']}, {METHODS[row['method']].lower()}")


def _draw_by_range(rows: Rows, name_point: Callable[[Mapping[str, Any]], str]) -> Picture:
    """Draw the precision with a panel for each range and a point for each row."""
    columns = ("precision", "proteins_low", "proteins_high", "shuffled")
    panels = []
    for name, group in groupby(rows, key=lambda row: row["range"]):
        points = tuple(Point(name_point(row), *(row[column] for column in columns)) for row in group)
        panels.append(IntervalPanel(f"{name} range", points))
    return draw_intervals(panels, "precision", other_name="all pairs of the structures")


def _describe_edges(rows: Rows) -> str:
    return _describe_largest(rows, "p", "proteins_low", "proteins_high", "background")


def _describe_top(rows: Rows) -> str:
    return _describe_largest(rows, "top_precision", "top_low", "top_high", "top_background")


def _describe_largest(rows: Rows, column: str, low: str, high: str, background: str) -> str:
    row = max(rows, key=lambda row: (row[column] or 0, -row["layer"], -row["head"]))
    return (
        f"Largest: {spell(row[column])}{spell_interval(row, low, high)} in layer {spell(row['layer'])}, head "
        f"{spell(row['head'])}; background {spell(row[background])}, over {spell(row['n_proteins'])} proteins."
    )


def _draw_best_heads(rows: Rows) -> Picture:
    points = tuple(
        Point(f"{row['layer']}-{row['head']}", row["p"], row["proteins_low"], row["proteins_high"], row["shuffled"])
        for row in rows[:N_BEST]
    )
    return draw_intervals([IntervalPanel("", points)], "p(contact | head)", other_name="shuffled")


def _describe_significant(rows: Rows) -> str:
    names = [f"{spell(row['layer'])}-{spell(row['head'])}" for row in rows[:N_BEST] if is_significant(row)]
    return f"Significant of these: {', '.join(names) or 'none'}."
