"""The nouns of annotation: what a source says of one protein, record by record, before anything is checked."""

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
    """Whose families they are, in UniProt's words where it lists them (see `families.py`)."""
    family: str
    """Its identifier."""
    name: str | None = None
    line: int | None = None
    """Line of the source, from 1; None for XML."""
    problem: Problem | None = None
    """Why it cannot be used whatever the protein is."""


@dataclass(frozen=True, slots=True)
class FeatureRecord:
    """One feature as its source writes it; positions are still text, since a source may write `<1` or `?`."""

    type: str
    """In UniProt's words where they are known (see `types.py`), else as written."""
    begin: str
    """First residue, 1-based."""
    end: str
    """Last residue, inclusive."""
    description: str = ""
    evidence: str | None = None
    """ECO codes in order, separated by `; `."""
    isoform: str | None = None
    """Isoform whose residues the positions count, where the source says it is not the canonical sequence."""
    residue: str | None = None
    """Letters that the source has from `begin` on."""
    line: int | None = None
    """Line of the source, from 1; None for XML."""
    problem: Problem | None = None
    """Why the record cannot be used whatever the protein is."""
    families: tuple[FamilyRecord, ...] = ()
    """What the protein is assigned to because of this record, a match; stored if the record is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Features and families of one protein that stand together in the source."""

    accessions: tuple[str, ...]
    """Primary accession first, then secondary ones."""
    features: tuple[FeatureRecord, ...]
    claim: SequenceClaim = NO_CLAIM
    families: tuple[FamilyRecord, ...] = ()
    """Assignments of the whole protein."""

    @property
    def n_records(self) -> int:
        """What the source says: features, and families that are not said by one of these."""
        return len(self.features) + len(self.families)


def eco_codes(*texts: str | None) -> str | None:
    """Return the ECO codes in some texts, each once, in order, separated by `; `; None if there are none."""
    codes = sorted({code for text in texts if text for code in _ECO.findall(text)})
    return "; ".join(codes) or None


def described(
    note: str | None,
    *,
    ligand: str | None = None,
    label: str | None = None,
    ligand_note: str | None = None,
    part: str | None = None,
) -> str:
    """Return one description: for a binding site the ligand comes first, such as `Zn(2+) 1; catalytic`."""
    ligand_with_label = " ".join(text for text in (ligand, label) if text)
    return joined([ligand_with_label, ligand_note, f"part {part}" if part else None, note])


def joined(texts: Iterable[str | None]) -> str:
    """Return the texts that say something, blanks within made single, separated by `; `."""
    clean = (" ".join(text.split()) for text in texts if text)
    return "; ".join(text for text in clean if text)
