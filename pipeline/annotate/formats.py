"""The format of a source, which follows from its content or is given by name."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from attlas.intake.gff3 import HEADER, is_gff3_row
from attlas.pipeline.annotate.partners.read import CONTACT_TABLE, is_contact_table
from attlas.pipeline.annotate.readers import (
    delimited,
    family_table,
    gff3,
    interproscan,
    uniprot_text,
    uniprot_xml,
)
from attlas.pipeline.annotate.records import Entry
from attlas.pipeline.annotate.source import first_lines
from attlas.schema import InputError

READERS: dict[str, Callable[[Path], Iterator[Entry]]] = {
    "uniprot-xml": uniprot_xml.read,
    "uniprot-text": uniprot_text.read,
    "gff3": gff3.read,
    "interproscan": interproscan.read,
    "tsv": delimited.read_tsv,
    "csv": delimited.read_csv,
    "families": family_table.read,
}
"""The readers by the name of their format; each yields entries as it reads."""

STRUCTURES = ("mmcif", "pdb")
"""Formats of structures, whose chains are laid onto the proteins."""
FORMATS = (*READERS, CONTACT_TABLE, *STRUCTURES)
"""The names of all formats."""

_XML = re.compile(r"<(\?xml|!--|uniprot|entry)\b")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_PDB = re.compile(
    r"(HEADER|OBSLTE|TITLE|SPLIT|CAVEAT|COMPND|SOURCE|KEYWDS|EXPDTA|NUMMDL|MDLTYP|AUTHOR|REVDAT|REMARK|PARENT|"
    r"DBREF[ 12]|SEQRES|HELIX|SHEET|CRYST1|ORIGX1|SCALE1|MODEL|ATOM  |HETATM)( |$)"
)
"""A first line of a PDB file: its records have six columns, a blank follows or the next column."""


def format_of(path: Path) -> str:
    """Return the format of a source, told by its first lines.

    Raises:
        InputError: it cannot be read, or is in none of the formats.
    """
    lines = first_lines(path)
    opening = lines[0].lstrip()
    if _XML.match(opening):
        return "uniprot-xml"
    if re.match(r"ID {3}\S", opening):
        return "uniprot-text"

    content = [line for line in lines if not line.startswith("#")] or [""]
    table_format = structure_format(content[0]) or _table_format(opening, content)
    if table_format is None:
        raise _unknown(path, content[0][:80] or opening[:80])
    return table_format


def structure_format(line: str) -> str | None:
    """Return the format of a structure, told by its first line that is no comment; None if it is none."""
    if line.lower().startswith("data_"):
        return "mmcif"
    return "pdb" if _PDB.match(line) and "," not in line[:7] and "\t" not in line else None


def _table_format(opening: str, content: list[str]) -> str | None:
    if opening.startswith(HEADER) or is_gff3_row(content[0]):
        return "gff3"
    if is_contact_table(content[0]):
        return CONTACT_TABLE
    fields = content[0].split("\t")
    if len(fields) >= interproscan.N_COLUMNS and _MD5.fullmatch(fields[1]):
        return "interproscan"
    if delimited.is_table(content[0]):
        return "tsv" if "\t" in content[0] else "csv"
    return "families" if family_table.is_family_table(content) else None


def _unknown(path: Path, start: str) -> InputError:
    return InputError(
        f"The format of {path.name} is not known.",
        expected="UniProt XML, flat file or features TSV, GFF3, InterProScan TSV, a CSV of accession,position,label, "
        "of accession,family or of accession,partner,i,j, or a structure as mmCIF or PDB",
        found=repr(start),
        hint=f"name it with --format: {', '.join(FORMATS)}; numbers are read with --track NAME or --variants NAME",
    )
