"""A source of numbers → the rows of a track or of variants that fit the atlas, and the account of it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from attlas.intake.files import open_file
from attlas.intake.rejects import Account, Rejected, Remark
from attlas.pipeline.annotate.check import Proteins
from attlas.pipeline.annotate.formats import STRUCTURES, structure_format
from attlas.pipeline.annotate.imports import AnnotationSource, Import, Series, report_import
from attlas.pipeline.annotate.rows import AnnotationRows, concatenate
from attlas.pipeline.annotate.source import EXPECTED, first_lines
from attlas.pipeline.annotate.structures.assign import Assignment
from attlas.pipeline.annotate.values.b_column import StructureTrack, read_b_columns
from attlas.pipeline.annotate.values.bedgraph import is_bedgraph, read_bedgraph
from attlas.pipeline.annotate.values.check import ValueCheck
from attlas.pipeline.annotate.values.check_blocks import check_block
from attlas.pipeline.annotate.values.gather import mean_over_variants, series_rows, without_repeats
from attlas.pipeline.annotate.values.read_tables import TableBlock, read_table
from attlas.pipeline.annotate.values.records import ValueRecord
from attlas.pipeline.annotate.values.spill import JoinedTable, SpilledValues, split_sequences
from attlas.pipeline.annotate.values.table_rows import PARQUET_MARK, table_delimiter
from attlas.pipeline.scratch import Scratch
from attlas.schema import TRACKS, VARIANTS, InputError

_TABLE_FORMATS = ("csv", "tsv", "parquet")
FORMATS = (*_TABLE_FORMATS, "bedgraph", *STRUCTURES)
"""The names of the formats of numbers."""
MAX_NAME = 80
"""Characters of the name of a series."""


def import_series(
    source: AnnotationSource, series: Series, proteins: Proteins, rejected: Account, scratch: Scratch
) -> Import:
    """Read a track or values of variants; what does not fit is counted in `rejected`, what is large lies in `scratch`.

    Raises:
        InputError: it cannot be read, or an option does not go with it.
        EnvironmentFault: structures are read by gemmi, which is not installed.
    """
    _check_name(series)
    format = _format(source)
    is_structure = source.path.is_dir() or format in STRUCTURES
    _check_options(source, series, format, is_structure=is_structure)
    if is_structure:
        return _import_b_columns(source, series, proteins, rejected)
    return _import_records(source, series, format, proteins, rejected, scratch)


def _check_name(series: Series) -> None:
    noun = "--track" if series.table is TRACKS else "--variants"
    name = series.name
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise InputError(
            f"{noun} needs a name.",
            expected=f"1 to {MAX_NAME} printable characters, without blanks at the ends",
            found=repr(name[: MAX_NAME + 1]),
            hint=f"such as {noun} {'plddt' if series.table is TRACKS else 'alphamissense'}",
        )


def _format(source: AnnotationSource) -> str:
    """Return the format of a source, told by the caller or its first bytes; empty for a folder. Raises InputError."""
    if source.format is not None and source.format not in FORMATS:
        raise InputError("There is no such format of numbers.", expected=", ".join(FORMATS), found=source.format)
    if source.format is not None or source.path.is_dir():
        return source.format or ""

    with open_file(source.path, expected=EXPECTED) as handle:
        if handle.read(len(PARQUET_MARK)) == PARQUET_MARK:
            return "parquet"
    first_line = next((line for line in first_lines(source.path) if not line.startswith("#")), "")
    if format := structure_format(first_line):
        return format
    if is_bedgraph(source.path, first_line):
        return "bedgraph"
    return "tsv" if table_delimiter(first_line) == "\t" else "csv"


def _check_options(source: AnnotationSource, series: Series, format: str, *, is_structure: bool) -> None:
    """Refuse an option that does not go with the source. Raises InputError."""
    words = f"{source.path.name}, read as {format or 'mmcif'}"

    if series.table is VARIANTS and format not in _TABLE_FORMATS:
        raise InputError("--variants goes with a table of variants.", expected="CSV, TSV or Parquet", found=words)
    if source.chain and not is_structure:
        raise InputError("--chain goes with a structure.", found=words)
    if source.database is not None:
        raise InputError("--database goes with a table of families.", found=words)
    if series.column is not None and format not in _TABLE_FORMATS:
        raise InputError("--column goes with a table.", found=words)

    if source.accessions and not is_structure and (format == "bedgraph" or len(source.accessions) > 1):
        raise InputError(
            "--accession names the one protein of a table.",
            expected="one id, and CSV, TSV or Parquet" if not is_structure else None,
            found=f"{len(source.accessions)} ids; {words}",
        )


def _import_records(
    source: AnnotationSource, series: Series, format: str, proteins: Proteins, rejected: Account, scratch: Scratch
) -> Import:
    check = ValueCheck(proteins, name=series.name)
    computed = (protein for protein in proteins.by_accession.values() if protein.is_computed)
    lengths = {protein.sequence_id: protein.length for protein in computed}
    draft = SpilledValues(split_sequences(lengths), scratch)
    n_rejected_before = rejected.counts.total()
    n_values = 0
    is_of_variants = False
    for part in _parts(source, series, format):
        records: Iterable[ValueRecord] = [part] if isinstance(part, ValueRecord) else []
        if isinstance(part, TableBlock):
            block = check_block(part.block, part.columns, check, rejected, accession=part.accession)
            draft.add_table(block.rows)
            n_values += block.rows.num_rows
            is_of_variants = is_of_variants or (part.columns.is_of_variants and block.rows.num_rows > 0)
            records = map(part.record, block.unclear)

        for record in records:
            is_of_variants = is_of_variants or record.substitute is not None
            for outcome in check.check(record):
                if isinstance(outcome, Rejected):
                    rejected.add(outcome)
                else:
                    draft.add(outcome)
                    n_values += 1
    n_records = n_values + rejected.counts.total() - n_rejected_before

    if series.table is VARIANTS and not is_of_variants and n_values:
        raise _no_variants(source.path)

    remarks = Account()
    joined = JoinedTable(scratch)
    for part in draft.sorted_parts():
        rows, left_out = without_repeats(part, series)
        for item in left_out:
            rejected.add(item)
        if series.table is TRACKS and is_of_variants:
            rows, incomplete_means = mean_over_variants(rows, series.name)
            for remark in incomplete_means:
                remarks.add(remark)
        joined.add(series_rows(rows, series, source=source.path.name))

    stored = AnnotationRows(**{series.table.name: joined.finish()})
    report = report_import(source, format, stored, rejected, remarks, n_records=n_records)
    return Import(report, stored, rejected, remarks)


def _no_variants(path: Path) -> InputError:
    return InputError(
        f"{path.name} holds values of residues, not of variants.",
        expected="a column of variants such as A123V, or columns of position, residue and substitute",
        hint="--track NAME stores values of residues",
    )


def _parts(source: AnnotationSource, series: Series, format: str) -> Iterator[ValueRecord | TableBlock]:
    if format == "bedgraph":
        return read_bedgraph(source.path)
    accession = source.accessions[0] if source.accessions else None
    return read_table(source.path, format, series, accession=accession)


def _import_b_columns(source: AnnotationSource, series: Series, proteins: Proteins, rejected: Account) -> Import:
    assignment = Assignment(proteins, source.accessions, source.chain)
    remarks = Account()
    parts: list[StructureTrack] = []
    for outcome in read_b_columns(source, series, assignment):
        if isinstance(outcome, Rejected):
            rejected.add(outcome)
        elif isinstance(outcome, Remark):
            remarks.add(outcome)
        else:
            parts.append(outcome)

    rows: AnnotationRows = concatenate(part.rows for part in parts)
    n_records = sum(part.n_values for part in parts) + rejected.counts.total()
    formats = ", ".join(sorted({part.format for part in parts}))
    report = report_import(source, formats, rows, rejected, remarks, n_records=n_records)
    return Import(report, rows, rejected, remarks)
