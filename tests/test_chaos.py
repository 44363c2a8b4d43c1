"""Kills at random moments: a few of those that `benchmarks/chaos.py` makes, and what it counts as a fault."""

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from helpers.chaos_case import CASES, MAIN, Stage
from helpers.forked_commands import ATTLAS, DASK_SCHEDULER, Starter, list_fork_servers, list_workers

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "chaos.py"
PLAN = next(case for case in CASES if case.verb == "plan")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("chaos")
    with Starter(folder / "commands") as starter:
        yield Stage(folder, starter, stray_s=30)


@pytest.mark.parametrize(
    ("verbs", "n_kills"), [(("plan", "seal", "annotate", "build"), 8), (("pairs", "embed"), 4)], ids=["build", "passes"]
)
def test_killed_at_random_moments_every_command_is_finished_by_the_same_one(
    tmp_path: Path, verbs: tuple[str, ...], n_kills: int
) -> None:
    words = ["--kills", n_kills, "--verbs", *verbs, "--stray-s", "60", "--folder", tmp_path]
    command = [sys.executable, str(SCRIPT), *map(str, words), "--markdown", str(tmp_path / "table.md")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count(": recovered") == n_kills
    assert f"| **all** | | **{n_kills}** | **{n_kills}** |" in (tmp_path / "table.md").read_text()
    assert list(tmp_path.iterdir()) == [tmp_path / "table.md"]


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import chaos

    return chaos


def test_a_file_that_stays_and_bytes_that_differ_are_faults(chaos, stage: Stage) -> None:
    outcome = stage.run(PLAN)
    (stage.place / "atlas" / ".tmp-left").write_bytes(b"half")
    with pytest.raises(chaos.NotRecoveredError, match=r"more or less than undisturbed: atlas/\.tmp-left$"):
        chaos.finish(stage, PLAN, outcome, {}, chaos.Tally())

    stage.run(PLAN)
    changed = stage.place / "atlas" / "plan" / "proteins.parquet"
    changed.write_bytes(changed.read_bytes() + b"x")
    with pytest.raises(chaos.NotRecoveredError, match=r"other bytes than undisturbed: atlas/plan/proteins\.parquet$"):
        chaos.finish(stage, PLAN, outcome, {}, chaos.Tally())


def test_a_process_that_stays_and_a_traceback_are_faults(chaos, stage: Stage) -> None:
    endless = stage.starter.start(DASK_SCHEDULER, "--port", 0, "--no-dashboard", "--dashboard-address", ":0")
    with pytest.raises(chaos.NotRecoveredError, match="alive 0 s after the command had ended"):
        chaos.await_strays(stage.starter, 0)
    stage.starter.wait(endless)

    wrong = stage.starter.start(ATTLAS, "seal", "no-such-folder")
    code = stage.starter.wait(wrong)
    with pytest.raises(chaos.NotRecoveredError, match="ended with 1"):
        chaos.check_end(chaos.WORKER, code, wrong)


def test_a_seed_draws_the_same_moments(chaos, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []

    def note(moment: float, share: float, *arguments: object) -> bool:
        shares.append(share)
        return False

    monkeypatch.setattr(chaos, "kill_at", note)
    outcome = stage.run(PLAN)
    for _ in range(2):
        moments = random.Random("0 1")
        with pytest.raises(chaos.NotRecoveredError, match="no kill"):
            chaos.kill_once(stage, PLAN, outcome, MAIN, moments=moments, tally=chaos.Tally())
    assert shares[: chaos.MOST_DRAWS] == shares[chaos.MOST_DRAWS :]
    assert len(set(shares)) == chaos.MOST_DRAWS


def test_a_command_that_is_faster_than_undisturbed_is_killed_all_the_same(chaos, stage: Stage) -> None:
    outcome = replace(stage.run(PLAN), wall_s=3600.0)
    tally = chaos.Tally()
    chaos.kill_once(stage, PLAN, outcome, MAIN, moments=random.Random("0 1"), tally=tally)
    assert len(tally.seconds) == 1


def test_a_process_that_ends_while_it_is_looked_at_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    children = {1: [2, 3], 3: [4], 4: []}

    class Process:
        def __init__(self, pid: int) -> None:
            self.pid = pid

        def children(self) -> list["Process"]:
            if self.pid not in children:
                raise psutil.NoSuchProcess(self.pid)
            return [Process(pid) for pid in children[self.pid]]

    # Process 2 is a child of 1, and ends before its own children are asked for.
    monkeypatch.setattr(psutil, "Process", Process)
    command = SimpleNamespace(pid=1)
    assert [process.pid for process in list_fork_servers(command)] == [3]
    assert [process.pid for process in list_workers(command)] == [4]
    assert list_workers(SimpleNamespace(pid=2)) == []


def test_every_verb_that_writes_is_among_the_commands() -> None:
    verbs = {case.verb.split()[0] for case in CASES}
    assert verbs == {
        *("build", "plan", "encode", "seal"),
        *("annotate", "probe", "contacts", "links", "embed", "pairs"),
        *("publish", "export"),
    }
