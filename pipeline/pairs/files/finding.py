"""The proteins of an atlas that the rows of STRING and PSI-MITAB are about, and each pair of them once.

Most lines of these files are about proteins that an atlas lacks, and many repeat another line: such lines are counted
as they are read, so that memory holds only the pairs of the atlas.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from attlas.intake.identifiers import Names, resolve_id
from attlas.pipeline.pairs.files.rows import PairProblem, PairRow

_N_REMEMBERED = 65_536
"""Answers that are remembered: the same proteins are named over and over."""

AccessionOrProblem = tuple[str, PairProblem | None]
"""The accession of a protein and no problem; or an empty text and the problem."""


class PairFinder:
    """Finds the proteins of an atlas that ids name."""

    def __init__(self, names: Names, aliases: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Take the names of the proteins of an atlas, and the accessions that other ids have."""
        self._names = names
        self._aliases = aliases or {}
        self._find = lru_cache(_N_REMEMBERED)(self._find_anew)

    def find(self, row: PairRow) -> PairRow:
        """Return the row with accessions of the atlas as its ids, or with the reason why there are none."""
        if row.problem is not None:
            return row
        accession, problem = self._find(row.ids)
        if problem is None:
            partner, problem = self._find(row.partner_ids)
            if problem is None:
                return row._replace(ids=(accession,), partner_ids=(partner,))
        return row._replace(problem=problem)

    def _find_anew(self, ids: tuple[str, ...]) -> AccessionOrProblem:
        accessions: dict[str, None] = {}
        isoform = None
        for id in ids:
            if id in self._aliases:
                accessions |= dict.fromkeys(self._aliases[id])
                continue
            resolution = resolve_id(self._names, id)
            accessions |= dict.fromkeys(str(self._names.value(row, "accession")) for row in resolution.rows)
            isoform = resolution.why if resolution.is_isoform else isoform

        if len(accessions) == 1:
            return next(iter(accessions)), None
        if accessions:
            return "", PairProblem("the id names several proteins of the atlas", f"{ids[0]} is {', '.join(accessions)}")
        if isoform is not None:
            return "", PairProblem("an isoform that is not in the atlas", f"{ids[0]}; {isoform}")
        return "", PairProblem("not in the atlas", ids[0])


def merge_repeats(rows: Iterable[PairRow]) -> Iterator[PairRow]:
    """Yield rows, whose ids are accessions; a row that repeats the pair of an earlier one gets this as its problem.

    A pair is the same in either order. The earlier row keeps its score and label.
    """
    lines: dict[tuple[str, str], tuple[int, str | None]] = {}
    for row in rows:
        if row.problem is not None:
            yield row
            continue

        pair = (row.ids[0], row.partner_ids[0])
        line, label = lines.setdefault(min(pair, pair[::-1]), (row.line, row.label))
        if line == row.line:
            yield row
        elif label == row.label:
            yield row._replace(problem=PairProblem("given before", f"on line {line:,}"))
        else:
            detail = f"{row.label}, and {label} on line {line:,}"
            yield row._replace(problem=PairProblem("given before with another label", detail))
