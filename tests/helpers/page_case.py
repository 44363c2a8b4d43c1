"""The atlas that the pages are tested on: that of the reading room, with every added table that a page shows."""

import random
from collections.abc import Sequence
from pathlib import Path

from attlas.queries import Atlas
from attlas.schema import CONTACTS
from attlas.schema.settings import Computation
from helpers.annotated import annotate_at_random, measure
from helpers.reading_case import PROTEINS
from helpers.synthetic import SyntheticProtein, write_atlas
from helpers.table_files import add_rows

HOSTILE_TEXT = "</script><img src=x onerror=alert(1)><!--<script>\x00\u202eevil\u2028&amp;"
HOSTILE = SyntheticProtein(
    "EVIL1", "MKVLAAGIVGLCAKAYWWCDEF", HOSTILE_TEXT, HOSTILE_TEXT, HOSTILE_TEXT, 9606, HOSTILE_TEXT
)
LONGEST_WITH_CONTACTS = 300
"""Residues up to which the pass for contacts computed a protein."""
CONTACTS_SETTINGS = {"floor": 0.1, "max_length": LONGEST_WITH_CONTACTS}


def write_page_case(root: Path, *, others: Sequence[SyntheticProtein] = ()) -> Path:
    """Write the atlas, with other proteins if there are any, and return its directory."""
    write_atlas(root, [*PROTEINS, HOSTILE, *others])
    annotate_at_random(root)
    add_contacts(root)
    measure(root, {"P0DP23": {at: at / 8 for at in range(1, 100, 3)}}, name="rate", unit="1/s")
    return root


def add_contacts(root: Path, *, seed: int = 3) -> None:
    """Add contacts at random to every sequence that was computed and is not too long."""
    choose = random.Random(seed)
    with Atlas.open(root) as atlas:
        sequences = atlas.sql("SELECT sequence_id, length FROM sequences WHERE status = 'ok' ORDER BY 1").to_pylist()

    contacts = []
    for sequence in sequences:
        n = sequence["length"]
        pairs = [(i, j) for i in range(1, n + 1) for j in range(i + 6, n + 1)]
        for i, j in choose.sample(pairs, min(len(pairs), n)) if n <= LONGEST_WITH_CONTACTS else ():
            contacts.append({"sequence_id": sequence["sequence_id"], "i": i, "j": j, "probability": choose.random()})

    sources = {source.name: "0" * 64 for source in CONTACTS.computed_from}
    metadata = Computation(settings=CONTACTS_SETTINGS, computed_from=sources).metadata(CONTACTS)
    add_rows(root, CONTACTS, contacts, "contacts", metadata)
