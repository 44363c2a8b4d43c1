"""Rows of candidate sites at random, for the questions that need them."""

import random
from pathlib import Path

from attlas.queries import Atlas
from attlas.schema import CANDIDATE_SITES
from helpers.table_files import add_rows

TYPES = ("Active site", "Binding site")
N_RANKED = 4
"""Candidates of a protein and type."""


def candidates_at_random(root: Path, *, seed: int = 0) -> None:
    """Add candidate sites of every computed protein, of the second type without a probability."""
    draw = random.Random(seed)
    with Atlas.open(root) as atlas:
        query = (
            "SELECT accession, sequence_id, sequence FROM proteins WHERE status = 'ok' ORDER BY sequence_id, accession"
        )
        proteins = atlas.sql(query).to_pylist()

    rows = []
    for protein in proteins:
        positions = draw.sample(range(1, len(protein["sequence"]) + 1), min(N_RANKED, len(protein["sequence"])))
        for type in TYPES:
            for rank, position in enumerate(positions, start=1):
                rows.append(
                    {
                        "accession": protein["accession"],
                        "sequence_id": protein["sequence_id"],
                        "type": type,
                        "position": position,
                        "residue": protein["sequence"][position - 1],
                        "rank": rank,
                        "probability": 0.9 / rank if type == TYPES[0] else None,
                        "score": 3.0 - rank,
                        "evidence": "attention +1.5",
                        "homolog": None,
                        "identity": None if rank % 2 else 0.31,
                        "nearest": None if rank % 2 else "P00000",
                        "nearest_sites": None if rank % 2 else "H57;D102",
                    }
                )
    add_rows(root, CANDIDATE_SITES, rows, "candidates")
