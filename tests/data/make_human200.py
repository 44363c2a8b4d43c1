"""Make `human200.fasta`, 200 human proteins for the tests against eager attentions, from a UniProt proteome FASTA.

    python tests/data/make_human200.py HUMAN.fasta.gz > tests/data/human200.fasta

The proteins of 12 to 700 residues that come first by the MD5 of their sequence: a random choice that anyone can
repeat. Longer ones would only cost time: eager float64 maps grow with the square of the length.
"""

import gzip
import hashlib
import sys

N_PROTEINS = 200
SHORTEST, LONGEST = 12, 700
LINE_LENGTH = 60


def main() -> None:
    with gzip.open(sys.argv[1], "rt") as handle:
        records = handle.read().removeprefix(">").split("\n>")
    proteins = []
    for record in records:
        header, _, body = record.partition("\n")
        sequence = body.replace("\n", "")
        if SHORTEST <= len(sequence) <= LONGEST:
            proteins.append((hashlib.md5(sequence.encode()).hexdigest(), header, sequence))
    for _, header, sequence in sorted(proteins)[:N_PROTEINS]:
        print(f">{header}")
        for start in range(0, len(sequence), LINE_LENGTH):
            print(sequence[start : start + LINE_LENGTH])


main()
