"""The manifest: it says that an atlas is whole, what it was computed from, and lists every file with its digest."""

import datetime
from dataclasses import asdict, dataclass, replace
from typing import Self

from attlas.schema.errors import BrokenAtlasError
from attlas.schema.json_file import (
    IllTypedError,
    content_sha256,
    digest,
    from_json,
    json_bytes,
    parse_json,
    unreadable_json,
)
from attlas.schema.links import refuse_linked_folders
from attlas.schema.paths import AtlasPaths
from attlas.schema.publish import publish_bytes
from attlas.schema.run import Run
from attlas.schema.table import Table
from attlas.schema.table_file import TableFile, parse_table_files
from attlas.schema.tables import ADDED_TABLES, FORMAT_VERSION, OLDER_FORMATS, UPGRADED_FORMATS

_DIGEST_KEY = "manifest_sha256"
"""Key of the digest of all other values of a manifest.json."""

MAX_LAYERS = 10_000
"""More layers than any model has; a column with a list per layer is declared for that many."""


@dataclass(frozen=True)
class Counts:
    """The completeness contract: n_requested = n_ok + n_skipped + n_failed, counted in accessions."""

    n_records: int
    """Records in the input, repeats included."""
    n_requested: int
    """Distinct accessions."""
    n_ok: int
    n_skipped: int
    n_failed: int
    n_sequences: int
    """Distinct sequences among those computed or failed."""
    n_residues: int
    """Residues of the distinct sequences computed."""
    n_sites: int
    """HA sites of the distinct sequences computed."""


@dataclass(frozen=True)
class Manifest:
    """Says that an atlas is whole: what it was computed from, how, and every file with its digest."""

    format_version: int
    atlas_id: str
    """Digest of the plan: the same input and run give the same id."""
    run: Run
    source: str
    """Name of the input file."""
    source_sha256: str
    """SHA-256 of the input as it was read."""
    counts: Counts
    files: tuple[TableFile, ...]
    created: str
    """Time at which it was sealed, ISO 8601, UTC."""
    cost: dict[str, float]
    """Seconds, summed over the shards, and the largest memory of one, bytes."""
    version: int = 1
    """Rises by 1 whenever tables are added to the sealed atlas, or replaced."""

    def digest_of(self, table: Table) -> str:
        """Return the digest of a table as it is now, over the digests of its files."""
        return digest(sorted(file.sha256 for file in self.of_table(table)))

    @property
    def added(self) -> tuple[TableFile, ...]:
        """The files of tables that were added after the atlas was sealed."""
        names = {table.name for table in ADDED_TABLES}
        return tuple(file for file in self.files if file.table in names)

    def of_table(self, table: Table) -> tuple[TableFile, ...]:
        """Return the files of one table, in order of `sequence_id`."""
        return tuple(file for file in self.files if file.table == table.name)

    def write(self, paths: AtlasPaths) -> None:
        """Publish the manifest; from here on the atlas is whole."""
        values = asdict(self)
        publish_bytes(paths.manifest, json_bytes({**values, _DIGEST_KEY: content_sha256(values)}))

    @classmethod
    def read(cls, paths: AtlasPaths) -> Self:
        """Read the manifest of an atlas.

        Raises:
            BrokenAtlasError: there is no manifest, it has another format version, cannot be read, or names files
                outside the atlas; or folders of the atlas are symbolic links.
        """
        if not paths.manifest.is_file():
            raise _no_manifest(paths)

        try:
            data = paths.manifest.read_bytes()
        except OSError as error:
            raise unreadable_json(paths.manifest, str(error)) from error
        refuse_linked_folders(paths)
        return cls.parse(data, source=str(paths.root))

    @classmethod
    def parse(cls, data: bytes, *, source: str, format_version: int = FORMAT_VERSION) -> Self:
        """Return the manifest in the bytes of a manifest.json; `source` is the atlas, for errors.

        Only an upgrade asks for an older `format_version`, whose files are not as the tables declare them.

        Raises:
            BrokenAtlasError: it has another format version, cannot be read, was changed since it was written, or
                names a file outside the atlas.
        """
        name = f"{source}/manifest.json"
        values = parse_json(data, name)
        version = values.get("format_version")
        if type(version) is not int or version != format_version:
            raise BrokenAtlasError(
                f"{source} has another atlas format.",
                expected=f"format version {format_version}",
                found=f"format version {version}"[:200],
                hint=_hint_for_format(version, source),
            )

        stored_digest = values.pop(_DIGEST_KEY, None)
        try:
            files = parse_table_files(values.get("files"))
            manifest = replace(from_json(cls, {**values, "files": []}), files=files)
            _check_numbers(manifest)
        except IllTypedError as error:
            raise unreadable_json(name, str(error)) from error

        if stored_digest != content_sha256(values):
            raise BrokenAtlasError(
                f"{name} was changed after it was written, or on its way here.",
                expected=f"{_DIGEST_KEY} {content_sha256(values)}",
                found=f"{stored_digest}"[:200],
                hint="copy or download it again; where the atlas was built, the same `attlas build` renews it",
            )
        return manifest


def _check_numbers(manifest: Manifest) -> None:
    """Raise IllTypedError for a value of the right type that no atlas has."""
    if min(manifest.run.n_layers, manifest.run.n_heads) < 1:
        raise IllTypedError("run: a model has at least one layer and one head")
    if manifest.run.n_layers > MAX_LAYERS:
        raise IllTypedError(f"run: {manifest.run.n_layers} layers are more than any model has")
    try:
        datetime.datetime.fromisoformat(manifest.created)
    except ValueError as error:
        raise IllTypedError(f"created: {error}") from error


def _hint_for_format(version: object, source: str) -> str:
    """Return the advice for an atlas of another format version."""
    if version in UPGRADED_FORMATS:
        return f"`attlas upgrade {source} -o NEW` writes the same atlas in the format of today"
    if isinstance(version, int) and version > FORMAT_VERSION:
        return "read it with a newer attlas release"
    release = OLDER_FORMATS.get(version) if isinstance(version, int) else None
    return f"build it again; it can be read by {release or 'the attlas release that wrote it'} only"


def _no_manifest(paths: AtlasPaths) -> BrokenAtlasError:
    if not paths.root.exists():
        return BrokenAtlasError(f"There is no directory {paths.root}.", hint="check the path")
    if paths.plan.is_file():
        return BrokenAtlasError(
            f"{paths.root} is not whole yet: it has a plan but no manifest.",
            hint=f"see `attlas status {paths.root}`; run the same `attlas build` again to finish it",
        )
    return BrokenAtlasError(
        f"{paths.root} is no atlas.", expected="a file manifest.json", hint="build one with `attlas build`"
    )
