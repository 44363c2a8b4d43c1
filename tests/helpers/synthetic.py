"""Small atlases of random numbers, written through the contract's own functions (benchmarks/make_atlas.py: large ones).

The numbers mean nothing; the shape does: shards contiguous in `sequence_id`, sites by rank, duplicates, skipped
and failed proteins. Axis letters: `L` layers, `H` heads, `N` residues of a sequence.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from attlas.schema import VALUES_VERSION, Manifest, Run
from attlas.schema.columns import EDGE_THETA
from helpers.sealing import ShardRows, seal_atlas
from helpers.table_files import find_table

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"


@dataclass(frozen=True)
class SyntheticProtein:
    accession: str
    sequence: str
    entry_name: str | None = None
    gene: str | None = None
    organism: str | None = None
    taxon_id: int | None = None
    description: str | None = None
    sequence_version: int | None = None
    n_sites: int = 3
    status: str = "ok"
    reason: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a random computation gave for one distinct sequence."""

    sequence_id: int
    sequence: str
    status: str
    reason: str | None
    layer: int | None
    n_sites: int | None
    sites_note: str | None


def write_atlas(
    root: Path,
    proteins: Sequence[SyntheticProtein],
    *,
    n_layers: int = 4,
    n_heads: int = 2,
    n_shards: int = 3,
    seed: int = 0,
) -> Manifest:
    """Write a sealed atlas of random numbers at `root` and return its manifest."""
    run = synthetic_run(n_layers, n_heads)
    rng = np.random.default_rng(seed)
    outcomes = _outcomes(proteins, n_layers, rng)
    by_sequence = {outcome.sequence: outcome for outcome in outcomes}

    parts = enumerate(np.array_split(np.arange(len(outcomes)), n_shards), start=1)
    shard_rows = (
        rows
        for index, part in parts
        for rows in _shard(index, outcomes[part[0] : part[-1] + 1] if len(part) else [], run, rng)
    )
    accessions = [p.accession for p in proteins]
    return seal_atlas(
        root, run, _proteins(proteins, by_sequence, run), shard_rows, accessions=accessions, source="synthetic"
    )


def synthetic_run(n_layers: int, n_heads: int) -> Run:
    return Run(
        model="facebook/esm2_synthetic",
        revision="local",
        weights_sha256=hashlib.sha256(b"weights").hexdigest(),
        config_sha256=hashlib.sha256(b"config").hexdigest(),
        architecture="esm",
        n_layers=n_layers,
        n_heads=n_heads,
        dtype="float32",
        device="cpu",
        attention="tiled",
        attention_bound=1e-3,
        letters="J as X",
        rule="nayar-2025-05",
        edge_theta=EDGE_THETA,
        max_length=None,
        format_version=VALUES_VERSION,
        attlas_version="0.1.0",
        torch_version="none",
        transformers_version="none",
    )


def _outcomes(proteins: Sequence[SyntheticProtein], n_layers: int, rng: np.random.Generator) -> list[Outcome]:
    distinct = {p.sequence: p for p in reversed(proteins) if p.status != "skipped"}
    ordered = sorted(distinct.values(), key=lambda p: (len(p.sequence), p.sequence))
    return [_outcome(i, p, int(rng.integers(n_layers))) for i, p in enumerate(ordered)]


def _outcome(sequence_id: int, protein: SyntheticProtein, layer: int) -> Outcome:
    n = len(protein.sequence)
    if protein.status == "failed":
        return Outcome(sequence_id, protein.sequence, "failed", protein.reason, None, None, None)
    if n < 10:
        return Outcome(sequence_id, protein.sequence, "ok", None, None, 0, "too short")
    n_sites = min(protein.n_sites, n - 1)
    note = None if 0 < n_sites < 40 else ("40 or more" if n_sites else "none above the elbow")
    return Outcome(sequence_id, protein.sequence, "ok", None, layer, n_sites, note)


def _proteins(proteins: Sequence[SyntheticProtein], by_sequence: dict[str, Outcome], run: Run) -> pa.Table:
    rows = [
        _protein_row(line, p, by_sequence.get(p.sequence) if p.status != "skipped" else None)
        for line, p in enumerate(proteins)
    ]
    schema = find_table("proteins").schema(run.n_layers)
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["accession"]), schema)


def _protein_row(line: int, p: SyntheticProtein, outcome: Outcome | None) -> dict:
    md5 = hashlib.md5(p.sequence.encode()).hexdigest()
    fields = ("accession", "entry_name", "gene", "organism", "taxon_id", "sequence_version", "description")
    names = {k: getattr(p, k) for k in fields}
    return {
        **names,
        "sequence": p.sequence,
        "length": len(p.sequence),
        "md5": md5,
        "crc64": md5[:16].upper(),  # any 16 digits will do here
        "n_nonstandard": sum(letter not in AMINO_ACIDS for letter in p.sequence),
        "n_records": 1,
        "line": 2 * line + 1,
        "sequence_id": outcome.sequence_id if outcome else None,
        "status": outcome.status if outcome else p.status,
        "reason": outcome.reason if outcome else p.reason,
        "layer": outcome.layer if outcome else None,
        "n_sites": outcome.n_sites if outcome else None,
        "sites_note": outcome.sites_note if outcome else None,
    }


def _shard(index: int, outcomes: Sequence[Outcome], run: Run, rng: np.random.Generator) -> Iterator[ShardRows]:
    ok = [outcome for outcome in outcomes if outcome.status == "ok"]
    lengths = np.array([len(o.sequence) for o in ok], dtype=np.int64)
    received = rng.exponential(1.0, (int(lengths.sum()), run.n_layers)).astype(np.float32)  # (sum N, L)
    yield "sequences", index, _sequences(outcomes, run)
    yield "sites", index, _sites(ok, lengths, received, run)
    yield "residues", index, _residues(ok, lengths, received, run)
    yield "heads", index, _heads(ok, run, rng)


def _sequences(outcomes: Sequence[Outcome], run: Run) -> pa.Table:
    schema = find_table("sequences").schema(run.n_layers)
    rows = [{**vars(outcome), "length": len(outcome.sequence)} for outcome in outcomes]
    return pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in rows], schema)


def _sites(ok: Sequence[Outcome], lengths: np.ndarray, received: np.ndarray, run: Run) -> pa.Table:
    rows = []
    for outcome, end in zip(ok, np.cumsum(lengths), strict=True):
        if outcome.layer is None:
            continue
        profile = received[end - len(outcome.sequence) : end, outcome.layer]  # (N,)
        for rank, at in enumerate(np.argsort(-profile, kind="stable")[: outcome.n_sites], start=1):
            rows.append(_site_row(outcome, rank, int(at), profile))
    return pa.Table.from_pylist(rows, find_table("sites").schema(run.n_layers))


def _site_row(outcome: Outcome, rank: int, at: int, profile: np.ndarray) -> dict:
    return {
        "sequence_id": outcome.sequence_id,
        "position": at + 1,
        "residue": outcome.sequence[at],
        "rank": rank,
        "layer": outcome.layer,
        "received": float(profile[at]),
        "share": float(profile[at] / profile.max()),
        "is_nonstandard": outcome.sequence[at] not in AMINO_ACIDS,
        "is_initiator_methionine": at == 0 and outcome.sequence[at] == "M",
    }


def _residues(ok: Sequence[Outcome], lengths: np.ndarray, received: np.ndarray, run: Run) -> pa.Table:
    n = len(received)
    ids = np.repeat(np.array([o.sequence_id for o in ok], np.int32), lengths)
    positions = np.arange(1, n + 1) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    letters = "".join(o.sequence for o in ok).encode()
    offsets = pa.py_buffer(np.arange(n + 1, dtype=np.int32))
    schema = find_table("residues").schema(run.n_layers)
    values = pa.array(received.astype(np.float16).astype(np.float32).ravel())
    lists = pa.FixedSizeListArray.from_arrays(values, type=schema.field("received").type)
    columns = [
        pa.array(ids),
        pa.array(positions.astype(np.int32)),
        pa.StringArray.from_buffers(n, offsets, pa.py_buffer(letters)),
        lists,
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _heads(ok: Sequence[Outcome], run: Run, rng: np.random.Generator) -> pa.Table:
    schema = find_table("heads").schema(run.n_layers)
    n_maps = run.n_layers * run.n_heads
    ids = np.repeat(np.array([o.sequence_id for o in ok], np.int32), n_maps)
    layers = np.tile(np.repeat(np.arange(run.n_layers, dtype=np.int16), run.n_heads), len(ok))
    heads = np.tile(np.arange(run.n_heads, dtype=np.int16), len(ok) * run.n_layers)
    columns = {"sequence_id": ids, "layer": layers, "head": heads, "n_edges": rng.integers(0, 99, len(ids), np.int32)}
    arrays = [
        pa.array(columns[field.name] if field.name in columns else rng.random(len(ids), np.float32)) for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
