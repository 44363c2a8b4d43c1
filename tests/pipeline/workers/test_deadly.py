"""The sequences that end the process which computes them: found one by one, and the only ones that fail."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers.building import (
    assert_whole,
    build_command,
    build_here,
    environment_that_changes,
    proteins_of,
    random_proteins,
    receipts,
    write_fasta,
)

from attlas.pipeline.workers.deadly import N_DEATHS, Pack, Trial, describe_end, find_deadly_sequences
from attlas.schema import EnvironmentFault


def run_until(deadly: set[int], alone: list[int]) -> object:
    """Return what runs packs until one with a deadly sequence; `alone` is given the packs of one that ended it."""

    def run_packs(packs: Sequence[Pack]) -> Trial:
        for n_finished, pack in enumerate(packs):
            if deadly & set(pack):
                alone.extend(pack if len(pack) == 1 else [])
                return Trial(n_finished, has_begun=True, cause="probably out of memory")
        return Trial(len(packs), has_begun=False, cause="with exit status 0")

    return run_packs


@pytest.mark.parametrize("deadly", [set(), {0}, {7}, {4, 5}, {3, 9}, set(range(10))])
def test_exactly_the_sequences_that_end_their_process_alone_are_found(deadly: set[int]) -> None:
    packs = [dict.fromkeys(ids, "MAG") for ids in ((0, 1, 2), (3, 4, 5, 6), (7,), (8, 9))]
    alone: list[int] = []
    reasons = find_deadly_sequences(packs, run_until(deadly, alone))  # type: ignore[arg-type]
    assert reasons.keys() == deadly
    assert set(alone) == deadly
    assert alone.count(7) == (N_DEATHS if 7 in deadly else 0)  # the only one of its pack
    assert set(reasons.values()) <= {"its computation ended the process of two workers, probably out of memory"}


def test_a_pack_that_ends_the_process_only_as_a_whole_has_no_culprit() -> None:
    def run_packs(packs: Sequence[Pack]) -> Trial:
        n_small = next((i for i, pack in enumerate(packs) if len(pack) > 1), len(packs))
        return Trial(n_small, has_begun=n_small < len(packs), cause="probably out of memory")

    assert find_deadly_sequences([{0: "M", 1: "A"}, {2: "G"}], run_packs) == {}


def test_a_process_that_ends_before_it_begins_blames_no_sequence() -> None:
    with pytest.raises(EnvironmentFault, match="cannot be used"):
        find_deadly_sequences([{0: "M"}], lambda packs: Trial(0, has_begun=False, cause="with exit status 1"))


@pytest.mark.parametrize(
    ("code", "text"),
    [(-signal.SIGKILL, "probably out of memory"), (-signal.SIGSEGV, "by signal 11"), (7, "with exit status 7")],
)
def test_the_reason_says_how_the_process_ended(code: int, text: str) -> None:
    assert describe_end(code).startswith(text)


DIES = """
import os, signal
start = module.Encoder.start
def die(self, sequences, **options):
    if any(sequence in {sequences!r} for sequence in sequences):
        {death}
    return start(self, sequences, **options)
module.Encoder.start = die
"""


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("death", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(7)"])
def test_a_protein_that_ends_every_process_is_failed_and_the_others_are_computed(
    tmp_path: Path, tiny_esm: Path, death: str
) -> None:
    proteins = random_proteins([400 + i for i in range(30)])
    source = write_fasta(tmp_path / "in.fasta", proteins)
    build_here(source, tmp_path / "expected", tiny_esm)

    change = DIES.format(sequences=[proteins["P00017"]], death=death)
    environment = environment_that_changes(tmp_path / "site", "attlas.pipeline.encoder.encoder", change)
    command = build_command(source, tmp_path / "atlas", tiny_esm, "--workers", 2)
    result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert result.returncode == 3, result.stderr
    assert "ended several workers: its sequences are tried one by one" in result.stderr
    assert_whole(tmp_path / "atlas")

    rows, expected = proteins_of(tmp_path / "atlas"), proteins_of(tmp_path / "expected")
    culprit = rows.pop("P00017")
    assert culprit["status"] == "failed"
    how = "probably out of memory" if "SIGKILL" in death else "with exit status 7"
    assert culprit["reason"] == f"its computation ended the process of two workers, {how}"
    del expected["P00017"]
    assert rows == expected
    assert len(receipts(tmp_path / "atlas")) == len(receipts(tmp_path / "expected"))

    # On a machine with more memory, the same command computes it.
    retried = subprocess.run([*command, "--retry-failed"], capture_output=True, text=True, check=False)
    assert retried.returncode == 0, retried.stderr
    assert proteins_of(tmp_path / "atlas")["P00017"]["status"] == "ok"
