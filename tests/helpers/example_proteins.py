"""Proteins of a FASTA file by accession, read as a build reads them."""

from pathlib import Path

from attlas.pipeline.proteins.proteome import read_proteome


def read_sequences(path: Path) -> dict[str, str]:
    """Return the sequence of each protein by accession, in the order of the file."""
    return {protein.accession: protein.sequence for protein in read_proteome(str(path)).proteins}
