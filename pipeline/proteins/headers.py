"""Header lines of FASTA files: accession, entry name, gene, organism, taxon, sequence version and description."""

import re
from dataclasses import dataclass

_UNIPROT = re.compile(r"(?:sp|tr)\|([^|\s]+)(?:\|(\S+))?\Z")
# Only UniProt's own prefixes: in `pdb|1ABC|A` or `gi|1234|ref|NP_1|` the second field is no unique name.
_TAG = re.compile(r"(?:\A|[ \t])(OS|OX|GN|PE|SV)=")
_FIRST_TAG = re.compile(r"(?:\A|[ \t])OS=")
_MODIFIER = re.compile(r"\[(gene|organism)=([^\]]*)\]")
_MAX_INT32 = 2**31 - 1
"""Largest taxon id and sequence version that their columns hold."""


@dataclass(frozen=True)
class Header:
    """The fields of a header line; None for those that it does not have."""

    accession: str
    entry_name: str | None = None
    gene: str | None = None
    organism: str | None = None
    taxon_id: int | None = None
    sequence_version: int | None = None
    description: str | None = None


def parse_header(text: str, *, line: int) -> Header:
    """Return the fields of a header, given without its `>`.

    `sp|ACC|NAME Description OS=.. OX=.. GN=.. PE=.. SV=..` is read as UniProt writes it. In any other header the
    first word is the accession, and the text after it, every character kept, the description; NCBI's closing
    `[organism]` and its `[gene=..]` are read, too. Blanks between `>` and the first word are skipped, as in Biopython.
    An empty header gets the accession `line:<n>`, so that its protein is counted.
    """
    text = text.strip(" \t")
    if not text:
        return Header(accession=f"line:{line}")

    # Only blank and tab separate: other white space (NCBI's Ctrl-A, a no-break space) belongs to the header's text.
    parts = re.split(r"[ \t]+", text, maxsplit=1)
    word, description = parts[0], parts[1] if len(parts) > 1 else ""
    uniprot = _UNIPROT.match(word)
    if uniprot:
        return _parse_uniprot(uniprot[1], uniprot[2], description)

    modifiers = dict(_MODIFIER.findall(description))
    organism = modifiers.get("organism") or _find_closing_bracket(description)
    return Header(word, gene=modifiers.get("gene") or None, organism=organism, description=description or None)


def _parse_uniprot(accession: str, entry_name: str | None, text: str) -> Header:
    """Return the fields of a header whose protein name and tags are `text`."""
    # The tags begin with OS= as UniProt writes them; a `GN=` before that belongs to the protein's name.
    tags_start = _FIRST_TAG.search(text) or _TAG.search(text)
    name_end = tags_start.start() if tags_start else len(text)

    pieces = _TAG.split(text[name_end:])  # "", tag, value, tag, value, ...
    tags = {tag: value.strip(" \t") for tag, value in zip(pieces[1::2], pieces[2::2], strict=True)}
    return Header(
        accession=accession,
        entry_name=entry_name,
        gene=tags.get("GN") or None,
        organism=tags.get("OS") or None,
        taxon_id=_parse_int32(tags.get("OX")),
        sequence_version=_parse_int32(tags.get("SV")),
        description=text[:name_end].strip(" \t") or None,
    )


def _parse_int32(text: str | None) -> int | None:
    if text is None or not re.fullmatch(r"[0-9]{1,10}", text):
        return None
    return int(text) if int(text) <= _MAX_INT32 else None


def _find_closing_bracket(text: str) -> str | None:
    """Return the inside of the bracket that closes `text`; brackets inside it (`[[Clostridium] scindens]`) are kept."""
    if not text.endswith("]"):
        return None

    depth = 0
    for start in range(len(text) - 1, -1, -1):
        depth += (text[start] == "]") - (text[start] == "[")
        if depth == 0:
            inside = text[start + 1 : -1].strip()
            # `[key=value]` modifiers, such as [gbkey=CDS], are no organism.
            return inside if inside and not re.match(r"\w+=", inside) else None
    return None
