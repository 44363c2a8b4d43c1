"""Which format a source is in: told by its content, or by name."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from attlas.pipeline.annotate import delimited, gff3, interproscan, source, uniprot_text, uniprot_xml
from attlas.pipeline.annotate.records import Entry
from attlas.schema import InputError

FORMATS: dict[str, Callable[[Path], Iterator[Entry]]] = {
    "uniprot-xml": uniprot_xml.read,
    "uniprot-text": uniprot_text.read,
    "gff3": gff3.read,
    "interproscan": interproscan.read,
    "tsv": delimited.read_tsv,
    "csv": delimited.read_csv,
}
"""The readers by the name of their format; each yields entries as it reads."""

_XML = re.compile(r"<(\?xml|!--|uniprot|entry)\b")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


def format_of(path: Path) -> str:
    """Return the format of a source, told by its first lines.

    Raises:
        InputError: it cannot be read, or is in none of the formats.
    """
    found = source.head(path)
    first = found[0].lstrip()
    if _XML.match(first):
        return "uniprot-xml"
    if re.match(r"ID {3}\S", first):
        return "uniprot-text"
    content = next((line for line in found if not line.startswith("#")), "")
    if first.startswith("##gff-version") or gff3.is_row(content):
        return "gff3"
    fields = content.split("\t")
    if len(fields) >= interproscan.N_COLUMNS and _MD5.fullmatch(fields[1]):
        return "interproscan"
    if delimited.is_table(content):
        return "tsv" if "\t" in content else "csv"
    raise InputError(
        f"The format of {path.name} is not known.",
        expected="UniProt XML, flat file or features TSV, GFF3, InterProScan TSV, or a CSV of accession,position,label",
        found=repr(content[:80] or first[:80]),
        hint=f"name it with --format: {', '.join(FORMATS)}",
    )
