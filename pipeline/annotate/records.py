"""The nouns of annotation: what a source says about a protein, record by record, before anything is checked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from attlas.intake.claims import NO_CLAIM, SequenceClaim
from attlas.intake.rejects import Problem

_ECO = re.compile(r"ECO:[0-9]{7}")


@dataclass(frozen=True, slots=True)
class FamilyRecord:
    """A family, domain or other group that a source assigns a protein to."""

    database: str
    """The database of the family, by UniProt's name for it if there is one (see `families.py`)."""
    family: str
    """Its identifier."""
    name: str | None = None
    line: int | None = None
    """Line of the source, from 1; None for XML."""
    problem: Problem | None = None
    """Why it cannot be used for any protein."""


@dataclass(frozen=True, slots=True)
class FeatureRecord:
    """One feature as its source writes it; positions are still text, since a source may write `<1` or `?`."""

    type: str
    """UniProt's name of the type if it has one (see `types.py`), else as written."""
    begin: str
    """First residue, 1-based."""
    end: str
    """Last residue, inclusive."""
    description: str = ""
    evidence: str | None = None
    """ECO codes in order, separated by `; `."""
    isoform: str | None = None
    """The isoform in which the positions count, if the source says that it is not the canonical sequence."""
    residue: str | None = None
    """Letters that the source has from `begin` on."""
    line: int | None = None
    """Line of the source, from 1; None for XML."""
    problem: Problem | None = None
    """Why the record cannot be used for any protein."""
    families: tuple[FamilyRecord, ...] = ()
    """Families to which this record, a match, assigns the protein; stored if the record is stored."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Features and families of one protein that are together in the source."""

    accessions: tuple[str, ...]
    """Primary accession first, then secondary ones."""
    features: tuple[FeatureRecord, ...]
    claim: SequenceClaim = NO_CLAIM
    families: tuple[FamilyRecord, ...] = ()
    """Assignments of the whole protein."""

    @property
    def n_records(self) -> int:
        """The number of records: features, and families that do not come from a feature."""
        return len(self.features) + len(self.families)


def eco_codes(*texts: str | None) -> str | None:
    """Return the ECO codes in some texts, each once, in order, separated by `; `; None if there are none."""
    codes = sorted({code for text in texts if text for code in _ECO.findall(text)})
    return "; ".join(codes) or None


def describe_feature(
    note: str | None,
    *,
    ligand: str | None = None,
    label: str | None = None,
    ligand_note: str | None = None,
    part: str | None = None,
) -> str:
    """Return one description: for a binding site the ligand comes first, such as `Zn(2+) 1; catalytic`."""
    ligand_with_label = " ".join(text for text in (ligand, label) if text)
    return join_texts([ligand_with_label, ligand_note, f"part {part}" if part else None, note])


def join_texts(texts: Iterable[str | None]) -> str:
    """Return the texts that are not blank, with single blanks within, separated by `; `."""
    clean = (" ".join(text.split()) for text in texts if text)
    return "; ".join(text for text in clean if text)
