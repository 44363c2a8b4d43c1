"""Figures of any atlas: what became of the proteins, their lengths, sites, layers of convergence and letters."""

from itertools import pairwise

from attlas.queries.report.bars import Bar, draw_bars
from attlas.queries.report.distributions import Class, draw_distribution
from attlas.queries.report.figures import Figure, Rows, Section, shared_value, spell
from attlas.queries.report.heat_maps import cross_grid, draw_grid
from attlas.queries.report.intervals import Panel, Point, draw_intervals
from attlas.queries.report.pictures import Picture

TWENTY_AT_ONCE = 3.02
"""Normal quantile of intervals of 95 % for twenty letters together (Bonferroni)."""


def about_section() -> Section:
    """Return what the atlas is of, as tables."""
    return Section(
        "about",
        "What this atlas is",
        "",
        (
            Figure(
                "completeness",
                "What became of the proteins",
                "completeness",
                {},
                _COMPLETENESS_READING,
                _describe_completeness,
            ),
            Figure(
                "provenance", "Where the numbers are from", "provenance", {}, _PROVENANCE_READING, _describe_provenance
            ),
        ),
    )


def atlas_section() -> Section:
    """Return what needs no annotation."""
    return Section(
        "atlas",
        "The atlas",
        "What was computed, and where high-attention (HA) sites were found. Distinct sequences are counted, not "
        "accessions. HA sites and the layer of convergence are defined by Nayar, Tartici and Altman (2025).",
        (
            Figure(
                "lengths", "Length of the proteins", "lengths", {}, _LENGTHS_READING, _describe_lengths, _draw_lengths
            ),
            Figure(
                "sites-per-protein",
                "Sites of a protein",
                "sites_per_protein",
                {},
                "Height: distinct sequences with so many HA sites; dashed line: their median.",
                lambda rows: (
                    f"{spell(shared_value(rows, 'n_all'))} sequences were searched; they have "
                    f"{spell(shared_value(rows, 'mean_sites'))} sites in the mean."
                ),
                _draw_sites,
            ),
            Figure(
                "layer-of-convergence",
                "Layer of convergence",
                "layer_of_convergence",
                {},
                "Height: share of the distinct sequences whose attention converges in the layer (from 0); line: 95 % "
                "Wilson interval; above it: sequences. `none` are sequences without a fit.",
                _describe_layers,
                _draw_layers,
            ),
            Figure(
                "layers-by-length",
                "Layer of convergence by length",
                "layers_by_length",
                {},
                "Each row is a class of length and adds up to 1: the share of its sequences that converge in the "
                "layer. Ringed: the largest share. A row of few sequences is a row of chance.",
                _describe_layers_by_length,
                _draw_layers_by_length,
            ),
            Figure(
                "residue-enrichment",
                "Amino acids at sites",
                "residue_enrichment",
                {"z": TWENTY_AT_ONCE},
                "Point: share of sites that are the letter over its share of all residues of the same sequences; line: "
                "95 % interval for twenty letters at once. Right of the dashed line: more often a site than by its "
                "number. Sites of homologues are not independent, so true intervals are wider.",
                _describe_letters,
                _draw_letters,
            ),
            Figure(
                "sites-by-length",
                "Sites by length",
                "sites_by_length",
                {},
                "Height: HA sites of a sequence, mean of its class of length; above it: sequences of the class.",
                _describe_sites_by_length,
                _draw_sites_by_length,
            ),
        ),
    )


_COMPLETENESS_READING = (
    "A row is an outcome: every protein of the input is in one of them. Requested = ok + skipped + failed; none is "
    "dropped in silence."
)
_PROVENANCE_READING = "Model, weights, rule, input and versions, as the manifest of the atlas has them."
_LENGTHS_READING = "Height: distinct sequences in a class of length; dashed line: their median. The last class is open."


def _describe_completeness(rows: Rows) -> str:
    parts = [f"{spell(row['n_proteins'])} {row['status']} ({row['outcome']})" for row in rows]
    return f"Proteins: {', '.join(parts)}."


def _describe_provenance(rows: Rows) -> str:
    values = {row["name"]: row["value"] for row in rows}
    return (
        f"Model {values['model']}, {values['n_layers']} layers of {values['n_heads']} heads, revision "
        f"{values['revision']}; rule {values['rule']}; input {values['source']}."
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


def _draw_sites(rows: Rows) -> Picture:
    classes = [Class(row["n_sites"] - 0.5, row["n_sites"] + 0.5, row["n_sequences"]) for row in rows]
    return draw_distribution(classes, x_name="HA sites", y_name="sequences", median=shared_value(rows, "median_sites"))


def _describe_layers(rows: Rows) -> str:
    fitted = [row for row in rows if row["layer"] is not None]
    if not fitted:
        return "No sequence has a layer of convergence."
    best = max(fitted, key=lambda row: (row["share"], -row["layer"]))
    return (
        f"Most often it is layer {spell(best['layer'])}: {spell(best['n_sequences'])} sequences, a share of "
        f"{spell(best['share'])} ({spell(best['share_low'])} to {spell(best['share_high'])})."
    )


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


def _describe_letters(rows: Rows) -> str:
    above_one = [row for row in rows if row["ratio_low"] is not None and row["ratio_low"] > 1]
    names = [f"{row['residue']} ({spell(row['ratio'])})" for row in above_one]
    return f"The interval is above 1, with the ratio: {', '.join(names)}." if names else "No letter is clear of 1."


def _draw_letters(rows: Rows) -> Picture:
    points = [Point(row["residue"], row["ratio"], row["ratio_low"], row["ratio_high"]) for row in rows]
    panel = Panel("", tuple(points), reference=1.0)
    return draw_intervals(
        [panel], "share of sites over share of residues", is_log=True, reference_name="as by number", is_half=True
    )
