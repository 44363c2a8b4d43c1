"""Figures of HA sites against known sites: enrichment, baselines, distance in structures, AUC of attention received."""

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

from attlas.queries.report.curves import Curve, CurvePanel, draw_curves
from attlas.queries.report.figures import UNTESTED, Figure, Rows, Section, make_slugs, spell, spell_interval
from attlas.queries.report.intervals import IntervalPanel, Point, draw_intervals
from attlas.queries.report.pictures import Picture
from attlas.queries.text import counted

Group = list[Any]
AUC_RANGE = (0.35, 0.8)
"""Smallest range of the AUC axis, so that figures of several types can be compared."""


def site_section(types: Sequence[str], proteins: dict[str, object], *, absent: tuple[str, ...] = ()) -> Section:
    """Return the section on sites against these types of features; `proteins` restricts the proteins."""
    parameters = proteins | ({"types": list(types)} if types else {})
    auc_figures = [
        _auc_figure(*pair, proteins) for pair in zip(types or [""], make_slugs(types or ["type"]), strict=True)
    ]

    return Section(
        "sites",
        "High-attention sites against known sites",
        "Do HA sites mark active and binding sites? Over the proteins that carry the feature, each sequence once. A "
        "feature that nobody has looked for counts as absent, so precision is a lower bound.",
        (
            Figure("feature-types", "Known features", "feature_types", proteins, _TYPES_READING, _describe_types),
            _enrichment_figure(parameters),
            _spatial_enrichment_figure(parameters),
            _baselines_figure(parameters),
            *auc_figures,
        ),
        absent,
    )


def _enrichment_figure(parameters: dict[str, object]) -> Figure:
    return Figure(
        name="enrichment",
        title="HA sites at known features",
        question="sites_at_features",
        parameters=parameters,
        reading=_ENRICHMENT_READING.format(unit="residues along the sequence", where="proteins"),
        describe=_describe_enrichment,
        draw=partial(_draw_enrichment, unit="residue"),
    )


def _spatial_enrichment_figure(parameters: dict[str, object]) -> Figure:
    return Figure(
        name="enrichment-in-space",
        title="HA sites near known features in structures",
        question="sites_in_structure",
        parameters=parameters,
        reading=_ENRICHMENT_READING.format(unit="angstrom, between C-beta atoms,", where="structures"),
        describe=_describe_enrichment,
        draw=partial(_draw_enrichment, unit="Å", units="Å"),
    )


def _baselines_figure(parameters: dict[str, object]) -> Figure:
    return Figure(
        name="baselines",
        title="HA sites and simpler choices of residues",
        question="site_baselines",
        parameters=parameters,
        reading=_BASELINES_READING,
        describe=_describe_baselines,
        draw=_draw_baselines,
    )


_TYPES_READING = (
    "A row is a type of feature. The background is the share of residues that carry it, on the same proteins."
)
_ENRICHMENT_READING = (
    "A line says by how many {unit} a site may miss. Circle: hits over those of as many residues anywhere in the same "
    "{where}; square: over those on the same letters, what is left beyond a liking for letters; dashed: chance; lines: "
    "intervals with proteins as the independent units, 95 % for all lines of the figure at once. The test is of the "
    "same error: it rejects chance at 5 %, corrected for all lines, where an interval does not reach the dashed line; "
    f"{UNTESTED}. An arrow at an edge: it lies beyond, as 0 does."
)
_BASELINES_READING = (
    "A line is a way to choose as many residues of a protein as it has HA sites (`all layers`: more). Point: "
    "enrichment of the chosen at the feature; dashed: chance; line: interval with proteins as the independent units, "
    "95 % for all choices at once, so that what does not reach the dashed line is significant at 5 %; "
    f"{UNTESTED}. The best of many layers is chosen with hindsight."
)
_AUC_READING = (
    "AUC: the chance that a residue with the feature receives more attention than another of its protein; 0.5 (dashed) "
    "is none. Circles: mean over proteins, with its interval, 95 % for all layers at once; squares: all residues "
    "pooled."
)


def _auc_figure(type_: str, name: str, proteins: dict[str, object]) -> Figure:
    """Return the figure of a type; without a type, a figure that says what is missing."""
    return Figure(
        f"auc-{name}",
        f"Attention received predicts: {type_ or 'a type of feature'}",
        "received_auc",
        {"type": type_, **proteins} if type_ else proteins,
        _AUC_READING,
        _describe_auc,
        _draw_auc,
    )


def _describe_types(rows: Rows) -> str:
    top = rows[0]
    return f"Most residues: {top['type']}, {spell(top['n_labelled'])} of {spell(top['n_proteins'])} proteins."


def _group_by_type(rows: Rows) -> list[tuple[str, Group]]:
    return [(label, list(group)) for label, group in groupby(rows, key=lambda row: row["type"])]


def _describe_enrichment(rows: Rows) -> str:
    parts = []
    groups = _group_by_type(rows)
    for name, row in ((name, group[0]) for name, group in groups if _has_enrichment(group)):
        matched = f"; {spell(row['matched_enrichment'])} beside the same letters"
        parts.append(
            f"{name}: {spell(row['n_hits'])} of {spell(row['n_sites'])} sites of {spell(row['n_proteins'])} "
            f"proteins, enrichment {spell(row['enrichment'])}{spell_interval(row, 'enrichment_low', 'enrichment_high')}"
            f"{matched if row['matched_enrichment'] is not None else ''}."
        )
    unknown = [name for name, group in groups if not _has_enrichment(group)]
    none = f" Nothing to compare for {', '.join(unknown)}." if unknown else ""
    return f"At the residue itself: {' '.join(parts) or 'nothing.'}{none}"


def _has_enrichment(group: Group) -> bool:
    return any(row["enrichment"] is not None for row in group)


def _draw_enrichment(rows: Rows, *, unit: str, units: str | None = None) -> Picture:
    def point(row: Any) -> Point:
        return Point(
            "at the residue" if row["within"] == 0 else f"within {counted(row['within'], unit, units)}",
            *(row[column] for column in ("enrichment", "enrichment_low", "enrichment_high")),
            *(row[column] for column in ("matched_enrichment", "matched_low", "matched_high")),
        )

    known_groups = [(name, group) for name, group in _group_by_type(rows) if _has_enrichment(group)] or _group_by_type(
        rows
    )
    panels = [IntervalPanel(name, tuple(map(point, group)), reference=1.0) for name, group in known_groups]
    return draw_intervals(
        panels, "enrichment", is_log=True, reference_name="by chance", other_name="against the same letters"
    )


def _describe_baselines(rows: Rows) -> str:
    parts = []
    for name, group in _group_by_type(rows):
        by_method = {row["method"]: row for row in group}
        sites, last = by_method.get("high-attention sites"), by_method.get("last layer, top n")
        if sites is not None and last is not None:
            parts.append(
                f"{name}: enrichment {spell(sites['enrichment'])}"
                f"{spell_interval(sites, 'enrichment_low', 'enrichment_high')}, "
                f"of the last layer {spell(last['enrichment'])}."
            )
    return " ".join(parts)


def _draw_baselines(rows: Rows) -> Picture:
    def point(row: Any) -> Point:
        name = row["method"].removesuffix(", top n")
        if row["layer"] is not None:
            name = f"layer {row['layer']}{' (last)' if name == 'last layer' else ''}"
        return Point(name, *(row[column] for column in ("enrichment", "enrichment_low", "enrichment_high")))

    panels = [
        IntervalPanel(name, tuple(point(row) for row in group if row["method"] != "random"), reference=1.0)
        for name, group in _group_by_type(rows)
    ]
    return draw_intervals(panels, "enrichment", is_log=True, reference_name="by chance")


def _describe_auc(rows: Rows) -> str:
    best = max(rows, key=lambda row: (row["auc_of_proteins"] or 0, -row["layer"]))
    last = rows[-1]
    return (
        f"Highest in layer {spell(best['layer'])}: {spell(best['auc_of_proteins'])}"
        f"{spell_interval(best, 'auc_low', 'auc_high')} over {spell(best['n_proteins'])} proteins; last layer: "
        f"{spell(last['auc_of_proteins'])}, pooled {spell(last['auc_pooled'])}."
    )


def _draw_auc(rows: Rows) -> Picture:
    x = tuple(float(row["layer"]) for row in rows)
    mean, low, high, pooled = (
        tuple(row[name] for row in rows) for name in ("auc_of_proteins", "auc_low", "auc_high", "auc_pooled")
    )
    curves = (Curve("mean over proteins", x, mean, low, high), Curve("pooled", x, pooled))
    panel = CurvePanel("", curves, reference=0.5)
    return draw_curves([panel], x_name="layer", y_name="AUC", reference_name="chance", y_range=AUC_RANGE)
