"""Every record of a source against the sequence the atlas stores: a row to store, or rejected by a named reason.

Records are features and families; a family has no positions, but its protein must be the stored one as well.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from attlas.intake.claims import (
    SequenceClaim,
    StoredProtein,
    no_position,
    not_computed,
    other_sequence,
    unusable_position,
)
from attlas.intake.rejects import Problem, Reason, Record, Rejected
from attlas.pipeline.annotate.records import Entry, FamilyRecord, FeatureRecord
from attlas.pipeline.annotate.types import AMINO_ACID, EVERY_RESIDUE, is_reserved

_FASTA_ID = re.compile(r"(?:sp|tr)\|([^|\s]+)(?:\|.*)?|(?:UniProtKB|UniProt):(\S+)", re.IGNORECASE)
_VERSIONED = re.compile(r"(.+)\.(\d{1,4})")
_ISOFORM = re.compile(r"(.+)-\d+")
_ISOFORM_POSITION = re.compile(r"(\S+-\d+):(.+)")
_POSITION = re.compile(r"[0-9]{1,9}")


class FeatureRow(NamedTuple):
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


class ProteinOfEntry(NamedTuple):
    """The protein of the atlas that an entry is about."""

    accession: str
    """As the atlas has it; as the source has it where the atlas lacks it."""
    protein: StoredProtein | None
    problem: Problem | None
    """What makes the whole entry unusable."""


Proteins = Mapping[str, StoredProtein]
"""The proteins of an atlas by accession."""


def check_entry(entry: Entry, proteins: Proteins) -> Iterator[FeatureRow | FamilyRow | Rejected]:
    """Yield what becomes of each record of an entry, in order; behind a match its families."""
    if entry.n_records == 0:
        return
    about = find_protein(entry.accessions, entry.claim, proteins)
    for feature in entry.features:
        yield from _check_feature(feature, about)
    for family in entry.families:
        yield _check_family(family, about)


def find_protein(accessions: tuple[str, ...], claim: SequenceClaim, proteins: Proteins) -> ProteinOfEntry:
    """Return the protein that accessions name, the first of them that the atlas has.

    An accession may be written as in FASTA headers (`sp|P04637|P53_HUMAN`), with its database (`UniProtKB:P04637`) or
    with its sequence version (`P04637.4`), which is then checked.
    """
    names = [_bare_accession(accession) for accession in accessions] or [""]
    for name in names:
        if protein := proteins.get(name):
            return ProteinOfEntry(name, protein, not_computed(protein) or other_sequence(claim, protein))

    versioned = _VERSIONED.fullmatch(names[0])
    if versioned and (protein := proteins.get(versioned[1])):
        version_claim = SequenceClaim(version=int(versioned[2]))
        problem = not_computed(protein) or other_sequence(claim, protein) or other_sequence(version_claim, protein)
        return ProteinOfEntry(protein.accession, protein, problem)

    isoform = _ISOFORM.fullmatch(names[0])
    if isoform and isoform[1] in proteins:
        detail = f"{isoform[1]} is in the atlas, but an isoform is another sequence"
        return ProteinOfEntry(names[0], None, Problem(Reason.ISOFORM, detail))
    detail = "" if names[0] else "the record has no accession"
    return ProteinOfEntry(names[0], None, Problem(Reason.UNKNOWN_ID, detail))


def _bare_accession(text: str) -> str:
    match = _FASTA_ID.fullmatch(text.strip())
    return (match[1] or match[2]) if match else text.strip()


def _check_feature(feature: FeatureRecord, about: ProteinOfEntry) -> Iterator[FeatureRow | FamilyRow | Rejected]:
    protein = about.protein
    problem = feature.problem or about.problem
    if problem is None and protein is not None:
        problem = _feature_problem(feature, protein.sequence)
    if problem is not None or protein is None:
        record = Record(about.accession, feature.type, feature.begin, feature.end, feature.description, feature.line)
        yield _rejected(problem, record)
        return

    yield FeatureRow(
        accession=about.accession,
        sequence_id=protein.sequence_id,
        type=feature.type,
        begin=int(feature.begin),
        end=int(feature.end),
        description=feature.description,
        evidence=feature.evidence,
        line=feature.line,
    )
    for family in feature.families:
        yield _family_row(family, about.accession, protein, is_of_match=True)


def _check_family(family: FamilyRecord, about: ProteinOfEntry) -> FamilyRow | Rejected:
    problem = family.problem or about.problem or (None if family.family else Problem(Reason.NO_FAMILY))
    if problem is not None or about.protein is None:
        record = Record(about.accession, family.database, description=family.family, line=family.line)
        return _rejected(problem, record)
    return _family_row(family, about.accession, about.protein, is_of_match=False)


def _rejected(problem: Problem | None, record: Record) -> Rejected:
    problem = problem or Problem(Reason.UNKNOWN_ID)
    return Rejected(problem.reason, record, problem.detail)


def _family_row(family: FamilyRecord, accession: str, protein: StoredProtein, *, is_of_match: bool) -> FamilyRow:
    return FamilyRow(
        accession, protein.sequence_id, family.database, family.family, family.name, family.line, is_of_match
    )


def _feature_problem(feature: FeatureRecord, sequence: str) -> Problem | None:
    """Return what is wrong with the type or the positions of a feature; its protein is the stored one."""
    isoform = feature.isoform or next(
        (match[1] for text in (feature.begin, feature.end) if (match := _ISOFORM_POSITION.fullmatch(text))), None
    )
    if isoform:
        return Problem(Reason.ISOFORM, f"counted along {isoform}")
    if not feature.type:
        return Problem(Reason.NO_TYPE)
    if is_reserved(feature.type):
        detail = f"`{EVERY_RESIDUE}` and what begins with `{AMINO_ACID}`; give it another name"
        return Problem(Reason.RESERVED_TYPE, detail)

    for text in (feature.begin, feature.end):
        if not _POSITION.fullmatch(text):
            return no_position(text)
    return unusable_position(int(feature.begin), int(feature.end), feature.residue, sequence)
