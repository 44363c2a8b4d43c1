"""Tables of numbers → records: CSV, TSV and Parquet of residues or of variants, AlphaMissense's among them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from attlas.intake.claims import NO_CLAIM, SequenceClaim, plain_position, whole_number
from attlas.intake.rejects import Problem, Reason
from attlas.pipeline.annotate.imports import Series
from attlas.pipeline.annotate.values.blocks import RowBlock
from attlas.pipeline.annotate.values.columns import ValueColumns, header_columns, is_header, usual_columns
from attlas.pipeline.annotate.values.records import ValueRecord
from attlas.pipeline.annotate.values.substitutions import read_substitution
from attlas.pipeline.annotate.values.table_rows import read_pieces
from attlas.schema import InputError


class TableBlock(NamedTuple):
    """Many rows of a table that says nothing of its sequences, with its columns."""

    block: RowBlock
    columns: ValueColumns
    accession: str | None
    """The protein of rows that name none."""

    def record(self, i: int) -> ValueRecord:
        """Return a row by itself; the first is 0."""
        line, cells = self.block.row(i)
        return _record(cells, self.columns, line, self.accession)


def read_table(path: Path, format: str, series: Series, *, accession: str | None) -> Iterator[ValueRecord | TableBlock]:
    """Yield the values of a table, many at once where its rows are plain.

    Args:
        path: the table.
        format: `csv`, `tsv` or `parquet`.
        series: the name of the values, and their column where the caller names it.
        accession: the protein of all values, for a table that does not say it.

    Raises:
        InputError: it cannot be read, or it is not plain what its columns are.
    """
    columns: ValueColumns | None = None
    for piece in read_pieces(path, format):
        if columns is not None and not columns.has_claim and (block := piece.cut(columns)) is not None:
            yield TableBlock(block, columns, accession)
            continue

        for line, cells in piece.rows():
            if columns is None:
                if is_header(cells):
                    columns = header_columns(cells, series, has_accession=accession is not None, name=path.name)
                    continue
                columns = usual_columns(cells, has_accession=accession is not None)
                if columns is None:
                    raise _not_such_a_table(cells, path)
            yield _record(cells, columns, line, accession)


def _not_such_a_table(cells: Sequence[str], path: Path) -> InputError:
    return InputError(
        f"{path.name} is no table of numbers.",
        expected="a header line with accession, position (or variant) and value, or rows of just these three",
        found=", ".join(cells)[:200],
        hint="`--format bedgraph` reads rows of accession, start, end and value whose positions count from 0",
    )


def _record(cells: Sequence[str], columns: ValueColumns, line: int, accession: str | None) -> ValueRecord:
    texts = {column: cells[place].strip() for column, place in columns.places.items() if place < len(cells)}
    id = texts.get("accession") or accession or ""
    if len(cells) != columns.n:
        problem = Problem(Reason.UNREADABLE_LINE, f"{len(cells)} columns where its header has {columns.n}")
        return ValueRecord(id, texts.get("position", ""), texts.get("position", ""), "", line=line, problem=problem)

    value = cells[columns.value].strip()
    claim = _claim(texts) if columns.has_claim else NO_CLAIM
    if columns.is_of_variants:
        return _variant_record(id, texts, value, claim, line)
    position = plain_position(texts["position"])
    return ValueRecord(id, position, position, value, texts.get("residue") or None, None, claim, line)


def _variant_record(id: str, texts: Mapping[str, str], value: str, claim: SequenceClaim, line: int) -> ValueRecord:
    text = texts.get("variant")
    if text is None:
        position = plain_position(texts.get("position", ""))
        text = f"{texts.get('residue', '')}{position}{texts.get('substitute', '')}"
    variant = read_substitution(text)
    if variant is None:
        problem = Problem(Reason.NO_SUBSTITUTION, f"`{text[:40]}`")
        return ValueRecord(id, text, text, value, claim=claim, line=line, problem=problem)
    place = str(variant.position)
    return ValueRecord(id, place, place, value, variant.residue, variant.substitute, claim, line)


def _claim(texts: Mapping[str, str]) -> SequenceClaim:
    return SequenceClaim(
        sequence=texts.get("sequence") or None,
        md5=(texts.get("md5") or "").lower() or None,
        crc64=(texts.get("crc64") or "").upper() or None,
        length=whole_number(texts.get("length")),
        version=whole_number(texts.get("sequence_version")),
    )
