"""The number of a table's first residue, 0 or 1: stated by the user, or told by evidence that is printed."""

from collections.abc import Iterable
from dataclasses import dataclass

from attlas.queries.comparing.published import PublishedSite
from attlas.queries.text import counted
from attlas.schema import InputError

MIN_SHARE_AGREEING = 0.5
"""Share of letters that has to agree before letters decide: of random letters about 0.06 do."""


@dataclass(frozen=True)
class Evidence:
    """Evidence for the number of the first residue, from a table's positions and the sequences they are on."""

    n_positions: int
    n_letters: int
    """Positions with a letter."""
    n_agreeing: tuple[int, int]
    """Of these, letters that are the stored ones, if counted from 0 and if from 1."""
    n_zero: int
    """Positions that are 0, also of proteins that the atlas lacks: there are none in a table that counts from 1."""
    n_at_length: int
    """Positions that equal the length of their protein: there are none in a table that counts from 0."""
    n_past: int
    """Positions beyond it: of other sequences, however they are counted."""
    smallest: int | None

    @property
    def is_of_other_sequences(self) -> bool:
        """Most letters are wrong however they are counted."""
        return max(self.n_agreeing) < MIN_SHARE_AGREEING * self.n_letters


@dataclass(frozen=True)
class Numbering:
    """The number of the first residue that was used, and why."""

    first_position: int
    """0 or 1."""
    why: str
    evidence: Evidence

    @property
    def line(self) -> str:
        """One line that says the number, the reason and the check."""
        other_position = 1 - self.first_position
        if not self.evidence.n_letters:
            check = "the table has no letters to check it by"
        else:
            n_agreeing, n_if_other = (
                self.evidence.n_agreeing[self.first_position],
                self.evidence.n_agreeing[other_position],
            )
            check = (
                f"letters agree for {n_agreeing:,} of {self.evidence.n_letters:,} positions "
                f"({n_if_other:,} if counted from {other_position})"
            )

        return f"positions counted from {self.first_position}: {self.why}; {check}"


def find_numbering(
    sites: Iterable[tuple[PublishedSite, str]],
    *,
    choice: int | None,
    by_format: int | None,
    n_zero_elsewhere: int,
    table_name: str,
) -> Numbering:
    """Return the number that a table gives the first residue.

    The choice of the user decides, else the definition of the format, else the letters, else a position 0 or one at
    the very end of its protein.

    Args:
        sites: sites with the stored sequences that they are on.
        choice: the number that the user states, 0 or 1; None without one.
        by_format: the number that the definition of the table's format states; None without one.
        n_zero_elsewhere: positions 0 of proteins that the atlas lacks.
        table_name: for messages.

    Raises:
        InputError: `choice` is neither 0 nor 1, the letters contradict it, or there is none and nothing tells.
    """
    if choice not in (None, 0, 1):
        raise InputError(
            "There is no such base.", expected="0 or 1: the number of the first residue", found=str(choice)
        )

    evidence = _gather_evidence(sites, n_zero_elsewhere)
    by_letters = _find_by_letters(evidence)
    for first_position, why in ((choice, "as asked"), (by_format, "by the definition of the format")):
        if first_position is None:
            continue
        numbering = Numbering(first_position, why, evidence)
        if by_letters not in (None, first_position):
            raise _contradiction_error(numbering, table_name)
        return numbering

    if by_letters is not None:
        return Numbering(by_letters, "its letters tell", evidence)

    numbering_by_positions = _find_by_positions(evidence)
    if numbering_by_positions is None:
        raise _describe_unknown(evidence, table_name)
    return numbering_by_positions


def _gather_evidence(sites: Iterable[tuple[PublishedSite, str]], n_zero_elsewhere: int) -> Evidence:
    n_positions = n_letters = n_at_length = n_past = 0
    n_from_0 = n_from_1 = 0
    n_zero = n_zero_elsewhere

    smallest = None
    for site, sequence in sites:
        number = site.number
        if number is None:
            continue

        n_positions += 1
        n_zero += number == 0
        n_at_length += number == len(sequence)
        n_past += number > len(sequence)
        smallest = number if smallest is None else min(smallest, number)
        if site.letter is not None:
            n_letters += 1
            n_from_0 += sequence[number : number + 1] == site.letter
            n_from_1 += number > 0 and sequence[number - 1 : number] == site.letter

    return Evidence(n_positions, n_letters, (n_from_0, n_from_1), n_zero, n_at_length, n_past, smallest)


def _find_by_letters(evidence: Evidence) -> int | None:
    n_from_0, n_from_1 = evidence.n_agreeing
    if n_from_0 == n_from_1 or evidence.is_of_other_sequences:
        return None
    return 0 if n_from_0 > n_from_1 else 1


def _find_by_positions(evidence: Evidence) -> Numbering | None:
    """Return the numbering that positions tell without letters."""
    if evidence.is_of_other_sequences:
        return None  # of what sequences the positions are is not known
    if evidence.n_zero and not evidence.n_at_length:
        return Numbering(0, f"position 0 occurs {counted(evidence.n_zero, 'time')}", evidence)
    if evidence.n_at_length > evidence.n_past and not evidence.n_zero:
        words = counted(evidence.n_at_length, "position is the last residue", "positions are the last residue")
        return Numbering(1, f"{words} if counted from 1, past the end from 0", evidence)
    return None if evidence.n_positions else Numbering(1, "it has no positions to count", evidence)


def _contradiction_error(numbering: Numbering, table_name: str) -> InputError:
    first_position, other_position = numbering.first_position, 1 - numbering.first_position
    is_asked = numbering.why == "as asked"
    return InputError(
        f"The letters of {table_name} say that it counts residues from {other_position}, not from {first_position}.",
        expected=f"letters that agree with the sequences if counted from {first_position}",
        found=numbering.line,
        hint=f"--base {other_position}, or leave it out" if is_asked else f"state it: --base {other_position}",
    )


def _describe_unknown(evidence: Evidence, table_name: str) -> InputError:
    letters = "no letters"
    if evidence.n_letters:
        n_from_0, n_from_1 = evidence.n_agreeing
        letters = f"of {evidence.n_letters:,} letters {n_from_0:,} agree from 0 and {n_from_1:,} from 1"

    parts = (
        f"{evidence.n_positions:,} positions, the smallest {evidence.smallest}",
        letters,
        f"position 0 occurs {counted(evidence.n_zero, 'time')}, "
        f"the length of a protein {counted(evidence.n_at_length, 'time')}",
    )
    return InputError(
        f"Nothing tells whether {table_name} counts residues from 0 or from 1.",
        expected="letters of residues, a position 0, or a position at the very end of a protein",
        found="; ".join(parts),
        hint="state it: --base 0 or --base 1 (base=0 or base=1 in Python)",
    )
