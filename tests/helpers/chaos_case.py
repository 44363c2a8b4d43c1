"""The commands that are killed at random, what they begin with, and how they end when nothing disturbs them."""

import random
import shutil
import time
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from attlas.pipeline.object_store import ObjectStore
from attlas.schema.publish import file_sha256
from helpers.building import random_proteins, write_fasta
from helpers.forked_commands import ATTLAS, WAIT_POLL_S, Starter, list_workers, open_cluster
from helpers.model_structures import chain_of, pdb_text
from helpers.tiny_esm import save_tiny_esm

LENGTHS = [300 + 20 * (i % 16) for i in range(24)]
"""On the tiny model a few shards, of a few hundredths of a second each."""

FEATURES = "accession,position,label\n"
"""Header of a table of features."""

PAGE_BYTES = 4096

MAIN, WORKER, FORK_SERVER, SCHEDULER = "main", "worker", "fork server", "scheduler"
"""The processes that are killed: the command, a worker, the process from which workers fork, a Dask scheduler."""
ALL = "all at once"
"""The command with all its processes, as when a machine loses its power."""

IMPORTED_FOR_STORE = ("attlas.pipeline.remote_build", "s3fs")
"""Imported before commands fork that build in an object store."""


@dataclass(frozen=True)
class Case:
    """A command, and what it begins with."""

    verb: str
    arguments: tuple[str, ...]
    """Of the command line; `{sources}` and `{place}` are the folders of the sources and of the atlas, `{store}` is the
    URL of an atlas in an object store."""
    before: str
    """Name of the state that it begins with."""
    after: str | None = None
    """Name of the state in which it ends, where another command begins with that."""
    victims: tuple[str, ...] = (MAIN,)
    then: tuple[str, ...] = ()
    """Arguments of a command that runs after it, before the end is looked at."""
    has_cluster: bool = False
    """Whether it runs on a Dask scheduler of its own, with two workers."""

    @property
    def is_alone(self) -> bool:
        """Return whether the command computes in its own process."""
        return not self.has_cluster and "2" not in self.arguments

    @property
    def name(self) -> str:
        """Return the name of the command in the table."""
        workers = " on a scheduler" if self.has_cluster else " --workers 2" if "2" in self.arguments else ""
        return self.verb + workers + (" in a store" if self.has_store else "")

    @property
    def has_store(self) -> bool:
        """Return whether its atlas lies in an object store."""
        return STORE in self.arguments


@dataclass(frozen=True)
class Outcome:
    """How a command ends that nothing disturbs."""

    digests: dict[str, str]
    """SHA-256 of every table and export, by path."""
    paths: frozenset[str]
    """Every file and folder."""
    n_bytes: int
    """Bytes of all files together, in whole pages."""
    wall_s: float
    until_workers_s: float
    """Seconds until it had workers; 0 for a command without."""


STORE = "{store}"


def _build_arguments(out: str) -> tuple[str, ...]:
    return ("build", "{sources}/proteins.fasta", "--out", out, "--model", "{sources}/model", "--device", "cpu")


_BUILD, _BUILD_IN_STORE = _build_arguments("{place}/atlas"), _build_arguments(STORE)
_SEAL = ("seal", "{place}/atlas")
"""Of files that a killed `encode` leaves half-written only `seal` can know that nobody writes them any more."""
_ALONE, _WORKERS = ("--workers", "0"), ("--workers", "2")
_WORKER_VICTIMS, _CLUSTER_VICTIMS = (MAIN, WORKER, FORK_SERVER), (MAIN, WORKER, SCHEDULER)

CASES = (
    Case("build", (*_BUILD, *_ALONE), "empty", "built"),
    Case("build", (*_BUILD, *_WORKERS), "empty", None, _WORKER_VICTIMS),
    Case("build", _BUILD, "empty", None, _CLUSTER_VICTIMS, has_cluster=True),
    Case("plan", ("plan", *_BUILD[1:]), "empty", "planned"),
    Case("encode", ("encode", "{place}/atlas", *_ALONE), "planned", "encoded", victims=()),
    Case("encode", ("encode", "{place}/atlas", *_ALONE), "planned", then=_SEAL),
    Case("encode", ("encode", "{place}/atlas", *_WORKERS), "planned", None, _WORKER_VICTIMS, then=_SEAL),
    Case("seal", _SEAL, "encoded"),
    Case("annotate", ("annotate", "{place}/atlas", "{sources}/features.csv"), "built", "features"),
    Case("annotate structures", ("annotate", "{place}/atlas", "{sources}/structures"), "features", "annotated"),
    Case("probe", ("probe", "{place}/atlas", *_ALONE), "annotated", "probed"),
    Case("probe", ("probe", "{place}/atlas", *_WORKERS), "annotated", None, _WORKER_VICTIMS),
    Case("contacts", ("contacts", "{place}/atlas", *_ALONE), "probed", "contacted"),
    Case("contacts", ("contacts", "{place}/atlas"), "probed", None, _CLUSTER_VICTIMS, has_cluster=True),
    Case("links", ("links", "{place}/atlas", *_ALONE), "contacted", "linked"),
    Case("links", ("links", "{place}/atlas", *_WORKERS), "contacted", None, _WORKER_VICTIMS),
    Case("embed", ("embed", "{place}/atlas", *_ALONE), "linked"),
    Case("embed", ("embed", "{place}/atlas", *_WORKERS), "linked", None, _WORKER_VICTIMS),
    Case("pairs", ("pairs", "{place}/atlas", "{sources}/pairs.tsv", *_ALONE), "linked"),
    Case("pairs", ("pairs", "{place}/atlas", "{sources}/pairs.tsv", *_WORKERS), "linked", None, _WORKER_VICTIMS),
    Case("publish", ("publish", "{place}/atlas", "--out", "{place}/release", "--pages"), "linked"),
    Case("export", ("export", "{place}/atlas", "bed", "-o", "{place}/sites.bed"), "linked"),
    Case("export", ("export", "{place}/atlas", "parquet", "-o", "{place}/sites.parquet"), "linked"),
)
"""In the order in which they make the states that later ones begin with."""

STORE_CASES = (
    Case("build", (*_BUILD_IN_STORE, *_ALONE), "empty", "built", (MAIN,)),
    Case("build", (*_BUILD_IN_STORE, *_WORKERS), "empty", None, (*_WORKER_VICTIMS, ALL)),
    Case("plan", ("plan", *_BUILD_IN_STORE[1:]), "empty", "planned"),
    Case("encode", ("encode", STORE, *_ALONE), "planned", "encoded", victims=()),
    Case("encode", ("encode", STORE, *_WORKERS), "planned", None, (WORKER, ALL), then=("seal", STORE)),
    Case("seal", ("seal", STORE), "encoded"),
)
"""The same of an atlas in an object store."""


class Stage:
    """The folder in which commands run, with the states they begin with and the outcomes without disturbance."""

    def __init__(self, folder: Path, starter: Starter, *, stray_s: float) -> None:
        """Make the sources. After `stray_s` seconds nothing of a command may be alive."""
        self.starter = starter
        self.states = folder / "states"
        self.sources = folder / "sources"
        self.place = folder / "place"
        self.stray_s = stray_s
        (self.states / "empty").mkdir(parents=True)
        write_sources(self.sources)

    def set_up(self, case: Case) -> None:
        """Put the state with which a case begins into its place."""
        self.clear()
        shutil.copytree(self.states / case.before, self.place, dirs_exist_ok=True)

    def clear(self) -> None:
        """Empty the place, which may be a mount."""
        self.place.mkdir(exist_ok=True)
        for entry in self.place.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def collect(self) -> None:
        """Bring what the commands have written into the place; here they write there."""

    def arguments(self, case: Case, address: str | None = None) -> list[str]:
        """Return the arguments of a case; `address` is that of its scheduler."""
        return [*self._fill(case.arguments), *(("--scheduler", address) if address else ())]

    def run_next(self, case: Case) -> None:
        """Run the command that follows a case, if there is one. Raises RuntimeError if it fails."""
        if case.then:
            command = self.starter.start(ATTLAS, *self._fill(case.then))
            if (code := self.starter.wait(command)) != 0:
                raise RuntimeError(f"{case.then[0]} after {case.name} ended with {code}:\n{command.printed()}")

    def _fill(self, arguments: tuple[str, ...]) -> list[str]:
        names = {"sources": self.sources, "place": self.place, "store": self._store_url()}
        return [argument.format(**names) for argument in arguments]

    def _store_url(self) -> str:
        return ""

    def run(self, case: Case) -> Outcome:
        """Run a case undisturbed from its beginning, and keep what it made where another case begins with that."""
        self.set_up(case)
        with open_cluster(self.starter, 2) if case.has_cluster else nullcontext() as cluster:
            wall_s, until_workers_s = self._run(case, cluster and cluster.address)
        self.run_next(case)
        self.collect()
        outcome = Outcome(
            digest_files(self.place), list_paths(self.place), measure_bytes(self.place), wall_s, until_workers_s
        )
        if case.after is not None and not (self.states / case.after).exists():
            shutil.copytree(self.place, self.states / case.after)
        return outcome

    def _run(self, case: Case, address: str | None) -> tuple[float, float]:
        """Return the seconds that a case takes, and those until it has workers."""
        begin = time.monotonic()
        command = self.starter.start(ATTLAS, *self.arguments(case, address))
        until_workers_s = 0.0
        while (code := self.starter.poll(command)) is None:
            if not until_workers_s and list_workers(command):
                until_workers_s = time.monotonic() - begin
            time.sleep(WAIT_POLL_S)
        wall_s = time.monotonic() - begin

        if code != 0:
            raise RuntimeError(f"{case.name} ended with {code}, undisturbed:\n{command.printed()}")
        return wall_s, until_workers_s


class StoreStage(Stage):
    """A stage whose atlas lies in an object store; the place has a copy of it, which `collect` makes."""

    def __init__(self, folder: Path, starter: Starter, *, stray_s: float, store: ObjectStore) -> None:
        """Make the sources, as `Stage`."""
        super().__init__(folder, starter, stray_s=stray_s)
        self.store = store

    def set_up(self, case: Case) -> None:
        """Put the state with which a case begins into the store, and nothing else."""
        super().set_up(case)
        for name in self.store.list_sizes(""):
            self.store.remove(name)
        atlas = self.place / "atlas"
        for path in (path for path in atlas.rglob("*") if path.is_file()):
            self.store.put(path.relative_to(atlas).as_posix(), path)

    def collect(self) -> None:
        """Copy every object of the store to the place. One that is gone meanwhile is left out."""
        self.clear()
        for name in self.store.list_sizes(""):
            if (content := self.store.get(name)) is not None:
                path = self.place / "atlas" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    def _store_url(self) -> str:
        return self.store.url


def write_sources(folder: Path) -> None:
    """Write the model, proteins, features and structures that the commands read."""
    folder.mkdir(parents=True)
    save_tiny_esm(folder / "model")
    proteins = random_proteins(LENGTHS)
    write_fasta(folder / "proteins.fasta", proteins)

    (folder / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairwise(proteins)))

    choose = random.Random(2)
    lines = [f"{name},{choose.randint(1, 300)},Active site\n" for name in proteins for _ in range(3)]
    (folder / "features.csv").write_text(FEATURES + "".join(lines))

    structures = folder / "structures"
    structures.mkdir()
    for accession in list(proteins)[:3]:
        (structures / f"{accession}.pdb").write_text(pdb_text(chain_of(proteins[accession])))


def digest_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file whose bytes are to be the same: tables and exports, by path."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in {".parquet", ".bed"}]
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}


def list_paths(folder: Path) -> frozenset[str]:
    """Return every file and folder below a folder, hidden ones included."""
    return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def measure_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder, in whole pages."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(-(-size // PAGE_BYTES) * PAGE_BYTES for size in sizes)


def read_receipts(folder: Path) -> dict[str, bytes]:
    """Return the receipts below a folder: one stands for each finished shard of a build or a pass."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("atlas/receipts/*.json"))}
