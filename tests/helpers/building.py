"""What the tests of the build protocol share: proteins, builds in this process and others, digests, waiting."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pyarrow.parquet as pq

from attlas.pipeline.build import build
from attlas.pipeline.drafting import Options
from attlas.schema import AtlasPaths, Manifest
from attlas.schema.publish import file_sha256
from attlas.schema.verify import find_problems

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"


def random_proteins(lengths: Iterable[int], *, seed: int = 1) -> dict[str, str]:
    """Return sequences of these lengths by accession, the same every time."""
    choose = random.Random(seed).choices
    return {f"P{i:05d}": "".join(choose(AMINO_ACIDS, k=n)) for i, n in enumerate(lengths)}


def write_fasta(path: Path, proteins: Mapping[str, str]) -> Path:
    path.write_text("".join(f">{accession}\n{sequence}\n" for accession, sequence in proteins.items()))
    return path


def build_here(source: Path | str, out: Path | str, model: Path | str, **options: object) -> Manifest:
    """Build inline, in this process, without a word."""
    return build(
        str(source),
        Path(out),
        Options(str(model), device="cpu", **options),
        progress=lambda plan, shards: lambda event: None,
        n_workers=0,
    )


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "attlas.cli.main", *map(str, arguments)]


def build_command(source: Path, out: Path, model: Path, *options: object) -> list[str]:
    return command("build", source, "--out", out, "--model", model, "--device", "cpu", *options)


def start(arguments: list[str], **options: object) -> subprocess.Popen[str]:
    """Start a command in a session of its own, so that a kill reaches it alone."""
    return subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        **options,
    )


def wait_for(is_so: Callable[[], object], *, what: str, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def receipts(out: Path) -> list[Path]:
    return sorted((out / "receipts").glob("shard-*.json"))


def digests(out: Path) -> dict[str, str]:
    """Return the SHA-256 of every Parquet file of an atlas, by its path in the directory."""
    return {path.relative_to(out).as_posix(): file_sha256(path) for path in sorted(out.rglob("*.parquet"))}


def leftovers(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.name.startswith(".tmp-")]


def assert_whole(out: Path) -> Manifest:
    """Hold a sealed directory to its manifest, and the manifest to the completeness contract."""
    paths = AtlasPaths(out)
    manifest = Manifest.read(paths)
    assert find_problems(paths, manifest) == []
    counts = manifest.counts
    assert counts.n_requested == counts.n_ok + counts.n_skipped + counts.n_failed
    assert leftovers(out) == []
    return manifest


def proteins_of(out: Path) -> dict[str, dict[str, object]]:
    """Return the rows of the table `proteins` by accession."""
    return {row["accession"]: row for row in pq.read_table(AtlasPaths(out).proteins).to_pylist()}


def environment_with(folder: Path) -> dict[str, str]:
    """Return this process's environment with `folder` first on Python's path: its sitecustomize is imported."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(":")}


CHANGES_A_MODULE = """
import importlib.abc
import importlib.util
import sys


class Changing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != {module!r}:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            exec({change!r}, {{"module": module}})

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Changing())
"""
"""A sitecustomize that changes a module once it is imported, so that a process without it does not import torch."""


def environment_that_changes(folder: Path, module: str, change: str) -> dict[str, str]:
    """Return an environment whose processes run the code `change`, which has `module`, after they import a module."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CHANGES_A_MODULE.format(module=module, change=change))
    return environment_with(folder)
