"""Make `antibodies.fasta`, variable segments of human antibodies, from UniProt's human proteome given as an argument.

    python examples/make_antibodies.py HUMAN.fasta.gz > examples/antibodies.fasta

Records come out in the order of `SEGMENTS`, headers and sequences as UniProt has them.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from make_proteins import format_record, read_proteome

SEGMENTS = {
    "P01742": "heavy",
    "P01764": "heavy",
    "P01780": "heavy",
    "P01814": "heavy",
    "P01825": "heavy",
    "P06331": "heavy",
    "P01594": "kappa",
    "P01619": "kappa",
    "P06312": "kappa",
    "P01700": "lambda",
    "P01704": "lambda",
    "P80748": "lambda",
}
"""Accession to the kind of chain, in the order of the file."""


def main(paths: list[str]) -> int:
    """Write the segments to stdout."""
    records = {accession: record for path in paths for accession, record in read_proteome(Path(path)).items()}
    if missing := [accession for accession in SEGMENTS if accession not in records]:
        print(f"not in the proteomes given: {', '.join(missing)}", file=sys.stderr)
        return 1
    sys.stdout.writelines(format_record(*records[accession]) for accession in SEGMENTS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
