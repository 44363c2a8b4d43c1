"""All pairs of two lists of proteins; they are counted before the first is made."""

from collections.abc import Iterator
from pathlib import Path

from attlas.intake.text import printable_text
from attlas.pipeline.pairs.files.lines import read_content
from attlas.pipeline.pairs.files.rows import PairProblem, PairRow
from attlas.schema import InputError

EXPECTED_LIST = "a list of proteins: one accession a line"
ListedId = tuple[int, str]
"""Number of a line, and the id on it."""


def read_all_pairs(path: Path, against: Path, *, max_pairs: int) -> Iterator[PairRow]:
    """Yield every pair of a protein of one list and a protein of another; line and text are those of the first list.

    An id that a list repeats counts once, and so does a pair that comes in both orders: one list against itself gives
    each two proteins once, and each protein with itself.

    Raises:
        InputError: a list cannot be read, is empty, or there are more pairs than `max_pairs`; says how many.
    """
    ids, repeats = _read_list(path)
    partner_ids, partner_repeats = _read_list(against)
    n_pairs = count_all_pairs([id for _, id in ids], [id for _, id in partner_ids])
    if n_pairs > max_pairs:
        raise InputError(
            f"{path.name} against {against.name} are more pairs than are run.",
            expected=f"at most {max_pairs:,} pairs",
            found=f"{n_pairs:,}: {len(ids):,} proteins against {len(partner_ids):,}",
            hint=f"cut one of the lists; {max_pairs // len(ids):,} proteins against {path.name} are within the bound",
        )

    yield from (*repeats, *partner_repeats)
    places = {id: place for place, (_, id) in enumerate(ids)}
    shared = places.keys() & {id for _, id in partner_ids}
    for line, id in ids:
        for _, partner in partner_ids:
            # Two proteins that are in both lists come in both orders: the order of the first list is taken.
            if id not in shared or partner not in shared or places[id] <= places[partner]:
                yield PairRow(line, f"{id} {partner}", (id,), (partner,))


def count_all_pairs(ids: list[str], partner_ids: list[str]) -> int:
    """Return the number of pairs of two lists without repeats: those that come in both orders count once."""
    n_shared = len(set(ids) & set(partner_ids))
    return len(ids) * len(partner_ids) - n_shared * (n_shared - 1) // 2


def _read_list(path: Path) -> tuple[list[ListedId], list[PairRow]]:
    """Return the ids of a list, each once with its first line, and rows for the lines that repeat one."""
    lines: dict[str, int] = {}
    repeats: list[PairRow] = []
    for number, line in read_content(path, expected=EXPECTED_LIST):
        words = line.split()
        if len(words) != 1:
            raise InputError(
                f"{path.name} is no list of proteins.",
                expected=EXPECTED_LIST,
                found=f"line {number:,}: {printable_text(line)[:80]}",
                hint="--all-against takes two lists; a table of pairs needs no such option",
            )
        id = words[0]
        if id in lines:
            problem = PairProblem("given before", f"on line {lines[id]:,}")
            repeats.append(PairRow(number, id, problem=problem, source=path.name))
        else:
            lines[id] = number

    if not lines:
        raise InputError(f"{path.name} holds no list.", expected=EXPECTED_LIST, found="only comments and blank lines")
    return [(number, id) for id, number in lines.items()], repeats
