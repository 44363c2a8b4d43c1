"""An object store that is a folder, for tests of what is done with a store; those of the store itself have a server."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.object_store import StoredObject
from attlas.schema import BrokenAtlasError
from attlas.schema.publish import file_sha256

DOWNLOADS: list[str] = []
"""Names of the objects that were downloaded, in order."""


@dataclass(frozen=True)
class FolderStore:
    """The methods of `ObjectStore` that builds use; `url` is the path of the folder."""

    url: str

    def list_sizes(self, folder: str) -> dict[str, int]:
        files = [path for path in (Path(self.url) / folder).rglob("*") if path.is_file()]
        return {path.relative_to(self.url).as_posix(): path.stat().st_size for path in files}

    def describe(self, name: str) -> StoredObject | None:
        path = Path(self.url) / name
        return StoredObject(path.stat().st_size, file_sha256(path)) if path.is_file() else None

    def download(self, name: str, path: Path) -> None:
        if self.describe(name) is None:
            raise BrokenAtlasError(f"There is no {name}.")
        DOWNLOADS.append(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(self.url) / name, path)

    def put(self, name: str, path: Path) -> None:
        target = Path(self.url) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)

    def put_if_absent(self, name: str, path: Path) -> bool:
        if self.describe(name) is None:
            self.put(name, path)
        return (Path(self.url) / name).read_bytes() == path.read_bytes()

    def remove(self, name: str) -> None:
        (Path(self.url) / name).unlink(missing_ok=True)
