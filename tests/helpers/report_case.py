"""The atlas that reports are tested on, with all that can be added, some under hostile names; and parts of a report."""

import json
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from attlas.queries import Atlas
from attlas.queries.report import Report, make_report
from attlas.queries.report.contents import sections
from attlas.queries.report.figures import Section
from attlas.queries.report.report import ShownFigure
from attlas.schema.settings import SETTINGS_KEY
from helpers.annotated import annotate, annotate_at_random, sequence_ids
from helpers.fit_case import fits_at_random
from helpers.table_files import add_rows, find_table

HOSTILE = '</pre><script>alert("1")</script>&amp;\x1b[31m'
N_LAYERS, N_HEADS = 4, 2  # of the synthetic atlas
HEADS = [{"layer": layer, "head": head} for layer in range(N_LAYERS) for head in range(N_HEADS)]


def write_report_case(source: Path, root: Path) -> Path:
    """Copy the small atlas of the reading room, add everything, and return the directory of the copy."""
    shutil.copytree(source, root)
    annotate_at_random(root)
    annotate(root, [("P04637", HOSTILE, 5, 9), ("X00003", HOSTILE, 2, 2)], source="hostile")
    _add_hostile_probe(root)
    _add_structures_and_families(root)
    fits_at_random(root)
    return root


def _add_hostile_probe(root: Path) -> None:
    key = {"accession": "X00003", "sequence_id": sequence_ids(root)["X00003"], "label": HOSTILE}
    sums = [{**at, "n_edges": 20 + at["layer"], "edge_mass": 9.0, "mass": 9.5, "auc": 0.5} for at in HEADS]
    add_rows(root, "labels", [{**key, "n_labelled": 1, "length": 73}], "hostile")
    add_rows(root, "head_features", [{**key, **at} for at in sums], "hostile")


def _add_structures_and_families(root: Path) -> None:
    """Add random families, structures, contacts, and sites of the largest head."""
    choose, ids = random.Random(5), sequence_ids(root)
    keys = {a: {"accession": a, "sequence_id": ids[a], "source": "s.cif"} for a in (f"X{i:05d}" for i in range(12))}
    names = [(a, f"PF0000{int(a[1:]) % 2}") for a in keys] + [("X00001", HOSTILE)]
    family = {"database": "Pfam", "name": HOSTILE}
    add_rows(root, "families", [{**keys[a], **family, "family": f} for a, f in names], "families")

    spots, pairs, heads, sites = [], [], [], []
    for accession, key in list(keys.items())[:5]:
        at = {**key, "chain": "A", "residue": "A", "observed": "A"}
        make_axes = [f"{atom}_{axis}" for atom in ("ca", "cb") for axis in "xyz"]
        spots += [{**at, "position": i, **{x: choose.uniform(0, 20) for x in make_axes}} for i in range(1, 41)]
        position_pairs = [(i, j) for i in range(1, 41) for j in range(i + 6, 41)]
        pairs += [
            {**key, "i": i, "j": j, "probability": choose.random(), "score": choose.gauss(0, 1), "chose_heads": False}
            for i, j in position_pairs
        ]
        n = {"n_pairs": 1560, "n_contact_pairs": 90, "n_top": 40, "n_long_pairs": 136, "n_long_contacts": 6}
        for head in HEADS:
            k = {"n_edges": choose.randint(60, 99), "n_contact_edges": choose.randint(0, 30), "mass": 30.0}
            other_columns = {"contact_mass": choose.uniform(0, 9), "n_top_contacts": choose.randint(0, 9)}
            heads.append({**key, "chain": "A", **head, **n, **k, **other_columns})
        site = {"position": 7, "residue": "A", "rank": 1, "layer": 1, "received": 3.0, "share": 1.0}
        sites.append({"sequence_id": ids[accession], **site})

    added = {"coordinates": spots, "contacts": pairs, "fused_contacts": pairs, "head_contacts": heads}
    for name, rows in {**added, "head_max_sites": sites}.items():
        add_rows(root, name, [_complete(name, row) for row in rows], name)


def _complete(table: str, row: dict) -> dict:
    """Return a row with 1 in the columns of its table that it lacks."""
    return {column.name: row.get(column.name, 1) for column in find_table(table).stored()}


def copy_asked_with(
    source: Path, root: Path, *, probes: Sequence[float | None], contact_settings: Sequence[dict]
) -> Path:
    """Return an atlas with files of a probe at each theta, and of heads against contacts with each of the settings."""
    shutil.copytree(source, root)
    key = {"accession": "X00003", "sequence_id": sequence_ids(root)["X00003"], "label": "Active site"}
    key |= {"source": "s", "chain": "A", "layer": 0, "head": 0}
    thetas = [{} if theta is None else {"theta": theta} for theta in probes]
    for table, files in (("labels", thetas), ("head_features", thetas), ("head_contacts", contact_settings)):
        for at, settings in enumerate(files):
            add_rows(root, table, [_complete(table, key)], f"file{at}", settings_notes(settings) if settings else {})
    return root


def settings_notes(settings: dict) -> dict[bytes, bytes]:
    """Return the metadata of a file of an added table that was computed with these settings."""
    return {SETTINGS_KEY: json.dumps({"settings": settings}).encode()}


def make_report_of(
    atlas: Atlas, choose: Callable[[Iterable[Section]], list[Section]], **filters: Sequence[str]
) -> Report:
    """Return the report with the sections that are chosen of all, and the figures in them."""

    def choose_sections(store: Atlas, **options: object) -> list[Section]:
        return choose(sections(store, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attlas.queries.report.report.sections", choose_sections)
        return make_report(atlas, **filters)


def keep_figures(parts: Iterable[Section], names: Iterable[str], *, every: int | None = None) -> list[Section]:
    """Return sections with their figures of these names, and of the others with every so many."""
    parts, names = list(parts), set(names)
    numbers = {figure.name: i for i, figure in enumerate(figure for part in parts for figure in part.figures)}
    names |= {name for name, i in numbers.items() if every is not None and i % every == 0}
    return [replace(part, figures=tuple(figure for figure in part.figures if figure.name in names)) for part in parts]


def find_figure(report: Report, name: str) -> ShownFigure:
    """Return a figure that is shown."""
    return next(shown for shown in report.shown_figures() if shown.figure.name == name)


def types_of(parts: Iterable[Section], title: str) -> list[str]:
    """Return of which types there is a figure of this title, in order, shown or missing."""
    titles = [figure.title for part in parts for figure in part.figures]
    return [text.split(": ", 1)[1] for text in titles if text.startswith(f"{title}: ")]
