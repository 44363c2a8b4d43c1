"""What the tests of fits share: an atlas with labels."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.annotated import annotate, assign, measure
from helpers.building import build_here, random_proteins, write_fasta


def list_spans(proteins: dict[str, str]) -> Iterator[tuple[str, str, int, int]]:
    """Yield an active site at histidines and at chosen residues of 25 proteins, structure of others, a rare type."""
    choose = random.Random(7)
    for i, (accession, sequence) in enumerate(proteins.items()):
        if i < 25:
            sites = {at for at, letter in enumerate(sequence, start=1) if letter == "H"} | {choose.randint(1, 20)}
            yield from ((accession, "Active site", at, at) for at in sorted(sites))
        if i >= 10:
            yield accession, "Helix", 3, 12
            yield accession, "Turn", 20, 22
        if i < 2:
            yield accession, "Motif", 1, 4


@pytest.fixture(scope="session")
def labelled_root(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """Return an atlas of a tiny model with features, families of two proteins, and a track on some residues."""
    folder = tmp_path_factory.mktemp("fit")
    proteins = random_proteins([24 + i for i in range(30)], seed=5)
    root = folder / "atlas"
    build_here(write_fasta(folder / "proteins.fasta", proteins), root, tiny_esm)
    annotate(root, list_spans(proteins))
    assign(root, [(accession, "Pfam", f"PF{i // 2}") for i, accession in enumerate(proteins)])
    numbers = random.Random(8)
    measure(
        root,
        {a: {at: "AVILMFW".find(s[at - 1]) + numbers.random() for at in range(2, 20)} for a, s in proteins.items()},
    )
    return root
