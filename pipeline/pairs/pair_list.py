"""A file of pairs, read: two proteins a line, with a label and a score where it has them.

Every line is accounted for. The formats are in `files/`; `planning` finds what a table of accessions names in an atlas.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from attlas.intake.identifiers import Names
from attlas.intake.text import printable_text
from attlas.pipeline.pairs.files.all_pairs import read_all_pairs
from attlas.pipeline.pairs.files.finding import PairFinder, merge_repeats
from attlas.pipeline.pairs.files.formats import format_of, read_rows
from attlas.pipeline.pairs.files.rows import (
    EXPECTED,
    LONG_ID,
    LONGEST_ID,
    NO_OPTIONS,
    NOT_TWO,
    PairFileOptions,
    PairProblem,
    PairRow,
)
from attlas.pipeline.pairs.files.string_links import STRING_ID, read_aliases
from attlas.schema import InputError

MAX_PAIRS = 500_000
"""Pairs of a file above which it is refused: at one hundred pairs a second they are computed in an hour and a half."""
MAX_LEFT_OUT = 100_000
"""Lines left out that are kept; further ones are counted."""

_LONGEST_TEXT = 200
"""Characters of a line that is left out which are kept."""


@dataclass(frozen=True)
class ListedPair:
    """A pair as a line of a file names it."""

    accession: str
    """The id of the protein named before the other."""
    partner: str
    """The id of the other."""
    label: str | None
    score: float | None
    source: str
    """Name of the file."""
    line: int
    """Line of the file, from 1."""


@dataclass(frozen=True)
class LeftOutPair:
    """A line of a file that names no pair."""

    text: str
    """The line as it is written, without control characters, cut where it is long."""
    reason: str
    """Why it is left out."""
    source: str
    """Name of the file."""
    line: int
    """Line of the file, from 1."""


@dataclass(frozen=True)
class PairList:
    """The lines of a file of pairs, without comments and blank lines."""

    pairs: tuple[ListedPair, ...]
    left_out: tuple[LeftOutPair, ...]
    """The first MAX_LEFT_OUT lines that name no pair."""
    n_left_out: Mapping[str, int] = field(default_factory=dict)
    """All lines that name no pair, by reason, most first; the reasons are without their details."""


def read_pairs(path: Path, options: PairFileOptions = NO_OPTIONS, *, names: Names | None = None) -> PairList:
    """Read a file of pairs: a table of accessions, STRING's protein.links, PSI-MITAB, or a list against another.

    The ids of a table and of lists stay as they are written. Those of STRING and PSI-MITAB, most of whose lines are of
    other proteins, become accessions of an atlas; there, a pair that several lines name is listed once.

    Args:
        path: the file, plain or compressed; its format is told by its content.
        options: what the caller says of it.
        names: the names of the proteins of an atlas; STRING and PSI-MITAB need them.

    Raises:
        InputError: a file cannot be read, holds no pair, names more than MAX_PAIRS, or an option does not go with it.
    """
    counts: Counter[str] = Counter()
    pairs: list[ListedPair] = []
    left_out: list[LeftOutPair] = []
    for row in _read_rows(path, options, names):
        problem = row.problem or _long_id_problem(row) or _score_problem(row, options.min_score)
        if problem is None:
            pairs.append(_listed_pair(row, path))
            _refuse_too_many(len(pairs), path)
            continue
        counts[problem.reason] += 1
        if len(left_out) < MAX_LEFT_OUT:
            text = printable_text(row.text)[:_LONGEST_TEXT]
            left_out.append(LeftOutPair(text, str(problem), row.source or path.name, row.line))

    if not pairs and not left_out:
        raise InputError(f"{path.name} holds no pairs.", expected=EXPECTED, found="no line but a header and comments")
    if not pairs and STRING_ID.fullmatch(left_out[0].text.split(" ", 1)[0]) and options.aliases is None:
        raise _no_aliases(path, left_out[0])
    if not pairs and set(counts) == {NOT_TWO}:
        # Another kind of file, such as FASTA: it would take the place of the pairs that were computed.
        raise InputError(
            f"{path.name} holds no pairs.",
            expected=EXPECTED,
            found=f"no line that names two proteins; line {left_out[0].line:,}: {left_out[0].text}",
        )
    return PairList(tuple(pairs), tuple(left_out), dict(counts.most_common()))


def needs_names(path: Path, options: PairFileOptions = NO_OPTIONS) -> bool:
    """Return whether the ids of a file are looked up in an atlas as it is read. Raises InputError as `read_pairs`."""
    return options.against is None and format_of(path) != "plain"


def _read_rows(path: Path, options: PairFileOptions, names: Names | None) -> Iterator[PairRow]:
    """Yield the rows of a file with the ids that are looked up in an atlas. Raises InputError as `read_pairs`."""
    if options.against is not None:
        _refuse_option("--aliases", options.aliases, "a list against another")
        _refuse_option("--min-score", options.min_score, "a list against another")
        return read_all_pairs(path, options.against, max_pairs=MAX_PAIRS)

    format = format_of(path)
    if format != "string":
        _refuse_option("--aliases", options.aliases, f"{path.name}, which is not STRING's protein.links")
    rows = read_rows(path, format)
    if format == "plain":
        return rows
    if names is None:
        raise InputError(f"The ids of {path.name} are looked up in an atlas.", expected="the names of its proteins")

    aliases = None if options.aliases is None else read_aliases(options.aliases, names)
    finder = PairFinder(names, aliases)
    if options.min_score is not None:
        # Weak pairs are dropped first, so that the line of a pair that is kept is one that is listed.
        rows = (row._replace(problem=_score_problem(row, options.min_score)) for row in rows)
    return merge_repeats(map(finder.find, rows))


def _no_aliases(path: Path, line: LeftOutPair) -> InputError:
    return InputError(
        f"No protein of {path.name} is in the atlas: it names them by STRING's own identifiers.",
        expected="STRING's file of aliases, which says their accessions",
        found=f"line {line.line:,}: {line.text}",
        hint="--aliases FILE: protein.aliases of the same version and organism",
    )


def _score_problem(row: PairRow, min_score: float | None) -> PairProblem | None:
    """Return the problem of a row: its own, or that its score is lacking or too low."""
    if row.problem is not None or min_score is None:
        return row.problem
    if row.score is None:
        return PairProblem("without a score")
    return PairProblem("score below the one asked for", f"{row.score:g}") if row.score < min_score else None


def _long_id_problem(row: PairRow) -> PairProblem | None:
    """Return the problem of a row whose id, whole, would be stored in `pairs` and is too long for it."""
    longest = max(len(row.ids[0]), len(row.partner_ids[0]))
    return PairProblem(LONG_ID, f"{longest:,} characters, of {LONGEST_ID:,} at most") if longest > LONGEST_ID else None


def _listed_pair(row: PairRow, path: Path) -> ListedPair:
    accession, partner = printable_text(row.ids[0]), printable_text(row.partner_ids[0])
    return ListedPair(accession, partner, row.label, row.score, path.name, row.line)


def _refuse_too_many(n_pairs: int, path: Path) -> None:
    if n_pairs > MAX_PAIRS:
        raise InputError(
            f"{path.name} names more pairs than are run.",
            expected=f"at most {MAX_PAIRS:,} pairs",
            found="more",
            hint="split the file, or take the pairs of high score alone: --min-score N",
        )


def _refuse_option(option: str, value: object, what: str) -> None:
    if value is not None:
        raise InputError(f"{option} does not go with {what}.", found=f"{option} {value}", hint=f"leave {option} out")
