"""The working copy of an atlas that lies in an object store: a folder of this process, in which a build works as usual.

The store is what counts. Of the tables there the working copy has stand-ins: empty files of the right size, which take
no space and are never read. What is computed is stored and becomes a stand-in in its turn.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from attlas.pipeline.directory import read_plan
from attlas.pipeline.object_store import ObjectStore
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.planned_sequences import list_sequence_files
from attlas.schema import SEQUENCES, AtlasPaths, PlanError, Receipt, TableFile
from attlas.schema.leftovers import leftover_name, remove_leftovers
from attlas.schema.temporary_folders import remember_folder, remove_folder

KIND = "attlas-store-"
"""Beginning of the names of working copies in the folder for temporary files."""

STORED = "stored"
"""Folder of the working copy with the receipts of shards that this process and its workers have stored."""

N_REQUESTS = 16
"""Requests to the store at once."""


@dataclass(frozen=True)
class Mirror:
    """An atlas in an object store and its working copy."""

    store: ObjectStore
    paths: AtlasPaths
    """Paths of the working copy."""

    def fetch(self) -> None:
        """Make the working copy that of the store: plan, receipts and manifests as they are, tables as stand-ins.

        The planned proteins and their sequences are fetched when they are needed.

        Raises:
            EnvironmentFault: the store does not answer.
        """
        json_files = [*self.paths.receipts.glob("*"), *self.paths.list_parts.glob("*")]
        for path in (*json_files, self.paths.manifest, self.paths.manifest_before):
            path.unlink(missing_ok=True)

        self.fetch_complete_plan()
        self._fetch_computed(self.store.list_sizes(""))

    def fetch_complete_plan(self) -> None:
        """Fetch the plan and the list of its shards; a plan that was not stored to its end is as good as none.

        Raises:
            EnvironmentFault: the store does not answer.
        """
        plan, shards = (self.paths.relative(path) for path in (self.paths.plan, self.paths.shards))
        if self.store.describe(shards) is not None:
            _do_at_once(self._fetch, [plan, shards])

    def fetch_shards(self, shards: Iterable[Shard]) -> None:
        """Fetch the receipts of some shards, and make stand-ins of their tables: one job of many asks for its own only.

        Raises:
            EnvironmentFault: the store does not answer.
        """
        stems = {self.paths.receipt(shard.index).stem for shard in shards}
        sizes = self.store.list_sizes("")
        self._fetch_computed({name: n_bytes for name, n_bytes in sizes.items() if PurePosixPath(name).stem in stems})

    def fetch_plan(self, plan_id: str) -> Plan:
        """Fetch the plan and the list of its shards alone, where they are not here, and return the plan.

        Raises:
            PlanError: it is not the plan of that id: the store holds another build by now.
            BrokenAtlasError: as `ObjectStore.download`.
        """
        for path in (self.paths.shards, self.paths.plan):
            if not path.is_file():
                self._fetch(self.paths.relative(path))

        plan = read_plan(self.paths)
        if plan.plan_id != plan_id:
            for path in (self.paths.plan, self.paths.shards):  # so that the next attempt asks the store again
                path.unlink()
            raise PlanError(
                f"{self.store.url} holds another plan than the one whose shards are computed.",
                expected=f"plan {plan_id}",
                found=f"plan {plan.plan_id}",
                hint="run the command again, or build into another place",
            )
        return plan

    def fetch_sequences(self, shard: Shard) -> None:
        """Fetch the files with the sequences of a shard, where they are not here. Raises as `ObjectStore.download`."""
        for index in list_sequence_files(shard):
            path = self.paths.planned_sequences(index)
            if not path.is_file():
                self._fetch(self.paths.relative(path))

    def begin_plan(self) -> None:
        """Store `plan.json` where the store has none; where it has one, the working copy takes that one.

        So of several processes that plan for one place, one decides which plan it is, also if it is killed after that.

        Raises:
            EnvironmentFault: the store does not answer.
        """
        name = self.paths.relative(self.paths.plan)
        if not self.store.put_if_absent(name, self.paths.plan):
            self._fetch(name)

    def complete_plan(self) -> None:
        """Store the files of a plan that was begun; the list of shards last, with which it is complete.

        Raises:
            EnvironmentFault: the store does not answer.
        """
        files = {path for path in self.paths.shards.parent.glob("*.parquet") if not path.name.startswith(".")}
        _do_at_once(self._put, sorted(files - {self.paths.shards}))
        self._put(self.paths.shards)

    def renew_plan(self) -> None:
        """Store `plan.json` again, in which the directory of the model has changed. Raises as `ObjectStore.put`."""
        self._put(self.paths.plan)

    def find_damaged(self, files: Sequence[TableFile]) -> set[TableFile]:
        """Return the files that the store lacks, or has with another size or digest; none of them is read.

        Raises:
            EnvironmentFault: the store does not answer.
        """

        def is_damaged(file: TableFile) -> bool:
            stored = self.store.describe(file.path)
            return stored is None or (stored.n_bytes, stored.sha256) != (file.n_bytes, file.sha256)

        with ThreadPoolExecutor(N_REQUESTS) as threads:
            return {file for file, is_so in zip(files, threads.map(is_damaged, files), strict=True) if is_so}

    def fetch_outcomes(self) -> None:
        """Fetch what `seal` makes `proteins` of: the table `sequences` and the planned proteins.

        Raises:
            BrokenAtlasError: as `ObjectStore.download`.
        """
        names = self.store.list_sizes(f"{SEQUENCES.name}/")
        _do_at_once(self._fetch, [*names, self.paths.relative(self.paths.planned_proteins)])

    def list_files(self) -> dict[Path, tuple[int, int]]:
        """Return the files of the working copy that belong to the atlas, each with its size and time of change."""
        paths = [self.paths.root / name for name in self._list_names()]
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}

    def store_changes(self, before: Mapping[Path, tuple[int, int]]) -> None:
        """Store the files that are new or changed since `list_files`; the manifest last, which says that all is whole.

        Objects whose files are gone are removed after that.

        Raises:
            EnvironmentFault: the store does not answer.
        """
        files = self.list_files()
        changed = [path for path, state in files.items() if before.get(path) != state]
        _do_at_once(self._put, [path for path in changed if path != self.paths.manifest])
        if self.paths.manifest in changed:
            self._put(self.paths.manifest)
        for path in before.keys() - files.keys():
            self.store.remove(self.paths.relative(path))

    def remove_receipts(self, receipts: Iterable[Receipt]) -> None:
        """Remove receipts of shards that are to be computed again, and the manifest before them.

        The manifest is kept aside under another name, from which the next one goes on.

        Raises:
            EnvironmentFault: the store does not answer.
        """
        if self.paths.manifest_before.is_file():
            self._put(self.paths.manifest_before)
            self.store.remove(self.paths.relative(self.paths.manifest))
        for receipt in receipts:
            self.store.remove(self.paths.relative(self.paths.receipt(receipt.index)))
            self.paths.receipt(receipt.index).unlink(missing_ok=True)

    def _fetch_computed(self, sizes: Mapping[str, int]) -> None:
        """Fetch receipts and manifests, and make stand-ins of tables; `sizes` are their bytes by name."""
        plan = self.paths.relative(self.paths.plan)
        _do_at_once(self._fetch, [name for name in sizes if name.endswith(".json") and name != plan])
        for name, n_bytes in sizes.items():
            if name.endswith(".parquet") and not self._is_of_plan(name):
                make_stand_in(self.paths.root / name, n_bytes)

    def _is_of_plan(self, name: str) -> bool:
        return name.startswith(f"{self.paths.relative(self.paths.shards.parent)}/")

    def _list_names(self) -> list[str]:
        """Return the names of the files of the working copy that steps after the plan make for the store."""
        names = [self.paths.relative(path) for path in self.paths.root.rglob("*") if path.is_file()]
        private = (".", f"{self.paths.relative(self.paths.parts)}/", f"{STORED}/")
        return sorted(name for name in names if not name.startswith(private) and not self._is_of_plan(name))

    def _fetch(self, name: str) -> None:
        self.store.download(name, self.paths.root / name)

    def _put(self, path: Path) -> None:
        self.store.put(self.paths.relative(path), path)


@contextmanager
def open_mirror(url: str, *, is_plan_alone: bool = False) -> Iterator[Mirror]:
    """Yield an atlas in an object store with a working copy, which is removed in the end.

    Working copies of processes of this machine that were killed are removed, too.

    Args:
        url: the atlas, such as `s3://bucket/prefix`.
        is_plan_alone: whether the copy has the plan alone at first, and not all that is computed.

    Raises:
        EnvironmentFault: the store does not answer, or a package is missing.
    """
    temporary = Path(tempfile.gettempdir())
    remove_leftovers(temporary, KIND)
    folder = temporary / leftover_name(KIND, "copy")
    remember_folder(folder)
    folder.mkdir(mode=0o700)

    try:
        mirror = Mirror(ObjectStore(url.rstrip("/")), AtlasPaths(folder))
        if is_plan_alone:
            mirror.fetch_complete_plan()
        else:
            mirror.fetch()
        yield mirror
    finally:
        remove_folder(folder)


def make_stand_in(path: Path, n_bytes: int) -> None:
    """Put a file of zeros that takes no space in the place of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        handle.truncate(n_bytes)


def _do_at_once(do: Callable[..., None], items: Iterable[object]) -> None:
    """Call a function for each of several items, side by side; the first error goes on when all have ended."""
    with ThreadPoolExecutor(N_REQUESTS) as threads:
        for _ in threads.map(do, items):
            pass
