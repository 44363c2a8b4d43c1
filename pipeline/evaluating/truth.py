"""The truth of an evaluation: a table of accession and positions, checked against the sequences that an atlas stores.

A protein that the table does not name is not a negative: it takes no part.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attlas.intake.claims import COLUMNS as CHECKED_COLUMNS
from attlas.intake.claims import NO_CLAIM, StoredProtein, check_position, reject_position
from attlas.intake.identifiers import NAME_COLUMNS
from attlas.intake.rejects import Account, Problem, Reason, Record, Rejected
from attlas.intake.two_columns import TableLine, read_two_columns
from attlas.pipeline.annotate.check import Proteins
from attlas.pipeline.annotate.values.check import find_proteins
from attlas.schema import AtlasPaths, InputError

EXPECTED_TABLE = (
    "two columns, separated by a tab or a comma: accession, and positions with `;` between, such as H57;D102"
)
_POSITION = re.compile(r"([A-Za-z]?)([0-9]{1,9})")


@dataclass(frozen=True)
class LabelledProtein:
    """A protein with the residues that the truth labels."""

    accession: str
    sequence_id: int
    sequence: str
    positions: tuple[int, ...]
    """Labelled residues, counted from 1, ascending; at least one."""

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Return True at the labelled residues, (N,)."""
        mask = np.zeros(len(self.sequence), bool)
        mask[np.array(self.positions) - 1] = True
        return mask


@dataclass(frozen=True)
class Truth:
    """The proteins of a table of truth, one for each distinct sequence, and what became of its lines."""

    proteins: tuple[LabelledProtein, ...]
    """In order of accession."""
    account: Account
    """What was left out, with reasons."""
    left_out: frozenset[int]
    """`sequence_id` of the proteins that a line names and that are not among `proteins`: perhaps they have sites."""
    n_lines: int
    """Lines that hold a protein; each is used or in the account."""
    sha256: str


def read_proteins(paths: AtlasPaths) -> Proteins:
    """Return the proteins of an atlas, which can be found by any of their names."""
    columns = list(dict.fromkeys((*CHECKED_COLUMNS, *NAME_COLUMNS)))
    return Proteins.of(pq.read_table(paths.proteins, columns=columns))


def read_truth(path: Path, proteins: Proteins) -> Truth:
    """Return the labelled proteins of a table, checked against those of the atlas.

    Lines of one protein are joined. A protein with a position that cannot be used is left out as a whole: its other
    residues would count as negatives, and perhaps are not.

    Raises:
        InputError: as `read_two_columns`, or no line could be used.
    """
    lines, rejected, sha256 = read_two_columns(path, expected=EXPECTED_TABLE)
    account = Account()
    named: set[int] = set()
    for item in rejected:
        account.add(item)
        abouts = find_proteins(item.record.id, NO_CLAIM, proteins)
        named |= {about.protein.sequence_id for about in abouts if about.protein}

    sites: dict[str, _ProteinSites] = {}
    for line in lines:
        for about in find_proteins(line.id, NO_CLAIM, proteins):
            named |= {about.protein.sequence_id} if about.protein else set()
            if about.protein is None or about.problem is not None:
                record = Record(about.accession, begin=line.value, line=line.number)
                account.add(_reject(about.problem or Problem(Reason.UNKNOWN_ID), record))
            else:
                of_protein = sites.setdefault(about.accession, _ProteinSites(about.protein, line.number))
                of_protein.add_line(line, account)

    labelled = _label_sequences([sites[accession] for accession in sorted(sites)], account)
    if not labelled:
        raise InputError(
            f"No line of {path} names residues of a protein that the atlas computed.",
            expected=EXPECTED_TABLE,
            offenders=list(account.lines()),
        )
    left_out = frozenset(named - {protein.sequence_id for protein in labelled})
    return Truth(labelled, account, left_out, len(lines) + len(rejected), sha256)


@dataclass
class _ProteinSites:
    """The labelled residues of a protein, gathered line by line."""

    protein: StoredProtein
    first_line: int
    positions: set[int] = field(default_factory=set)
    is_faulty: bool = False
    """A position of it cannot be used."""

    def add_line(self, line: TableLine, account: Account) -> None:
        """Add the positions of a line; those that cannot be used go to the account."""
        for item in parse_positions(line.value, self.protein.sequence):
            if isinstance(item, int):
                self.positions.add(item)
            else:
                account.add(_reject(item, Record(self.protein.accession, begin=line.value, line=line.number)))
                self.is_faulty = True


def _label_sequences(sites: Sequence[_ProteinSites], account: Account) -> tuple[LabelledProtein, ...]:
    """Return a labelled protein for each distinct sequence, the first; the others go to the account."""
    labelled: dict[int, LabelledProtein] = {}
    for of_protein in sites:
        protein, positions = of_protein.protein, tuple(sorted(of_protein.positions))
        record = Record(protein.accession, line=of_protein.first_line)
        if of_protein.is_faulty:
            account.add(_reject(Problem(Reason.SITE_OF_REJECTED, "the whole protein is left out"), record))
        elif twin := labelled.get(protein.sequence_id):
            reason = Reason.REPEATED if twin.positions == positions else Reason.OTHER_SITES
            account.add(_reject(Problem(reason, f"the sequence of {twin.accession}"), record))
        else:
            labelled[protein.sequence_id] = LabelledProtein(
                protein.accession, protein.sequence_id, protein.sequence, positions
            )
    return tuple(labelled.values())


def parse_positions(text: str, sequence: str) -> Iterator[int | Problem]:
    """Yield each position of a cell, counted from 1, or why it cannot be used; an empty cell is a problem, too."""
    words = [word.strip() for word in text.split(";") if word.strip()]
    if not words:
        yield Problem(Reason.NO_NUMBER, "the cell is empty")

    for word in words:
        match = _POSITION.fullmatch(word)
        if match is None:
            yield reject_position(word)
            continue
        position = int(match[2])
        yield check_position(position, position, match[1] or None, sequence) or position


def _reject(problem: Problem, record: Record) -> Rejected:
    return Rejected(problem.reason, record, problem.detail)
