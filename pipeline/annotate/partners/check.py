"""Contacts of a table against the sequences that the atlas stores: rows to store, or rejected by a named reason."""

import re
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import NamedTuple

from attlas.intake.claims import NO_CLAIM, check_position, reject_position
from attlas.intake.rejects import Problem, Reason, Record, Rejected
from attlas.pipeline.annotate.check import ProteinOfEntry, Proteins, find_protein
from attlas.pipeline.annotate.gather import DraftTable
from attlas.pipeline.annotate.partners.read import ContactRecord
from attlas.pipeline.annotate.rows import AnnotationRows, as_stored
from attlas.schema import PARTNER_CONTACTS

_POSITION = re.compile(r"[0-9]{1,9}")


class ContactRow(NamedTuple):
    """A row of `partner_contacts` but for its source."""

    accession: str
    sequence_id: int
    partner: str
    i: int
    j: int
    distance: float | None
    line: int
    chain: str = ""
    partner_chain: str = ""


class ContactCheck:
    """The checks of the contacts of one table, which name the same proteins over and over."""

    def __init__(self, proteins: Proteins) -> None:
        """Take the proteins of the atlas."""
        self._proteins = proteins
        self._abouts: dict[str, ProteinOfEntry] = {}
        self._lines: dict[tuple[tuple[str, int], tuple[str, int]], int] = {}

    def check(self, record: ContactRecord) -> ContactRow | Rejected:
        """Return the row of a contact, or why it has none; a contact that either direction has given before has none.

        Of a protein with itself, i and j are of two copies: j and i are the same contact.
        """
        about, partner = self._find(record.accession), self._find(record.partner)
        problem = record.problem or about.problem or partner.problem
        problem = problem or _place_problem(record.i, record.residue, about)
        problem = problem or _place_problem(record.j, record.partner_residue, partner)
        distance, distance_problem = _read_distance(record.distance)
        problem = problem or distance_problem
        if problem is not None or about.protein is None:
            return _reject(record, problem or Problem(Reason.UNKNOWN_ID))

        ends = ((about.accession, int(record.i)), (partner.accession, int(record.j)))
        line = self._lines.setdefault(min(ends, ends[::-1]), record.line)
        if line != record.line:
            return _reject(record, Problem(Reason.REPEATED, f"on line {line:,}"))
        return ContactRow(
            accession=about.accession,
            sequence_id=about.protein.sequence_id,
            partner=partner.accession,
            i=int(record.i),
            j=int(record.j),
            distance=distance,
            line=record.line,
        )

    def _find(self, id: str) -> ProteinOfEntry:
        if id not in self._abouts:
            self._abouts[id] = find_protein((id,), NO_CLAIM, self._proteins)
        return self._abouts[id]


def check_contacts(records: Iterable[ContactRecord], proteins: Proteins) -> Iterator[ContactRow | Rejected]:
    """Yield the row or the reject of each contact, in order."""
    check = ContactCheck(proteins)
    return (check.check(record) for record in records)


def contact_rows(contacts: Iterable[ContactRow], *, source: str) -> AnnotationRows:
    """Return the contacts as they are stored."""
    draft = DraftTable(ContactRow._fields)
    for contact in contacts:
        draft.add(contact)
    return AnnotationRows(partner_contacts=as_stored(PARTNER_CONTACTS, draft.sorted(()), source=source))


def _place_problem(position: str, letter: str | None, about: ProteinOfEntry) -> Problem | None:
    """Return the problem of a position of a protein, or of the letter that the table has there, if any."""
    if not _POSITION.fullmatch(position):
        return reject_position(position)
    if about.protein is None:
        return None
    return check_position(int(position), int(position), letter, about.protein.sequence)


def _read_distance(text: str) -> tuple[float | None, Problem | None]:
    """Return the distance in a text, None if there is no text; and why the text is no distance."""
    if not text:
        return None, None
    try:
        distance = float(text)
    except ValueError:
        distance = float("nan")
    if isfinite(distance) and distance >= 0:
        return distance, None
    return None, Problem(Reason.NO_VALUE, f"distance `{text[:40]}`")


def _reject(record: ContactRecord, problem: Problem) -> Rejected:
    place = Record(record.accession, record.partner, record.i, record.j, line=record.line)
    return Rejected(problem.reason, place, problem.detail)
