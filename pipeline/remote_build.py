"""A build whose atlas lies in an object store: the steps of `build`, on a working copy of this process.

A shard is stored as its files, then its receipt: it is finished when the receipt is there. Nothing is locked: of two
processes that compute one shard the second stores the same bytes again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import ClassVar

from attlas.pipeline.build import make_plan, refuse_missing_device, remove_failed_receipts
from attlas.pipeline.directory import read_plan
from attlas.pipeline.drafting import Draft, Options, Sources, draft_plan
from attlas.pipeline.encode import StartProgress, encode
from attlas.pipeline.mirror import KIND, STORED, Mirror, make_stand_in, open_mirror
from attlas.pipeline.object_store import ObjectStore
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.receipts import find_missing_shards, read_receipts
from attlas.pipeline.seal import seal, set_manifest_aside
from attlas.pipeline.status import BuildStatus, read_status
from attlas.pipeline.workers.runners import ENCODE, EncodeTask
from attlas.schema import AtlasPaths, BrokenAtlasError, Manifest, PlanError, Receipt
from attlas.schema.leftovers import leftover_name, remove_leftovers

Select = Callable[[Plan], Sequence[Shard]]
"""Chooses the shards of a plan that one job computes."""


@dataclass(frozen=True)
class StoreTask:
    """Compute a shard, and store its files and then its receipt."""

    store: ObjectStore
    plan_id: str
    """The plan whose shards are computed; a worker that lives long sees several at one URL."""
    task: EncodeTask = ENCODE
    is_detached: ClassVar[bool] = True
    """Workers need not see the working copy of the build: they have copies of their own."""

    def without(self, failed: Mapping[int, str]) -> "StoreTask":
        """Return the task that does not run some sequences, as `DivisibleTask.without`."""
        return replace(self, task=self.task.without(failed))

    def find_deadly_sequences(self, root: str, index: int, n_threads: int, earlier: frozenset[int]) -> dict[int, str]:
        """Return the sequences of a shard that end a process, as `DivisibleTask.find_deadly_sequences`."""
        paths = self._fetch_shard(root, index)
        return self.task.find_deadly_sequences(str(paths.root), index, n_threads, earlier)

    def prepare(self, root: str, n_threads: int) -> None:
        """Prepare a worker. Raises as `Task.prepare`."""
        paths = self._find_copy(root)
        Mirror(self.store, paths).fetch_plan(self.plan_id)
        self.task.prepare(str(paths.root), n_threads)

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute and store a shard."""
        paths = self._fetch_shard(root, index)
        receipt = self.task(str(paths.root), index, n_threads)

        for file in receipt.files:
            self.store.put(file.path, paths.root / file.path)
        receipt_path = paths.receipt(index)
        self.store.put(paths.relative(receipt_path), receipt_path)

        # From here on the shard is finished, and its files are not needed any more.
        self.receipt(paths, index).parent.mkdir(exist_ok=True)
        receipt_path.rename(self.receipt(paths, index))
        for file in receipt.files:
            make_stand_in(paths.root / file.path, file.n_bytes)
        return receipt

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return the path to which the receipt of a shard goes once it is stored."""
        return paths.root / STORED / paths.receipt(index).name

    def _fetch_shard(self, root: str, index: int) -> AtlasPaths:
        """Return a working copy that has what a shard is computed from. Raises as `Mirror.fetch_plan`."""
        paths = self._find_copy(root)
        mirror = Mirror(self.store, paths)
        build_plan = mirror.fetch_plan(self.plan_id)
        mirror.fetch_sequences(build_plan.shards[index - 1])
        return paths

    def _find_copy(self, root: str) -> AtlasPaths:
        """Return the working copy at `root`, or one of this process where it does not see that."""
        paths = AtlasPaths(Path(root))
        if paths.plan.is_file():
            return paths
        return AtlasPaths(Path(_make_working_copy(self.store, self.plan_id).name))


def build(
    source: Sources,
    url: str,
    options: Options,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
    is_retry: bool = False,
) -> Manifest:
    """Plan, encode and seal as `build.build` does, in an object store. Arguments and errors are the same.

    Raises:
        EnvironmentFault: also if the store does not answer.
    """
    with open_mirror(url) as mirror:
        paths = mirror.paths
        draft = draft_plan(source, options)
        if scheduler is None and not paths.plan.is_file():
            refuse_missing_device(draft)
        build_plan = _store_plan(mirror, draft)

        if is_retry:
            _remove_failed(mirror, build_plan)
        if paths.manifest.is_file():
            manifest = Manifest.read(paths)
            if not _is_damaged(mirror, manifest):
                return manifest
            set_manifest_aside(paths)
            _remove_damaged(mirror, build_plan)

        shards = find_missing_shards(paths, build_plan, build_plan.shards)
        _encode(mirror, build_plan, shards, progress=progress, n_workers=n_workers, scheduler=scheduler)
        return _seal(mirror, build_plan)


def plan(source: Sources, url: str, options: Options) -> Plan:
    """Plan a build in an object store. Raises as `build`."""
    with open_mirror(url) as mirror:
        build_plan = _store_plan(mirror, draft_plan(source, options))
        return replace(build_plan, shards=tuple(build_plan.shards))


def encode_missing(
    url: str,
    select: Select,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> int:
    """Compute those of the selected shards that are missing, and return their number. Raises as `encode.encode`."""
    with open_mirror(url, is_plan_alone=True) as mirror:
        build_plan = _read_plan(mirror)
        selected = select(build_plan)
        mirror.fetch_shards(selected)
        shards = find_missing_shards(mirror.paths, build_plan, selected)
        _encode(mirror, build_plan, shards, progress=progress, n_workers=n_workers, scheduler=scheduler)
        return len(shards)


def seal_store(url: str) -> Manifest:
    """Seal an atlas in an object store whose shards are all computed. Raises as `seal.seal`."""
    with open_mirror(url) as mirror:
        return _seal(mirror, _read_plan(mirror))


def read_store_status(url: str, *, is_verifying: bool) -> BuildStatus:
    """Read the state of a build in an object store. Raises as `status.read_status`."""
    with open_mirror(url) as mirror:
        _read_plan(mirror)
        status = read_status(mirror.paths, is_verifying=is_verifying)
        return replace(status, plan=replace(status.plan, shards=tuple(status.plan.shards)))


def _store_plan(mirror: Mirror, draft: Draft) -> Plan:
    """Store a plan, or return the same plan that the store holds. Raises PlanError as `build.make_plan`."""
    path = mirror.paths.plan
    is_incomplete = not path.is_file()
    if is_incomplete:
        make_plan(draft, mirror.paths)
        mirror.begin_plan()

    # Also a plan that another process has begun, and may never complete, is gone on with if it is the same.
    before = path.read_bytes()
    build_plan = make_plan(draft, mirror.paths, place=mirror.store.url)
    if path.read_bytes() != before:
        mirror.renew_plan()
    if is_incomplete:
        mirror.complete_plan()
    return build_plan


def _encode(
    mirror: Mirror,
    build_plan: Plan,
    shards: Sequence[Shard],
    *,
    progress: StartProgress,
    n_workers: int | None,
    scheduler: str | None,
) -> None:
    if shards:
        encode(
            mirror.paths,
            build_plan,
            shards=shards,
            progress=progress(build_plan, shards),
            n_workers=n_workers,
            scheduler=scheduler,
            task=StoreTask(mirror.store, build_plan.plan_id),
            is_kept=False,
        )


def _seal(mirror: Mirror, build_plan: Plan) -> Manifest:
    """Seal the working copy, after the digests of all objects were compared with the receipts, and store the seal."""
    mirror.fetch()
    _remove_damaged(mirror, build_plan)
    mirror.fetch_outcomes()
    files = mirror.list_files()
    manifest = seal(mirror.paths, build_plan, by_digest=False)
    mirror.store_changes(files)
    return manifest


def _is_damaged(mirror: Mirror, manifest: Manifest) -> bool:
    """Return whether a file of a sealed atlas, or one of its list parts, is not in the store as it should be."""
    try:
        return bool(mirror.find_damaged(manifest.files))
    except BrokenAtlasError:  # of a list part, of which the working copy has the store's bytes
        return True


def _remove_damaged(mirror: Mirror, build_plan: Plan) -> None:
    """Remove the receipts of shards whose objects are missing or have other digests than the receipts say."""
    receipts = read_receipts(mirror.paths, build_plan, build_plan.shards).values()
    damaged = mirror.find_damaged([file for receipt in receipts for file in receipt.files])
    mirror.remove_receipts([receipt for receipt in receipts if not damaged.isdisjoint(receipt.files)])


def _remove_failed(mirror: Mirror, build_plan: Plan) -> None:
    receipts = read_receipts(mirror.paths, build_plan, build_plan.shards).values()
    failed = [receipt for receipt in receipts if receipt.n_failed]
    remove_failed_receipts(mirror.paths, build_plan)
    if failed:
        mirror.remove_receipts(failed)


def _read_plan(mirror: Mirror) -> Plan:
    """Return the plan of a store. Raises PlanError if there is none, or it is not complete."""
    if not mirror.paths.plan.is_file():
        raise PlanError(
            f"{mirror.store.url} holds no complete plan.", hint="make one with `attlas plan` or `attlas build`"
        )
    return read_plan(mirror.paths)


@lru_cache(maxsize=4)
def _make_working_copy(store: ObjectStore, plan_id: str) -> TemporaryDirectory[str]:
    """Return an empty folder of this process for a plan in a store; it is removed when the process ends."""
    remove_leftovers(Path(gettempdir()), KIND)
    return TemporaryDirectory(prefix=leftover_name(KIND, "worker-"))
