"""Every record of a source against the sequence the atlas stores: a row to store, or rejected by a named reason.

Records are features and families; a family has no positions, but its protein must be the stored one as well.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from attlas.intake.claims import COLUMNS as CHECKED_COLUMNS
from attlas.intake.claims import (
    SequenceClaim,
    StoredProtein,
    check_computed,
    check_position,
    check_sequence,
    reject_position,
    stored_proteins,
)
from attlas.intake.identifiers import NAME_COLUMNS, VERSIONED, NameTable, read_id, resolve_id
from attlas.intake.rejects import Problem, Reason, Record, Rejected
from attlas.pipeline.annotate.records import Entry, FamilyRecord, FeatureRecord
from attlas.schema.errors import N_OFFENDERS_SHOWN
from attlas.schema.labels import AMINO_ACID, EVERY_RESIDUE, is_label_of_probe

_ISOFORM_POSITION = re.compile(r"(\S+-\d+):(.+)")
_POSITION = re.compile(r"[0-9]{1,9}")


class SourceFeature(NamedTuple):
    """A row of `features` without its source, and its line."""

    accession: str
    sequence_id: int
    type: str
    begin: int
    end: int
    description: str
    evidence: str | None
    line: int | None


class SourceFamily(NamedTuple):
    """A row of `families` without its source, and its line."""

    accession: str
    sequence_id: int
    database: str
    family: str
    name: str | None
    line: int | None
    is_of_match: bool
    """Whether it comes from a match: matches may occur several times along a protein, which is not a repetition."""


class ProteinOfEntry(NamedTuple):
    """The protein of the atlas that an entry is about."""

    accession: str
    """As the atlas has it; as the source has it where the atlas lacks it."""
    protein: StoredProtein | None
    problem: Problem | None
    """What makes the whole entry unusable."""


@dataclass(frozen=True)
class Proteins:
    """The proteins of an atlas."""

    by_accession: Mapping[str, StoredProtein]
    names: NameTable
    """Their other names."""

    @classmethod
    def of(cls, table: pa.Table) -> "Proteins":
        """Return the proteins of a table with the columns COLUMNS."""
        return cls(stored_proteins(table), NameTable(table))


COLUMNS = tuple(dict.fromkeys((*CHECKED_COLUMNS, *NAME_COLUMNS)))
"""Columns of `proteins` that the checks need."""


def check_entry(entry: Entry, proteins: Proteins) -> Iterator[SourceFeature | SourceFamily | Rejected]:
    """Yield the outcome of each record of an entry, in order: itself or its reject; behind a match its families."""
    if entry.n_records == 0:
        return
    about = find_protein(entry.accessions, entry.claim, proteins)
    for feature in entry.features:
        yield from _check_feature(feature, about)
    for family in entry.families:
        yield _check_family(family, about)


def find_protein(ids: Sequence[str], claim: SequenceClaim, proteins: Proteins) -> ProteinOfEntry:
    """Return the protein that ids name: the first of them that is an accession of the atlas, else the first id.

    An id may have any form that `attlas.intake.identifiers` reads. A sequence version in it (`P04637.4`) is checked.
    """
    forms = [read_id(id) for id in ids] or [read_id("")]
    for id, form in zip(ids, forms, strict=False):
        for accession in (id, form.name):
            if protein := proteins.by_accession.get(accession):
                if form.fragment > 1 and accession == form.name:
                    detail = f"model {form.fragment} of AlphaFold counts residues from 1 again"
                    return ProteinOfEntry(accession, protein, Problem(Reason.FRAGMENT, detail))
                return _check_claims(protein, claim)

    name = forms[0].name
    versioned = VERSIONED.fullmatch(name)
    if versioned and (protein := proteins.by_accession.get(versioned[1])):
        return _check_claims(protein, claim, SequenceClaim(version=int(versioned[2])))
    return _find_by_other_names(ids[0] if ids else "", name, claim, proteins)


def _find_by_other_names(id: str, name: str, claim: SequenceClaim, proteins: Proteins) -> ProteinOfEntry:
    """Return the protein of an id that is no accession: an entry name, a gene, a checksum; or why there is none."""
    resolution = resolve_id(proteins.names, id)
    accessions = resolution.candidates or [proteins.names.value(row, "accession") for row in resolution.rows]
    if len(resolution.rows) == 1:
        return _check_claims(proteins.by_accession[accessions[0]], claim)

    if accessions:
        names = ", ".join(accessions[:N_OFFENDERS_SHOWN])
        n_more = len(accessions) - N_OFFENDERS_SHOWN
        problem = Problem(Reason.AMBIGUOUS_ID, f"one of {names}" + (f" and {n_more:,} more" if n_more > 0 else ""))
    elif resolution.is_isoform:
        entry = name.rpartition("-")[0]
        problem = Problem(Reason.ISOFORM, f"{entry} is in the atlas, but an isoform is another sequence")
    else:
        problem = Problem(Reason.UNKNOWN_ID, resolution.why or "" if name else "the record has no accession")
    return ProteinOfEntry(name, None, problem)


def _check_claims(protein: StoredProtein, *claims: SequenceClaim) -> ProteinOfEntry:
    """Return a protein with what makes it unusable: it was not computed, or the source has another sequence."""
    problem = check_computed(protein)
    for claim in claims:
        problem = problem or check_sequence(claim, protein)
    return ProteinOfEntry(protein.accession, protein, problem)


def _check_feature(feature: FeatureRecord, about: ProteinOfEntry) -> Iterator[SourceFeature | SourceFamily | Rejected]:
    protein = about.protein
    problem = feature.problem or about.problem
    if problem is None and protein is not None:
        problem = _feature_problem(feature, protein.sequence)
    if problem is not None or protein is None:
        record = Record(about.accession, feature.type, feature.begin, feature.end, feature.description, feature.line)
        yield _reject(problem, record)
        return

    yield SourceFeature(
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


def _check_family(family: FamilyRecord, about: ProteinOfEntry) -> SourceFamily | Rejected:
    problem = family.problem or about.problem or (None if family.family else Problem(Reason.NO_FAMILY))
    if problem is not None or about.protein is None:
        record = Record(about.accession, family.database, description=family.family, line=family.line)
        return _reject(problem, record)
    return _family_row(family, about.accession, about.protein, is_of_match=False)


def _reject(problem: Problem | None, record: Record) -> Rejected:
    problem = problem or Problem(Reason.UNKNOWN_ID)
    return Rejected(problem.reason, record, problem.detail)


def _family_row(family: FamilyRecord, accession: str, protein: StoredProtein, *, is_of_match: bool) -> SourceFamily:
    return SourceFamily(
        accession, protein.sequence_id, family.database, family.family, family.name, family.line, is_of_match
    )


def _feature_problem(feature: FeatureRecord, sequence: str) -> Problem | None:
    """Return the problem of the type or the positions of a feature, if any; its protein is the stored one."""
    isoform = feature.isoform or next(
        (match[1] for text in (feature.begin, feature.end) if (match := _ISOFORM_POSITION.fullmatch(text))), None
    )
    if isoform:
        return Problem(Reason.ISOFORM, f"counted along {isoform}")
    if not feature.type:
        return Problem(Reason.NO_TYPE)
    if is_label_of_probe(feature.type):
        detail = f"`{EVERY_RESIDUE}` and what begins with `{AMINO_ACID}`; give it another name"
        return Problem(Reason.RESERVED_TYPE, detail)

    for text in (feature.begin, feature.end):
        if not _POSITION.fullmatch(text):
            return reject_position(text)
    return check_position(int(feature.begin), int(feature.end), feature.residue, sequence)
