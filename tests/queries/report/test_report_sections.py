"""Sections of the report: names of their figures, and what they say of the run; no atlas."""

from collections import Counter

from helpers.report_case import N_HEADS, N_LAYERS

from attlas.queries.report.atlas_figures import about_section, atlas_section
from attlas.queries.report.contact_figures import contact_section
from attlas.queries.report.family_figures import family_section
from attlas.queries.report.label_figures import label_section
from attlas.queries.report.model_figures import model_section
from attlas.queries.report.probe_figures import probe_section
from attlas.queries.report.site_figures import site_section


def test_no_label_takes_the_name_of_another_figure() -> None:
    labels = ["Helix", "auc helix", "x-3", "x", "x!", "contacts", "contacts top", "auc", "s-auc helix", "s edges"]
    shape = {"n_layers": N_LAYERS, "n_heads": N_HEADS}
    parts = (
        about_section(),
        atlas_section(),
        model_section({}, **shape, theta=0.3),
        label_section(labels, {}, **shape, theta=None),
        probe_section(),
        site_section(labels, {}),
        contact_section({}, **shape, theta=None, atom=None, fused_heads=None),
        family_section(None, {}),
    )
    names = [figure.name for part in parts for figure in part.figures] + [f"{part.name}-section" for part in parts]
    assert len(names) > 3 * len(labels)
    assert [name for name, n in Counter(names).items() if n > 1] == []


def test_the_edges_of_the_build_are_reported_with_the_threshold_of_the_build() -> None:
    (figure,) = [f for f in model_section({}, n_layers=1, n_heads=1, theta=0.25).figures if f.name == "heads-edges"]
    assert figure.reading.startswith("Pairs of residues with an attention of 0.25 or more")
