"""An atlas of pairs, small enough to be built by every test that needs one: a tiny model of random weights."""

from pathlib import Path

from attlas.pipeline.pairs.adding import add_pairs
from attlas.pipeline.pairs.settings import PairSettings
from attlas.schema import PARTNER_CONTACTS
from helpers.annotated import annotate, sequence_ids
from helpers.building import build_here, random_proteins, write_fasta
from helpers.pdb_case import Chain, pdb
from helpers.table_files import add_rows
from helpers.tiny_esm import save_tiny_esm

MAX_LENGTH = 100
"""Residues of a pair; the pair of the two longest has more."""
KNOWN = [("P1", "P0", 5, 4, 7.5), ("P0", "P1", 4, 5, 6.0), ("P0", "P1", 9, 30, None)]
"""Accession, partner, i, j and distance of contacts that sources give, one of them in both directions."""


def write_pair_case(root: Path) -> tuple[Path, dict[str, str]]:
    """Write the atlas; return its directory, and its proteins: P0 to P3, of which P0-P1, P2-P2 and P2-P3 are pairs."""
    proteins = dict(zip(("P0", "P1", "P2", "P3"), random_proteins([30, 42, 35, 80]).values(), strict=True))
    build_here(write_fasta(root / "p.fasta", proteins), root / "atlas", save_tiny_esm(root / "model"))
    (root / "pairs.tsv").write_text("P0\tP1\tbinder\t0.1\nP2\tP2\nP2\tP3\n")
    settings = PairSettings(forms="gap,linker", heads="0-1,1-2", floor=0.001, max_length=MAX_LENGTH)
    add_pairs(root / "atlas", root / "pairs.tsv", settings, progress=lambda p, s: lambda e: None, n_workers=0)
    annotate(root / "atlas", [("P0", "Active site", 7, 7)])
    return root / "atlas", proteins


def add_known_contacts(root: Path) -> None:
    """Add the known contacts of P0 and P1."""
    ids = sequence_ids(root)
    rows = [
        {
            "accession": accession, "sequence_id": ids[accession], "partner": partner, "i": i, "j": j,
            "distance": distance, "chain": "", "partner_chain": "", "source": f"{accession}.tsv",
        }
        for accession, partner, i, j, distance in KNOWN
    ]  # fmt: skip
    add_rows(root, PARTNER_CONTACTS, rows, "partner_contacts")


def write_complexes(path: Path, sequence: str, partner: str) -> Path:
    """Write a structure of two copies of each protein, as chains along x: A and C far apart, C beside D, B alone."""
    chains = [Chain("A", sequence), Chain("C", sequence, y=200), Chain("D", partner, y=206), Chain("B", partner, y=900)]
    path.write_text(pdb(chains))
    return path
