"""The sequences that end the process which computes them: found one by one, and the only ones that fail."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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

from attlas.pipeline.workers.deadly import find_deadly_sequences
from attlas.pipeline.workers.search import N_DEATHS, N_DEPARTURES, DeadlySearch
from attlas.pipeline.workers.trial import Pack, PackTrial, describe_end, run_packs
from attlas.schema import DeviceFault, EnvironmentFault

PACKS: list[Pack] = [dict.fromkeys(ids, "MAG") for ids in ((0, 1, 2), (3, 4, 5, 6), (7,), (8, 9))]
REASON = "its computation ended the process of two workers, probably out of memory"
REASON_OF_DEPARTURES = "3 workers left while they computed it alone, and none said why"


class WorkerEnds(BaseException):
    """A worker that is ended together with the process that it watches."""


@dataclass
class Trials:
    """Runs packs until one with a deadly sequence, or one that is deadly as a whole."""

    deadly: set[int]
    ends_worker: bool = False
    alone: list[int] = field(default_factory=list)
    """Sequences that ended the process alone."""
    n_runs: Counter[int] = field(default_factory=Counter)

    def __call__(self, packs: Sequence[Pack], begin: Callable[[Pack], None]) -> PackTrial:
        for n_finished, pack in enumerate(packs):
            begin(pack)
            self.n_runs.update(pack.keys())
            if self.deadly & set(pack):
                self.alone.extend(pack if len(pack) == 1 else [])
                if self.ends_worker:
                    raise WorkerEnds
                return PackTrial(n_finished, has_begun=True, cause="probably out of memory")
        return PackTrial(len(packs), has_begun=False, cause="with exit status 0")


@pytest.mark.parametrize("deadly", [set(), {0}, {7}, {4, 5}, {3, 9}, set(range(10))])
@pytest.mark.parametrize("ends_worker", [False, True])
def test_exactly_the_sequences_that_end_their_process_alone_are_found(
    tmp_path: Path, deadly: set[int], ends_worker: bool
) -> None:
    trials = Trials(deadly, ends_worker)
    path = tmp_path / "search.json"
    for _ in range(100):
        try:
            reasons = find_deadly_sequences(PACKS, trials, DeadlySearch.read(path))
            break
        except WorkerEnds:
            assert path.is_file()
    assert reasons == dict.fromkeys(deadly, REASON_OF_DEPARTURES if ends_worker else REASON)
    assert set(trials.alone) == deadly
    n_needed = N_DEPARTURES if ends_worker else N_DEATHS
    assert trials.alone.count(7) == (n_needed if 7 in deadly else 0)  # the only one of its pack
    # Those that come through are run once alone where they shared a pack with a deadly one.
    assert all(trials.n_runs[i] <= (1 + n_needed if i in deadly else 2) for i in range(10))
    assert not path.exists()


def test_a_pack_that_ends_the_process_only_as_a_whole_has_no_culprit(tmp_path: Path) -> None:
    def run_packs(packs: Sequence[Pack], begin: Callable[[Pack], None]) -> PackTrial:
        n_small = next((i for i, pack in enumerate(packs) if len(pack) > 1), len(packs))
        return PackTrial(n_small, has_begun=n_small < len(packs), cause="probably out of memory")

    assert find_deadly_sequences([{0: "M", 1: "A"}, {2: "G"}], run_packs, DeadlySearch(tmp_path / "search.json")) == {}


class WorkersLeave:
    """Packs during whose trial the worker is taken away for reasons of its own, and whose process nobody sees end.

    Args:
        n_deaths_seen: trials before that whose process is seen to end.
    """

    def __init__(self, n_departures: int, *, n_deaths_seen: int = 0) -> None:
        self.n_departures, self.n_deaths_seen = n_departures, n_deaths_seen

    def __call__(self, packs: Sequence[Pack], begin: Callable[[Pack], None]) -> PackTrial:
        begin(packs[0])
        if self.n_deaths_seen:
            self.n_deaths_seen -= 1
            return PackTrial(0, has_begun=True, cause="probably out of memory")
        if self.n_departures:
            self.n_departures -= 1
            raise WorkerEnds
        for pack in packs[1:]:
            begin(pack)
        return PackTrial(len(packs), has_begun=False, cause="with exit status 0")


@pytest.mark.parametrize("packs", [[{7: "M"}], [{6: "M", 7: "A"}]])
@pytest.mark.parametrize("n_deaths_seen", [0, 1])
def test_two_workers_that_leave_during_a_search_are_no_reason_to_fail_a_sequence(
    tmp_path: Path, packs: list[Pack], n_deaths_seen: int
) -> None:
    trials = WorkersLeave(2, n_deaths_seen=n_deaths_seen)
    path = tmp_path / "search.json"
    for _ in range(2):
        with pytest.raises(WorkerEnds):
            find_deadly_sequences(packs, trials, DeadlySearch.read(path))
    assert find_deadly_sequences(packs, trials, DeadlySearch.read(path)) == {}


def test_a_worker_that_leaves_while_the_next_process_loads_the_model_blames_no_sequence(tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    n_trials = 0

    def run_packs(packs: Sequence[Pack], begin: Callable[[Pack], None]) -> PackTrial:
        nonlocal n_trials
        n_trials += 1
        if n_trials == 1:
            begin(packs[0])
            return PackTrial(0, has_begun=True, cause="probably out of memory")
        if n_trials <= 1 + N_DEPARTURES:
            raise WorkerEnds
        begin(packs[0])
        return PackTrial(1, has_begun=False, cause="with exit status 0")

    for _ in range(N_DEPARTURES):
        with pytest.raises(WorkerEnds):
            find_deadly_sequences([{7: "M"}], run_packs, DeadlySearch.read(path))
    assert DeadlySearch.read(path).n_deaths == {7: 1}
    assert find_deadly_sequences([{7: "M"}], run_packs, DeadlySearch.read(path)) == {}


def test_a_process_that_ends_before_it_begins_blames_no_sequence(tmp_path: Path) -> None:
    trial = PackTrial(0, has_begun=False, cause="with exit status 1")
    with pytest.raises(EnvironmentFault, match=r"(?s)cannot be used.*it ended with exit status 1"):
        find_deadly_sequences([{0: "M"}], lambda packs, begin: trial, DeadlySearch(tmp_path / "search.json"))


@pytest.mark.parametrize(
    ("code", "text"),
    [(-signal.SIGKILL, "probably out of memory"), (-signal.SIGSEGV, "by signal 11"), (7, "with exit status 7")],
)
def test_the_reason_says_how_the_process_ended(code: int, text: str) -> None:
    assert describe_end(code).startswith(text)


@pytest.mark.thorough
def test_files_of_the_users_directory_are_not_imported_by_the_process_that_runs_packs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("from pathlib import Path\nPath('imported').touch()\nraise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeviceFault, match="cannot be run in another process"):  # as there is no atlas
        run_packs(str(tmp_path / "nowhere"), 1, [], lambda pack: None)
    assert not (tmp_path / "imported").exists()


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
