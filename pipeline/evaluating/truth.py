"""The truth of an evaluation: a table of accession and positions, checked against the sequences that an atlas stores.

A protein that the table does not name is not a negative: it takes no part.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attlas.intake.claims import COLUMNS as CHECKED_COLUMNS
from attlas.intake.claims import NO_CLAIM, StoredProtein, check_position, reject_position
from attlas.intake.identifiers import NAME_COLUMNS
from attlas.intake.rejects import Account, Problem, Reason, Record, Rejected
from attlas.intake.two_columns import read_two_columns
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
        named |= {
            about.protein.sequence_id for about in find_proteins(item.record.id, NO_CLAIM, proteins) if about.protein
        }

    # The positions of each protein of the atlas, and whether one of them was rejected.
    positions: dict[str, set[int]] = {}
    stored: dict[str, StoredProtein] = {}
    numbers: dict[str, list[int]] = {}
    faulty: set[str] = set()
    for line in lines:
        for about in find_proteins(line.id, NO_CLAIM, proteins):
            record = Record(about.accession, begin=line.value, line=line.number)
            named |= {about.protein.sequence_id} if about.protein else set()
            if about.protein is None or about.problem is not None:
                account.add(_reject(about.problem or Problem(Reason.UNKNOWN_ID), record))
                continue

            accession = about.protein.accession
            stored[accession] = about.protein
            numbers.setdefault(accession, []).append(line.number)
            parsed = list(parse_positions(line.value, about.protein.sequence))
            for problem in (item for item in parsed if isinstance(item, Problem)):
                account.add(_reject(problem, record))
                faulty.add(accession)
            positions.setdefault(accession, set()).update(item for item in parsed if isinstance(item, int))

    labelled: dict[int, LabelledProtein] = {}
    for accession in sorted(positions):
        protein = stored[accession]
        record = Record(accession, line=numbers[accession][0])
        if accession in faulty:
            account.add(_reject(Problem(Reason.SITE_OF_REJECTED, "the whole protein is left out"), record))
        elif twin := labelled.get(protein.sequence_id):
            is_same = set(twin.positions) == positions[accession]
            reason = Reason.REPEATED if is_same else Reason.OTHER_SITES
            account.add(_reject(Problem(reason, f"the sequence of {twin.accession}"), record))
        else:
            ordered = tuple(sorted(positions[accession]))
            labelled[protein.sequence_id] = LabelledProtein(accession, protein.sequence_id, protein.sequence, ordered)

    if not labelled:
        raise InputError(
            f"No line of {path} names residues of a protein that the atlas computed.",
            expected=EXPECTED_TABLE,
            offenders=list(account.lines()),
        )
    in_order = sorted(labelled.values(), key=lambda protein: protein.accession)
    left_out = frozenset(named - labelled.keys())
    return Truth(tuple(in_order), account, left_out, len(lines) + len(rejected), sha256)


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
