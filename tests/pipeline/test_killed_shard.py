"""A shard that is killed at any step of its parts is finished by the next process, to the same bytes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.architectures import load
from helpers.building import digests, random_proteins, write_fasta
from helpers.shard_case import plan_one_shard

from attlas.pipeline.lock import hold_lock
from attlas.pipeline.shard import encode_shard
from attlas.pipeline.shard_parts import remove_finished_parts
from attlas.schema import AtlasPaths

pytestmark = pytest.mark.slow

KILL_ANYWHERE = """
import os, shutil, signal, sys
from pathlib import Path

import torch

from attlas.pipeline.directory import read_plan
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.files import find_model
from attlas.pipeline.part_limits import PartLimits
from attlas.pipeline.shard import encode_shard
from attlas.pipeline import shard_parts
from attlas.schema import AtlasPaths, publish

planned, model, root = map(Path, sys.argv[1:])
torch.set_num_threads(1)  # a process with threads of torch could not be forked
encoder = Encoder(find_model(str(model)), device="cpu", dtype="float32", theta=0.3)


def encode(out):
    paths = AtlasPaths(out)
    plan = read_plan(paths)
    encode_shard(paths, plan, plan.shards[0], encoder, limits=PartLimits(n_residues=500, n_sequences=100))


def die_at(moment):
    def dying(step):
        def step_or_die(*arguments, **options):
            nonlocal moment
            if moment == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            moment -= 1
            return step(*arguments, **options)
        return step_or_die

    publish._fsync = dying(publish._fsync)
    shard_parts.shutil.rmtree = dying(shutil.rmtree)


encode(shutil.copytree(planned, root / "loaded"))  # what is compiled is compiled once, for all of them
moment, is_killed = 0, True
while is_killed:
    out = shutil.copytree(planned, root / f"killed-at-{moment}")
    for is_first in (True, False):
        child = os.fork()
        if child == 0:
            if is_first:
                die_at(moment)
            if is_first or not (out / "receipts").exists() or not list((out / "receipts").glob("shard-*.json")):
                encode(out)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if is_first:
            is_killed = os.WIFSIGNALED(status)
        elif status:
            sys.exit(f"{moment}: {status}")
    moment += 1
print(moment)
"""
"""Computes a shard again and again, killed with -9 one step later each time, and then once more in peace."""


@pytest.mark.thorough
def test_killed_at_every_step_of_its_parts_a_shard_is_finished_by_the_next_process(
    tiny_esm: Path, tmp_path: Path
) -> None:
    lengths = [400, 410, 420, 430]
    fasta = write_fasta(tmp_path / "in.fasta", random_proteins(lengths))
    paths = AtlasPaths(tmp_path / "planned")
    plan = plan_one_shard(fasta, paths.root, tiny_esm)
    whole = AtlasPaths(shutil.copytree(paths.root, tmp_path / "whole"))
    encode_shard(whole, plan, plan.shards[0], load(tiny_esm))

    arguments = [sys.executable, "-c", KILL_ANYWHERE, paths.root, tiny_esm, tmp_path]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr

    # Twice for every file: four tables and a record of each closed part, four tables, the receipt; then the removal.
    n_closed = 1
    n_moments = 2 * 5 * n_closed + 2 * 5 + 1
    assert int(result.stdout) == n_moments + 1
    for moment in range(n_moments + 1):
        killed = AtlasPaths(tmp_path / f"killed-at-{moment}")
        with hold_lock(killed):  # what was half-written goes
            remove_finished_parts(killed)
        assert digests(killed.root) == digests(whole.root), moment
        assert not killed.parts.exists()
