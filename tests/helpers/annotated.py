"""Annotation for the atlases of the tests: rows of `features`, `labels`, `head_features` added to a sealed atlas."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from attlas.queries import Atlas
from helpers.table_files import add_rows

Span = tuple[str, str, int, int]
"""Accession, type, begin, end."""

Sums = dict[tuple[int, int], tuple[int, float, float] | tuple[int, float, float, float | None]]
"""By layer and head what a label receives: edges, their attention, all attention; and its AUC, where there is one."""

Weights = Mapping[tuple[int, int, int, int], float]
"""Attention of links, by layer, head, i and j."""

Point = tuple[float, float, float]
"""Angstrom."""


@dataclass(frozen=True)
class Shown:
    """A residue of a structure."""

    accession: str
    source: str
    chain: str
    position: int
    residue: str
    ca: Point | None
    cb: Point | None


def annotate(root: Path, spans: Iterable[Span], *, source: str = "hand") -> None:
    """Add features."""
    ids = sequence_ids(root)
    rows = [
        {
            "accession": accession,
            "sequence_id": ids[accession],
            "type": type_,
            "begin": begin,
            "end": end,
            "description": "",
            "evidence": None,
            "source": source,
        }
        for accession, type_, begin, end in spans
    ]
    add_rows(root, "features", rows, source)


def probe(root: Path, probed: Iterable[tuple[str, str, int, int, Sums]]) -> None:
    """Add labels and what they receive: accession, label, number of labelled residues, length, sums."""
    ids, labels, heads = sequence_ids(root), [], []
    for accession, label, n_labelled, length, sums in probed:
        key = {"accession": accession, "sequence_id": ids[accession], "label": label}
        labels.append({**key, "n_labelled": n_labelled, "length": length})
        for (layer, head), values in sorted(sums.items()):
            named = dict(zip(("n_edges", "edge_mass", "mass"), values[:3], strict=True))
            heads.append({**key, "layer": layer, "head": head, **named, "auc": values[3] if values[3:] else None})
    add_rows(root, "labels", labels, "probe")
    add_rows(root, "head_features", heads, "probe")


def place(root: Path, shown: Iterable[Shown]) -> None:
    """Add coordinates to an atlas."""
    ids = sequence_ids(root)
    rows = []
    for shown_residue in shown:
        names = {name: getattr(shown_residue, name) for name in ("accession", "source", "chain", "position", "residue")}
        axes = {
            f"{atom}_{axis}": None if point is None else point[i]
            for atom, point in (("ca", shown_residue.ca), ("cb", shown_residue.cb))
            for i, axis in enumerate("xyz")
        }
        rows.append({**names, "sequence_id": ids[shown_residue.accession], "observed": shown_residue.residue, **axes})
    add_rows(root, "coordinates", rows, "structures")


def link(root: Path, weights: Mapping[str, Weights]) -> None:
    """Add links to an atlas, by an accession of each sequence."""
    ids = sequence_ids(root)
    rows = [
        {"sequence_id": ids[accession], "layer": layer, "head": head, "i": i, "j": j, "weight": weight}
        for accession, links in weights.items()
        for (layer, head, i, j), weight in links.items()
    ]
    add_rows(root, "links", rows, "links")


def embed(root: Path, vectors: Mapping[str, Mapping[tuple[int, str], Sequence[float]]]) -> None:
    """Add vectors to an atlas, by an accession of each sequence, and by layer and kind."""
    ids = sequence_ids(root)
    rows = [
        {"sequence_id": ids[accession], "layer": layer, "kind": kind, "vector": list(vector)}
        for accession, vectors_of_protein in vectors.items()
        for (layer, kind), vector in vectors_of_protein.items()
    ]
    add_rows(root, "vectors", rows, "vectors")


def call_head_max(root: Path, sites: dict[str, list[int]], sequences: dict[str, str]) -> None:
    """Add sites of the largest head to an atlas, by rank, once for each sequence."""
    ids, called = sequence_ids(root), {}
    for accession, positions in sites.items():
        called[ids[accession]] = [
            {
                "sequence_id": ids[accession],
                "position": at,
                "residue": sequences[accession][at - 1],
                "rank": rank,
                "layer": 1,
                "received": 1.0,
                "share": 1.0,
            }
            for rank, at in enumerate(positions, start=1)
        ]
    add_rows(root, "head_max_sites", [row for rows in called.values() for row in rows], "head_max")


def assign(root: Path, assigned: Iterable[tuple[str, str, str]], *, source: str = "hand.tsv") -> None:
    """Add families: accession, database, family; the name of a family is its identifier in lower case."""
    ids = sequence_ids(root)
    rows = [
        {"accession": a, "sequence_id": ids[a], "database": d, "family": f, "name": f.lower(), "source": source}
        for a, d, f in assigned
    ]
    add_rows(root, "families", rows, source)


def measure(root: Path, values: Mapping[str, Mapping[int, float]], *, name: str = "score", unit: str = "") -> None:
    """Add a track: for each accession the value at each position."""
    ids, letters = sequence_ids(root), stored_sequences(root)
    rows = [
        {
            "accession": accession,
            "sequence_id": ids[accession],
            "name": name,
            "position": position,
            "residue": letters[accession][position - 1],
            "value": value,
            "unit": unit,
            "source": f"{name}.csv",
        }
        for accession, of_protein in values.items()
        for position, value in of_protein.items()
    ]
    add_rows(root, "tracks", rows, _file_name(name))


def substitute(root: Path, values: Mapping[str, Mapping[str, float]], *, name: str = "score") -> None:
    """Add values of variants: for each accession the value of each, such as `A123V`."""
    ids = sequence_ids(root)
    rows = [
        {
            "accession": accession,
            "sequence_id": ids[accession],
            "name": name,
            "position": int(variant[1:-1]),
            "residue": variant[0],
            "substitute": variant[-1],
            "value": value,
            "unit": "",
            "source": f"{name}.csv",
        }
        for accession, of_protein in values.items()
        for variant, value in of_protein.items()
    ]
    add_rows(root, "variants", rows, _file_name(name))


def annotate_at_random(root: Path, *, seed: int = 0) -> None:
    """Add features and a structure to every computed protein, and a probe for them and its letters that adds up."""
    choose = random.Random(seed)
    with Atlas.open(root) as atlas:
        proteins = atlas.sql("FROM proteins WHERE status = 'ok' ORDER BY accession").to_pylist()
        heads = [(layer, head) for layer in range(atlas.n_layers) for head in range(atlas.manifest.run.n_heads)]
    spans: list[Span] = []
    probed: list[tuple[str, str, int, int, Sums]] = []
    for protein in proteins:
        accession, sequence = protein["accession"], protein["sequence"]
        at = choose.randint(1, len(sequence))
        protein_spans = [(accession, "Active site", at, at), (accession, "Binding site", 1, max(1, len(sequence) // 9))]
        spans += protein_spans
        by_letter = {f"aa:{x}": sequence.count(x) for x in sorted(set(sequence))}
        wholes = {head: [choose.choice(list(by_letter)) for _ in range(60)] for head in heads}
        probed.append((accession, "residue", len(sequence), len(sequence), _sums(wholes, set(by_letter))))
        probed += [(accession, x, n, len(sequence), _sums(wholes, {x})) for x, n in by_letter.items()]
        drawn_letters = set(choose.sample(list(by_letter), 1))
        probed += [
            (accession, t, e - b + 1, len(sequence), _sums(wholes, drawn_letters)) for _, t, b, e in protein_spans
        ]
    annotate(root, spans)
    probe(root, probed)
    sequences = {protein["accession"]: protein["sequence"] for protein in proteins}
    place(
        root, [residue for accession, sequence in sequences.items() for residue in _walk(accession, sequence, choose)]
    )
    call_head_max(root, {accession: [1] for accession in sequences}, sequences)
    repeat(root, sequences, heads, choose)
    distinct = {sequence: accession for accession, sequence in sequences.items()}
    link(root, {accession: _links(len(sequence), heads, choose) for sequence, accession in distinct.items()})
    vectors = {accession: {(1, "mean"): [choose.gauss() for _ in range(4)]} for accession in distinct.values()}
    embed(root, vectors)
    assign(root, [(accession, "Pfam", f"PF{i % 2}") for i, accession in enumerate(sequences)])
    _number_at_random(root, sequences, choose)


def _number_at_random(root: Path, sequences: Mapping[str, str], choose: random.Random) -> None:
    """Add a track of every residue, and a variant of the first residue of each protein."""
    measure(root, {a: {at: choose.random() for at in range(1, len(s) + 1)} for a, s in sequences.items()})
    substitute(root, {a: {f"{s[0]}1{'W' if s[0] != 'W' else 'A'}": choose.random()} for a, s in sequences.items()})


def repeat(
    root: Path,
    sequences: Mapping[str, str],
    heads: Iterable[tuple[int, int]],
    choose: random.Random,
    *,
    period: int = 28,
) -> None:
    """Add sums at a period for every sequence and head."""
    ids = sequence_ids(root)
    lengths = {ids[accession]: len(sequence) for accession, sequence in sequences.items()}
    rows = [
        {
            "sequence_id": sequence_id,
            "period": period,
            "layer": layer,
            "head": head,
            "before": choose.uniform(0, max(length - period, 0)),
            "after": choose.uniform(0, max(length - period, 0)),
        }
        for sequence_id, length in lengths.items()
        for layer, head in heads
    ]
    add_rows(root, "head_periods", rows, "probe_periods")


def sequence_ids(root: Path) -> dict[str, int | None]:
    """Return the number of the sequence of each protein."""
    return _column_by_accession(root, "sequence_id")


def _links(length: int, heads: Sequence[tuple[int, int]], choose: random.Random) -> Weights:
    """Return links between random residues, and one from the last residue to the first."""
    if length < 2:
        return {}
    ends = [choose.sample(range(1, length + 1), 2) for _ in range(20)] + [[length, 1]]
    return {(*choose.choice(heads), i, j): round(choose.uniform(0.1, 1), 3) for i, j in ends}


def _file_name(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)


def stored_sequences(root: Path) -> dict[str, str]:
    """Return the sequence of each protein."""
    return _column_by_accession(root, "sequence")


def _column_by_accession(root: Path, name: str) -> dict[str, Any]:
    """Return a column of `proteins`, read from its file: to connect for SQL takes a hundred times as long."""
    proteins = pq.read_table(root / "proteins" / "proteins.parquet", columns=["accession", name])
    return dict(zip(proteins["accession"].to_pylist(), proteins[name].to_pylist(), strict=True))


def _walk(accession: str, sequence: str, choose: random.Random) -> Iterable[Shown]:
    x, y, z = 0.0, 0.0, 0.0
    for position, residue in enumerate(sequence, start=1):
        x, y, z = (along + choose.uniform(-3, 3) for along in (x, y, z))
        yield Shown(accession, "hand.cif", "A", position, residue, (x, y, z), (x, y, z + 1.5))


def _sums(edges: dict[tuple[int, int], Sequence[str]], labels: set[str]) -> Sums:
    numbers = {head: sum(label in labels for label in edge_labels) for head, edge_labels in edges.items()}
    return {head: (n, n * 0.5, n * 0.75, None if n == 60 else n / 60) for head, n in numbers.items()}
