"""An atlas written by hand, small enough to count on one's fingers: its sites are where they are put.

Three layers and two heads. Every residue receives 1 in every layer; in the layer of convergence the site of rank 1
receives 9, that of rank 2 receives 8, and so on, all of them exact in float16.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from attlas.schema import Manifest
from helpers.sealing import seal_atlas
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, synthetic_run
from helpers.table_files import find_table

N_LAYERS, N_HEADS = 3, 2


@dataclass(frozen=True)
class Hand:
    """A protein and where its sites are."""

    protein: SyntheticProtein
    sites: tuple[int, ...] = ()
    """Positions by rank, from 1."""
    layer: int | None = None
    """Layer of convergence; None where there is no fit."""
    note: str | None = None


def hand(
    accession: str, sequence: str, *, sites: tuple[int, ...] = (), layer: int | None = None, **names: object
) -> Hand:
    """Return a protein of a hand-made atlas."""
    note = names.pop("note", None)
    return Hand(SyntheticProtein(accession, sequence, n_sites=len(sites), **names), sites, layer, note)


HUMAN = {"organism": "Homo sapiens", "taxon_id": 9606}
BACSU = {"organism": "Bacillus subtilis", "taxon_id": 224308}
ZINC, GLYCINES = "MKCAACGGHW", "MGGGGGGGGGGGGGGGGGGU"
HAND = (
    hand("A1", ZINC, sites=(3, 6, 1), layer=1, entry_name="ABC1_HUMAN", gene="ABCA", description="a KINASE", **HUMAN),
    hand("A2", ZINC, sites=(3, 6, 1), layer=1, entry_name="ABC2_HUMAN", gene="ABCB", description="copy", **HUMAN),
    hand("B1", "MACAACLLKR", sites=(3, 6), layer=1, entry_name="ABC_BACSU", description="receptor kinase", **BACSU),
    hand("C1", GLYCINES, sites=(20,), layer=2, entry_name="GLY_HUMAN", description="all glycine", **HUMAN),
    hand("C1-2", "MGGGGGGGGG", layer=0, entry_name="GLY_HUMAN", note="none above the elbow", **HUMAN),
    hand("F1", "MWWWWWWWWWWW", entry_name="FAIL_HUMAN", status="failed", reason="out of memory", **HUMAN),
    hand("S1", "MK*LVVVVVVV", entry_name="STOP_HUMAN", status="skipped", reason="inner `*`", **HUMAN),
    hand("T1", "MK", entry_name="TINY_HUMAN", note="too short", **HUMAN),
)


def write_handmade(root: Path, hands: Sequence[Hand] = HAND, *, seed: int = 0) -> Manifest:
    """Write a sealed atlas; its head statistics are random numbers."""
    distinct = {entry.protein.sequence: entry for entry in reversed(hands) if entry.protein.status != "skipped"}
    ordered = sorted(distinct.values(), key=lambda entry: (len(entry.protein.sequence), entry.protein.sequence))
    computed = [(i, entry) for i, entry in enumerate(ordered) if entry.protein.status == "ok"]
    ids = {entry.protein.sequence: i for i, entry in enumerate(ordered)}

    proteins = _to_arrow("proteins", [_protein_row(line, entry, ids) for line, entry in enumerate(hands, start=1)])
    shard_rows = {
        "sequences": [{"sequence_id": i, **_outcome(entry)} for i, entry in enumerate(ordered)],
        "sites": [row for i, entry in computed for row in _site_rows(i, entry)],
        "residues": [row for i, entry in computed for row in _residue_rows(i, entry)],
        "heads": list(_head_rows([i for i, _ in computed], np.random.default_rng(seed))),
    }
    return seal_atlas(
        root,
        synthetic_run(N_LAYERS, N_HEADS),
        proteins,
        [(name, 1, _to_arrow(name, rows)) for name, rows in shard_rows.items()],
        accessions=[entry.protein.accession for entry in hands],
        source="hand",
    )


def _to_arrow(table: str, rows: Sequence[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, find_table(table).schema(N_LAYERS))


def received(entry: Hand, layer: int, position: int) -> float:
    """Return the attention a residue receives."""
    return 9.0 - entry.sites.index(position) if layer == entry.layer and position in entry.sites else 1.0


def _outcome(entry: Hand) -> dict[str, object]:
    p = entry.protein
    n_sites = len(entry.sites) if p.status == "ok" else None
    values = {"length": len(p.sequence), "status": p.status, "reason": p.reason}
    return {**values, "layer": entry.layer, "n_sites": n_sites, "sites_note": entry.note}


def _protein_row(line: int, entry: Hand, ids: dict[str, int]) -> dict[str, object]:
    p = entry.protein
    md5 = hashlib.md5(p.sequence.encode()).hexdigest()
    names = {k: getattr(p, k) for k in ("accession", "entry_name", "gene", "organism", "taxon_id", "description")}
    return {
        **names,
        "sequence": p.sequence,
        "md5": md5,
        "crc64": md5[:16].upper(),
        "n_nonstandard": sum(letter not in AMINO_ACIDS for letter in p.sequence),
        "n_records": 1,
        "line": line,
        "sequence_id": None if p.status == "skipped" else ids[p.sequence],
        **_outcome(entry),
    }


def _site_rows(sequence_id: int, entry: Hand) -> Iterator[dict[str, object]]:
    for rank, position in enumerate(entry.sites, start=1):
        residue, value = entry.protein.sequence[position - 1], received(entry, entry.layer, position)
        yield {
            "sequence_id": sequence_id,
            "position": position,
            "residue": residue,
            "rank": rank,
            "layer": entry.layer,
            "received": value,
            "share": value / 9,
            "is_nonstandard": residue not in AMINO_ACIDS,
            "is_initiator_methionine": residue == "M" and position == 1,
        }


def _residue_rows(sequence_id: int, entry: Hand) -> Iterator[dict[str, object]]:
    for position, residue in enumerate(entry.protein.sequence, start=1):
        values = np.array([received(entry, layer, position) for layer in range(N_LAYERS)], np.float16)
        yield {"sequence_id": sequence_id, "position": position, "residue": residue, "received": values}


def _head_rows(sequence_ids: Sequence[int], rng: np.random.Generator) -> Iterator[dict[str, object]]:
    keys = ("sequence_id", "layer", "head")
    statistics = [column for column in find_table("heads").stored() if column.name not in keys]
    for sequence_id in sequence_ids:
        for layer in range(N_LAYERS):
            for head in range(N_HEADS):
                numbers = {c.name: rng.integers(0, 99) if c.name == "n_edges" else rng.random() for c in statistics}
                yield {"sequence_id": sequence_id, "layer": layer, "head": head, **numbers}
