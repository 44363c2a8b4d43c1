"""A plan is refused on a GPU with too little free memory."""

import pytest
import torch
from helpers.costed_shards import make_shards

from attlas.pipeline.workers import resources
from attlas.schema import EnvironmentFault

pytestmark = pytest.mark.slow


def test_on_a_gpu_with_too_little_free_memory_a_plan_is_refused_with_both_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resources, "count_gpus", lambda: 1)
    monkeypatch.setattr(resources, "claim_gpu", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1 << 19, 1 << 30))
    with pytest.raises(EnvironmentFault, match="Shard 1 does not fit the memory of 1 of the"):
        resources.choose_threads(make_shards([1]), device="cuda")
