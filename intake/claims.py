"""Claims of a source about a sequence and positions on it, checked against the protein that the atlas stores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from attlas.intake.rejects import Problem, Reason

COLUMNS = ("accession", "sequence", "md5", "crc64", "length", "sequence_version", "sequence_id", "status", "reason")
"""Columns of `proteins` that the checks need."""

WHOLE_FLOAT = r"^([0-9]{1,9})\.0{0,9}$"
"""A whole number as pandas writes a column of positions in which some are missing: `12.0`."""
_FLOAT_POSITION = re.compile(WHOLE_FLOAT)
_NEGATIVE = re.compile(r"-[0-9]{1,9}")
_FRACTION = re.compile(r"-?[0-9]*\.[0-9]+|-?[0-9]+\.")


@dataclass(frozen=True, slots=True)
class SequenceClaim:
    """A source's statements about the sequence that its positions count along; None for each that it does not make."""

    sequence: str | None = None
    md5: str | None = None
    """Small hexadecimal digits."""
    crc64: str | None = None
    """As UniProt writes it: 16 capital hexadecimal digits."""
    length: int | None = None
    version: int | None = None
    """UniProt's sequence version."""


NO_CLAIM = SequenceClaim()
"""The claim of a source that says nothing about its sequences."""


@dataclass(frozen=True, slots=True)
class StoredProtein:
    """A protein as the atlas stores it."""

    accession: str
    sequence: str
    md5: str
    crc64: str
    length: int
    sequence_version: int | None
    sequence_id: int
    status: str
    reason: str | None

    @property
    def is_computed(self) -> bool:
        """It has sites and profiles."""
        return self.status == "ok"


def stored_proteins(table: pa.Table) -> Mapping[str, StoredProtein]:
    """Return proteins by accession, of a table with the columns COLUMNS."""
    rows = zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True)
    return {row[0]: StoredProtein(*row) for row in rows}


def whole_number(text: str | None) -> int | None:
    """Return a length or version as a source writes it, None where it is none; digits beyond 18 are cut off.

    Whatever has so many digits differs from every stored number, which is all that is asked of it.
    """
    return int(text[:18]) if text and text.isascii() and text.isdecimal() else None


def check_computed(protein: StoredProtein) -> Problem | None:
    """Return the problem of a protein that was not computed."""
    return None if protein.is_computed else Problem(Reason.NOT_COMPUTED, f"{protein.status}: {protein.reason}")


def check_sequence(claim: SequenceClaim, protein: StoredProtein) -> Problem | None:
    """Return the problem if the sequence of a source differs from the stored one; None if nothing contradicts it.

    Letters count before checksums, these before the length, and the length before the version.
    """
    if claim.sequence:
        is_same = claim.sequence.upper().removesuffix("*") == protein.sequence
    elif claim.md5 or claim.crc64:
        is_same = claim.md5 in (None, "", protein.md5) and claim.crc64 in (None, "", protein.crc64)
    elif claim.length is not None and claim.length != protein.length:
        is_same = False
    elif claim.version is not None and protein.sequence_version is None:
        detail = f"version {claim.version} in the source; the atlas does not know its own"
        return Problem(Reason.OTHER_VERSION, detail)
    else:
        is_same = claim.version in (None, protein.sequence_version)

    return None if is_same else _difference(claim, protein)


def check_position(
    begin: int, end: int, letters: str | None, sequence: str, *, first_position: int = 1
) -> Problem | None:
    """Return the problem of positions that cannot be used on a stored sequence; None if they can be used.

    Args:
        begin: first position.
        end: last position, inclusive.
        letters: residues that the source has from `begin` on; None where it has none.
        sequence: the stored sequence.
        first_position: what the source calls the first residue, 0 or 1.
    """
    origin = f", counted from {first_position}"
    if begin > end:
        return Problem(Reason.REVERSED, f"{begin:,} to {end:,}")
    if begin < first_position:
        return Problem(Reason.BEFORE_START, f"{begin}{origin}")
    if end - first_position >= len(sequence):
        return Problem(Reason.PAST_END, f"{end:,}; the protein has {len(sequence):,} residues{origin}")

    if letters is not None:
        start = begin - first_position
        stored = sequence[start : start + len(letters)]
        if letters.upper() != stored:
            detail = f"{letters[:20]} in the source, {stored[:20]} at {start + 1:,} in the atlas"
            return Problem(Reason.OTHER_RESIDUE, detail)

    return None


def plain_position(text: str) -> str:
    """Return the text of a position without a fraction that is nothing: `12` for `12.0`."""
    match = _FLOAT_POSITION.fullmatch(text)
    return match[1] if match else text


def reject_position(text: str) -> Problem:
    """Return the problem of a text that is not a position."""
    if any(sign in text for sign in "<>?~"):
        return Problem(Reason.FUZZY_POSITION, f"`{text}`")
    if _NEGATIVE.fullmatch(text):
        return Problem(Reason.BEFORE_START, text)
    if _FRACTION.fullmatch(text):
        return Problem(Reason.NO_WHOLE_NUMBER, f"`{text[:40]}`")
    return Problem(Reason.NO_NUMBER, f"`{text[:40]}`")


def _difference(claim: SequenceClaim, protein: StoredProtein) -> Problem:
    version = protein.sequence_version
    if claim.version is not None and version is not None and claim.version != version:
        return Problem(Reason.OTHER_VERSION, f"version {claim.version} in the source, {version} in the atlas")
    n = len(claim.sequence) if claim.sequence else claim.length
    if n is not None and n != protein.length:
        return Problem(Reason.OTHER_SEQUENCE, f"{n:,} residues in the source, {protein.length:,} in the atlas")
    return Problem(Reason.OTHER_SEQUENCE, "its letters differ" if claim.sequence else "its checksum differs")
