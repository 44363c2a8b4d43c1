"""Shards in one process side by side, and whether a build is long enough to be compiled."""

import os
import threading
from pathlib import Path

import pytest
from helpers.costed_shards import make_shards

from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.plan import Plan, cut_shards, sum_shards
from attlas.pipeline.workers import runners
from attlas.pipeline.workers.runners import ShardFinished, run_in_process
from attlas.schema import EnvironmentFault, Receipt

pytestmark = pytest.mark.slow

ESM2_650M = ModelShape("esm", 33, 20, 1280, 5120, None, 2_600_000_000)


def test_one_process_computes_shards_side_by_side_the_smallest_alone_before_the_others(tmp_path: Path) -> None:
    together = threading.Barrier(2)
    order: list[int] = []

    def task(root: str, index: int, n_threads: int) -> Receipt:
        order.append(index)
        if index != 1:
            together.wait(timeout=20)  # another shard is computed at the same time
        return None  # type: ignore[return-value]

    events = list(run_in_process(tmp_path, make_shards([1, 2, 3, 4, 5]), n_at_once=2, task=task))  # type: ignore[arg-type]
    assert sorted(event.shard.index for event in events if isinstance(event, ShardFinished)) == [1, 2, 3, 4, 5]
    assert order[0] == 1
    assert set(order[1:3]) == {4, 5}


def test_a_shard_that_fails_in_this_process_stops_those_that_have_not_begun(tmp_path: Path) -> None:
    begun: list[int] = []

    def task(root: str, index: int, n_threads: int) -> Receipt:
        begun.append(index)
        if index == 9:
            raise EnvironmentFault("The disk is full.")
        return None  # type: ignore[return-value]

    with pytest.raises(EnvironmentFault, match="disk is full"):
        list(run_in_process(tmp_path, make_shards([*range(1, 10)]), n_at_once=1, task=task))  # type: ignore[arg-type]
    assert len(begun) < 9


@pytest.mark.parametrize(("n_proteins", "is_compiled"), [(52, False), (20_000, True)])
def test_a_short_build_on_a_gpu_does_not_compile(n_proteins: int, is_compiled: bool) -> None:
    shards = cut_shards([400] * n_proteins, shape=ESM2_650M, device="cuda")
    plan = object.__new__(Plan)
    object.__setattr__(plan, "totals", sum_shards(shards))
    object.__setattr__(plan, "run", type("Run", (), {"device": "cuda"}))
    assert runners.is_worth_compiling(plan) == is_compiled


def test_compiled_layers_are_kept_in_the_users_cache_or_where_the_user_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "mine")
    runners.keep_compiled_layers()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "mine"
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    runners.keep_compiled_layers()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "attlas" / "compiled")
    assert (tmp_path / "attlas" / "compiled").is_dir()
