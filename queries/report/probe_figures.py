"""Figures of probing classifiers: what a linear probe reads off each layer, from attention, its output, or both."""

from collections.abc import Sequence
from itertools import groupby

from attlas.queries.report.curves import Curve, CurvePanel, draw_curves
from attlas.queries.report.figures import Figure, Rows, Section, spell, spell_interval
from attlas.queries.report.pictures import Picture

INPUTS = ("embedding", "both", "attention", "profile")
"""The inputs that have layers, as they are drawn."""
N_LABELS = 12
"""Labels that are drawn, those with the most residues; the file has all."""


def probe_section(*, absent: Sequence[str] = ()) -> Section:
    """Return the section on probes; a fit is of the whole atlas, also in a report of some proteins."""
    figure = Figure(
        name="probe-layers",
        title="Probes, by layer",
        question="probe_layers",
        parameters={},
        reading=f"A panel is a label, of at most {N_LABELS} with the most residues, on a scale of its own. Lines: "
        "average precision (AUPRC; of a track R2) on families left out, with 95 % intervals over families; "
        "dashed: the probe that knows the letter alone, of contacts the separation. The best of many layers is "
        "larger than a layer chosen before would be.",
        describe=_describe,
        draw=_draw,
    )

    return Section(
        "probes",
        "What a linear probe reads off each layer",
        "A ridge regression for each label and layer, scored on families that it was not fitted on. Beside it stand "
        "what the letter alone tells, a control task, labels permuted, and a model before training where one was "
        "fitted. A probe finds what can be read off; that the model uses it, it does not say. All annotated proteins "
        "of the atlas count.",
        (figure,),
        tuple(absent),
    )


def _describe(rows: Rows) -> str:
    parts = []
    for label, group in _group_by_label(rows):
        best = max(
            (row for row in group if row["is_best"]), key=lambda row: (row["value"], -row["layer"]), default=None
        )
        if best is not None:
            interval = spell_interval(best, "value_low", "value_high")
            parts.append(
                f"{label} {spell(best['value'])}{interval}, {best['input']} of layer {spell(best['layer'])}, "
                f"letter {spell(best['letter'])}"
            )
    return f"The best single layer: {'; '.join(parts)}." if parts else "No single layer has a value."


def _draw(rows: Rows) -> Picture:
    groups = sorted(_group_by_label(rows), key=lambda pair: (-pair[1][0]["n_labelled"], pair[0]))[:N_LABELS]
    panels = [_make_panel(label, group) for label, group in groups]
    is_track = any(row["measure"] == "r2" for row in rows)
    y_name = "AUPRC or R2" if is_track else "AUPRC"
    return draw_curves(panels, x_name="layer", y_name=y_name, reference_name="letter")


def _make_panel(label: str, rows: Rows) -> CurvePanel:
    layers = sorted({row["layer"] for row in rows if row["layer"] >= 0})
    x = tuple(map(float, layers))
    curves = []
    for source in INPUTS:
        by_layer = {row["layer"]: row for row in rows if row["input"] in (source, f"{source} pairs")}
        value, low, high = (
            tuple(by_layer[layer][column] if layer in by_layer else None for layer in layers)
            for column in ("value", "value_low", "value_high")
        )
        # Every panel has every line, so that colours mean the same in each.
        curves.append(Curve(source, x, value, low, high))
    return CurvePanel(label, tuple(curves), reference=rows[0]["letter"])


def _group_by_label(rows: Rows) -> list[tuple[str, Rows]]:
    return [(label, list(group)) for label, group in groupby(rows, key=lambda row: row["label"])]
