"""Drawn numbers in the tables of pairs, on the small atlas of the reading room: questions are asked of them."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from attlas.pipeline.adding import add_files
from attlas.schema import PAIR_CHOICES, PAIR_HEAD_CONTACTS, PAIR_HEADS, PAIR_NULLS, PAIRS, AtlasPaths, Manifest, Table
from attlas.schema.parquet_file import describe_file, write_table
from attlas.schema.settings import Computation
from helpers.reading_case import PROTEINS
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas

Row = dict[str, object]
N_PAIRS, N_GROUPS, N_LAYERS, N_HEADS = 30, 8, 2, 2
FORMS = ("gap", "linker")
HOMODIMERS = (3, 4, 11, 17, 19, 26)
OF_ONE_SEQUENCE = (17, 19)
"""Homodimers of the same sequence."""
SIDES = (("Q01", "Q02", "Q03", "Q04", "Q05", "Q12"), ("Q06", "Q09", "Q10", "Q20", "Q22", "Q25"))
"""Proteins that a deal of two folds sets apart: pairs within each side are enough to choose, and to judge."""
TWINS = {"Q02": "Q01", "Q12": "Q03", "Q10": "Q06"}
"""Proteins that have the sequence of another; a deal by accession would set the two apart."""
CUTS = {"hits_1": 1, "hits_5": 5, "hits_10": 10, "hits_l10": 7}


def draw_measures(draw: np.random.Generator, *, is_swapped: bool) -> Row:
    """Return the measures of a map, drawn; nothing of contacts where the partner is swapped."""
    n_contacts = int(draw.integers(3, 30))
    row: Row = {
        "n_pairs": int(draw.integers(900, 2000)),
        "n_contacts": None if is_swapped else n_contacts,
        "auroc": None if is_swapped else float(draw.beta(6, 5)),
        "auprc": None if is_swapped else float(draw.beta(1, 50)),
        "n_l10": 7,
        "n_residues": 70,
        "n_interface": int(draw.integers(2, 30)),
        "n_partner_residues": 80,
        "n_partner_interface": int(draw.integers(2, 30)),
        "interface_auroc": float(draw.beta(5, 5)),
        "interface_auprc": float(draw.beta(2, 8)),
        "partner_interface_auroc": None if draw.random() < 0.1 else float(draw.beta(5, 5)),
        "partner_interface_auprc": float(draw.beta(2, 8)),
    }
    return row | {name: None if is_swapped else float(draw.integers(0, cut + 1)) / 2 for name, cut in CUTS.items()}


def draw_rows() -> dict[Table, list[Row]]:
    """Return the rows of every table of pairs."""
    draw, draw_nulls, choose = np.random.default_rng(3), np.random.default_rng(4), random.Random(3)
    tables = (PAIRS, PAIR_HEADS, PAIR_HEAD_CONTACTS, PAIR_CHOICES, PAIR_NULLS)
    rows: dict[Table, list[Row]] = {table: [] for table in tables}
    for pair_id in range(N_PAIRS):
        is_homodimer = pair_id in HOMODIMERS
        names = {
            "pair_id": pair_id,
            "sequence_id": OF_ONE_SEQUENCE[0] if pair_id in OF_ONE_SEQUENCE else pair_id,
            "accession": choose.choice(SIDES[pair_id % 2]),
            "partner": choose.choice(SIDES[0 if pair_id % 5 == 0 else pair_id % 2]),
        }
        label = choose.choice(["binder", "none", "other", None])
        pair = {"label": label, "score": None, "n_residues": 150, "forms": "gap linker", "status": "ok"}
        rows[PAIRS].append({**names, **pair, "reason": None, "source": "pairs.tsv", "line": pair_id + 1})

        judged = {**names, "homology_group": f"g{choose.randrange(N_GROUPS)}", "is_homodimer": is_homodimer}
        for form in FORMS:
            for kind in ("given", "shuffled", "swapped"):
                shared = {**judged, "form": form, "kind": kind}
                for layer in range(N_LAYERS):
                    for head in (*range(N_HEADS), None):
                        measures = draw_measures(draw, is_swapped=kind == "swapped")
                        rows[PAIR_HEAD_CONTACTS].append({**shared, "layer": layer, "head": head, **measures})
                for split in range(4):
                    for n_heads in (1, 3):
                        if split != pair_id % 4:
                            measures = draw_measures(draw, is_swapped=kind == "swapped")
                            choice = {"split": split, "n_heads": n_heads, "heads": "0-0 0-1 1-0"[: 4 * n_heads - 1]}
                            rows[PAIR_CHOICES].append({**shared, **choice, **measures})
            rows[PAIR_HEADS] += _draw_pair_heads(draw, names, form, is_homodimer=is_homodimer)
            if label is not None:
                shared = {**names, "homology_group": judged["homology_group"], "form": form}
                rows[PAIR_NULLS] += _draw_pair_nulls(draw_nulls, shared)
    return rows


def _draw_pair_nulls(draw: np.random.Generator, shared: Row) -> list[Row]:
    """Return the rows of both nulls of a pair in a form."""
    return [
        {
            **shared,
            **{"kind": kind, "layer": layer, "head": head},
            **{name: float(draw.random()) for name in ("across_share", "entropy_across", "max_across")},
            "n_edges_across": float(draw.integers(0, 3)),
        }
        for kind in ("shuffled", "swapped")
        for layer in range(N_LAYERS)
        for head in range(N_HEADS)
    ]


def _draw_pair_heads(draw: np.random.Generator, names: Row, form: str, *, is_homodimer: bool) -> list[Row]:
    """Return the rows of a pair in a form, in both directions and orders, and their mean."""
    rows = []
    for chain_order in ("forward", "mean", "reverse"):
        for place in (1, 2):
            turned = names if place == 1 else {**names, "accession": names["partner"], "partner": names["accession"]}
            for layer in range(N_LAYERS):
                for head in range(N_HEADS):
                    numbers = {column.name: float(draw.random()) for column in PAIR_HEADS.columns[9:]}
                    numbers["n_edges_across"] = float(draw.integers(0, 3))  # with ties
                    numbers["mirror"] = numbers["mirror"] if is_homodimer else None
                    keys = {"place": place, "form": form, "chain_order": chain_order, "layer": layer, "head": head}
                    rows.append({**turned, **keys, **numbers})
    return rows


def draw_sequence(accession: str) -> str:
    """Return the sequence of a protein of the pairs, drawn by its name or that of its twin."""
    return "".join(random.Random(TWINS.get(accession, accession)).choices(AMINO_ACIDS, k=30))


def write_pair_numbers(root: Path, rows: Mapping[Table, Sequence[Row]]) -> Path:
    """Write the small atlas of the reading room with the proteins of the pairs, and the rows beside its tables."""
    accessions = sorted({str(row[name]) for row in rows[PAIRS] for name in ("accession", "partner")})
    write_atlas(root, [*PROTEINS, *(SyntheticProtein(name, draw_sequence(name)) for name in accessions)])
    for table, of_table in rows.items():
        add_rows(root, table, of_table)
    return root


def add_rows(root: Path, table: Table, rows: Sequence[Row]) -> None:
    """Add rows to a table that a pass computes, with settings that say nothing."""
    paths = AtlasPaths(root)
    manifest = Manifest.read(paths)
    values = {float: 0.5, int: 1, str: ""}
    settings = {setting.name: values[setting.type] for setting in table.settings}
    computed_from = {source.name: manifest.digest_of(source) for source in table.computed_from}
    ordered = sorted(rows, key=lambda row: tuple((row[name] is None, row[name]) for name in table.sort))

    schema = table.schema(manifest.run.n_layers)
    arrays = [pa.array([row[field.name] for row in ordered], field.type) for field in schema]
    path = paths.added(table, "drawn")
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = Computation(settings, computed_from).metadata(table)
    write_table(path, table=table, rows=pa.Table.from_arrays(arrays, schema=schema), metadata=metadata)
    add_files(paths, [describe_file(paths, path, table)], is_replaced=lambda file: False)
