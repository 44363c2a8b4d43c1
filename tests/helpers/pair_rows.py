"""Rows of pairs drawn at random, for atlases of tests that no model was run for."""

import random
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from attlas.queries import Atlas
from attlas.schema import PAIR_CONTACTS, PAIR_HEADS, PARTNER_CONTACTS
from helpers.table_files import add_rows

N_PROTEINS = 4
"""Proteins of the atlas, by accession, that are paired with each other and with themselves."""


KNOWN = {"distance": 6.0, "chain": "A", "partner_chain": "B", "source": "hand.cif"}
"""What every known contact between two copies has."""


def pairs_at_random(root: Path, *, seed: int = 5) -> None:
    """Add `pair_heads` of some proteins, in one form, of which the four shares sum to 1, and contacts of homodimers."""
    draw = random.Random(seed).random
    with Atlas.open(root) as atlas:
        n_layers, n_heads = atlas.manifest.run.n_layers, atlas.manifest.run.n_heads
        computed = "SELECT accession, sequence_id FROM proteins WHERE status = 'ok' ORDER BY accession"
        proteins = atlas.sql(f"{computed} LIMIT {N_PROTEINS}").to_pylist()

    rows = []
    pairs = [pair for pair in product(proteins, repeat=2) if pair[0]["accession"] <= pair[1]["accession"]]
    for pair_id, both in enumerate(pairs):
        for order, place in product(("forward", "mean", "reverse"), (1, 2)):
            protein, partner = both if place == 1 else reversed(both)
            for layer, head in product(range(n_layers), range(n_heads)):
                across, special = 0.3 * draw(), 0.3 * draw()
                rows.append(
                    {
                        "pair_id": pair_id,
                        "sequence_id": protein["sequence_id"],
                        "accession": protein["accession"],
                        "partner": partner["accession"],
                        "place": place,
                        "form": "gap",
                        "chain_order": order,
                        "layer": layer,
                        "head": head,
                        "within_share": 1 - across - special,
                        "across_share": across,
                        "special_share": special,
                        "linker_share": 0.0,
                        "entropy_within": 3.0,
                        "entropy_across": 4.0,
                        "max_across": across,
                        "n_edges_across": 0.0,
                        "mirror": draw() if protein == partner else None,
                    }
                )
    add_rows(root, PAIR_HEADS, rows, "pairs")
    _contacts_at_random(root, [(i, both[0]) for i, both in enumerate(pairs) if both[0] == both[1]], draw)


def _contacts_at_random(root: Path, dimers: Sequence[tuple[int, dict]], draw: Callable[[], float]) -> None:
    """Add contacts between two copies of proteins, predicted and known, the known ones between neighbours."""
    predicted_contacts, known_contacts = [], []
    for pair_id, protein in dimers:
        names = {"accession": protein["accession"], "sequence_id": protein["sequence_id"]}
        shared = {**names, "partner": protein["accession"]}
        for i in range(1, 11):
            known_contacts.append({**shared, "i": i, "j": i, **KNOWN})
            scores = {"pair_id": pair_id, "form": "gap", "probability": draw(), "score": None}
            predicted_contacts.append({**shared, "i": i, "j": 11 - i, **scores})
    add_rows(root, PAIR_CONTACTS, predicted_contacts, "pairs")
    add_rows(root, PARTNER_CONTACTS, known_contacts, "contacts")
