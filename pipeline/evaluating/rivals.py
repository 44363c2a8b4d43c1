"""Predictions of others for the same residues: a table of accession, position, and a probability if there is one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attlas.intake.claims import NO_CLAIM, check_position, reject_position
from attlas.intake.files import read_file
from attlas.intake.rejects import Account, Problem, Reason, Record, Rejected
from attlas.intake.rows import split_row
from attlas.intake.text import content_lines, counted, numbered_lines
from attlas.intake.two_columns import is_header
from attlas.pipeline.annotate.check import Proteins
from attlas.pipeline.annotate.values.check import find_proteins, read_number
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.schema import InputError

EXPECTED_TABLE = (
    "columns, separated by a tab or a comma: accession, position, and maybe probability; of a protein in which nothing "
    "is predicted the accession with an empty position"
)
_POSITION = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class TrainingList:
    """The proteins that a rival was trained on, as far as the atlas has them."""

    name: str
    """Name of the file."""
    sequence_ids: frozenset[int]
    """`sequence_id` of those that the atlas has: a relative of another sequence is none of them."""
    n_ids: int
    """Ids of the list."""
    account: Account
    """The ids that name no protein of the atlas, with reasons."""

    def describe_overlap(self, proteins: Sequence[LabelledProtein]) -> str:
        """Return how many proteins the rival was trained on, and how many ids of the list nobody can judge."""
        n_unknown = sum(self.account.counts.values())
        if n_unknown == self.n_ids:
            return f"unknown: none of the {counted(self.n_ids, 'id')} of {self.name} is in the atlas"
        n_trained = sum(protein.sequence_id in self.sequence_ids for protein in proteins)
        overlap = f"{n_trained:,} of {len(proteins):,}"
        return f"{overlap}; {n_unknown:,} of {self.n_ids:,} ids are not in the atlas" if n_unknown else overlap


@dataclass(frozen=True)
class Rival:
    """What others predict for proteins of an atlas."""

    name: str
    probabilities: dict[int, dict[int, float]]
    """Probability by `sequence_id` and position, 1 if the table has none. Residues without a row have 0; so has every
    residue of a protein for which the table has the accession alone."""
    has_probabilities: bool
    account: Account
    """What was left out, with reasons."""
    training_list: TrainingList | None
    """The proteins that the rival was trained on; None if nobody says."""

    @property
    def training(self) -> frozenset[int] | None:
        """Return the `sequence_id` of the proteins that the rival was trained on; None if nobody says."""
        return None if self.training_list is None else self.training_list.sequence_ids

    def score(self, protein: LabelledProtein) -> NDArray[np.float64] | None:
        """Return the score of each residue, (N,); None for a protein that the table does not name."""
        if protein.sequence_id not in self.probabilities:
            return None
        scores = np.zeros(len(protein.sequence))
        for position, probability in self.probabilities[protein.sequence_id].items():
            scores[position - 1] = probability
        return scores


def read_rival(name: str, path: Path, proteins: Proteins, *, training: Path | None = None) -> Rival:
    """Return the predictions of a table, checked against the sequences of an atlas.

    Raises:
        InputError: a file cannot be read, no row can be used, some rows have a probability and some none, or a residue
            has two.
    """
    account = Account()
    probabilities: dict[int, dict[int, float]] = {}
    widths = set()
    conflicts: list[str] = []
    for number, cells in _read_rows(path):
        record = Record(cells[0], begin=cells[1] if len(cells) > 1 else "", line=number)
        if len(cells) not in (2, 3):
            account.add(Rejected(Reason.UNREADABLE_LINE, record, f"{len(cells)} columns"))
            continue
        is_empty = not any(cells[1:])
        value = read_number(cells[2]) if len(cells) == 3 and not is_empty else 1.0
        if value is None or not 0 <= value <= 1:
            account.add(Rejected(Reason.NO_VALUE, record, f"`{cells[2][:40]}`, expected 0 to 1"))
            continue

        for about in find_proteins(cells[0], NO_CLAIM, proteins):
            problem = about.problem
            if problem is None and about.protein is not None and not is_empty:
                problem = _check(cells[1], about.protein.sequence)
            if problem is not None or about.protein is None:
                problem = problem or Problem(Reason.UNKNOWN_ID)
                account.add(Rejected(problem.reason, record, problem.detail))
                continue
            of_protein = probabilities.setdefault(about.protein.sequence_id, {})
            if is_empty:
                continue
            widths.add(len(cells))
            earlier = of_protein.setdefault(int(cells[1]), value)
            if earlier != value:
                conflicts.append(
                    f"{cells[0]} {cells[1]} (line {number}): {value:g}, and {earlier:g} on an earlier line"
                )

    if conflicts:
        raise InputError(
            f"{path} gives residues two probabilities.",
            expected="one row for each residue, or rows that agree",
            offenders=conflicts,
            hint="leave one row of each residue",
        )
    if len(widths) != 1:
        raise InputError(
            f"{path} cannot be laid beside the others.",
            expected=EXPECTED_TABLE,
            found="rows with a probability and rows without" if widths else "no row of a protein of the atlas",
            offenders=list(account.lines()),
        )
    return Rival(name, probabilities, widths == {3}, account, _read_training(training, proteins))


def _read_training(path: Path | None, proteins: Proteins) -> TrainingList | None:
    """Return the proteins of a list, with the ids that the atlas does not know; None without a list."""
    if path is None:
        return None
    account = Account()
    sequence_ids: set[int] = set()
    rows = [(number, cells[0]) for number, cells in _read_rows(path) if cells[0]]
    for number, id in rows:
        abouts = find_proteins(id, NO_CLAIM, proteins)
        stored = {about.protein.sequence_id for about in abouts if about.protein is not None}
        sequence_ids |= stored
        if not stored:
            problem = next((about.problem for about in abouts if about.problem), Problem(Reason.UNKNOWN_ID))
            account.add(Rejected(problem.reason, Record(id, line=number), problem.detail))
    return TrainingList(path.name, frozenset(sequence_ids), len(rows), account)


def _read_rows(path: Path) -> list[tuple[int, Sequence[str]]]:
    """Return the rows of a table with their lines, without a header."""
    file = read_file(path, expected=EXPECTED_TABLE)
    lines = list(content_lines(numbered_lines(file.text)))
    delimiter = "\t" if any("\t" in line for _, line in lines) else ","
    rows: list[tuple[int, Sequence[str]]] = [
        (number, [cell.strip() for cell in split_row(line, delimiter)]) for number, line in lines
    ]
    return rows[1:] if rows and is_header(rows[0][1][0]) else rows


def _check(text: str, sequence: str) -> Problem | None:
    if not _POSITION.fullmatch(text):
        return reject_position(text)
    return check_position(int(text), int(text), None, sequence)
