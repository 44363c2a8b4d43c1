"""Little work is done by one process, and the shards of a short build fill their packs."""

import pytest
from helpers.costed_shards import make_shards

from attlas.pipeline import estimate
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.plan import PACK_TOKENS, cut_shards

pytestmark = pytest.mark.slow

ESM2_650M = ModelShape("esm", 33, 20, 1280, 5120, None, 2_600_000_000)


@pytest.mark.parametrize(
    ("seconds", "n_workers", "is_here"),
    [(29, None, True), (31, None, False), (29, 2, False), (29, 1, False), (10_000, 0, True)],
)
def test_less_than_half_a_minute_of_work_is_done_by_one_process_unless_workers_are_asked_for(
    seconds: float, n_workers: int | None, is_here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "measure_rate", lambda device: 1e9)
    shards = make_shards([seconds * 1e9 / 4] * 4)
    assert estimate.runs_in_process(shards, device="cpu", n_workers=n_workers) == is_here


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_shards_of_a_short_build_fill_their_packs(device: str) -> None:
    shards = cut_shards([400] * 500, shape=ESM2_650M, device=device)
    assert len(shards) > 1
    for shard in shards[:-1]:
        assert shard.n_residues > 1.5 * PACK_TOKENS[device]
