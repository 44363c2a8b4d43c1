"""Every way in: what it is handed, who reads it, and what is read of it."""

from collections.abc import Callable
from pathlib import Path

from attlas.pipeline.annotate.formats import format_of
from attlas.pipeline.annotate.readers import delimited, uniprot_xml
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.queries.asking.alignments import read_alignment
from attlas.queries.comparing.reading import read_table
from attlas.queries.lookup.id_file import read_ids
from attlas.structures.chains import read_structure

ATOM = "ATOM  {0:5d} {1:<4} ALA A{2:4d}    {3:8.3f}{4:8.3f}   0.000  1.00  0.00           {5}\n"


ALANINES = "".join(
    ATOM.format(4 * i + j, name, i, 3.8 * i + j, j, name[1])
    for i in range(1, 4)
    for j, name in enumerate((" N", " CA", " C", " O"))
).encode()


def annotation(path: Path) -> list[str]:
    """Return the accessions of a table of labels."""
    assert format_of(path) == "csv"
    return [entry.accessions[0] for entry in delimited.read_csv(path)]


WAYS: dict[str, tuple[bytes, Callable[[Path], object], object]] = {
    "build": (
        b">P1 \xc3\xa9t\xc3\xa9\r\nMKV\n",
        lambda path: [(p.accession, p.description, p.sequence) for p in read_proteome(str(path)).proteins],
        [("P1", "été", "MKV")],
    ),
    "annotate": (b"accession,position,label\nP1,3,x\nP2,4,y\n", annotation, ["P1", "P2"]),
    "annotate XML": (
        b'<?xml version="1.0"?>\n<uniprot><entry><accession>P1</accession></entry></uniprot>\n',
        lambda path: [entry.accessions for entry in uniprot_xml.read(path)],
        [("P1",)],
    ),
    "compare": (
        b"accession\tposition\nP1\t3\n",
        lambda path: [(row.id, row.sites[0].number) for row in read_table(path).rows],
        [("P1", 3)],
    ),
    "--ids": (b"P1\tx\n# no\nP2\n", read_ids, ["P1", "P2"]),
    "alignment": (b">P1 x\nMK-\n>P2\nM-K\n", read_alignment, {"P1": "MK-", "P2": "M-K"}),
    "structure": (
        ALANINES,
        lambda path: [chain.letters for chain in read_structure(path).chains],
        ["AAA"],
    ),
}
