"""Every record of a source against the sequence the atlas stores: stored as it is, or rejected by a named reason.

Records are features and families; a family has no positions, but its protein must be the stored one as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from attlas.pipeline.annotate.records import Claim, Entry, Family, Record
from attlas.schema.labels import AMINO_ACID, EVERY_RESIDUE, is_label_of_probe

UNKNOWN = "accession not in the atlas"
NOT_COMPUTED = "protein not computed"
ISOFORM = "position of an isoform"
OTHER_VERSION = "another sequence version"
OTHER_SEQUENCE = "another sequence"
FUZZY = "position not exact"
NO_POSITION = "position is no number"
BEFORE_START = "position below 1"
REVERSED = "begin after end"
PAST_END = "position past the end"
OTHER_RESIDUE = "another residue"
NO_TYPE = "no type or label"
RESERVED = "type is a label of the probe's own"
NO_FAMILY = "no family named"
REPEATED = "said before"
"""Reasons of rejection; a reader's own, such as `line cannot be read`, join them."""

_FASTA_ID = re.compile(r"(?:sp|tr)\|([^|\s]+)(?:\|.*)?|(?:UniProtKB|UniProt):(\S+)", re.IGNORECASE)
_VERSIONED = re.compile(r"(.+)\.(\d{1,4})")
_ISOFORM = re.compile(r"(.+)-\d+")
_ISOFORM_POSITION = re.compile(r"(\S+-\d+):(.+)")
_NUMBER = re.compile(r"[0-9]{1,9}")


class Row(NamedTuple):
    """A row of `features` but for its source, and the line it stands on."""

    accession: str
    sequence_id: int
    type: str
    begin: int
    end: int
    description: str
    evidence: str | None
    line: int | None


class FamilyRow(NamedTuple):
    """A row of `families` but for its source, and the line it stands on."""

    accession: str
    sequence_id: int
    database: str
    family: str
    name: str | None
    line: int | None
    is_of_match: bool
    """Said by a match, which is a feature too and may occur again along the protein: that is no repetition."""


class Rejected(NamedTuple):
    """A record left out."""

    reason: str
    """One of the reasons of this file, or of a reader."""
    detail: str
    """What was found, in a few words."""
    accession: str
    type: str
    """Type of a feature, database of a family, or what else is left out, such as `chain B`."""
    begin: str = ""
    end: str = ""
    description: str = ""
    """Description of a feature, identifier of a family."""
    line: int | None = None
    file: str = ""
    """Name of the file, where a source is a folder of files or the file is a structure."""

    @property
    def place(self) -> tuple[str, ...]:
        """What names the record: accession, type, positions and line, as far as the source gives them."""
        ends = self.begin if self.begin == self.end else f"{self.begin}..{self.end}"
        what = ends or self.description  # a family has no positions
        where = "" if self.line is None else f"(line {self.line:,})"
        file = f"of {self.file}" if self.file and (self.accession or self.type) else self.file
        return tuple(text for text in (self.accession, self.type, what, where, file) if text)


class Problem(NamedTuple):
    """What makes a record unusable."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Known:
    """The proteins of the atlas by accession."""

    rows: dict[str, int]
    columns: dict[str, list]  # type: ignore[type-arg]  # of texts and numbers

    @classmethod
    def of(cls, proteins: pa.Table) -> "Known":
        """Return the proteins of a table with the columns COLUMNS."""
        columns = {name: proteins[name].to_pylist() for name in COLUMNS}
        return cls({accession: i for i, accession in enumerate(columns["accession"])}, columns)


COLUMNS = ("accession", "sequence", "md5", "crc64", "length", "sequence_version", "sequence_id", "status", "reason")
"""Columns of `proteins` that the check needs."""


def checked(entry: Entry, known: Known) -> Iterator[Row | FamilyRow | Rejected]:
    """Yield what becomes of each record of an entry, in order; behind a match its families."""
    if entry.n_records:
        accession, row, problem = found_protein(entry, known)
        for record in entry.records:
            yield from _of_record(record, accession, row, problem, known)
        for family in entry.families:
            yield _of_family(family, accession, row, problem, known)


def _of_record(
    record: Record, accession: str, row: int | None, problem: Problem | None, known: Known
) -> Iterator[Row | FamilyRow | Rejected]:
    wrong = _unreadable(record) or problem or (None if row is None else _wrong(record, row, known))
    if wrong is not None or row is None:
        reason, detail = wrong or Problem(UNKNOWN, "")
        place = (record.type, record.begin, record.end, record.description, record.line)
        yield Rejected(reason, detail, accession, *place)
        return
    sequence_id, begin, end = known.columns["sequence_id"][row], int(record.begin), int(record.end)
    yield Row(accession, sequence_id, record.type, begin, end, record.description, record.evidence, record.line)
    for family in record.families:
        yield _family_row(family, accession, sequence_id, is_of_match=True)


def _of_family(
    family: Family, accession: str, row: int | None, problem: Problem | None, known: Known
) -> FamilyRow | Rejected:
    wrong = _unreadable(family) or problem or (None if family.family else Problem(NO_FAMILY, ""))
    if wrong is not None or row is None:
        reason, detail = wrong or Problem(UNKNOWN, "")
        return Rejected(reason, detail, accession, family.database, description=family.family, line=family.line)
    return _family_row(family, accession, known.columns["sequence_id"][row], is_of_match=False)


def _family_row(family: Family, accession: str, sequence_id: int, *, is_of_match: bool) -> FamilyRow:
    key = (accession, sequence_id, family.database, family.family)
    return FamilyRow(*key, family.name, family.line, is_of_match)


def found_protein(entry: Entry, known: Known) -> tuple[str, int | None, Problem | None]:
    """Return the accession as the atlas has it, its row, and what makes the whole entry unusable."""
    named = [_pasted(accession) for accession in entry.accessions] or [""]
    for accession in named:
        if accession in known.rows:
            row = known.rows[accession]
            return accession, row, _not_computed(row, known) or _mismatch(entry.claim, row, known)
    if (versioned := _VERSIONED.fullmatch(named[0])) and versioned[1] in known.rows:
        row, claim = known.rows[versioned[1]], Claim(version=int(versioned[2]))
        problem = _not_computed(row, known) or _mismatch(entry.claim, row, known) or _mismatch(claim, row, known)
        return versioned[1], row, problem
    if (isoform := _ISOFORM.fullmatch(named[0])) and isoform[1] in known.rows:
        return named[0], None, Problem(ISOFORM, f"{isoform[1]} is in the atlas, but an isoform is another sequence")
    return named[0], None, Problem(UNKNOWN, "" if named[0] else "the record has no accession")


def _pasted(accession: str) -> str:
    found = _FASTA_ID.fullmatch(accession.strip())
    return (found[1] or found[2]) if found else accession.strip()


def _not_computed(row: int, known: Known) -> Problem | None:
    status = known.columns["status"][row]
    return None if status == "ok" else Problem(NOT_COMPUTED, f"{status}: {known.columns['reason'][row]}")


def _mismatch(claim: Claim, row: int, known: Known) -> Problem | None:
    """Return how the sequence of the source differs from the stored one, by the best that the source gives of it."""
    here = {name: values[row] for name, values in known.columns.items()}
    if claim.sequence:
        if claim.sequence.upper().removesuffix("*") == here["sequence"]:
            return None
    elif claim.md5 or claim.crc64:
        if (not claim.md5 or claim.md5 == here["md5"]) and (not claim.crc64 or claim.crc64 == here["crc64"]):
            return None
    elif claim.length is not None and claim.length != here["length"]:
        pass
    elif claim.version is None or claim.version == here["sequence_version"]:
        return None
    elif here["sequence_version"] is None:
        return Problem(OTHER_VERSION, f"version {claim.version} in the source; the atlas does not know its own")
    return _difference(claim, here["sequence_version"], here["length"])


def _difference(claim: Claim, version: int | None, length: int) -> Problem:
    if claim.version is not None and version is not None and claim.version != version:
        return Problem(OTHER_VERSION, f"version {claim.version} in the source, {version} in the atlas")
    n = len(claim.sequence) if claim.sequence else claim.length
    if n is not None and n != length:
        return Problem(OTHER_SEQUENCE, f"{n:,} residues in the source, {length:,} in the atlas")
    return Problem(OTHER_SEQUENCE, "its letters differ" if claim.sequence else "its checksum differs")


def _unreadable(record: Record | Family) -> Problem | None:
    if record.problem is None:
        return None
    reason, _, detail = record.problem.partition(": ")
    return Problem(reason, detail)


def _wrong(record: Record, row: int, known: Known) -> Problem | None:
    """Return what is wrong with the type or the positions of a record; its protein is the stored one."""
    isoform = record.isoform or next(
        (found[1] for text in (record.begin, record.end) if (found := _ISOFORM_POSITION.fullmatch(text))), None
    )
    if isoform:
        return Problem(ISOFORM, f"counted along {isoform}")
    if not record.type:
        return Problem(NO_TYPE, "")
    if is_label_of_probe(record.type):
        return Problem(RESERVED, f"`{EVERY_RESIDUE}` and what begins with `{AMINO_ACID}`; give it another name")
    for text in (record.begin, record.end):
        if not _NUMBER.fullmatch(text):
            return _no_number(text)
    return _wrong_place(int(record.begin), int(record.end), record.residue, known.columns["sequence"][row])


def _no_number(text: str) -> Problem:
    if any(sign in text for sign in "<>?~"):
        return Problem(FUZZY, f"`{text}`")
    if text.startswith("-") and _NUMBER.fullmatch(text[1:]):
        return Problem(BEFORE_START, text)
    return Problem(NO_POSITION, f"`{text[:40]}`")


def _wrong_place(begin: int, end: int, residue: str | None, sequence: str) -> Problem | None:
    if begin > end:
        return Problem(REVERSED, f"{begin:,} to {end:,}")
    if begin < 1:
        return Problem(BEFORE_START, str(begin))
    if end > len(sequence):
        return Problem(PAST_END, f"{end:,}; the protein has {len(sequence):,} residues")
    if residue is not None and residue.upper() != sequence[begin - 1 : begin - 1 + len(residue)]:
        here = sequence[begin - 1 : begin - 1 + len(residue)]
        return Problem(OTHER_RESIDUE, f"{residue[:20]} in the source, {here[:20]} at {begin:,} in the atlas")
    return None
