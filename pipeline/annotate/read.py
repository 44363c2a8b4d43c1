"""A source → the rows that fit the atlas, and the account of it."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from attlas.intake.files import STANDARD_INPUT
from attlas.intake.rejects import Account, Rejected, Remark
from attlas.pipeline.annotate.check import COLUMNS, Proteins, check_entry
from attlas.pipeline.annotate.families import database_word
from attlas.pipeline.annotate.formats import FORMATS, READERS, STRUCTURES, format_of
from attlas.pipeline.annotate.gather import DraftRows
from attlas.pipeline.annotate.readers import family_table
from attlas.pipeline.annotate.records import Entry
from attlas.pipeline.annotate.rows import Rows, concatenate, counts_of
from attlas.pipeline.annotate.structures.assign import Assignment
from attlas.pipeline.annotate.structures.files import structure_paths
from attlas.pipeline.annotate.structures.read import StructureRows, read_structures
from attlas.pipeline.annotate.tables import stored_rows
from attlas.schema import AtlasPaths, InputError
from attlas.schema.publish import file_sha256


@dataclass(frozen=True)
class AnnotationSource:
    """A source and what the caller says of it."""

    path: Path
    """A file, or a folder of structures."""
    format: str | None = None
    """A name of FORMATS; None tells it by the content."""
    accessions: tuple[str, ...] = ()
    """Proteins that the chains of a structure are of; none asks the file."""
    chain: str | None = None
    """The only chain of a structure that is read."""
    database: str | None = None
    """Whose families a table of families has."""

    @property
    def name(self) -> str:
        """Name of the file or folder."""
        return self.path.name if self.path.name not in ("", "..") else self.path.resolve().name


class ReplacedFile(NamedTuple):
    """A file of rows that others took the place of."""

    source: str
    table: str
    n_rows: int


@dataclass(frozen=True)
class ImportReport:
    """What became of a source."""

    source: str
    """Name of the file or folder."""
    sha256: str
    """SHA-256 of its bytes; of a folder, of the names and digests of its structures."""
    format: str
    n_records: int
    """Records of the source, stored and rejected: features and families, or the chains of structures."""
    n_proteins: int
    """Accessions that have a row."""
    n_features: int
    """Rows stored in `features`."""
    n_families: int
    """Rows stored in `families`."""
    n_coordinates: int
    """Rows stored in `coordinates`."""
    by_type: dict[str, int]
    """Rows stored of each type of feature."""
    by_database: dict[str, int]
    """Rows stored of each database of families."""
    n_structures: int
    """Structure files that gave a row."""
    n_chains: int
    """Chains laid onto a protein."""
    n_rejected: int
    rejected: dict[str, int]
    """Records left out, by reason."""
    remarks: dict[str, int]
    """What is stored, but not as one might think, by kind."""
    replaced: tuple[ReplacedFile, ...] = ()
    """Rows of earlier imports whose place these take."""


@dataclass(frozen=True)
class Import:
    """A source as read."""

    report: ImportReport
    rows: Rows
    rejected: Account
    """Records left out."""
    remarks: Account
    """Records that are stored, but not as one might think."""


def read_source(paths: AtlasPaths, source: AnnotationSource, rejected: Account) -> Import:
    """Read a source against the proteins of an atlas; what does not fit is counted in `rejected`.

    Raises:
        InputError: it cannot be read, or an option does not go with it.
        BrokenAtlasError: the proteins cannot be read.
        EnvironmentFault: structures are read by gemmi, which is not installed.
    """
    _refuse_standard_input(source.path)
    format = _format(source)
    proteins = Proteins.of(stored_rows(paths, paths.proteins, COLUMNS))
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
    return Import(_report(source, format, rows, rejected, remarks, n_records=n_records), rows, rejected, remarks)


def _entries(source: AnnotationSource, format: str) -> Iterator[Entry]:
    reader = READERS[format]
    if format == "families" and source.database:
        database = database_word(source.database) or source.database
        reader = partial(family_table.read, database=database)
    return reader(source.path)


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
    report = _report(source, formats, rows, rejected, remarks, n_records=n_records, n_chains=n_chains)
    return Import(report, rows, rejected, remarks)


def _report(
    source: AnnotationSource,
    format: str,
    rows: Rows,
    rejected: Account,
    remarks: Account,
    *,
    n_records: int,
    n_chains: int = 0,
) -> ImportReport:
    return ImportReport(
        source=source.name,
        sha256=_digest(source.path),
        format=format,
        n_records=n_records,
        n_proteins=rows.n_proteins(),
        n_features=rows.features.num_rows,
        n_families=rows.families.num_rows,
        n_coordinates=rows.coordinates.num_rows,
        by_type=counts_of(rows.features, "type"),
        by_database=counts_of(rows.families, "database"),
        n_structures=len(counts_of(rows.coordinates, "source")),
        n_chains=n_chains,
        n_rejected=rejected.counts.total(),
        rejected=dict(rejected.counts.most_common()),
        remarks=dict(remarks.counts.most_common()),
    )


def _digest(path: Path) -> str:
    if not path.is_dir():
        return file_sha256(path)
    return _digest_of_files(structure_paths(path))


def _digest_of_files(paths: Iterable[Path]) -> str:
    lines = (f"{path.name} {file_sha256(path)}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
