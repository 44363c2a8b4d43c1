"""Builds in an object store killed at random moments: a few of the kills that `benchmarks/chaos.py --store` makes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from helpers.chaos_case import IMPORTED_FOR_STORE, STORE_CASES, Case, Outcome, StoreStage
from helpers.forked_commands import Starter

from attlas.pipeline.mirror import KIND
from attlas.pipeline.object_store import ObjectStore
from attlas.schema.leftovers import leftover_name

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "chaos.py"
PLAN = next(case for case in STORE_CASES if case.verb == "plan")


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import chaos

    return chaos


@pytest.fixture
def stage(store: ObjectStore, tmp_path: Path) -> Iterator[StoreStage]:
    with Starter(tmp_path / "commands", imported=IMPORTED_FOR_STORE) as starter:
        yield StoreStage(tmp_path, starter, stray_s=60, store=store)


@pytest.mark.usefixtures("s3_port")
def test_a_build_in_a_store_that_is_killed_is_finished_by_the_same_command(tmp_path: Path) -> None:
    words = ["--store", "--kills", 3, "--verbs", "build", "--stray-s", 60, "--folder", tmp_path]
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "| **all** | | **3** | **3** |" in result.stdout


def test_an_object_that_stays_and_a_working_copy_that_is_left_are_faults(
    chaos: ModuleType, stage: StoreStage, tmp_path: Path
) -> None:
    outcome = stage.run(PLAN)
    assert "atlas/plan.json" in outcome.paths
    _finish(chaos, stage, PLAN, outcome)

    (tmp_path / "stray").write_bytes(b"half")
    stage.store.put("plan/stray.parquet", tmp_path / "stray")
    with pytest.raises(chaos.NotRecoveredError, match=r"more or less than undisturbed: atlas/plan/stray\.parquet$"):
        _finish(chaos, stage, PLAN, outcome)
    stage.store.remove("plan/stray.parquet")

    (stage.starter.temporary / leftover_name(KIND, "copy")).mkdir()  # of this process, which is alive
    with pytest.raises(chaos.NotRecoveredError, match=f"working copies that are left: .*{KIND}"):
        _finish(chaos, stage, PLAN, outcome)


def _finish(chaos: ModuleType, stage: StoreStage, case: Case, outcome: Outcome) -> None:
    chaos.finish(stage, case, outcome, {}, chaos.Tally())
