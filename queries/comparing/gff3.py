"""Sites as GFF3 → rows: a feature of one residue is a site; positions are 1-based by the format's definition."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from attlas.queries.comparing.claims import NOT_A_POSITION, UNREADABLE, Row, Spot
from attlas.queries.comparing.columns import row_of
from attlas.queries.comparing.file_text import LINE_END

HEADER = "##gff-version"
N_COLUMNS = 9


def read(text: str) -> Iterator[Row]:
    """Yield a row per feature, and one per sequence region, which says the length of a protein, with sites or none."""
    for number, line in enumerate(re.split(LINE_END, text), start=1):
        if line.startswith("##FASTA"):
            return
        if line.startswith("##sequence-region"):
            yield _region(line, number)
        elif line.strip() and not line.startswith("#"):
            yield _feature(line.split("\t"), number)


def _region(line: str, number: int) -> Row:
    words = line.split()
    if len(words) != 4 or not (words[2] + words[3]).isdecimal():
        return Row(unquote(words[1]) if len(words) > 1 else "", (), number, problem=(UNREADABLE, line[:60]))
    # A region that begins elsewhere says nothing of the length of the protein.
    return Row(unquote(words[1]), (), number, length=int(words[3]) if words[2] == "1" else None)


def _feature(cells: list[str], number: int) -> Row:
    if len(cells) != N_COLUMNS:
        return Row(unquote(cells[0]), (), number, problem=(UNREADABLE, f"{len(cells)} columns instead of {N_COLUMNS}"))
    pairs = (part.partition("=") for part in cells[8].split(";"))
    said = {name.strip().lower(): unquote(value) for name, _, value in pairs}
    named = {name: said.get(name) for name in ("residue", "rank", "layer", "md5")}
    row = row_of({"accession": unquote(cells[0]), "position": cells[3], **named}, number)
    if cells[3] != cells[4]:
        return row._replace(spots=(Spot(f"{cells[3]}..{cells[4]}", None),), problem=(NOT_A_POSITION, "a range"))
    return row
