"""The files of list parts in the directory of an atlas: published, read and listed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from attlas.schema.file_list import PartReader
from attlas.schema.json_file import unreadable_json
from attlas.schema.list_parts import ListPart, is_part_name
from attlas.schema.paths import AtlasPaths
from attlas.schema.publish import file_sha256, publish_bytes


def make_part_reader(paths: AtlasPaths) -> PartReader:
    """Return the function that reads the list parts of an atlas in a directory."""

    def read(part: ListPart) -> bytes:
        path = paths.root / part.path
        try:
            if not path.is_file():  # a pipe or a device is never opened
                raise FileNotFoundError("there is no such file")
            with path.open("rb") as file:
                return file.read(part.n_bytes + 1)
        except OSError as error:
            raise unreadable_json(path, str(error)) from error

    return PartReader(read, str(paths.root))


def publish_part(path: Path, data: bytes) -> None:
    """Publish a list part, unless it is there: a table that stays as it is keeps its parts.

    Raises:
        EnvironmentFault: as `publish_bytes`.
    """
    is_there = path.is_file() and not path.is_symlink()
    if not (is_there and file_sha256(path) == hashlib.sha256(data).hexdigest()):
        publish_bytes(path, data)


def find_part_files(paths: AtlasPaths) -> Iterator[Path]:
    """Yield the list parts that lie in an atlas, whether the manifest names them or not."""
    return (path for path in paths.list_parts.glob("*.json") if is_part_name(path.name))
