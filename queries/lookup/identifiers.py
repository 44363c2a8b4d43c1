"""The proteins of an atlas that an id names, one id or ten thousand, with the error that says why it names none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from attlas.intake.identifiers import N_NAMED, Names, list_searches, read_id, resolve_id
from attlas.queries.lookup.parquet_rows import ProteinRows
from attlas.queries.lookup.similar import similar_ids
from attlas.queries.text import counted, cut, printable
from attlas.schema import QuestionError

FORMS = (
    "accession (P04637, P04637-2, P04637.4), sp|ACCESSION|NAME, UniProtKB:ACCESSION, AF-ACCESSION-F1, entry name, "
    "gene or GENE@TAXON, MD5 or CRC64 of the sequence"
)
"""What an id may be, for messages."""
SHOWN_WIDTH = 80
"""Characters of an id that a message repeats."""
N_ONE_BY_ONE = 10
"""Ids up to which each is searched for by itself, which reads fewer columns."""


@dataclass(frozen=True)
class Match:
    """The answer to an id in an atlas: rows of `proteins`, or candidates, or nothing."""

    id: str
    rows: tuple[int, ...] = ()
    """Rows of `proteins`; several only for a digest, whose proteins share one sequence."""
    candidates: tuple[str, ...] = ()
    """Accessions, when the id names several proteins with no reason to prefer one, or only isoforms."""
    why: str | None = None
    """What stands in the way, where it is more than that nothing here has this id."""
    close: tuple[str, ...] = ()
    """Similar ids that are in the atlas, when this one is not."""
    in_taxa: tuple[str, ...] = ()
    """The gene with each taxon in which it names one protein, when it is ambiguous without."""
    is_isoform: bool = False
    """Its entry is in the atlas, and it is an isoform that is not."""

    @property
    def reason(self) -> str | None:
        """The reason why there are no rows, in one line; None where it is only that the id is not in the atlas."""
        if self.candidates:
            others = f" and {len(self.candidates) - N_NAMED:,} more" if len(self.candidates) > N_NAMED else ""
            return f"one of {_listed(self.candidates[:N_NAMED])}{others}"
        similar = f"similar ids here: {_listed(self.close)}" if self.close else None
        return "; ".join(text for text in (self.why, similar) if text) or None

    @property
    def is_unknown(self) -> bool:
        """No protein of the atlas is known to be meant, so that similar ids may help."""
        return not self.rows and not self.candidates and (self.why is None or self.is_isoform)

    def fault(self) -> QuestionError:
        """Return the error that says why there are no rows."""
        id_words = cut(printable(self.id), SHOWN_WIDTH) if self.id.strip() else "An empty id"
        if self.candidates:
            message = f"{id_words} names {counted(len(self.candidates), 'protein')} of this atlas."
            in_taxa = f", or for that of one organism: {_listed(self.in_taxa)}" if self.in_taxa else ""
            hint = "ask for one of these accessions" if len(self.candidates) > 1 else "ask for this accession"
            named = [printable(accession) for accession in self.candidates]
            return QuestionError(message, found=self.why, offenders=named, hint=hint + in_taxa)

        message = f"{id_words} is not in this atlas."
        if self.close:
            is_by_case = any(name.upper() == self.id.strip().upper() for name in self.close)
            hint = f"similar ids here: {_listed(self.close)}" + ("; letter case counts" if is_by_case else "")
            return QuestionError(message, found=self.why, hint=hint)

        if self.why:
            return QuestionError(message, found=self.why)

        return QuestionError(
            message, expected=FORMS, hint="`attlas sql DIR 'SELECT accession, gene FROM proteins'` lists all"
        )


@dataclass(frozen=True)
class _SearchedColumns:
    """The rows of `proteins` that hold the ids of a batch, by searched column."""

    proteins: ProteinRows
    rows: dict[str, dict[str, list[int]]]
    """Column, value, rows."""

    def row_of(self, accession: str) -> int | None:
        return self.proteins.row_of(accession)

    def where(self, column: str, value: str) -> list[int]:
        return self.rows.get(column, {}).get(value, [])

    def value(self, row: int, column: str) -> Any:
        return self.proteins.value(row, column)


def find(proteins: ProteinRows, id: str, *, taxon: int | str | None = None) -> Match:
    """Return the match of an id. `taxon`, an NCBI id or an organism's name, says whose gene a gene name means."""
    return _with_close(proteins, [_match_id(proteins, id, taxon)])[0]


def find_all(proteins: ProteinRows, ids: Sequence[str], *, taxon: int | str | None = None) -> list[Match]:
    """Return the match of each of many ids; `proteins` is read once, not once per id."""
    names = proteins if len(ids) <= N_ONE_BY_ONE else _search_columns(proteins, ids)
    return _with_close(proteins, [_match_id(names, id, taxon) for id in ids])


def find_rows(proteins: ProteinRows, id: str) -> tuple[int, ...]:
    """Return the rows of `proteins` an id names.

    Raises:
        QuestionError: it names none, or several different proteins.
    """
    match = find(proteins, id)
    if not match.rows:
        raise match.fault()
    return match.rows


def _search_columns(proteins: ProteinRows, ids: Sequence[str]) -> _SearchedColumns:
    """Search the columns of `proteins` for many ids; a column that none of them can be in is not read."""
    values_by_column: dict[str, set[str]] = {}
    for id in ids:
        if proteins.row_of(id) is None:
            for column, value, _ in list_searches(read_id(id)):
                values_by_column.setdefault(column, set()).add(value)

    return _SearchedColumns(
        proteins, {column: proteins.rows_by_value(column, values) for column, values in values_by_column.items()}
    )


def _with_close(proteins: ProteinRows, matches: list[Match]) -> list[Match]:
    """Add similar ids of the atlas to the matches of unknown ids."""
    unknown = {m.id: read_id(m.id).name for m in matches if m.is_unknown}
    close = similar_ids(proteins, list(dict.fromkeys(unknown.values())))
    return [replace(m, close=close[unknown[m.id]]) if m.id in unknown else m for m in matches]


def _match_id(names: Names, id: str, taxon: int | str | None) -> Match:
    resolution = resolve_id(names, id, taxon=taxon)
    return Match(
        id,
        resolution.rows,
        resolution.candidates,
        resolution.why,
        in_taxa=resolution.in_taxa,
        is_isoform=resolution.is_isoform,
    )


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(map(printable, texts))
