"""Figures of families: whether HA sites tell them apart, by size and one by one, and the layers they converge in."""

from itertools import groupby
from typing import Any

from attlas.queries.report.figures import Figure, Rows, Section, shared_value, spell, spell_interval
from attlas.queries.report.intervals import IntervalPanel, Point, draw_intervals
from attlas.queries.report.pictures import Picture
from attlas.queries.text import counted

N_FAMILIES = 20
"""Families that are drawn; the file has all."""
METHODS = {
    "sites": "HA sites",
    "random": "random residues",
    "letters": "random, same letters",
    "profile": "mean profile",
    "composition": "composition",
}
"""The ways to represent a protein, as the figures name them."""


def family_section(database: str | None, proteins: dict[str, object]) -> Section:
    """Return the families of a database; `proteins` restricts them."""
    parameters = proteins | ({"database": database} if database is not None else {})

    return Section(
        "families",
        "Families",
        "Do HA sites mark families? A protein is the set of its HA sites, a site the attention it receives in each "
        "layer; two sets are as alike as their best matches (Nayar, Tartici and Altman 2025). The same of random "
        "residues, of random residues on the same letters, and of one vector for a whole protein stands beside it: "
        "what these do as well is not due to sites. Homologues are not independent.",
        (
            _databases_figure(proteins),
            _separation_figure(parameters),
            _size_figure(parameters),
            _best_families_figure(parameters),
            _layers_figure(parameters),
        ),
    )


def _databases_figure(proteins: dict[str, object]) -> Figure:
    return Figure(
        name="family-databases",
        title="Families there are",
        question="family_databases",
        parameters=proteins,
        reading="A row is a database. Figures below are of one: Pfam where the atlas has it, else the largest.",
        describe=_describe_databases,
    )


def _describe_databases(rows: Rows) -> str:
    parts = [f"{row['database']} {spell(row['n_families'])}, of {spell(row['n_sequences'])} sequences" for row in rows]
    return f"Families: {'; '.join(parts)}."


def _separation_figure(parameters: dict[str, object]) -> Figure:
    return Figure(
        name="families-apart",
        title="How well families are told apart",
        question="family_separation",
        parameters={**parameters, "per": "all"},
        reading="AUC: the chance that a member is more like another member than like a sequence of another family; "
        "0.5 is none. Silhouette: how much nearer members are to their own than to the nearest other family; with many "
        "families some other is near by chance, so below 0 is no surprise, and silhouettes of two methods cannot be "
        "compared. Points: means over families; lines: 95 % intervals, from five families on. The unit is the family.",
        describe=_describe_all,
        draw=_draw_all,
    )


def _describe_all(rows: Rows) -> str:
    row = rows[0]
    left_out = f"; {spell(row['n_left_out'])} more of that size are left out" if row["n_left_out"] else ""
    auc = [f"{_name_method(row)} {spell(row['auc'])}{spell_interval(row, 'auc_low', 'auc_high')}" for row in rows]
    separated = [
        f"{_name_method(row)} {spell(row['n_separated'])} (KS {spell(row['ks'])} in the mean)"
        for row in rows
        if row["method"] in ("sites", "letters")
    ]

    return (
        f"AUC over {spell(row['n_families'])} families of {spell(row['n_compared'])} sequences{left_out}: "
        f"{', '.join(auc)}. {_describe_gain(rows)}"
        f"Families whose AUC is clear of one half, corrected for all of them: {', '.join(separated)}."
    )


def _name_method(row: Any) -> str:
    method: str = row["method"]
    return METHODS.get(method, method)


def _describe_gain(rows: Rows) -> str:
    """Return how much more HA sites tell than random residues of the same letters; empty where that is not known."""
    sites = next((row for row in rows if row["method"] == "sites" and row["gain"] is not None), None)
    if sites is None:
        return ""
    gain = f"{spell(sites['gain'])}{spell_interval(sites, 'gain_low', 'gain_high')}"
    return f"HA sites less random residues of the same letters: {gain}; 0 for random families. "


def _draw_all(rows: Rows) -> Picture:
    panels = [
        IntervalPanel(title, tuple(_make_point(row, column) for row in rows), reference=chance)
        for title, column, chance in (("AUC", "auc", 0.5), ("silhouette", "silhouette", 0.0))
    ]
    reference_name = "chance (AUC); as near (silhouette)"
    return draw_intervals(panels, "mean over families", reference_name=reference_name, is_shared=False)


def _make_point(row: Any, column: str) -> Point:
    values = (row[name] for name in (column, f"{column}_low", f"{column}_high"))
    return Point(METHODS.get(row["method"], row["method"]), *values)


def _group_by_size(rows: Rows) -> list[tuple[str, list[Any]]]:
    return [(name, list(group)) for name, group in groupby(rows, key=lambda row: row["family"])]


def _size_figure(parameters: dict[str, object]) -> Figure:
    return Figure(
        name="families-by-size",
        title="How well families are told apart, by their size",
        question="family_separation",
        parameters={**parameters, "per": "size"},
        reading="A panel is a range of sizes. Point: AUC, mean over its families; line: its interval, of 95 % over all "
        "sizes at once, from five families on; dashed: chance. The unit is the family.",
        describe=_describe_sizes,
        draw=_draw_sizes,
    )


def _describe_sizes(rows: Rows) -> str:
    parts = [
        f"{name}: {spell(row['auc'])} over {spell(row['n_families'])} families"
        for name, group in _group_by_size(rows)
        for row in group
        if row["method"] == "sites"
    ]
    return f"AUC of HA sites by the size of the family, {'; '.join(parts)}."


def _draw_sizes(rows: Rows) -> Picture:
    panels = []
    for name, group in _group_by_size(rows):
        title = f"{name} sequences ({counted(group[0]['n_families'], 'family', 'families')})"
        panels.append(IntervalPanel(title, tuple(_make_point(row, "auc") for row in group), reference=0.5))
    return draw_intervals(panels, "AUC", reference_name="chance")


def _best_families_figure(parameters: dict[str, object]) -> Figure:
    return Figure(
        name="best-families",
        title="Families whose sites are most alike",
        question="family_separation",
        parameters={**parameters, "method": "sites"},
        reading=f"The {N_FAMILIES} families of largest silhouette, a choice that flatters them. Point: silhouette; "
        "line: 95 % interval over members, from five on; dashed: no nearer to their own than to the nearest other "
        "family.",
        describe=_describe_families,
        draw=_draw_families,
    )


def _describe_families(rows: Rows) -> str:
    best = rows[0]
    name = f" ({best['name']})" if best["name"] else ""
    return (
        f"Largest: {best['family']}{name}, silhouette {spell(best['silhouette'])}"
        f"{spell_interval(best, 'silhouette_low', 'silhouette_high')}, KS {spell(best['ks'])}, of "
        f"{spell(best['n_members'])} sequences; {spell(shared_value(rows, 'n_compared_families'))} families were "
        "compared."
    )


def _draw_families(rows: Rows) -> Picture:
    points = tuple(
        Point(_name_family(row), row["silhouette"], row["silhouette_low"], row["silhouette_high"])
        for row in rows[:N_FAMILIES]
    )
    return draw_intervals([IntervalPanel("", points, reference=0.0)], "silhouette", reference_name="as near to another")


def _name_family(row: Any) -> str:
    return f"{row['family']} {row['name'] or ''}".strip()


def _layers_figure(parameters: dict[str, object]) -> Figure:
    return Figure(
        name="family-layers",
        title="Layers that families converge in",
        question="family_layers",
        parameters=parameters,
        reading=f"The {N_FAMILIES} families of most sequences, with their commonest layer of convergence. Circle: "
        "share of the family's sequences that converge there; line: 95 % Wilson interval; square: share of all other "
        "sequences.",
        describe=_describe_layers,
        draw=_draw_layers,
    )


def _describe_layers(rows: Rows) -> str:
    best = max(rows, key=lambda row: row["n_sequences"])
    return (
        f"Of {_name_family(best)}, {spell(best['n_at_layer'])} of {spell(best['n_fitted'])} sequences converge in "
        f"layer {spell(best['layer'])}; of other sequences a share of {spell(best['background'])} does."
    )


def _draw_layers(rows: Rows) -> Picture:
    points = tuple(
        Point(
            f"{_name_family(row)}: layer {row['layer']}",
            *(row[name] for name in ("share_at_layer", "share_low", "share_high", "background")),
        )
        for row in sorted(rows, key=lambda row: (-row["n_sequences"], row["family"]))[:N_FAMILIES]
    )
    return draw_intervals([IntervalPanel("", points)], "share of its sequences", other_name="all other sequences")
