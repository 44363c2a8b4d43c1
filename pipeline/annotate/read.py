"""A source → the rows that fit the atlas, and the account of it."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from attlas.pipeline.annotate.check import COLUMNS, Known
from attlas.pipeline.annotate.families import database_word
from attlas.pipeline.annotate.formats import FORMATS, READERS, STRUCTURES, format_of
from attlas.pipeline.annotate.gather import gathered
from attlas.pipeline.annotate.readers import family_table
from attlas.pipeline.annotate.rejects import Rejects
from attlas.pipeline.annotate.rows import Rows, counts
from attlas.pipeline.annotate.structures.assign import Assignment
from attlas.pipeline.annotate.structures.files import structure_paths
from attlas.pipeline.annotate.structures.read import read_structures
from attlas.pipeline.annotate.tables import stored_rows
from attlas.schema import AtlasPaths, InputError
from attlas.schema.publish import file_sha256


@dataclass(frozen=True)
class Request:
    """A source and what the caller says of it."""

    source: Path
    """A file, or a folder of structures."""
    format: str | None = None
    """A name of FORMATS; None tells it by the content."""
    accessions: tuple[str, ...] = ()
    """Proteins that the chains of a structure are of; none asks the file."""
    chain: str | None = None
    """The only chain of a structure that is read."""
    database: str | None = None
    """Whose families a table of families has."""


class Replaced(NamedTuple):
    """A file of rows that others took the place of."""

    source: str
    table: str
    n_rows: int


@dataclass(frozen=True)
class Annotation:
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
    replaced: tuple[Replaced, ...] = ()
    """Rows of earlier sources whose place these take."""


@dataclass(frozen=True)
class Reading:
    """A source as read."""

    found: Annotation
    rows: Rows
    rejects: Rejects
    remarks: Rejects


def read_source(paths: AtlasPaths, request: Request, rejects: Rejects) -> Reading:
    """Read a source against the proteins of an atlas; what does not fit goes to `rejects`.

    Raises:
        InputError: it cannot be read, or an option does not go with it.
        BrokenAtlasError: the proteins cannot be read.
        EnvironmentFault: structures are read by gemmi, which is not installed.
    """
    format = _format(request)
    known = Known.of(stored_rows(paths, paths.proteins, COLUMNS))
    if format in STRUCTURES or request.source.is_dir():
        return _read_structures(request, known, rejects)
    return _read_entries(request, format, known, rejects)


def _format(request: Request) -> str:
    """Return the format; of a folder that of its structures, empty for both. Raises InputError."""
    is_folder = request.source.is_dir()
    if request.format is not None and request.format not in FORMATS:
        raise InputError("There is no such format.", expected=", ".join(FORMATS), found=request.format)
    if is_folder and request.format is not None and request.format not in STRUCTURES:
        raise InputError(
            f"{request.source.name} is a folder; a source of the format {request.format} is a file.",
            expected="a folder of structures, or a file",
        )
    format = request.format or ("" if is_folder else format_of(request.source))
    is_structure = is_folder or format in STRUCTURES
    for option, text in (("--database", request.database), ("--chain", request.chain)):
        if text is not None and not text.strip():
            raise InputError(f"{option} is empty.", hint=f"name what it is about, or leave {option} out")
    for option, value, fits in (
        ("--accession", request.accessions, is_structure),
        ("--chain", request.chain, is_structure),
        ("--database", request.database, format == "families"),
    ):
        if value and not fits:
            kind = "a table of families" if option == "--database" else "a structure"
            raise InputError(f"{option} goes with {kind}.", found=f"{request.source.name}, read as {format or 'mmcif'}")
    return format


def _read_entries(request: Request, format: str, known: Known, rejects: Rejects) -> Reading:
    reader = READERS[format]
    if format == "families" and request.database:
        database = database_word(request.database) or request.database
        reader = partial(family_table.read, database=database)
    name = request.source.name
    rows, n_records = gathered(reader(request.source), known, source=name, rejects=rejects)
    digest = file_sha256(request.source)
    remarks = Rejects()
    return Reading(_account(name, digest, format, rows, rejects, remarks, n_records=n_records), rows, rejects, remarks)


def _read_structures(request: Request, known: Known, rejects: Rejects) -> Reading:
    assignment = Assignment(known, request.accessions, request.chain)
    rows, formats, n_chains, remarks = read_structures(request.source, assignment, rejects, format=request.format)
    found = _account(
        request.source.name if request.source.name not in ("", "..") else request.source.resolve().name,
        _digest(request.source),
        ", ".join(formats),
        rows,
        rejects,
        remarks,
        n_records=n_chains + rejects.counts.total(),
        n_chains=n_chains,
    )
    return Reading(found, rows, rejects, remarks)


def _digest(source: Path) -> str:
    if not source.is_dir():
        return file_sha256(source)
    lines = (f"{path.name} {file_sha256(path)}\n" for path in structure_paths(source))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _account(
    source: str,
    sha256: str,
    format: str,
    rows: Rows,
    rejects: Rejects,
    remarks: Rejects,
    *,
    n_records: int,
    n_chains: int = 0,
) -> Annotation:
    return Annotation(
        source=source,
        sha256=sha256,
        format=format,
        n_records=n_records,
        n_proteins=rows.proteins(),
        n_features=rows.features.num_rows,
        n_families=rows.families.num_rows,
        n_coordinates=rows.coordinates.num_rows,
        by_type=counts(rows.features, "type"),
        by_database=counts(rows.families, "database"),
        n_structures=len(counts(rows.coordinates, "source")),
        n_chains=n_chains,
        n_rejected=rejects.counts.total(),
        rejected=dict(rejects.counts.most_common()),
        remarks=dict(remarks.counts.most_common()),
    )
