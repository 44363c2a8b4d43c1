"""Contacts, structures and what heads say of them, made up: rows for an atlas, and the same in plain Python."""

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from attlas.queries import Atlas
from attlas.schema import CONTACTS, COORDINATES, FUSED_CONTACTS, HEAD_CONTACTS
from helpers.annotated import sequence_ids
from helpers.table_files import add_rows

LIMITS = {"short": (6, 11), "medium": (12, 23), "long": (24, 10**9)}
CUTS = {"L": 1, "L/2": 2, "L/5": 5}

Point = tuple[float, float, float]
Scores = dict[tuple[int, int], float]
"""Probability of each pair stored, positions from 1."""


@dataclass(frozen=True)
class MadeChain:
    """A chain: C-alpha and C-beta by position from 1; None where the residue lacks the atom."""

    accession: str
    source: str
    chain: str
    places: Mapping[int, tuple[Point, Point | None]]

    def points(self, atom: str) -> dict[int, Point]:
        points = {position: both[atom == "cb"] for position, both in self.places.items()}
        return {position: point for position, point in points.items() if point is not None}


def walk(n: int, choose: random.Random, *, missing: float = 0.0) -> dict[int, tuple[Point, Point | None]]:
    """Return a random walk of `n` residues that comes near itself, a share of them missing, a few without C-beta."""
    places: dict[int, tuple[Point, Point | None]] = {}
    at = (0.0, 0.0, 0.0)
    for position in range(1, n + 1):
        at = tuple(x + choose.gauss(0, 2) for x in at)  # type: ignore[assignment]
        if choose.random() >= missing:
            beside = tuple(x + choose.gauss(0, 1) for x in at)
            places[position] = (at, None if choose.random() < 0.03 else beside)  # type: ignore[assignment]
    return places


def all_pairs(n: int, choose: random.Random) -> Scores:
    """Return a probability for every pair 6 or more apart: of two decimals, so that some are equal."""
    return {(i, j): round(choose.random() ** 3, 2) for i, j in combinations(range(1, n + 1), 2) if j - i >= 6}


def best_pairs(scores: Scores, n: int) -> Scores:
    """Return the pairs that an atlas keeps: of each range the best 2 n, and all from 0.3 on."""
    kept: Scores = {}
    for nearest, farthest in LIMITS.values():
        best = sorted((p for p in scores if nearest <= p[1] - p[0] <= farthest), key=lambda p: (-scores[p], p))
        kept |= {pair: scores[pair] for pair in best[: 2 * n]}
        kept |= {pair: scores[pair] for pair in best if scores[pair] >= 0.3}
    return kept


def add_contacts(root: Path, stored: Mapping[str, Scores]) -> None:
    """Add pairs, by an accession of each sequence."""
    ids = sequence_ids(root)
    rows = [
        {"sequence_id": ids[accession], "i": i, "j": j, "probability": probability}
        for accession, scores in stored.items()
        for (i, j), probability in scores.items()
    ]
    add_rows(root, CONTACTS, rows, "contacts-made")


def add_fused_contacts(root: Path, stored: Mapping[str, Scores], *, choosing: Collection[str] = ()) -> None:
    """Add pairs by fused heads, by an accession of each sequence; the heads were chosen on those of `choosing`."""
    ids = sequence_ids(root)
    rows = [
        {"sequence_id": ids[accession], "i": i, "j": j, "score": score, "chose_heads": accession in choosing}
        for accession, scores in stored.items()
        for (i, j), score in scores.items()
    ]
    add_rows(root, FUSED_CONTACTS, rows, "fused-contacts-made")


def add_chains(root: Path, chains: Sequence[MadeChain]) -> None:
    """Add coordinates."""
    ids, rows = sequence_ids(root), []
    for chain in chains:
        for position, (ca, cb) in chain.places.items():
            row = {"accession": chain.accession, "sequence_id": ids[chain.accession], "source": chain.source}
            row |= {"chain": chain.chain, "position": position, "residue": "A", "observed": "A"}
            for atom, point in (("ca", ca), ("cb", cb)):
                row |= {f"{atom}_{x}": at for x, at in zip("xyz", point or (None,) * 3, strict=True)}
            rows.append(row)
    add_rows(root, COORDINATES, rows, "made")


def random_head_contacts(chain: MadeChain, heads: Sequence[tuple[int, int]], choose: random.Random) -> list[dict]:
    """Return rows of `head_contacts`, without the sequence's number, of numbers that go together."""
    n = len(chain.points("ca"))
    n_long = max(0, (n - 24) * (n - 23) // 2)
    n_top = min(n, n_long)
    of_chain = {"n_pairs": n * n, "n_contact_pairs": n * n // 20, "n_top": n_top}
    of_chain |= {"n_long_pairs": n_long, "n_long_contacts": n_long // 30}
    rows = []
    for layer, head in heads:
        n_edges = choose.randint(0, 2) if (layer, head) == (0, 0) else choose.randint(5, 40)
        n_contact_edges, mass = choose.randint(0, n_edges), n * choose.uniform(0.5, 1)
        row = {"accession": chain.accession, "source": chain.source, "chain": chain.chain, "layer": layer, "head": head}
        row |= {"n_edges": n_edges, "n_contact_edges": n_contact_edges, "edge_mass": n_edges * 0.5}
        row |= {"contact_edge_mass": n_contact_edges * 0.375, "mass": mass, "contact_mass": mass * choose.random()}
        rows.append(row | of_chain | {"n_top_contacts": choose.randint(0, n_top)})
    return rows


def add_head_contacts(root: Path, rows: Sequence[dict]) -> None:
    """Add rows of `head_contacts`."""
    ids = sequence_ids(root)
    add_rows(root, HEAD_CONTACTS, [{**row, "sequence_id": ids[row["accession"]]} for row in rows], "head-contacts-made")


def contacts_at_random(root: Path, *, seed: int = 0) -> None:
    """Add contacts to every computed sequence, a structure to most, and what heads say of them."""
    choose = random.Random(seed)
    with Atlas.open(root) as atlas:
        proteins = atlas.sql("FROM proteins WHERE status = 'ok' ORDER BY accession").to_pylist()
        heads = [(layer, head) for layer in range(atlas.n_layers) for head in range(atlas.manifest.run.n_heads)]
    sequences = {protein["sequence"]: protein["accession"] for protein in proteins}
    add_contacts(root, {accession: best_pairs(all_pairs(len(s), choose), len(s)) for s, accession in sequences.items()})
    scores = {accession: best_pairs(all_pairs(len(s), choose), len(s)) for s, accession in sequences.items()}
    add_fused_contacts(root, scores, choosing=[min(scores)])
    chains = [MadeChain(p["accession"], "made.cif", "A", walk(p["length"], choose)) for p in proteins]
    add_chains(root, chains)
    add_head_contacts(root, [row for chain in chains for row in random_head_contacts(chain, heads, choose)])


def choose_chains(
    chains: Sequence[MadeChain], sequences: Mapping[str, str], atom: str, *, is_every: bool
) -> list[MadeChain]:
    """Return the chains that count: of each sequence, or of each sequence and chain, the one with most residues."""

    def size(chain: MadeChain) -> tuple[int, str, str, str]:
        return -len(chain.points(atom)), chain.accession, chain.source, chain.chain

    groups: dict[tuple[str, ...], list[MadeChain]] = {}
    for chain in chains:
        if chain.points(atom):
            more = (chain.source, chain.chain) if is_every else ()
            groups.setdefault((sequences[chain.accession], *more), []).append(chain)
    return sorted((min(group, key=size) for group in groups.values()), key=lambda o: (o.accession, o.source, o.chain))


def by_hand(scores: Scores, points: Mapping[int, Point], which: str, cut: str) -> dict[str, int]:
    """Return of a range and cut pairs asked for, looked at and known, and contacts among them."""
    nearest, farthest = LIMITS[which]
    pairs = [p for p in combinations(sorted(points), 2) if nearest <= p[1] - p[0] <= farthest]
    touching = {p for p in pairs if math.dist(points[p[0]], points[p[1]]) < 8}
    n_asked = min(max(len(points) // CUTS[cut], 1), len(pairs))
    looked_at = sorted((p for p in pairs if p in scores), key=lambda p: (-scores[p], p))[:n_asked]
    return {
        "n_asked": n_asked,
        "n_pairs": len(looked_at),
        "n_contacts": len(touching & {*looked_at}),
        "n_known": len(pairs),
        "n_known_contacts": len(touching),
    }
