"""Makes `gpcrs.fasta`: the four GPCRs of `proteins.fasta`, each aligned to the first and put together at its columns.

    python examples/make_alignment.py > examples/gpcrs.fasta

A star alignment is right where the members are alike, as the seven helices here are, and rough in the loops.
Global, BLOSUM62, gaps -11 and -1, free at the ends (Biopython's `PairwiseAligner`).
"""

import sys
from pathlib import Path

from Bio.Align import PairwiseAligner, substitution_matrices
from Bio.SeqIO.FastaIO import SimpleFastaParser

PROTEINS = Path(__file__).with_name("proteins.fasta")
MEMBERS = ("P07550", "P14416", "P29274", "P08100")
"""The others are aligned to the first."""
WIDTH = 60


def main() -> None:
    """Print the alignment."""
    with PROTEINS.open() as file:
        sequences = {title.split("|")[1]: (title.split()[0], sequence) for title, sequence in SimpleFastaParser(file)}
    for id, row in star([sequences[accession] for accession in MEMBERS]).items():
        lines = [row[at : at + WIDTH] for at in range(0, len(row), WIDTH)]
        sys.stdout.write("\n".join([f">{id}", *lines, ""]))


def star(records: list[tuple[str, str]]) -> dict[str, str]:
    """Return aligned rows by id; insertions between two residues of the first sequence share columns."""
    center = records[0][1]
    pieces = [list(center), *(_against(center, sequence) for _, sequence in records[1:])]
    # A piece belongs to a residue of the first sequence: the letters inserted before it, then the letter at it.
    pieces = [[*piece, ""] if len(piece) == len(center) else piece for piece in pieces]
    widths = [max(len(piece[at]) for piece in pieces) for at in range(len(center) + 1)]
    return {
        id: "".join(text.rjust(width, "-") for text, width in zip(piece, widths, strict=True))
        for (id, _), piece in zip(records, pieces, strict=True)
    }


def _against(center: str, sequence: str) -> list[str]:
    """Return the letters of `sequence` at each residue of `center`, and last those after all residues."""
    aligner = PairwiseAligner(substitution_matrix=substitution_matrices.load("BLOSUM62"))
    aligner.open_gap_score, aligner.extend_gap_score, aligner.end_gap_score = -11, -1, 0
    aligned_center, aligned_sequence = aligner.align(center, sequence)[0]
    pieces, piece = [], ""
    for at_center, letter in zip(aligned_center, aligned_sequence, strict=True):
        piece += letter
        if at_center != "-":
            pieces.append(piece)
            piece = ""
    return [*pieces, piece]


if __name__ == "__main__":
    main()
