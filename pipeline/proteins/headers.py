"""Header lines of FASTA files: accession, entry name, gene, organism, taxon, sequence version and description."""

import re
from typing import NamedTuple

_UNIPROT = re.compile(r"(?:sp|tr)\|([^|\s]+)(?:\|(\S+))?\Z")
# Only UniProt's own prefixes: in `pdb|1ABC|A` or `gi|1234|ref|NP_1|` the second field is no unique name.
_TAG = re.compile(r"(?:\A|[ \t])(OS|OX|GN|PE|SV)=")
_FIRST_TAG = re.compile(r"(?:\A|[ \t])OS=")
_UNIREF = re.compile(r"UniRef(?:100|90|50)_\S+\Z")
_UNIREF_STARTS = ("UniRef100_", "UniRef90_", "UniRef50_")
_UNIREF_TAG = re.compile(r"(?:\A|[ \t])(n|Tax|TaxID|RepID)=")
_MODIFIER = re.compile(r"\[(gene|organism)=([^\]]*)\]")
_MAX_INT32 = 2**31 - 1
"""Largest taxon id and sequence version that their columns hold."""


class FastaHeader(NamedTuple):
    """The fields of a header line; None for those that it does not have."""

    accession: str
    entry_name: str | None = None
    gene: str | None = None
    organism: str | None = None
    taxon_id: int | None = None
    sequence_version: int | None = None
    description: str | None = None
    n_members: int | None = None
    """Members of a cluster of UniRef."""


def parse_header(text: str, *, line: int) -> FastaHeader:
    """Return the fields of a header, given without its `>`.

    `sp|ACC|NAME Description OS=.. OX=.. GN=.. PE=.. SV=..` is read as UniProt writes it, and so is
    `UniRef50_ACC Description n=.. Tax=.. TaxID=.. RepID=..`. In any other header the first word is the accession, and
    the text after it, every character kept, the description; NCBI's closing `[organism]` and its `[gene=..]` are read,
    too. Blanks between `>` and the first word are skipped, as in Biopython. An empty header gets the accession
    `line:<n>`, so that its protein is counted.
    """
    if (header := _parse_regular(text)) is not None:
        return header

    text = text.strip(" \t")
    if not text:
        return FastaHeader(accession=f"line:{line}")

    # Only blank and tab separate: other white space (NCBI's Ctrl-A, a no-break space) belongs to the header's text.
    parts = re.split(r"[ \t]+", text, maxsplit=1)
    word, description = parts[0], parts[1] if len(parts) > 1 else ""
    uniprot = _UNIPROT.match(word)
    if uniprot:
        return _parse_uniprot(uniprot[1], uniprot[2], description)
    if word.startswith("UniRef") and _UNIREF.match(word) and (tags_start := _UNIREF_TAG.search(description)):
        return _parse_uniref(word, description, tags_start.start())

    modifiers = dict(_MODIFIER.findall(description))
    organism = modifiers.get("organism") or _find_closing_bracket(description)
    return FastaHeader(word, gene=modifiers.get("gene") or None, organism=organism, description=description or None)


def _parse_regular(text: str) -> FastaHeader | None:
    """Return the fields of a header as UniProt and UniRef write nearly all of them, in a fifth of the time.

    None where something is not as it usually is; the general way then gives the same for every other header.
    """
    if "\t" in text or "  " in text or "= " in text or text.endswith(" "):
        return None
    if text.startswith("UniRef"):
        return _parse_regular_uniref(text)
    if text.startswith(("sp|", "tr|")):
        return _parse_regular_uniprot(text)
    return None


def _parse_regular_uniref(text: str) -> FastaHeader | None:
    accession, _, text = text.partition(" ")
    name, _, tags = text.partition(" n=")
    n_members, _, tags = tags.partition(" Tax=")
    organism, _, tags = tags.partition(" TaxID=")
    taxon_id, _, representative = tags.partition(" RepID=")
    is_regular = name and organism and representative and text.count("=") == 4 and " " not in representative
    if not (is_regular and accession.startswith(_UNIREF_STARTS) and _UNIREF.match(accession)):
        return None
    entry_name = representative if "_" in representative else None
    ids = (_parse_int32(taxon_id), None)
    return FastaHeader(accession, entry_name, None, organism, *ids, name, _parse_int32(n_members))


def _parse_regular_uniprot(text: str) -> FastaHeader | None:
    word, _, text = text.partition(" ")
    _, accession, entry_name, *more = (*word.split("|"), "", "")
    name, _, tags = text.partition(" OS=")
    tags, _, version = tags.partition(" SV=")
    tags, has_evidence, evidence = tags.partition(" PE=")
    tags, has_gene, gene = tags.partition(" GN=")
    organism, _, taxon_id = tags.partition(" OX=")

    n_tags = 3 + bool(has_evidence) + bool(has_gene)
    values = (accession, entry_name, name, organism, taxon_id, version)
    if (
        not all(values)
        or more != ["", ""]
        or word.split() != [word]
        or text.count("=") != n_tags
        or (has_gene and not gene)
    ):
        return None
    if not (taxon_id.isdecimal() and version.isdecimal() and evidence.isdecimal() == bool(has_evidence)):
        return None

    return FastaHeader(
        accession, entry_name, gene or None, organism, _parse_int32(taxon_id), _parse_int32(version), name
    )


def _parse_uniprot(accession: str, entry_name: str | None, text: str) -> FastaHeader:
    """Return the fields of a header whose protein name and tags are `text`."""
    # The tags begin with OS= as UniProt writes them; a `GN=` before that belongs to the protein's name.
    tags_start = _FIRST_TAG.search(text) or _TAG.search(text)
    name_end = tags_start.start() if tags_start else len(text)

    pieces = _TAG.split(text[name_end:])  # "", tag, value, tag, value, ...
    tags = {tag: value.strip(" \t") for tag, value in zip(pieces[1::2], pieces[2::2], strict=True)}
    return FastaHeader(
        accession=accession,
        entry_name=entry_name,
        gene=tags.get("GN") or None,
        organism=tags.get("OS") or None,
        taxon_id=_parse_int32(tags.get("OX")),
        sequence_version=_parse_int32(tags.get("SV")),
        description=text[:name_end].strip(" \t") or None,
    )


def _parse_uniref(accession: str, text: str, name_end: int) -> FastaHeader:
    """Return the fields of a cluster of UniRef: its entry name is that of the representative, if it is in UniProtKB."""
    pieces = _UNIREF_TAG.split(text[name_end:])
    tags = {tag: value.strip(" \t") for tag, value in zip(pieces[1::2], pieces[2::2], strict=True)}
    representative = tags.get("RepID", "")
    return FastaHeader(
        accession=accession,
        entry_name=representative if "_" in representative else None,  # others are of UniParc, and have no entry name
        organism=tags.get("Tax") or None,
        taxon_id=_parse_int32(tags.get("TaxID")),
        description=text[:name_end].strip(" \t") or None,
        n_members=_parse_int32(tags.get("n")),
    )


def _parse_int32(text: str | None) -> int | None:
    if text is None or not (len(text) <= 10 and text.isascii() and text.isdigit()):
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
