"""The nouns of an import: the source as the caller names it, its rows, and the report of what became of it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from attlas.intake.rejects import Account
from attlas.pipeline.annotate.rows import AnnotationRows, counts_of
from attlas.pipeline.annotate.structures.files import structure_paths
from attlas.schema import Table
from attlas.schema.publish import file_sha256


@dataclass(frozen=True)
class Series:
    """Numbers of one's own under a name: a track, or values of variants."""

    table: Table
    """TRACKS or VARIANTS."""
    name: str
    column: str | None = None
    """Column of the source that holds the values; None finds it by its name."""
    unit: str = ""
    """Unit of the values; empty where there is none to say."""

    @property
    def words(self) -> str:
        """Its table and its name, such as `tracks plddt`; no other series has the same."""
        return f"{self.table.name} {self.name}"


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
    """The database of the families in a table, such as `Pfam`."""
    series: Series | None = None
    """The track or the values of variants that the source holds; None for features, families and structures."""

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
    """Records of the source, stored and rejected: features and families, the chains of structures, or values."""
    n_proteins: int
    """Accessions that have a row."""
    n_features: int
    """Rows stored in `features`."""
    n_families: int
    """Rows stored in `families`."""
    n_coordinates: int
    """Rows stored in `coordinates`."""
    n_partner_contacts: int
    """Rows stored in `partner_contacts`."""
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
    """Remarks on records that are stored, by kind."""
    n_track_values: int = 0
    """Rows stored in `tracks`."""
    n_variants: int = 0
    """Rows stored in `variants`."""
    series: str = ""
    """Name of the track, or of the values of variants."""
    replaced: tuple[ReplacedFile, ...] = ()
    """Rows of earlier imports whose place these take."""


@dataclass(frozen=True)
class Import:
    """A source as read."""

    report: ImportReport
    rows: AnnotationRows
    rejected: Account
    """Records left out."""
    remarks: Account
    """Records that are stored, but not as one might think."""


def report_import(
    source: AnnotationSource,
    format: str,
    rows: AnnotationRows,
    rejected: Account,
    remarks: Account,
    *,
    n_records: int,
    n_chains: int = 0,
) -> ImportReport:
    """Return the report of an import; `n_records` counts what is stored and what is rejected."""
    return ImportReport(
        # The source, and what its records are.
        source=source.name,
        sha256=_digest(source.path),
        format=format,
        n_records=n_records,
        # Its rows, by table, and of some tables by kind.
        n_proteins=rows.n_proteins(),
        n_features=rows.features.num_rows,
        n_families=rows.families.num_rows,
        n_coordinates=rows.coordinates.num_rows,
        n_partner_contacts=rows.partner_contacts.num_rows,
        by_type=counts_of(rows.features, "type"),
        by_database=counts_of(rows.families, "database"),
        n_structures=len(counts_of(rows.coordinates, "source")),
        n_chains=n_chains,
        # What was left out, or taken with a remark.
        n_rejected=rejected.counts.total(),
        rejected=dict(rejected.counts.most_common()),
        remarks=dict(remarks.counts.most_common()),
        n_track_values=rows.tracks.num_rows,
        n_variants=rows.variants.num_rows,
        series=source.series.name if source.series else "",
    )


def _digest(path: Path) -> str:
    if not path.is_dir():
        return file_sha256(path)
    return _digest_of_files(structure_paths(path))


def _digest_of_files(paths: Iterable[Path]) -> str:
    lines = (f"{path.name} {file_sha256(path)}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
