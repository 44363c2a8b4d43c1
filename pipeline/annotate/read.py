"""A source → the rows that fit the atlas, and the account of it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from attlas.intake.files import STANDARD_INPUT
from attlas.intake.rejects import Account, Rejected, Remark
from attlas.pipeline.annotate.check import COLUMNS, Proteins, check_entry
from attlas.pipeline.annotate.families import database_word
from attlas.pipeline.annotate.formats import FORMATS, READERS, STRUCTURES, format_of
from attlas.pipeline.annotate.gather import DraftRows
from attlas.pipeline.annotate.imports import AnnotationSource, Import, report_import
from attlas.pipeline.annotate.partners.check import ContactRow, check_contacts, contact_rows
from attlas.pipeline.annotate.partners.read import CONTACT_TABLE, read_contacts
from attlas.pipeline.annotate.readers import family_table
from attlas.pipeline.annotate.records import Entry
from attlas.pipeline.annotate.rows import concatenate
from attlas.pipeline.annotate.structures.assign import Assignment
from attlas.pipeline.annotate.structures.read import StructureRows, read_structures
from attlas.pipeline.annotate.tables import stored_rows
from attlas.pipeline.annotate.values.read import import_series
from attlas.pipeline.scratch import Scratch
from attlas.schema import AtlasPaths, InputError


def read_source(paths: AtlasPaths, source: AnnotationSource, rejected: Account, scratch: Scratch) -> Import:
    """Read a source against the proteins of an atlas; what does not fit is counted in `rejected`.

    Rows that are too many for memory lie in `scratch`, and are there as long as it is.

    Raises:
        InputError: it cannot be read, or an option does not go with it.
        BrokenAtlasError: the proteins cannot be read.
        EnvironmentFault: structures are read by gemmi, which is not installed.
    """
    _refuse_standard_input(source.path)
    if source.series is not None:
        proteins = Proteins.of(stored_rows(paths, paths.proteins, COLUMNS))
        return import_series(source, source.series, proteins, rejected, scratch)

    format = _format(source)
    proteins = Proteins.of(stored_rows(paths, paths.proteins, COLUMNS))
    if format == CONTACT_TABLE:
        return _import_contacts(source, proteins, rejected)
    if format in STRUCTURES or source.path.is_dir():
        return _import_structures(source, proteins, rejected)
    return _import_entries(source, format, proteins, rejected)


def _refuse_standard_input(path: Path) -> None:
    if str(path) == STANDARD_INPUT:
        raise InputError(
            "annotate reads no standard input.",
            expected="a file: it is read more than once, and the rows are named after it",
            found="`-`",
            hint="write what the pipe gives to a file first",
        )


def _format(source: AnnotationSource) -> str:
    """Return the format; of a folder that of its structures, empty for both. Raises InputError."""
    is_folder = source.path.is_dir()
    if source.format is not None and source.format not in FORMATS:
        raise InputError("There is no such format.", expected=", ".join(FORMATS), found=source.format)
    if is_folder and source.format is not None and source.format not in STRUCTURES:
        raise InputError(
            f"{source.path.name} is a folder; a source of the format {source.format} is a file.",
            expected="a folder of structures, or a file",
        )

    format = source.format or ("" if is_folder else format_of(source.path))
    _check_options(source, format, is_structure=is_folder or format in STRUCTURES)
    return format


def _check_options(source: AnnotationSource, format: str, *, is_structure: bool) -> None:
    """Refuse an option that is empty, or that does not go with the format. Raises InputError."""
    for option, text in (("--database", source.database), ("--chain", source.chain)):
        if text is not None and not text.strip():
            raise InputError(f"{option} is empty.", hint=f"name what it is about, or leave {option} out")
    for option, value, fits in (
        ("--accession", source.accessions, is_structure),
        ("--chain", source.chain, is_structure),
        ("--database", source.database, format == "families"),
    ):
        if value and not fits:
            kind = "a table of families" if option == "--database" else "a structure"
            raise InputError(f"{option} goes with {kind}.", found=f"{source.path.name}, read as {format or 'mmcif'}")


def _import_entries(source: AnnotationSource, format: str, proteins: Proteins, rejected: Account) -> Import:
    draft = DraftRows()
    n_records = 0
    for entry in _entries(source, format):
        n_records += entry.n_records
        for outcome in check_entry(entry, proteins):
            if isinstance(outcome, Rejected):
                rejected.add(outcome)
            else:
                draft.add(outcome)

    rows, repeats = draft.finish(source=source.path.name)
    for repeat in repeats:
        rejected.add(repeat)
    remarks = Account()
    return Import(report_import(source, format, rows, rejected, remarks, n_records=n_records), rows, rejected, remarks)


def _entries(source: AnnotationSource, format: str) -> Iterator[Entry]:
    reader = READERS[format]
    if format == "families" and source.database:
        database = database_word(source.database) or source.database
        reader = partial(family_table.read, database=database)
    return reader(source.path)


def _import_contacts(source: AnnotationSource, proteins: Proteins, rejected: Account) -> Import:
    contacts: list[ContactRow] = []
    for outcome in check_contacts(read_contacts(source.path), proteins):
        if isinstance(outcome, Rejected):
            rejected.add(outcome)
        else:
            contacts.append(outcome)

    rows = contact_rows(contacts, source=source.path.name)
    n_records = len(contacts) + rejected.counts.total()
    report = report_import(source, CONTACT_TABLE, rows, rejected, remarks := Account(), n_records=n_records)
    return Import(report, rows, rejected, remarks)


def _import_structures(source: AnnotationSource, proteins: Proteins, rejected: Account) -> Import:
    assignment = Assignment(proteins, source.accessions, source.chain)
    remarks = Account()
    structures: list[StructureRows] = []
    for outcome in read_structures(source.path, assignment, format=source.format):
        if isinstance(outcome, Rejected):
            rejected.add(outcome)
        elif isinstance(outcome, Remark):
            remarks.add(outcome)
        else:
            structures.append(outcome)

    rows = concatenate(structure.rows for structure in structures)
    n_chains = sum(structure.n_chains for structure in structures)
    formats = ", ".join(sorted({structure.format for structure in structures}))
    n_records = n_chains + rejected.counts.total()
    report = report_import(source, formats, rows, rejected, remarks, n_records=n_records, n_chains=n_chains)
    return Import(report, rows, rejected, remarks)
