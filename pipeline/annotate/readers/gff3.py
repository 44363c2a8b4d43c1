"""GFF3 → entries: UniProt's flavour and others, positions along the protein.

Source: the GFF3 specification 1.26 (nine columns, percent-encoding, `##sequence-region`, `##FASTA`).
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from attlas.pipeline.annotate.records import Claim, Entry, Record, described, eco_codes, whole_number
from attlas.pipeline.annotate.source import lines, opened
from attlas.pipeline.annotate.types import type_word

N_COLUMNS = 9
_NOTES = ("note", "description", "signature_desc", "name")
"""Attributes that describe a feature, the first that is there counts."""


def is_row(line: str) -> bool:
    """Tell whether a line is a row of GFF3."""
    fields = _fields(line)
    return len(fields) == N_COLUMNS and fields[6] in ("+", "-", ".", "?") and fields[7] in ("0", "1", "2", ".")


def read(path: Path) -> Iterator[Entry]:
    """Yield a GFF3 file row by row. Raises InputError if it cannot be read."""
    claims = _claims(path)
    with opened(path) as handle:
        for number, line in lines(handle):
            if line.startswith("##FASTA") or line.startswith(">"):
                return
            if line.strip() and not line.startswith("#"):
                accession, record = _record(line, number)
                yield Entry((accession,), (record,), claims.get(accession, Claim()))


def _claims(path: Path) -> dict[str, Claim]:
    """Return the length, or the sequence, that the file gives of each protein, wherever it stands in it."""
    lengths: dict[str, int] = {}
    sequences: dict[str, list[str]] = {}
    name = None
    with opened(path) as handle:
        for _, line in lines(handle):
            words = line.split()
            if line.startswith("##sequence-region") and len(words) == 4 and (end := whole_number(words[3])):
                # A region that begins elsewhere says nothing of the length of the protein.
                if whole_number(words[2]) == 1:
                    lengths[unquote(words[1])] = end
            elif line.startswith(">"):
                name = (line[1:].split() or [""])[0]
                sequences[name] = []
            elif name is not None:
                sequences[name].append("".join(words))
    return {
        accession: Claim(sequence="".join(sequences.get(accession, ())) or None, length=lengths.get(accession))
        for accession in {**lengths, **sequences}
    }


def _record(line: str, number: int) -> tuple[str, Record]:
    fields = _fields(line)
    if len(fields) != N_COLUMNS:
        problem = f"line cannot be read: {len(fields)} columns where GFF3 has {N_COLUMNS}"
        return unquote(fields[0]).strip(), Record("", "", "", line=number, problem=problem)
    values = _attributes(fields[8])
    note = next((values[name] for name in _NOTES if values.get(name)), None)
    description = described(
        note,
        ligand=values.get("ligand"),
        label=values.get("ligand_label"),
        ligand_note=values.get("ligand_note"),
        part=values.get("ligand_part"),
    )
    # NCBI marks an end that is not known exactly beside the position it gives.
    begin = f"?{fields[3]}" if "start_range" in values else fields[3]
    end = f"?{fields[4]}" if "end_range" in values else fields[4]
    evidence = eco_codes(values.get("evidence"), values.get("ontology_term"))
    record = Record(type_word(unquote(fields[2])), begin, end, description, evidence, line=number)
    return unquote(fields[0]).strip(), record


def _fields(line: str) -> list[str]:
    fields = line.split("\t")
    # UniProt ends its rows with a tab.
    return fields[:-1] if len(fields) == N_COLUMNS + 1 and not fields[-1].strip() else fields


def _attributes(column: str) -> dict[str, str]:
    """Return the attributes of column 9 by their names in lower case, values decoded."""
    pairs = (part.partition("=") for part in column.split(";"))
    return {unquote(name).strip().lower(): unquote(value).strip() for name, _, value in pairs if name.strip()}
