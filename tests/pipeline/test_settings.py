"""What the passes were asked with stands in their files where `attlas.queries` looks for it."""

from pathlib import Path

import numpy as np
from helpers.building import build_here, random_proteins, write_fasta
from helpers.contact_oracles import add_coordinates
from helpers.passes_here import add_contacts_here
from helpers.probe_case import probe_here
from helpers.sealed_atlas import read_manifest, read_settings


def test_the_settings_of_a_probe_and_of_contacts_are_read_from_their_files(tmp_path: Path, tiny_esm: Path) -> None:
    proteins, out = random_proteins([40, 50]), tmp_path / "atlas"
    build_here(write_fasta(tmp_path / "p.fasta", proteins), out, tiny_esm)
    accession = min(proteins)
    places = np.random.default_rng(1).normal(0, 9, (len(proteins[accession]), 3))
    add_coordinates(out, {(accession, "hand.cif", "A"): places})
    probe_here(out, theta=0.05)
    add_contacts_here(out, atom="cb", is_heads_only=True)
    settings = {table: read_settings(out, table) for table in ("labels", "head_contacts")}
    for table in ("head_features", "head_max_sites"):
        assert read_settings(out, table) == settings["labels"]
    assert read_settings(out, "contacts") == {}
    assert read_settings(out, "proteins") == {}
    theta = read_manifest(out).run.edge_theta
    assert settings["labels"] == {"theta": 0.05}
    assert settings["head_contacts"] == {"theta": theta, "atom": "cb", "max_length": None}
