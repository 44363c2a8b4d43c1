"""The manifest: it says that an atlas is whole, what it was computed from, and lists every file with its digest.

The files of a large atlas are listed in parts (`file_list.py`), whose digests the manifest has: what it says of them is
as sure as what it says itself. Such an atlas is of a format of its own, since an earlier reader would see no files.
"""

import datetime
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self, cast

from attlas.schema.errors import BrokenAtlasError
from attlas.schema.file_list import FileList, PartReader, divide
from attlas.schema.json_file import (
    IllTypedError,
    content_sha256,
    from_json,
    json_bytes,
    parse_json,
    unreadable_json,
)
from attlas.schema.links import refuse_linked_folders
from attlas.schema.list_part_files import make_part_reader, publish_part
from attlas.schema.list_parts import parse_list_parts
from attlas.schema.paths import AtlasPaths
from attlas.schema.publish import publish_bytes
from attlas.schema.run import Run
from attlas.schema.table import Table
from attlas.schema.table_file import TableFile, parse_table_files
from attlas.schema.tables import (
    ADDED_TABLES,
    DIVIDED_FORMAT_VERSION,
    FORMAT_VERSION,
    OLDER_FORMATS,
    UPGRADED_FORMATS,
)

_DIGEST_KEY = "manifest_sha256"
"""Key of the digest of all other values of a manifest.json."""

READ_FORMATS = (FORMAT_VERSION, DIVIDED_FORMAT_VERSION)
"""Format versions that are read: they have the same tables."""

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
    files: FileList
    """Its files; those of a tuple are taken for files that the manifest lists itself."""
    created: str
    """Time at which it was sealed, ISO 8601, UTC."""
    cost: dict[str, float]
    """Seconds, summed over the shards, and the largest memory of one, bytes."""
    version: int = 1
    """Rises by 1 whenever tables are added to the sealed atlas, or replaced."""

    def __post_init__(self) -> None:
        """Make a list of files of a tuple."""
        files = cast(Iterable[TableFile], self.files)
        if not isinstance(files, FileList):
            object.__setattr__(self, "files", FileList(tuple(files)))

    def digest_of(self, table: Table) -> str:
        """Return the digest of a table as it is now, over the digests of its files."""
        return self.files.digest_of(table.name)

    @property
    def added(self) -> FileList:
        """The files of tables that were added after the atlas was sealed."""
        return self.files.of_tables(table.name for table in ADDED_TABLES)

    def of_table(self, table: Table) -> FileList:
        """Return the files of one table, in order of `sequence_id`."""
        return self.files.of_tables([table.name])

    def to_json(self) -> dict[str, Any]:
        """Return its values as plain JSON values: what `manifest.json` holds, but for its digest."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {"run": asdict(self.run), "counts": asdict(self.counts)}
        values["files"] = [asdict(file) for file in self.files.listed]
        if self.files.parts:
            values["parts"] = [asdict(part) for part in self.files.parts]
            values["table_digests"] = dict(self.files.digests)
        return values

    def write(self, paths: AtlasPaths) -> "Manifest":
        """Publish the manifest, after the list parts that it names, and return it as it is published.

        From here on the atlas is whole. Parts of an earlier manifest are left (`unnamed_parts.py`).
        """
        files, data_by_path = divide(self.files)
        for path, data in data_by_path.items():
            publish_part(paths.root / path, data)

        reader = make_part_reader(paths) if files.parts else None
        version = DIVIDED_FORMAT_VERSION if files.parts else FORMAT_VERSION
        manifest = replace(self, format_version=version, files=replace(files, reader=reader))
        values = manifest.to_json()
        publish_bytes(paths.manifest, json_bytes({**values, _DIGEST_KEY: content_sha256(values)}))
        return manifest

    @classmethod
    def read(cls, paths: AtlasPaths) -> Self:
        """Read the manifest of an atlas.

        Raises:
            BrokenAtlasError: there is no manifest, it has another format version, cannot be read, or names files
                outside the atlas; or folders of the atlas are symbolic links.
        """
        if not paths.manifest.is_file():
            raise _no_manifest(paths)
        return cls.read_file(paths.manifest, paths)

    @classmethod
    def read_file(cls, path: Path, paths: AtlasPaths) -> Self:
        """Read the manifest of an atlas from the file `path`, such as the one from before. Raises as `read`."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise unreadable_json(path, str(error)) from error
        refuse_linked_folders(paths)
        return cls.parse(data, source=str(paths.root), reader=make_part_reader(paths))

    @classmethod
    def parse(
        cls,
        data: bytes,
        *,
        source: str,
        reader: PartReader | None = None,
        format_versions: tuple[int, ...] = READ_FORMATS,
    ) -> Self:
        """Return the manifest in the bytes of a manifest.json.

        Args:
            data: the bytes.
            source: the atlas, for errors.
            reader: reads list parts; None where only what the manifest itself says is of interest.
            format_versions: the versions that are read. Only an upgrade asks for an older one, whose files are not as
                the tables declare them.

        Raises:
            BrokenAtlasError: it has another format version, cannot be read, was changed since it was written, or
                names a file outside the atlas.
        """
        name = f"{source}/manifest.json"
        values = parse_json(data, name)
        version = values.get("format_version")
        if type(version) is not int or version not in format_versions:
            raise BrokenAtlasError(
                f"{source} has another atlas format.",
                expected=f"format version {' or '.join(map(str, format_versions))}",
                found=f"format version {version}"[:200],
                hint=_hint_for_format(version, source),
            )

        stored_digest = values.pop(_DIGEST_KEY, None)
        try:
            files = _parse_files(values, is_divided=version == DIVIDED_FORMAT_VERSION)
            other_values = {key: value for key, value in values.items() if key not in _keys_of_files(version)}
            manifest = replace(
                from_json(cls, {**other_values, "files": _NO_FILES}), files=replace(files, reader=reader)
            )
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


_NO_FILES: dict[str, object] = {"digests": {}}
"""A list of no files, as JSON values."""


def _keys_of_files(version: object) -> tuple[str, ...]:
    return ("files", "parts", "table_digests") if version == DIVIDED_FORMAT_VERSION else ("files",)


def _parse_files(values: dict[str, Any], *, is_divided: bool) -> FileList:
    """Return the files of a manifest from its values; those in parts are not read. Raises IllTypedError."""
    listed = parse_table_files(values.get("files"))
    if not is_divided:
        return FileList(listed)

    parts = parse_list_parts(values.get("parts"))
    digests = from_json(dict[str, str], values.get("table_digests"), name="table_digests")
    in_parts = {part.table for part in parts}
    if not parts or in_parts != digests.keys():
        raise IllTypedError("table_digests: they are not those of the tables in parts")
    if both := sorted(in_parts & {file.table for file in listed}):
        raise IllTypedError(f"parts: the files of {both[0]} are listed in parts and outside of them")
    return FileList(listed, parts, digests)


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
    if isinstance(version, int) and version > max(READ_FORMATS):
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
