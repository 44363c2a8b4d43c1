"""STRING: `protein.links` with its score, and the file of aliases that says which accession an identifier has.

The file has every pair twice, once from either side. Scores are those of the file, 0 to 1,000. The columns are
separated by blanks, `protein1 protein2 combined_score`; the detailed files have the scores of the channels between the
last two.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from attlas.intake.identifiers import Names
from attlas.pipeline.pairs.files.lines import read_content, read_lines, read_score
from attlas.pipeline.pairs.files.rows import PairProblem, PairRow
from attlas.schema import InputError

STRING_ID = re.compile(r"[0-9]+\.\S+")
"""Taxon and name of a protein, such as `9606.ENSP00000269305`."""

_HEADER = ("protein1", "protein2")
_ACCESSION_SOURCE = "UniProt_AC"
"""Part of the source of an alias that is an accession of UniProt."""
_EXPECTED_ALIASES = "STRING's protein.aliases: identifier, alias and source a line, separated by tabs"
_N_COLUMNS = 3
"""Columns of the file of aliases, and of the links without channels."""


def is_string_links(line: str) -> bool:
    """Return whether a line may be the first one of `protein.links`."""
    cells = line.split()
    if tuple(cells[:2]) == _HEADER:
        return True
    return len(cells) >= _N_COLUMNS and all(map(STRING_ID.fullmatch, cells[:2])) and cells[-1].isdecimal()


def read_string_links(path: Path) -> Iterator[PairRow]:
    """Yield the links of STRING line by line, with STRING's identifiers. Raises InputError as `read_lines`."""
    n_columns = None
    for number, line in read_content(path):
        cells = line.split()
        n_columns = n_columns or len(cells)
        if tuple(cells[:2]) == _HEADER:
            continue

        if len(cells) != n_columns or len(cells) < _N_COLUMNS:
            detail = f"{len(cells)} where the first line has {n_columns}"
            yield PairRow(number, line, problem=PairProblem("another number of columns", detail))
            continue
        score, problem = read_score(cells[-1])
        yield PairRow(number, line, (cells[0],), (cells[1],), None, score, problem)


def read_aliases(path: Path, names: Names) -> dict[str, tuple[str, ...]]:
    """Return the accessions, in the atlas, of STRING's identifiers; identifiers without an accession are left out.

    Args:
        path: STRING's `protein.aliases`, which lists every name in use; only those from UniProt are read.
        names: the names of the proteins of the atlas.

    Raises:
        InputError: it cannot be read, or is not such a file; names the line.
    """
    accessions: dict[str, tuple[str, ...]] = {}
    for number, line in read_lines(path, expected=_EXPECTED_ALIASES):
        if line.startswith("#"):
            continue

        cells = line.split("\t")
        if len(cells) != _N_COLUMNS or not STRING_ID.fullmatch(cells[0]):
            raise InputError(
                f"{path.name} is no file of STRING's aliases.",
                expected=_EXPECTED_ALIASES,
                found=f"line {number:,}: {line[:80]!r}",
                hint="the file that belongs to protein.links of the same version and organism",
            )

        id, alias, source = cells
        if _ACCESSION_SOURCE in source and names.row_of(alias) is not None and alias not in accessions.get(id, ()):
            accessions[id] = (*accessions.get(id, ()), alias)
    return accessions
