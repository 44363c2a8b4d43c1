"""Every value against the sequence that the atlas stores: rows to store, or rejected by a named reason."""

import math
import re
import struct
from collections.abc import Iterator, Sequence

from attlas.intake.claims import NO_CLAIM, SequenceClaim, check_position, reject_position
from attlas.intake.identifiers import resolve_id
from attlas.intake.rejects import Problem, Reason, Record, Rejected
from attlas.pipeline.annotate.check import ProteinOfEntry, Proteins, find_protein
from attlas.pipeline.annotate.values.records import ValueRecord, ValueRow

_POSITION = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""A number as data files write it; Python itself would also read `nan`, `infinity` and `1_000`."""


class ValueCheck:
    """The checks of the values of one source, which name the same few proteins over and over."""

    def __init__(self, proteins: Proteins, *, name: str) -> None:
        """Take the proteins of the atlas, and the name of the series for messages."""
        self._proteins = proteins
        self._name = name
        self._abouts: dict[str | tuple[str, SequenceClaim], Sequence[ProteinOfEntry]] = {}

    def check(self, record: ValueRecord) -> Iterator[ValueRow | Rejected]:
        """Yield a row for each residue that a value is of, in each protein of its sequence; or why there is none."""
        value = read_number(record.value)
        for about in self.find(record.id, record.claim):
            problem = record.problem or about.problem or _position_problem(record, about)
            if problem is None and value is None:
                problem = reject_value(record.value)
            if problem is not None or value is None or about.protein is None:
                yield self._reject(record, about, problem or Problem(Reason.UNKNOWN_ID))
                continue

            protein = about.protein
            for position in range(int(record.begin), int(record.end) + 1):
                yield ValueRow(
                    accession=protein.accession,
                    sequence_id=protein.sequence_id,
                    position=position,
                    residue=protein.sequence[position - 1],
                    substitute=record.substitute or "",
                    value=value,
                    line=record.line,
                )

    def find(self, id: str, claim: SequenceClaim) -> Sequence[ProteinOfEntry]:
        """Return the proteins that an id names, as `find_proteins`."""
        # Most sources claim nothing, and the hash of a claim costs as much as all other checks.
        key = id if claim is NO_CLAIM else (id, claim)
        abouts = self._abouts.get(key)
        if abouts is None:
            abouts = self._abouts[key] = find_proteins(id, claim, self._proteins)
        return abouts

    def _reject(self, record: ValueRecord, about: ProteinOfEntry, problem: Problem) -> Rejected:
        place = Record(about.accession, self._name, record.begin, record.end, record.substitute or "", record.line)
        return Rejected(problem.reason, place, problem.detail)


def find_proteins(id: str, claim: SequenceClaim, proteins: Proteins) -> Sequence[ProteinOfEntry]:
    """Return the protein that an id names; of the checksum of a sequence, every protein that has it."""
    about = find_protein((id,), claim, proteins)
    if about.problem is None or about.problem.reason is not Reason.AMBIGUOUS_ID:
        return [about]

    # Only a checksum names several rows without being ambiguous.
    rows = resolve_id(proteins.names, id).rows
    accessions = [proteins.names.value(row, "accession") for row in rows]
    return [find_protein((accession,), claim, proteins) for accession in accessions] or [about]


def read_number(text: str) -> float | None:
    """Return a number that a float32 can hold; None for any other text."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    try:
        struct.pack("=f", value)
    except OverflowError:
        return None
    # Python reads 1e400 as infinity, and float32 can hold that.
    return value if math.isfinite(value) else None


def reject_value(text: str) -> Problem:
    """Return the problem of a text that `read_number` does not read."""
    reason = Reason.TOO_LARGE_VALUE if _NUMBER.fullmatch(text) else Reason.NO_VALUE
    return Problem(reason, f"`{text[:40]}`")


def _position_problem(record: ValueRecord, about: ProteinOfEntry) -> Problem | None:
    for text in (record.begin,) if record.begin == record.end else (record.begin, record.end):
        if not _POSITION.fullmatch(text):
            return reject_position(text)
    if about.protein is None:
        return Problem(Reason.UNKNOWN_ID)
    return check_position(int(record.begin), int(record.end), record.residue, about.protein.sequence)
