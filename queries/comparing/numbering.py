"""Whether a source counts residues from 0 or from 1: said, or told by evidence that is printed, never guessed."""

from collections.abc import Iterable
from dataclasses import dataclass

from attlas.queries.comparing.claims import Spot
from attlas.queries.text import counted
from attlas.schema import InputError

LEAST_AGREEING = 0.5
"""Share of letters that has to agree before letters decide: of random letters about 0.06 do."""


@dataclass(frozen=True)
class Evidence:
    """What the positions of a source, on the sequences they name, say of its base."""

    n_positions: int
    n_letters: int
    """Positions with a letter."""
    n_agree: tuple[int, int]
    """Of these, letters that are the stored ones, if counted from 0 and if from 1."""
    n_zero: int
    """Positions that are 0, also of proteins that the atlas lacks: there are none in a table that counts from 1."""
    n_at_length: int
    """Positions that equal the length of their protein: there are none in a table that counts from 0."""
    n_past: int
    """Positions beyond it: of other sequences, however they are counted."""
    smallest: int | None


@dataclass(frozen=True)
class Numbering:
    """The base that was used, and why."""

    base: int
    """Number of the first residue: 0 or 1."""
    why: str
    evidence: Evidence

    @property
    def line(self) -> str:
        """One line that says base, reason and check."""
        found = self.evidence
        if not found.n_letters:
            check = "the table has no letters to check it by"
        else:
            here, there = found.n_agree[self.base], found.n_agree[1 - self.base]
            check = (
                f"letters agree for {here:,} of {found.n_letters:,} positions "
                f"({there:,} if counted from {1 - self.base})"
            )
        return f"positions counted from {self.base}: {self.why}; {check}"


def numbering_of(
    spots: Iterable[tuple[Spot, str]],
    *,
    asked: int | None,
    by_format: int | None,
    source: str,
    n_zero_elsewhere: int = 0,
) -> Numbering:
    """Return the base of positions, each with the sequence it is on.

    What was asked for decides, else the definition of the format, else the letters, else a position 0 or one at the
    very end of its protein.

    Raises:
        InputError: `asked` is neither 0 nor 1, the letters contradict it, or it is not asked and nothing tells.
    """
    if asked not in (None, 0, 1):
        raise InputError("There is no such base.", expected="0 or 1: the number of the first residue", found=str(asked))
    found = _evidence(spots, n_zero_elsewhere)
    by_letters = _told_by_letters(found)
    for said, why in ((asked, "as asked"), (by_format, "by the definition of the format")):
        if said is not None and by_letters not in (None, said):
            raise _contradicted(Numbering(said, why, found), source)
        if said is not None:
            return Numbering(said, why, found)
    told = (by_letters, "its letters tell") if by_letters is not None else _told(found)
    if told is None:
        raise _not_told(found, source)
    return Numbering(*told, found)


def _evidence(spots: Iterable[tuple[Spot, str]], n_zero_elsewhere: int) -> Evidence:
    n_positions = n_letters = n_at_length = n_past = 0
    n_zero = n_zero_elsewhere
    n_agree, smallest = [0, 0], None
    for spot, sequence in spots:
        number = spot.number
        if number is None:
            continue
        n_positions += 1
        n_zero += number == 0
        n_at_length += number == len(sequence)
        n_past += number > len(sequence)
        smallest = number if smallest is None else min(smallest, number)
        if spot.letter is not None:
            n_letters += 1
            n_agree[0] += sequence[number : number + 1] == spot.letter
            n_agree[1] += number > 0 and sequence[number - 1 : number] == spot.letter
    return Evidence(n_positions, n_letters, (n_agree[0], n_agree[1]), n_zero, n_at_length, n_past, smallest)


def _told_by_letters(found: Evidence) -> int | None:
    from_0, from_1 = found.n_agree
    if from_0 == from_1 or max(from_0, from_1) < LEAST_AGREEING * found.n_letters:
        return None
    return 0 if from_0 > from_1 else 1


def _told(found: Evidence) -> tuple[int, str] | None:
    """Return the base that positions tell without letters, and how."""
    if max(found.n_agree) < LEAST_AGREEING * found.n_letters:
        return None  # most letters are wrong either way: of what sequences the positions are is not known
    if found.n_zero and not found.n_at_length:
        return 0, f"position 0 occurs {counted(found.n_zero, 'time')}"
    if found.n_at_length > found.n_past and not found.n_zero:
        last = counted(found.n_at_length, "position is the last residue", "positions are the last residue")
        return 1, f"{last} if counted from 1, past the end from 0"
    return (1, "it has no positions to count") if not found.n_positions else None


def _contradicted(numbering: Numbering, source: str) -> InputError:
    other = 1 - numbering.base
    return InputError(
        f"The letters of {source} say that it counts residues from {other}, not from {numbering.base}.",
        expected=f"letters that agree with the sequences if counted from {numbering.base}",
        found=numbering.line,
        hint=f"--base {other}, or leave it out" if numbering.why == "as asked" else f"say so: --base {other}",
    )


def _not_told(found: Evidence, source: str) -> InputError:
    seen = f"{found.n_positions:,} positions, the smallest {found.smallest}"
    if found.n_letters:
        seen += f"; of {found.n_letters:,} letters {found.n_agree[0]:,} agree from 0 and {found.n_agree[1]:,} from 1"
    else:
        seen += "; no letters"
    seen += f"; position 0 occurs {counted(found.n_zero, 'time')}"
    seen += f", the length of a protein {counted(found.n_at_length, 'time')}"
    return InputError(
        f"Nothing tells whether {source} counts residues from 0 or from 1.",
        expected="letters of residues, a position 0, or a position at the very end of a protein",
        found=seen,
        hint="say it: --base 0 or --base 1 (base=0 or base=1 in Python)",
    )
