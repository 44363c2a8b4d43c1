"""Receipts: a receipt says that a shard is finished."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from attlas.schema.json_file import IllTypedError, from_json, json_bytes, read_json, unreadable_json
from attlas.schema.paths import AtlasPaths
from attlas.schema.publish import publish_bytes
from attlas.schema.table_file import TableFile, parse_table_files


@dataclass(frozen=True)
class Receipt:
    """Says that a shard is finished: its files are published, with these digests."""

    index: int
    """Number of the shard, from 1."""
    plan_id: str
    """Digest of the plan to which it belongs; of a pass, its name."""
    files: tuple[TableFile, ...]
    n_sequences: int
    n_failed: int
    n_residues: int
    wall_s: float
    model_s: float
    """Seconds of `wall_s` inside the model's forward, reductions included."""
    peak_bytes: int
    """Largest resident memory of the process so far (CPU) or allocated on the device (CUDA)."""
    predicted_bytes: int
    """The bound on it in the plan."""
    host: str

    def write(self, paths: AtlasPaths) -> None:
        """Publish the receipt of a build; from then on the shard is finished."""
        self.write_to(paths.receipt(self.index))

    def write_to(self, path: Path) -> None:
        """Publish the receipt of a pass over the shard."""
        publish_bytes(path, json_bytes(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a receipt. Raises BrokenAtlasError if it cannot be read, or names a file outside the atlas."""
        values = read_json(path)
        try:
            files = parse_table_files(values.get("files"))
            return replace(from_json(cls, {**values, "files": []}), files=files)
        except IllTypedError as error:
            raise unreadable_json(path, str(error)) from error
