"""What the passes were asked with stands in their files where `attlas.queries` looks for it."""

from pathlib import Path

import numpy as np
from helpers.building import build_here, random_proteins, write_fasta
from helpers.contact_oracles import add_coordinates

from attlas.pipeline.contacts.adding import add_contacts
from attlas.pipeline.contacts.planning import ContactSettings
from attlas.pipeline.probe.adding import add_probe
from attlas.queries import Atlas
from attlas.queries.lookup.settings import settings_of
from attlas.schema import CONTACTS, HEAD_CONTACTS, HEAD_FEATURES, HEAD_MAX_SITES, LABELS, PROTEINS


def quietly(*_: object):
    return lambda event: None


def test_the_settings_of_a_probe_and_of_contacts_are_read_from_their_files(tmp_path: Path, tiny_esm: Path) -> None:
    proteins, out = random_proteins([40, 50]), tmp_path / "atlas"
    build_here(write_fasta(tmp_path / "p.fasta", proteins), out, tiny_esm)
    accession = min(proteins)
    places = np.random.default_rng(1).normal(0, 9, (len(proteins[accession]), 3))
    add_coordinates(out, {(accession, "hand.cif", "A"): places})
    add_probe(out, progress=quietly, theta=0.05, types=None, is_by_letter=True, n_workers=0)
    add_contacts(out, ContactSettings(atom="cb", is_heads_only=True), progress=quietly, n_workers=0)
    with Atlas.open(out) as atlas:
        settings = {table.name: settings_of(atlas.root, atlas.manifest, table) for table in (LABELS, HEAD_CONTACTS)}
        for table in (HEAD_FEATURES, HEAD_MAX_SITES):
            assert settings_of(atlas.root, atlas.manifest, table) == settings["labels"]
        assert settings_of(atlas.root, atlas.manifest, CONTACTS) == {}
        assert settings_of(atlas.root, atlas.manifest, PROTEINS) == {}
        theta = atlas.manifest.run.edge_theta
    assert settings["labels"] == {"theta": 0.05}
    assert settings["head_contacts"] == {"theta": theta, "atom": "cb", "max_length": None}
