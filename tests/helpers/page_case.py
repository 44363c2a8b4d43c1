"""The atlas that the pages are tested on: that of the reading room, with every added table that a page shows."""

import random
from pathlib import Path

from attlas.queries import Atlas
from attlas.schema import CONTACTS, LINKS
from attlas.schema.settings import Computation
from helpers.annotated import add_rows, annotate_at_random
from helpers.reading_case import PROTEINS
from helpers.synthetic import SyntheticProtein, write_atlas

HOSTILE_TEXT = "</script><img src=x onerror=alert(1)><!--<script>\x00\u202eevil\u2028&amp;"
HOSTILE = SyntheticProtein(
    "EVIL1", "MKVLAAGIVGLCAKAYWWCDEF", HOSTILE_TEXT, HOSTILE_TEXT, HOSTILE_TEXT, 9606, HOSTILE_TEXT
)
LONGEST_WITH_CONTACTS = 300
"""Residues up to which the pass for contacts computed a protein."""
LINKS_SETTINGS = {"floor": 0.1, "per_residue": 5, "max_length": None}
CONTACTS_SETTINGS = {"floor": 0.1, "max_length": LONGEST_WITH_CONTACTS}


def write_page_case(root: Path) -> Path:
    """Write the atlas and return its directory."""
    write_atlas(root, [*PROTEINS, HOSTILE])
    annotate_at_random(root)
    add_pairs(root)
    return root


def add_pairs(root: Path, *, seed: int = 3) -> None:
    """Add links and contacts at random to every sequence that was computed."""
    choose = random.Random(seed)
    links, contacts = [], []
    with Atlas.open(root) as atlas:
        run = atlas.manifest.run
        sequences = atlas.sql("SELECT sequence_id, length FROM sequences WHERE status = 'ok' ORDER BY 1").to_pylist()
    for sequence in sequences:
        key, n = {"sequence_id": sequence["sequence_id"]}, sequence["length"]
        pairs = [(i, j) for i in range(1, n + 1) for j in range(1, n + 1) if i != j]
        for layer in range(run.n_layers):
            for head in range(run.n_heads):
                for i, j in choose.sample(pairs, min(len(pairs), n // 4)):
                    weight = choose.random()
                    links.append({**key, "layer": layer, "head": head, "i": i, "j": j, "weight": weight})
        far = [(i, j) for i, j in pairs if j - i >= 6]
        for i, j in choose.sample(far, min(len(far), n)) if n <= LONGEST_WITH_CONTACTS else ():
            contacts.append({**key, "i": i, "j": j, "probability": choose.random()})
    add_rows(root, LINKS, links, "links", _metadata(LINKS, LINKS_SETTINGS))
    add_rows(root, CONTACTS, contacts, "contacts", _metadata(CONTACTS, CONTACTS_SETTINGS))


def _metadata(table, settings: dict[str, object]) -> dict[bytes, bytes]:
    sources = {source.name: "0" * 64 for source in table.computed_from}
    return Computation(settings=settings, computed_from=sources).metadata(table)
