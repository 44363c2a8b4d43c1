"""Make `proteins.fasta`, the example proteins, from UniProt proteome FASTA files given as arguments.

    python examples/make_proteins.py HUMAN.fasta.gz BSUB.fasta.gz > examples/proteins.fasta

Records come out in the order of `EXAMPLES`, headers and sequences as UniProt has them, 60 residues to a line: the
same proteomes give the same bytes. The one isoform is derived from its canonical sequence (see `ISOFORM`).
"""

import gzip
import sys
from pathlib import Path

LINE_LENGTH = 60

EXAMPLES = {
    "P0DP23": "calmodulin",
    "P0DP24": "calmodulin",
    "P60484": "phosphatase",
    "P24941": "kinase",
    "P28482": "kinase",
    "P17612": "kinase",
    "P12931": "kinase",
    "P00533": "kinase",
    "P07550": "GPCR",
    "P08100": "GPCR",
    "P14416": "GPCR",
    "P29274": "GPCR",
    "P07477": "trypsin-like",
    "P17538": "trypsin-like",
    "Q9UNI1": "trypsin-like",
    "P08246": "trypsin-like",
    "P00734": "trypsin-like",
    "P69905": "globin",
    "P68871": "globin",
    "P02144": "globin",
    "P01308": "hormone",
    "P04637": "transcription",
    "P03372": "transcription",
    "P18146": "zinc-finger",
    "P62979": "ubiquitin",
    "P61626": "lysozyme",
    "P00918": "carbonic-anhydrase",
    "P00441": "superoxide-dismutase",
    "P04406": "GAPDH",
    "P60174": "triosephosphate-isomerase",
    "P01112": "GTPase",
    "P62937": "isomerase",
    "P99999": "cytochrome",
    "P29972": "aquaporin",
    "P63252": "potassium-channel",
    "P13569": "ABC-transporter",
    "P62805": "histone",
    "P68431": "histone",
    "P02452": "collagen",
    "P37840": "synuclein",
    "P07203": "selenoprotein",
    "P36969": "selenoprotein",
    "P0DPR3": "diversity-segment",
    "P04189": "subtilase",
    "P37957": "lipase",
    "P18429": "xylanase",
    "P09124": "GAPDH",
    "P27876": "triosephosphate-isomerase",
    "P80244": "Clp-protease",
    "P37869": "enolase",
    "P17889": "initiation-factor",
    "P17889-2": "initiation-factor",
}
"""Accession to family, one word, in the order of the file."""

ISOFORM = "P17889-2"
"""Isoform Beta of P17889 starts later: residues 1-93 are missing (VSP_018753) and V94 is the M of its start codon
(VSP_018754), as the UniProt entry describes it."""
ISOFORM_NAME = "Beta"
ISOFORM_START = 94
ISOFORM_CANONICAL_RESIDUE = "V"


def main(paths: list[str]) -> int:
    """Write the example proteins to stdout."""
    records = {accession: record for path in paths for accession, record in read_proteome(Path(path)).items()}
    if ISOFORM.split("-")[0] in records:
        records[ISOFORM] = make_isoform(*records[ISOFORM.split("-")[0]])
    if missing := [accession for accession in EXAMPLES if accession not in records]:
        print(f"not in the proteomes given: {', '.join(missing)}", file=sys.stderr)
        return 1
    sys.stdout.writelines(format_record(*records[accession]) for accession in EXAMPLES)
    return 0


def read_proteome(path: Path) -> dict[str, tuple[str, str]]:
    """Return header (without `>`) and sequence by accession, of a UniProt FASTA file, gzipped or plain."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    # Not split at every ">": some protein names hold one.
    entries = text.removeprefix(">").split("\n>")
    records = {}
    for entry in entries:
        header, _, sequence = entry.partition("\n")
        records[header.split("|")[1]] = header.strip(), "".join(sequence.split())
    return records


def make_isoform(header: str, sequence: str) -> tuple[str, str]:
    """Return header and sequence of the isoform, from those of its canonical entry; UniProt gives it no PE and SV."""
    database, accession, text = header.split("|", 2)
    name, _, description = text.partition(" ")
    if sequence[ISOFORM_START - 1] != ISOFORM_CANONICAL_RESIDUE:
        raise ValueError(
            f"{accession}: {ISOFORM_CANONICAL_RESIDUE}{ISOFORM_START} expected, not {sequence[ISOFORM_START - 1]}"
        )
    description = description.split(" PE=")[0]
    return f"{database}|{ISOFORM}|{name} Isoform {ISOFORM_NAME} of {description}", "M" + sequence[ISOFORM_START:]


def format_record(header: str, sequence: str) -> str:
    """Return a FASTA record."""
    lines = [sequence[start : start + LINE_LENGTH] for start in range(0, len(sequence), LINE_LENGTH)]
    return "\n".join([f">{header}", *lines, ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
