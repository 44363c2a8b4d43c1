"""Figures of heads against annotation: p(f | layer, head), best heads, layers, amino acids, BLOSUM62 (Vig et al.)."""

from collections.abc import Sequence
from itertools import groupby

from attlas.queries.report.curves import Curve, CurvePanel, draw_curves
from attlas.queries.report.figures import (
    UNTESTED,
    Figure,
    Rows,
    Section,
    is_significant,
    make_slugs,
    shared_value,
    spell,
    spell_interval,
    spell_threshold,
)
from attlas.queries.report.heat_maps import Grid, draw_grid, head_grid
from attlas.queries.report.intervals import IntervalPanel, Point, draw_intervals
from attlas.queries.report.matrix import BY_PROPERTY, draw_pairs
from attlas.queries.report.pictures import Picture
from attlas.schema.labels import EVERY_RESIDUE

N_BEST = 10
"""Heads of a label that are shown with intervals."""
ALL_HEADS = 160
"""Heads of a model up to which each has a column of its own beside the amino acids; else the best of each layer."""


def label_section(
    labels: Sequence[str],
    proteins: dict[str, object],
    *,
    n_layers: int,
    n_heads: int,
    theta: float | None,
    absent: tuple[str, ...] = (),
) -> Section:
    """Return the heads against these labels of the probe; `proteins` restricts them.

    `theta` is the attention from which on the probe counted a pair as an edge; None where the atlas does not say.
    """
    shape = (n_layers, n_heads)
    of_labels = {"labels": list(labels), **proteins} if labels else proteins

    return Section(
        "heads",
        "Heads against annotation",
        "p(f | layer, head) is the share of a head's edges (pairs with an attention of "
        f"{spell_threshold(theta, 'the probe')}) that point to a residue with the label, over the proteins that carry "
        "the label, in the count form of Vig et al. (2021). The background is the share of residues with the label on "
        "the same proteins. The best of many "
        "heads lies above the background by chance as well: believe intervals, not places.",
        (
            Figure("labels", "What was probed", "probed_labels", proteins, _LABELS_READING, _describe_labels),
            *_heat_map_figures(labels, proteins, shape),
            _best_heads_figure(of_labels),
            _layers_figure(of_labels, n_layers),
            _amino_acid_figure(proteins, shape),
            _blosum_figure(proteins),
        ),
        absent,
    )


_LABELS_READING = "A row is a label. Labels `aa:` are amino acids; `residue` is every residue."


def _heat_map_figures(labels: Sequence[str], proteins: dict[str, object], shape: tuple[int, int]) -> list[Figure]:
    """Return two for each label; without any label those that say what is missing."""
    pairs = zip(labels, make_slugs(labels), strict=True) if labels else [("", "label")]
    return [draw(*pair, proteins, shape) for pair in pairs for draw in (_share_figure, _auc_figure)]


def _best_heads_figure(parameters: dict[str, object]) -> Figure:
    return Figure(
        name="best-heads",
        title="The best heads of each label",
        question="best_heads",
        parameters={**parameters, "n": N_BEST},
        reading="A line is a head, layer-head. Square: what p is if each residue's attention is shuffled over its "
        "protein. Point: p; line: interval of p beside it, with proteins as the independent units, 95 % for all "
        f"reported heads at once; {UNTESTED}. The test is of the same error: a head is significant at 5 %, corrected "
        "for all heads, where its interval does not reach the square.",
        describe=_describe_best_heads,
        draw=_draw_best_heads,
    )


def _layers_figure(parameters: dict[str, object], n_layers: int) -> Figure:
    return Figure(
        name="layers-of-labels",
        title="Layers that attend to each label",
        question="layers_of_label",
        parameters=parameters,
        reading="Circles: mean of p over the reported heads of a layer; squares: the best head of the layer; "
        "dashed: background; triangle: centre of gravity of the means. Each panel has its own scale.",
        describe=_describe_centres,
        draw=lambda rows: _draw_layers(rows, n_layers),
    )


def _share_figure(label: str, name: str, proteins: dict[str, object], shape: tuple[int, int]) -> Figure:
    def draw(rows: Rows) -> Picture:
        grid = head_grid(rows, "p", n_layers=shape[0], n_heads=shape[1])
        return draw_grid(grid, "p(f | head)", mark=shared_value(rows, "background"), mark_name="bg")

    return Figure(
        f"head-{name}",
        f"Heads that attend to: {label}" if label else "Heads that attend to a type of feature",
        "head_labels",
        {"label": label, **proteins} if label else proteins,
        "Colour: p of the head; the mark `bg` on the scale is the background. Ringed: the largest. Hatched: fewer than "
        "100 edges, not reported.",
        _describe_heads,
        draw,
    )


def _auc_figure(label: str, name: str, proteins: dict[str, object], shape: tuple[int, int]) -> Figure:
    def draw(rows: Rows) -> Picture:
        grid = head_grid(rows, "auc", n_layers=shape[0], n_heads=shape[1])
        return draw_grid(grid, "AUC", mark=0.5, mark_name="0.5")

    return Figure(
        f"heads-auc-{name}",  # `head-auc-` would be the heat map of a label `auc …` as well
        f"Heads that tell apart: {label or 'a type of feature'}",
        "head_auc",
        {"labels": [label], **proteins} if label else proteins,
        "Colour: the chance that a residue with the label receives more from the head than another of its protein, "
        "mean over proteins. 0.5, marked on the scale, is none. Ringed: the largest.",
        _describe_auc,
        draw,
    )


def _describe_auc(rows: Rows) -> str:
    best = rows[0]
    return (
        f"Largest: {spell(best['auc'])}{spell_interval(best, 'auc_low', 'auc_high')} in layer "
        f"{spell(best['layer'])}, head {spell(best['head'])}; over {spell(best['n_proteins'])} proteins."
    )


def _describe_heads(rows: Rows) -> str:
    best = rows[0]
    return (
        f"Largest: p {spell(best['p'])}{spell_interval(best, 'proteins_low', 'proteins_high')} in layer "
        f"{spell(best['layer'])}, head {spell(best['head'])}; background {spell(best['background'])}, "
        f"over {spell(best['n_proteins'])} proteins."
    )


def _describe_labels(rows: Rows) -> str:
    whole = next((row for row in rows if row["label"] == EVERY_RESIDUE), rows[0])
    return f"The probe covers {spell(whole['n_residues'])} residues of {spell(whole['n_proteins'])} proteins."


def _group_by_label(rows: Rows) -> list[tuple[str, list]]:  # type: ignore[type-arg]
    return [(label, list(group)) for label, group in groupby(rows, key=lambda row: row["label"])]


def _describe_best_heads(rows: Rows) -> str:
    parts = []
    for label, group in _group_by_label(rows):
        clear = [row for row in group if is_significant(row)]
        if clear:
            heads = ", ".join(f"{spell(row['layer'])}-{spell(row['head'])} ({spell(row['p'])})" for row in clear)
            parts.append(f"{label} {heads}")
    return f"Significant of these, layer-head with p: {'; '.join(parts)}." if parts else "None of these is significant."


def _draw_best_heads(rows: Rows) -> Picture:
    panels = [
        IntervalPanel(
            label,
            tuple(
                Point(
                    f"{row['layer']}-{row['head']}",
                    row["p"],
                    row["proteins_low"],
                    row["proteins_high"],
                    row["shuffled"],
                )
                for row in group
            ),
        )
        for label, group in _group_by_label(rows)
    ]

    return draw_intervals(panels, "p(f | head)", other_name="shuffled")


def _describe_centres(rows: Rows) -> str:
    parts = [f"{label} {spell(group[0]['centre'])}" for label, group in _group_by_label(rows)]
    return f"Centre of gravity, in layers from 0: {', '.join(parts)}."


def _draw_layers(rows: Rows, n_layers: int) -> Picture:
    panels = []
    for label, group in _group_by_label(rows):
        by_layer = {row["layer"]: row for row in group}
        layers = range(n_layers)
        mean, best = (
            tuple(by_layer[layer][column] if layer in by_layer else None for layer in layers)
            for column in ("mean_p", "best_p")
        )
        x = tuple(map(float, layers))
        curves = (Curve("mean of the layer's heads", x, mean), Curve("best head of the layer", x, best))
        panels.append(CurvePanel(label, curves, reference=group[0]["background"], centre=group[0]["centre"]))
    return draw_curves(panels, x_name="layer", y_name="p(f | head)")


def _amino_acid_figure(proteins: dict[str, object], shape: tuple[int, int]) -> Figure:
    n_layers, n_heads = shape
    has_every_head = n_layers * n_heads <= ALL_HEADS
    best_of_layer = "A column is a layer, and its value that of the head of the layer with the largest."

    return Figure(
        name="amino-acid-heads",
        title="Amino acids that heads attend to",
        question="amino_acid_heads",
        parameters=proteins,
        reading="A row is an amino acid. The colour is p over the background: 1 is no preference, and the scale is in "
        "powers of ten; below 0.1, as 0 is, has the colour of 0.1. "
        + ("A column is a head." if has_every_head else best_of_layer),
        describe=_describe_amino_acids,
        draw=lambda rows: _draw_amino_acids(rows, n_layers, n_heads),
    )


def _describe_amino_acids(rows: Rows) -> str:
    best = max(rows, key=lambda row: (row["ratio"], row["residue"]))
    return (
        f"Strongest: {best['residue']} in layer {spell(best['layer'])}, head {spell(best['head'])}, "
        f"{spell(best['ratio'])} times its background of {spell(best['background'])}."
    )


def amino_acid_grid(rows: Rows, *, n_layers: int, n_heads: int) -> Grid:
    """Return the 20 x LH grid of the ratio, or 20 x L with the largest of each layer where the model has many heads."""
    letters = [x for x in BY_PROPERTY if any(row["residue"] == x for row in rows)]
    heads: dict[tuple[str, int, int], float] = {(r["residue"], r["layer"], r["head"]): r["ratio"] for r in rows}
    if n_layers * n_heads <= ALL_HEADS:
        places = [(layer, head) for layer in range(n_layers) for head in range(n_heads)]
        values = tuple(tuple(heads.get((x, *place)) for place in places) for x in letters)
        return Grid(values, tuple(letters), tuple(f"{a}-{b}" for a, b in places), "amino acid", "head")

    values = tuple(
        tuple(
            max((heads[x, layer, head] for head in range(n_heads) if (x, layer, head) in heads), default=None)
            for layer in range(n_layers)
        )
        for x in letters
    )

    return Grid(values, tuple(letters), tuple(map(str, range(n_layers))), "amino acid", "layer")


def _draw_amino_acids(rows: Rows, n_layers: int, n_heads: int) -> Picture:
    grid = amino_acid_grid(rows, n_layers=n_layers, n_heads=n_heads)
    return draw_grid(grid, "p over background", is_log=True, group=n_heads)


def _blosum_figure(proteins: dict[str, object]) -> Figure:
    return Figure(
        name="blosum",
        title="Amino acids that heads treat alike",
        question="blosum_correlation",
        parameters=proteins,
        reading="Left: correlation of two amino acids over the heads, of the share of a head's edges that each "
        "receives. Right: how readily evolution exchanges them (BLOSUM62). Light is alike; the diagonal has no value.",
        describe=_describe_blosum,
        draw=_draw_blosum,
    )


def _describe_blosum(rows: Rows) -> str:
    n_pairs, r, n_heads = (spell(shared_value(rows, column)) for column in ("n_pairs", "r", "n_heads"))
    return f"Pearson correlation of the two over {n_pairs} pairs: r = {r}, from {n_heads} heads."


def _draw_blosum(rows: Rows) -> Picture:
    return draw_pairs(rows, ("correlation", "correlation over heads"), ("blosum62", "BLOSUM62 (half bits)"))
