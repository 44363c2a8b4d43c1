"""Contacts by the definitions, pair by pair in plain Python and float64: the answers that tests hold the passes to."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from attlas.pipeline.adding import add_files
from attlas.schema import COORDINATES, AtlasPaths

LIMITS = {"short": (6, 11), "medium": (12, 23), "long": (24, 10**9)}
CUTS = {"L": 1, "L/2": 2, "L/5": 5}


def pairs_of(places: np.ndarray, which: str) -> list[tuple[int, int]]:
    """Return the pairs i < j of a range, from 0, that have coordinates; `places` is (N, 3), NaN where missing."""
    indices = [i for i in range(len(places)) if np.isfinite(places[i]).all()]
    min_separation, max_separation = LIMITS[which]
    return [(i, j) for i, j in combinations(indices, 2) if min_separation <= j - i <= max_separation]


def is_contact(places: np.ndarray, i: int, j: int) -> bool:
    return abs(i - j) >= 6 and float(np.linalg.norm(places[i] - places[j])) < 8


def top_precision(scores: np.ndarray, places: np.ndarray, which: str, cut: str) -> tuple[int, int, int, int]:
    """Return pairs looked at, contacts among them, all pairs of the range, contacts among these."""
    pairs = pairs_of(places, which)
    n = max(1, int(np.isfinite(places).all(1).sum()) // CUTS[cut])
    ranked = sorted(pairs, key=lambda pair: (-scores[pair], pair))[:n]
    return (
        len(ranked),
        sum(is_contact(places, *p) for p in ranked),
        len(pairs),
        sum(is_contact(places, *p) for p in pairs),
    )


def corrected(attention: np.ndarray) -> np.ndarray:
    """Return A + A^T less the average product of one head, (N, N)."""
    both = attention.astype(np.float64) + attention.T
    total = both.sum()
    return both - np.outer(both.sum(0), both.sum(1)) / total if total else both


def head_sums(attention: np.ndarray, places: np.ndarray, theta: float) -> dict[str, float]:
    """Return the sums of one head's inner attention, (N, N), over a chain, with the number of weights near theta."""
    sums = dict.fromkeys(
        ("n_edges", "n_contact_edges", "edge_mass", "contact_edge_mass", "mass", "contact_mass", "n_pairs"), 0.0
    )
    sums |= {"n_contact_pairs": 0, "near": 0}
    indices = [i for i in range(len(places)) if np.isfinite(places[i]).all()]
    for i in indices:
        for j in indices:
            weight, touches = float(attention[i, j]), is_contact(places, i, j)
            is_edge = weight >= theta
            sums["near"] += abs(weight - theta) < 1e-5
            for name, value in (("n", is_edge), ("mass", weight), ("pairs", 1)):
                total_name = {"n": "n_edges", "mass": "mass", "pairs": "n_pairs"}[name]
                contact_name = {"n": "n_contact_edges", "mass": "contact_mass", "pairs": "n_contact_pairs"}[name]
                sums[total_name] += value
                sums[contact_name] += value * touches
            sums["edge_mass"] += weight * is_edge
            sums["contact_edge_mass"] += weight * is_edge * touches
    n_top, n_top_contacts, n_long, n_long_contacts = top_precision(corrected(attention), places, "long", "L")
    return sums | {
        "n_top": n_top,
        "n_top_contacts": n_top_contacts,
        "n_long_pairs": n_long,
        "n_long_contacts": n_long_contacts,
    }


def eager_layers(weights: Path, sequence: str) -> Iterator[np.ndarray]:
    """Yield the inner attention of each layer, (H, N, N), float64, by transformers' eager path."""
    import torch
    from transformers import EsmModel, EsmTokenizer

    model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager").eval().double()
    tokens = EsmTokenizer.from_pretrained(weights)(sequence, return_tensors="pt")
    with torch.inference_mode():
        for layer in model(**tokens, output_attentions=True).attentions:
            yield layer[0, :, 1:-1, 1:-1].numpy()


def folded(n: int, seed: int, *, step: float = 2.2) -> np.ndarray:
    """Return places of `n` residues, (n, 3) angstrom: a random walk, which comes near itself."""
    return np.cumsum(np.random.default_rng(seed).normal(size=(n, 3)) * step, axis=0)


def add_coordinates(
    out: Path, chains: dict[tuple[str, str, str], np.ndarray], *, name: str = "hand", cb: np.ndarray | None = None
) -> None:
    """Add chains, by accession, source and chain, to an atlas: places (N, 3), NaN where missing.

    The C-beta is the C-alpha, or at `cb` angstrom from it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from attlas.schema.parquet_file import describe_file, write_table
    from attlas.schema.publish import publishing

    paths = AtlasPaths(out)
    proteins = {row["accession"]: row for row in pq.read_table(paths.proteins).to_pylist()}
    rows = []
    for (accession, source, chain), places in chains.items():
        for i, place in enumerate(places):
            if np.isfinite(place).all():
                row = {"accession": accession, "sequence_id": proteins[accession]["sequence_id"], "source": source}
                row |= {"chain": chain, "position": i + 1, "residue": proteins[accession]["sequence"][i]}
                row["observed"] = row["residue"]
                row |= {f"ca_{axis}": float(x) for axis, x in zip("xyz", place, strict=True)}
                row |= {
                    f"cb_{axis}": float(x) for axis, x in zip("xyz", place + (0 if cb is None else cb), strict=True)
                }
                rows.append(row)
    rows.sort(key=lambda row: [row[column] for column in COORDINATES.sort])
    path = paths.added(COORDINATES, name)
    with publishing(path) as beside:
        table = pa.Table.from_pylist(rows, COORDINATES.schema(1))
        write_table(beside, table=COORDINATES, rows=table, metadata={b"attlas": b"{}"})
    file = describe_file(paths, path, COORDINATES)
    add_files(paths, [file], is_replaced=lambda other: other.path == file.path)
