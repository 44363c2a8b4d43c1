"""The atlas that is served: opened once, and opened anew when its manifest changes, as when a table is added."""

import threading
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from attlas.queries import Atlas
from attlas.queries.lookup.storage import find_root
from attlas.schema import AtlasPaths, BrokenAtlasError, Manifest
from attlas.schema.json_file import digest

Stamp = tuple[int, int, int]
"""Modification time, size and number of a file: another one where the file was replaced."""


@dataclass(frozen=True)
class Edition:
    """An atlas between two changes of its manifest."""

    atlas: Atlas
    digest: str
    """Digest of the manifest and the version of attlas: the same answers as long as it is the same."""


class CurrentAtlas:
    """The atlas of a directory or a URL in its current edition; for use from several threads."""

    def __init__(self, place: str | Path, *, memory_limit: str | None = None) -> None:
        """Open the atlas. `memory_limit` is what a query may take of memory before it spills to disk.

        Raises:
            BrokenAtlasError: there is no such atlas, or it is not whole.
        """
        self.place = place
        self._root = find_root(place)
        self._memory_limit = memory_limit
        self._lock = threading.Lock()
        self._stamp = self._read_stamp()
        self._edition = self._open()

    def edition(self) -> Edition:
        """Return the atlas as its manifest is now; an edition that others still use stays open until they drop it.

        Raises:
            BrokenAtlasError: the manifest is missing or cannot be read.
        """
        with self._lock:
            stamp = self._read_stamp()
            if stamp != self._stamp:
                self._edition = self._open()
                self._stamp = stamp
            return self._edition

    def close(self) -> None:
        """Close the files of the current edition."""
        self._edition.atlas.close()

    def _open(self) -> Edition:
        atlas = Atlas.open(self.place, memory_limit=self._memory_limit)
        return Edition(atlas, digest_edition(atlas.manifest))

    def _read_stamp(self) -> Stamp | None:
        """Return the stamp of the manifest; None behind a URL, where a release does not change."""
        if not isinstance(self._root, Path):
            return None
        try:
            status = AtlasPaths(self._root).manifest.stat()
        except OSError as error:
            raise BrokenAtlasError(f"{self.place} is no atlas (any more).", found=str(error)) from error
        return status.st_mtime_ns, status.st_size, status.st_ino


def digest_edition(manifest: Manifest) -> str:
    """Return the digest of a manifest with the version of attlas that answers from it."""
    return digest([version("attlas"), manifest.to_json()])
