"""The way of attention that each model is planned for, and the memory that its maps take."""

from pathlib import Path

import pytest
from helpers.building import random_proteins, write_fasta
from helpers.saved_models import save_model

from attlas.pipeline.drafting import Options, draft_plan
from attlas.pipeline.model.architectures import HOOKED, MAP_COPIES, WHOLE_MAPS, choose_attention
from attlas.pipeline.model.precision import SPLIT
from attlas.schema.run import PLAIN

pytestmark = pytest.mark.slow


def test_every_model_that_passes_the_interface_is_planned_for_the_kernels_of_a_gpu(tmp_path: Path) -> None:
    source = write_fasta(tmp_path / "a.fasta", random_proteins([30]))
    models = {name: save_model(name, tmp_path / name) for name in ("BERT without a begin token", "T5", "XLNet")}
    runs = {
        (name, device): draft_plan(str(source), Options(str(model), device=device))[1].run
        for name, model in models.items()
        for device in ("cpu", "cuda")
    }
    assert {key: (run.attention, run.products) for key, run in runs.items()} == {
        ("BERT without a begin token", "cpu"): ("tiled", PLAIN),
        ("BERT without a begin token", "cuda"): ("triton", SPLIT),
        ("T5", "cpu"): ("tiled", PLAIN),
        ("T5", "cuda"): ("triton", SPLIT),
        ("XLNet", "cpu"): (HOOKED, PLAIN),
        ("XLNet", "cuda"): (HOOKED, PLAIN),
    }
    assert choose_attention("bert", "cuda", head_dim=192) == WHOLE_MAPS


def test_the_memory_of_whole_maps_is_foretold_and_every_sequence_runs_alone(tmp_path: Path) -> None:
    source = write_fasta(tmp_path / "a.fasta", random_proteins([300, 400]))
    plans = {
        name: draft_plan(str(source), Options(str(save_model(name, tmp_path / name)), device="cpu"))[1]
        for name in ("MegatronBERT", "BERT")
    }
    largest = {name: max(shard.predicted_bytes for shard in plan.shards) for name, plan in plans.items()}
    assert largest["MegatronBERT"] - largest["BERT"] > 0.9 * MAP_COPIES * 4 * 4 * 402**2
    assert {name: (plan.run.attention, plan.pack_tokens) for name, plan in plans.items()} == {
        "MegatronBERT": (HOOKED, 1),
        "BERT": ("tiled", 1024),
    }
