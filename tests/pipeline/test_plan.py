"""Planning: every sequence once, in order of length, in shards of equal cost with an honest bound."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.plan import (
    PACK_TOKENS,
    SHARD_RESIDUES,
    Plan,
    cut_packs,
    cut_shards,
    predict_cost,
    predict_shard_bytes,
    sum_shards,
)
from attlas.schema.run import Run

ESM2_8M = ModelShape("esm", 6, 20, 320, 1280, None, 30_000_000)
ESM2_650M = ModelShape("esm", 33, 20, 1280, 5120, None, 2_600_000_000)
LENGTHS = st.lists(st.integers(1, 40_000), min_size=1, max_size=300).map(sorted)


def make_plan(**changes):
    digests, versions = ("0" * 64, "0" * 64), ("0", "0", "0")
    way = ("float32", "cpu", "tiled", 1e-3, "J as X", "nayar-2025-05", 0.3)
    run = Run("m", "local", *digests, "esm", 6, 20, *way, None, 1, *versions)
    shards = cut_shards([5, 9, 9], shape=ESM2_8M, device="cpu")
    plan = Plan(run, "a.fasta", "1" * 64, 3, "d", "/models/m", 1024, sum_shards(shards), shards)
    return replace(plan, **changes)


@given(lengths=LENGTHS, shape=st.sampled_from([ESM2_8M, ESM2_650M]), device=st.sampled_from(["cpu", "cuda"]))
def test_shards_hold_every_sequence_once_and_in_order(lengths, shape, device):
    shards = cut_shards(lengths, shape=shape, device=device)
    assert [shard.index for shard in shards] == list(range(1, len(shards) + 1))
    assert shards[0].first_sequence_id == 0
    assert shards[-1].end_sequence_id == len(lengths)
    for before, after in itertools.pairwise(shards):
        assert before.end_sequence_id == after.first_sequence_id
    assert sum(shard.n_residues for shard in shards) == sum(lengths)


@given(lengths=LENGTHS)
def test_no_shard_costs_more_than_the_largest_allowed_unless_it_is_one_sequence(lengths):
    largest = predict_cost(400, ESM2_8M) * SHARD_RESIDUES["cpu"] / 400
    for shard in cut_shards(lengths, shape=ESM2_8M, device="cpu"):
        assert shard.n_sequences == 1 or shard.cost <= largest * 1.0001


@given(lengths=st.lists(st.integers(1, 5_000), max_size=200), pack_tokens=st.integers(1, 4_000))
def test_packs_hold_every_sequence_once_and_only_lone_sequences_exceed_them(lengths, pack_tokens):
    slices = list(cut_packs(lengths, pack_tokens))
    assert [length for pack in slices for length in lengths[pack]] == lengths
    for pack in slices:
        n_tokens = sum(length + 2 for length in lengths[pack])
        assert n_tokens <= pack_tokens or len(lengths[pack]) == 1


def test_no_proteins_make_no_shards():
    assert cut_shards([], shape=ESM2_8M, device="cpu") == ()


@given(lengths=LENGTHS)
def test_the_bound_grows_with_what_is_added(lengths):
    bound = predict_shard_bytes(lengths, shape=ESM2_8M, pack_tokens=1024)
    assert predict_shard_bytes([*lengths, max(lengths) + 1], shape=ESM2_8M, pack_tokens=1024) >= bound
    assert predict_shard_bytes(lengths, shape=ESM2_650M, pack_tokens=1024) > bound


def test_titin_fits_24_gib_even_with_the_650m_model():
    assert predict_shard_bytes([34_350], shape=ESM2_8M, pack_tokens=PACK_TOKENS["cpu"]) < 4 << 30
    assert predict_shard_bytes([34_350], shape=ESM2_650M, pack_tokens=PACK_TOKENS["cpu"]) < 22 << 30


def test_a_plan_survives_json():
    plan = make_plan()
    assert Plan.from_json(plan.to_json()) == plan
    assert Plan.from_json(plan.to_json()).plan_id == plan.plan_id


def test_the_place_of_the_model_is_no_part_of_the_plans_identity():
    assert make_plan(model_directory="/elsewhere").plan_id == make_plan().plan_id


def test_differences_are_reported_in_the_words_of_the_command_line():
    plan = make_plan()
    other = replace(plan, run=replace(plan.run, rule="nayar-2025-07", dtype="bfloat16"), proteins_digest="e")
    assert plan.describe_changes(plan) == []
    told = "\n".join(plan.describe_changes(other))
    assert "rule: nayar-2025-05 -> nayar-2025-07" in told
    assert "dtype: float32 -> bfloat16" in told
    assert "input: a.fasta" in told
