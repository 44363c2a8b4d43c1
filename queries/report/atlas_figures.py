"""Figures of any atlas: the outcome of the proteins, their lengths, sites, layers of convergence and letters."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from attlas.queries.report.bars import Bar, draw_bars
from attlas.queries.report.distributions import Class, draw_distribution
from attlas.queries.report.figures import Figure, Rows, Section, shared_value, spell
from attlas.queries.report.heat_maps import cross_grid, draw_grid
from attlas.queries.report.intervals import IntervalPanel, Point, draw_intervals
from attlas.queries.report.pictures import Picture

TWENTY_AT_ONCE = 3.02
"""Normal quantile for 95 % intervals of twenty letters together (Bonferroni)."""


def about_section() -> Section:
    """Return the section on the origin and the contents of the atlas, as tables."""
    return Section(
        "about",
        "What this atlas is",
        "",
        (_completeness_figure(), _provenance_figure()),
    )


def atlas_section() -> Section:
    """Return the section of figures that need no annotation."""
    return Section(
        "atlas",
        "The atlas",
        "What was computed, and where high-attention (HA) sites were found. Distinct sequences are counted, not "
        "accessions. HA sites and the layer of convergence are defined by Nayar, Tartici and Altman (2025).",
        (
            _lengths_figure(),
            _sites_figure(),
            _layers_figure(),
            _layers_by_length_figure(),
            _letters_figure(),
            _sites_by_length_figure(),
        ),
    )


def _completeness_figure() -> Figure:
    return Figure(
        name="completeness",
        title="What became of the proteins",
        question="completeness",
        parameters={},
        reading="A row is an outcome: every protein of the input is in one of them. Requested = ok + skipped + failed; "
        "none is dropped in silence.",
        describe=_describe_completeness,
    )


def _describe_completeness(rows: Rows) -> str:
    parts = [f"{spell(row['n_proteins'])} {row['status']} ({row['outcome']})" for row in rows]
    return f"Proteins: {', '.join(parts)}."


def _provenance_figure() -> Figure:
    return Figure(
        name="provenance",
        title="Where the numbers are from",
        question="provenance",
        parameters={},
        reading="Model, weights, rule, input and versions, as the manifest of the atlas has them.",
        describe=_describe_provenance,
    )


def _describe_provenance(rows: Rows) -> str:
    values = {row["name"]: row["value"] for row in rows}
    return (
        f"Model {values['model']}, {values['n_layers']} layers of {values['n_heads']} heads, revision "
        f"{values['revision']}; rule {values['rule']}; input {values['source']}."
    )


def _lengths_figure() -> Figure:
    return Figure(
        name="lengths",
        title="Length of the proteins",
        question="lengths",
        parameters={},
        reading="Height: distinct sequences in a class of length; dashed line: their median. The last class is open.",
        describe=_describe_lengths,
        draw=_draw_lengths,
    )


def _describe_lengths(rows: Rows) -> str:
    n, median = spell(shared_value(rows, "n_all")), spell(shared_value(rows, "median_length"))
    return f"{n} distinct sequences were computed; half of them have {median} residues or fewer."


def _draw_lengths(rows: Rows) -> Picture:
    widths = [row["to_length"] - row["from_length"] + 1 for row in rows if row["to_length"] is not None]
    width = widths[0] if widths else 50
    classes = [Class(row["from_length"], row["from_length"] + width, row["n_sequences"]) for row in rows]
    last = rows[-1]
    name = f"{last['from_length']:,} or more" if last["to_length"] is None else ""
    median = shared_value(rows, "median_length")
    return draw_distribution(classes, x_name="length (residues)", y_name="sequences", median=median, last=name)


def _sites_figure() -> Figure:
    return Figure(
        name="sites-per-protein",
        title="Sites of a protein",
        question="sites_per_protein",
        parameters={},
        reading="Height: distinct sequences with so many HA sites; dashed line: their median.",
        describe=_describe_sites,
        draw=_draw_sites,
    )


def _describe_sites(rows: Rows) -> str:
    n, mean = spell(shared_value(rows, "n_all")), spell(shared_value(rows, "mean_sites"))
    return f"{n} sequences were searched; they have {mean} sites in the mean."


def _draw_sites(rows: Rows) -> Picture:
    classes = [Class(row["n_sites"] - 0.5, row["n_sites"] + 0.5, row["n_sequences"]) for row in rows]
    return draw_distribution(classes, x_name="HA sites", y_name="sequences", median=shared_value(rows, "median_sites"))


def _layers_figure() -> Figure:
    return Figure(
        name="layer-of-convergence",
        title="Layer of convergence",
        question="layer_of_convergence",
        parameters={},
        reading="Height: share of the distinct sequences whose attention converges in the layer (from 0); line: 95 % "
        "Wilson interval; above it: sequences. `none` are sequences without a fit.",
        describe=_describe_layers,
        draw=_draw_layers,
    )


def _describe_layers(rows: Rows) -> str:
    fitted = [row for row in rows if row["layer"] is not None]
    if not fitted:
        return "No sequence has a layer of convergence."
    best = max(fitted, key=lambda row: (row["share"], -row["layer"]))
    return (
        f"Most often it is layer {spell(best['layer'])}: {spell(best['n_sequences'])} sequences, a share of "
        f"{spell(best['share'])} ({_describe_interval(best)})."
    )


def _describe_interval(row: Mapping[str, Any]) -> str:
    """Return the interval of a share in words, or why there is none."""
    if row["share_low"] is None:
        return f"without an interval: {row['note']}"
    return f"{spell(row['share_low'])} to {spell(row['share_high'])}"


def _draw_layers(rows: Rows) -> Picture:
    bars = [
        Bar(
            "none" if row["layer"] is None else str(row["layer"]),
            row["share"],
            row["share_low"],
            row["share_high"],
            f"{row['n_sequences']:,}",
        )
        for row in rows
    ]
    return draw_bars(bars, x_name="layer of convergence", y_name="share of sequences")


def _layers_by_length_figure() -> Figure:
    return Figure(
        name="layers-by-length",
        title="Layer of convergence by length",
        question="layers_by_length",
        parameters={},
        reading="Each row is a class of length and adds up to 1: the share of its sequences that converge in the "
        "layer. Ringed: the largest share. A row of few sequences is a row of chance.",
        describe=_describe_layers_by_length,
        draw=_draw_layers_by_length,
    )


def _describe_layers_by_length(rows: Rows) -> str:
    sizes = {row["from_length"]: row["n_in_class"] for row in rows}
    fewest = min(sizes, key=lambda begin: (sizes[begin], begin))
    return f"The smallest class, from {spell(fewest)} residues, has {spell(sizes[fewest])} sequences."


def _draw_layers_by_length(rows: Rows) -> Picture:
    layers = range(max(row["layer"] for row in rows) + 1)
    begins = sorted({row["from_length"] for row in rows})
    values = {(row["from_length"], row["layer"]): row["share"] for row in rows}
    # A class in which no sequence converges in a layer has no row: its share is 0, not unknown.
    whole = [
        {"from length": begin, "layer": layer, "share": values.get((begin, layer), 0.0)}
        for begin in begins
        for layer in layers
    ]
    return draw_grid(cross_grid(whole, "share", "from length", "layer"), "share of the class")


def _sites_by_length_figure() -> Figure:
    return Figure(
        name="sites-by-length",
        title="Sites by length",
        question="sites_by_length",
        parameters={},
        reading="Height: HA sites of a sequence, mean of its class of length; above it: sequences of the class.",
        describe=_describe_sites_by_length,
        draw=_draw_sites_by_length,
    )


def _describe_sites_by_length(rows: Rows) -> str:
    fewest, largest = (choose(rows, key=lambda row: row["mean_sites"]) for choose in (min, max))
    return (
        f"From {spell(fewest['mean_sites'])} sites (from {spell(fewest['from_length'])} residues) to "
        f"{spell(largest['mean_sites'])} (from {spell(largest['from_length'])} residues)."
    )


def _draw_sites_by_length(rows: Rows) -> Picture:
    ends = [f"{a['from_length']:,}–{b['from_length'] - 1:,}" for a, b in pairwise(rows)]
    labels = [*ends, f"{rows[-1]['from_length']:,} or more"]
    bars = [
        Bar(label, row["mean_sites"], note=f"{row['n_sequences']:,}") for label, row in zip(labels, rows, strict=True)
    ]
    return draw_bars(bars, x_name="length (residues)", y_name="sites of a sequence, mean")


def _letters_figure() -> Figure:
    return Figure(
        name="residue-enrichment",
        title="Amino acids at sites",
        question="residue_enrichment",
        parameters={"z": TWENTY_AT_ONCE},
        reading="Point: share of sites that are the letter over its share of all residues of the same sequences; line: "
        "95 % interval for twenty letters at once, where five sequences have such a site. Right of the dashed line: "
        "more often a site than by its number. "
        "Sites of homologues are not independent, so true intervals are wider.",
        describe=_describe_letters,
        draw=_draw_letters,
    )


def _describe_letters(rows: Rows) -> str:
    above_one = [row for row in rows if row["ratio_low"] is not None and row["ratio_low"] > 1]
    names = [f"{row['residue']} ({spell(row['ratio'])})" for row in above_one]
    return f"The interval is above 1, with the ratio: {', '.join(names)}." if names else "No letter is clear of 1."


def _draw_letters(rows: Rows) -> Picture:
    points = [Point(row["residue"], row["ratio"], row["ratio_low"], row["ratio_high"]) for row in rows]
    panel = IntervalPanel("", tuple(points), reference=1.0)
    return draw_intervals(
        [panel], "share of sites over share of residues", is_log=True, reference_name="as by number", is_half=True
    )
