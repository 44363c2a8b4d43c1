"""PSI-MITAB 2.5 to 2.8: interactions of two participants; those between proteins of UniProt are taken.

The columns are those of psidev.info: ids, alternative ids, ..., confidence (2.5: 15 columns), then expansion, types of
the participants and `negative` (2.6: 36), features (2.7: 42), and more (2.8: 46). Interactions that were expanded from
a complex, each of its members with its bait, are taken as they are.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attlas.pipeline.pairs.files.lines import read_content, read_score
from attlas.pipeline.pairs.files.rows import PairProblem, PairRow

N_COLUMNS = (15, 36, 42, 46)
"""Columns of the versions 2.5, 2.6, 2.7 and 2.8."""
HEADER = re.compile(r"#\s*ID(\(s\))? interactor A", re.IGNORECASE)
"""Beginning of the first line."""

_ALTERNATIVE, _CONFIDENCE, _TYPE, _NEGATIVE = 2, 14, 20, 35
"""Places of columns, from 0; the columns of participant A, which those of B follow."""

_UNIPROT = ("uniprotkb", "uniprot/swiss-prot", "uniprot/trembl", "uniprot")
"""Databases whose identifiers are accessions; the reviewed ones first."""
_PROTEIN = "protein"
"""The type of a whole protein; a peptide is another molecule, even where it is cut out of one."""
_SCORES = ("intact-miscore", "mentha-score", "score")
"""Names of scores between 0 and 1, in order of preference; other numbers in the column are not scores of the pair."""

_FIELD = re.compile(r'(?P<db>"[^"]*"|[^:|"]+):(?P<id>"(?:[^"\\]|\\.)*"|[^|(]*)(?:\((?P<text>[^|]*)\))?')
_CELL = re.compile(r"[A-Za-z][^:\t]*:[^\t]+")
_PROCESSED = re.compile(r"([A-Z0-9]+)-PRO_[0-9]+")


def is_mitab(line: str) -> bool:
    """Return whether a line may be the first one of PSI-MITAB."""
    cells = line.split("\t")
    if HEADER.match(line):
        return True
    return len(cells) in N_COLUMNS and all(cell == "-" or _CELL.fullmatch(cell) for cell in cells[:2])


def read_mitab(path: Path) -> Iterator[PairRow]:
    """Yield the interactions of PSI-MITAB line by line. Raises InputError as `read_lines`."""
    for number, line in read_content(path):
        yield _read_row(PairRow(number, line), line.split("\t"))


def _read_row(row: PairRow, cells: Sequence[str]) -> PairRow:
    if len(cells) not in N_COLUMNS:
        *others, last = map(str, N_COLUMNS)
        expected = f"{', '.join(others)} or {last}"
        return row._replace(problem=PairProblem("another number of columns", f"{len(cells)} where {expected} belong"))

    ids: list[tuple[str, ...]] = []
    for participant in (0, 1):
        accessions, problem = _read_participant(cells, participant)
        if problem is not None:
            return row._replace(problem=problem)
        ids.append(accessions)

    score, _ = read_score(_find_score(cells[_CONFIDENCE]))
    return row._replace(ids=ids[0], partner_ids=ids[1], label=_find_label(cells), score=score)


def _read_participant(cells: Sequence[str], participant: int) -> tuple[tuple[str, ...], PairProblem | None]:
    """Return the accessions of participant 0 or 1, or why it is no protein of UniProt."""
    if cells[participant].strip() in ("-", ""):
        return (), PairProblem("one participant alone")

    kinds = [text for _, _, text in _fields(cells[_TYPE + participant])] if len(cells) > _TYPE + 1 else []
    if kinds and _PROTEIN not in kinds:
        return (), PairProblem(f"not a protein ({kinds[0] or 'of unknown type'})", cells[participant][:60])

    for column in (participant, _ALTERNATIVE + participant):
        fields = _fields(cells[column])
        for databases in (_UNIPROT[:2], _UNIPROT):
            accessions = tuple(dict.fromkeys(id for database, id, _ in fields if database in databases))
            if accessions:
                processed = _PROCESSED.fullmatch(accessions[0])
                problem = processed and PairProblem("a part cut out of a protein", f"{accessions[0]} of {processed[1]}")
                return accessions, problem or None

    databases_named = ", ".join(dict.fromkeys(database for database, _, _ in _fields(cells[participant])))
    return (), PairProblem(f"no protein of UniProt ({databases_named or 'no database'})", cells[participant][:60])


def _fields(cell: str) -> list[tuple[str, str, str]]:
    """Return the fields of a cell, parted by `|`: database in small letters, identifier, and the text in brackets."""
    return [
        (match["db"].strip('"').strip().lower(), match["id"].strip('"').strip(), (match["text"] or "").strip('"'))
        for match in _FIELD.finditer(cell)
    ]


def _find_score(cell: str) -> str:
    """Return the score of an interaction as it is written; empty without one."""
    scores = {database: id for database, id, _ in _fields(cell)}
    return next((scores[name] for name in _SCORES if name in scores), "")


def _find_label(cells: Sequence[str]) -> str | None:
    """Return `negative` for an interaction that was looked for and is not there, `positive` for others; None in 2.5."""
    if len(cells) <= _NEGATIVE:
        return None
    return "negative" if cells[_NEGATIVE].strip().lower() == "true" else "positive"
