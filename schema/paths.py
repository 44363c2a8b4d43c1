"""Every path inside an atlas, declared once."""

from dataclasses import dataclass
from pathlib import Path

from attlas.schema.errors import InputError
from attlas.schema.list_parts import FOLDER
from attlas.schema.table import Table
from attlas.schema.tables import STORED_TABLES


@dataclass(frozen=True)
class AtlasPaths:
    """The layout below the root of an atlas directory."""

    root: Path

    def __post_init__(self) -> None:
        """Refuse a path that is no text: Parquet files below it cannot be opened. Raises InputError."""
        try:
            str(self.root).encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"The path {str(self.root).encode(errors='backslashreplace').decode()} is no text.",
                expected="a path in UTF-8",
                found="other bytes in it",
                hint="rename the folder, for example with `mv`",
            ) from error

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder that an atlas may have: of its tables, its list parts, its receipts, its parts and its plan."""
        tables = [self.root / table.name for table in STORED_TABLES]
        return (*tables, self.list_parts, self.receipts, self.parts, self.planned_proteins.parent)

    @property
    def plan(self) -> Path:
        """The plan: the run, the input, the shards in sum, and a digest of all. Written after the files it is about."""
        return self.root / "plan.json"

    @property
    def planned_proteins(self) -> Path:
        """The proteins as parsed from the input, in the columns and the order of `proteins`; `seal` reads them."""
        return self.root / "plan" / "proteins.parquet"

    @property
    def shards(self) -> Path:
        """The shards of the plan, a row each, with the digest of its sequences."""
        return self.root / "plan" / "shards.parquet"

    def planned_sequences(self, index: int) -> Path:
        """Return file `index` (from 1) of the distinct sequences, in order of `sequence_id`; `encode` reads them."""
        return self.root / "plan" / f"sequences-{index:05d}.parquet"

    @property
    def manifest(self) -> Path:
        """The manifest. Written last: it exists if and only if the atlas is whole."""
        return self.root / "manifest.json"

    @property
    def manifest_before(self) -> Path:
        """The earlier manifest while shards of a sealed atlas are computed again: it names the added tables."""
        return self.root / "manifest-before.json"

    @property
    def list_parts(self) -> Path:
        """The folder of the parts of the list of files; an atlas of few files has none."""
        return self.root / FOLDER

    @property
    def lock(self) -> Path:
        """The file that is locked while a process writes: exclusively by build, plan and seal, shared by encode."""
        return self.root / ".lock"

    @property
    def proteins(self) -> Path:
        """The one file of the table `proteins`."""
        return self.root / "proteins" / "proteins.parquet"

    def shard(self, table: Table, index: int) -> Path:
        """Return the file that shard `index` (from 1) writes of `table`."""
        return self.root / table.name / f"shard-{index:05d}.parquet"

    def part(self, table: Table, index: int, n_parts: int) -> Path:
        """Return file `index` (from 1) of the `n_parts` of `table` in a release, where shards are joined."""
        return self.root / table.name / f"{table.name}-{index:05d}-of-{n_parts:05d}.parquet"

    def added(self, table: Table, name: str) -> Path:
        """Return a file that is added to a sealed atlas; `name` is that of a source, or of a pass and a shard."""
        return self.root / table.name / f"{name}.parquet"

    @property
    def receipts(self) -> Path:
        """The folder of receipts, one for each finished shard."""
        return self.root / "receipts"

    def receipt(self, index: int) -> Path:
        """Return the receipt of shard `index` (from 1)."""
        return self.receipts / f"shard-{index:05d}.json"

    @property
    def parts(self) -> Path:
        """The folder of what is computed of unfinished shards; gone when all are finished."""
        return self.root / "parts"

    def relative(self, path: Path) -> str:
        """Return `path` as the manifest names it: relative to the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()
