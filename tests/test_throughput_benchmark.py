"""The benchmark of throughput: every way is timed, its numbers follow from the seconds, and it does what it says."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.benchmark_scripts import SEQUENCES, load_benchmark, run_benchmark, write_sequences

from attlas.pipeline.attention.definitions import LayerInputs, Pack, reduce_plain
from attlas.pipeline.attention.sequence_attention import attend_by_sequence
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.reductions import reduce_nothing
from attlas.pipeline.model.files import ModelShape, find_model

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SHAPE_650M = ModelShape("esm", 33, 20, 1280, 5120, None, 0)
throughput = load_benchmark("throughput")
Way = throughput.Way


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sequences(tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="module")
def timed(tiny_esm: Path, fasta: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str, str]:
    """Return the report, what was printed and the progress of one run on three short proteins."""
    path = tmp_path_factory.mktemp("throughput") / "report.json"
    options = ["--device", "cpu", "--model", tiny_esm, "--fasta", fasta, "--side", 128, "--threads", 1, "--json", path]
    result = run_benchmark("throughput", *options, "--repeats", 2, "--dtype", "bfloat16")
    return json.loads(path.read_text()), result.stdout, result.stderr


def test_throughput_times_every_way_as_often_as_asked_and_names_what_ran(timed: tuple[dict, str, str]) -> None:
    report, printed, progress = timed
    assert set(report) == {"machine", "versions", "repeats", "lengths", "shapes", "sites"}
    assert report["machine"] | {"device": "cpu", "threads": 1} == report["machine"]
    assert report["versions"]["torch"] == version("torch")
    assert report["lengths"] == {"every": [22, 33, 42], "slow": [22, 33, 42]}
    lines = report["shapes"]["tiny"]["ways"]
    assert [Way(line["kind"], line["dtype"], line["batch"]) for line in lines] == throughput.ways_of("cpu", "bfloat16")
    for line in lines:
        assert line["failure"] is None
        assert len(line["seconds"]) == 2
        assert line["n_residues"] == 97
        assert 50e6 < line["peak_bytes"] < 2e9  # torch alone takes more than the one, a tiny model less than the other
        assert str(Way(line["kind"], line["dtype"], line["batch"])) in printed
    assert progress.count("turn 2 of 2") == len(lines) + 2  # and the product of matrices, in both dtypes
    assert 0 < report["sites"]["ms_per_profile"] < 100


def test_rates_ratios_and_shares_follow_from_the_seconds(timed: tuple[dict, str, str]) -> None:
    shape = timed[0]["shapes"]["tiny"]
    best = {(line["kind"], line["dtype"], line["batch"]): min(line["seconds"]) for line in shape["ways"]}
    for line in shape["ways"]:
        seconds, dtype = min(line["seconds"]), line["dtype"]
        flops = sum(throughput.model_flops(n, ModelShape(**shape["shape"])) for n in (22, 33, 42))
        assert line["residues_per_s"] == pytest.approx(97 / seconds)
        assert line["share_of_ceiling"] == pytest.approx(flops / seconds / shape["ceiling_flops_per_s"][dtype])
        assert line["against"] == pytest.approx(
            {
                "eager": best["eager", "float32", 1] / seconds,
                "eager_batched": best["eager", "float32", 8] / seconds,
                "sdpa": min(best["sdpa", dtype, 1], best["sdpa", dtype, 8]) / seconds,
            }
        )


def test_the_formula_of_the_models_work_agrees_with_a_hand_computation() -> None:
    # 650M, 400 tokens, per token and layer: q k v and output 4 * 1280^2, feed-forward 2 * 1280 * 5120, two per
    # product and sum; q k and p v 2 * 2 * 400 * 1280. 33 layers.
    assert throughput.model_flops(398, SHAPE_650M) == 400 * 33 * (39_321_600 + 2_048_000) == 546_078_720_000


def test_the_sample_is_as_long_as_human_proteins_are() -> None:
    lengths = throughput.human_lengths(2000, longest=100_000)
    assert lengths == sorted(lengths)
    assert np.quantile(lengths, [0.1, 0.5, 0.9]) == pytest.approx([137, 411, 1073], rel=0.01)
    # Counted in the proteome: 12 % of the proteins are longer than 1,022 residues and hold 34 % of all residues.
    long = [n for n in lengths if n > 1022]
    assert len(long) / len(lengths) == pytest.approx(0.12, abs=0.015)
    assert sum(long) / sum(lengths) == pytest.approx(0.34, abs=0.03)
    for device, defaults in throughput.DEFAULTS.items():
        sample = throughput.human_lengths(defaults["proteins"], longest=defaults["longest"])
        assert 500 < np.mean(sample) < 600, device
        assert 0.9 * defaults["longest"] < max(sample) <= defaults["longest"]
        few = throughput.spread(sample, defaults["slow_proteins"])
        assert np.mean(few) == pytest.approx(np.mean(sample), rel=0.02)


def test_a_gpu_is_asked_for_what_it_is_bought_for() -> None:
    ways = throughput.ways_of("cuda", "float32")
    for kind, dtype, batch in (("eager", "float32", 1), ("eager", "bfloat16", 8), ("sdpa", "bfloat16", 16)):
        assert Way(kind, dtype, batch) in ways
    assert {Way("full", "bfloat16"), Way("full", "bfloat16x3"), Way("bare", "bfloat16")} < set(ways)


@pytest.mark.parametrize(("most_pairs", "expected"), [(1e9, [3, 2]), (3 * 52**2, [3, 1, 1]), (0, [1, 1, 1, 1, 1])])
def test_batches_shrink_where_their_maps_would_not_fit(most_pairs: float, expected: list[int]) -> None:
    batches = list(throughput.padded_batches([10, 20, 50, 100, 200], max_proteins=3, max_pairs=most_pairs))
    assert [batch.stop - batch.start for batch in batches] == expected
    assert [i for batch in batches for i in range(batch.start, batch.stop)] == [0, 1, 2, 3, 4]


def test_a_way_that_fails_is_told_and_the_others_are_compared_without_it() -> None:
    eager, batched, full = Way("eager", "float32", 1), Way("eager", "float32", 8), Way("full", "float32")
    once = [{"seconds": 2.0, "peak_bytes": 1}]
    half = [{"seconds": 3.0, "peak_bytes": 1}, {"seconds": 1.0, "peak_bytes": 1}]
    passes = {eager: once, batched: "OutOfMemoryError: 99 GiB", full: half, Way("product", "float32"): once}
    report = throughput.shape_report(SHAPE_650M, passes, {kind: [398] for kind in throughput.TITLES}, 1000)
    failed, attlas_way = report["ways"][1:]
    assert (failed["failure"], "residues_per_s" in failed) == ("OutOfMemoryError: 99 GiB", False)
    assert attlas_way["against"] == {"eager": 2.0, "eager_batched": None, "sdpa": None}
    assert report["ceiling_flops_per_s"] == {"float32": 2 * 1000**3 * throughput.N_PRODUCTS / 2.0}
    assert attlas_way["share_of_ceiling"] == 546_078_720_000 / 1.0 / report["ceiling_flops_per_s"]["float32"]
    everything = {
        "machine": {"name": "here"}, "versions": {}, "repeats": 1, "lengths": {"every": [398], "slow": [398]},
        "shapes": {"650M": report}, "sites": {"ms_per_profile": 1, "layers": 33, "residues": 400, "bar_ms": 2},
    }  # fmt: skip
    assert f"{batched} | OutOfMemoryError: 99 GiB |" in throughput.markdown(everything)


@pytest.mark.parametrize("way", [Way("eager", "float32", 1), Way("eager", "float32", 8), Way("hook", "float32", 8)])
def test_the_eager_ways_do_all_the_work_and_find_what_we_find(
    way: throughput.Way, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager_attention = _reduced_by(way, tiny_esm, monkeypatch)
    attention = Encoder(find_model(str(tiny_esm)), device="cpu", dtype="float32", theta=0.3).encode(
        sorted(SEQUENCES, key=len)
    )
    for answer in attention:
        layers = [
            received for received, _ in eager_attention if len(received) == answer.received.shape[1]
        ]  # lengths differ
        np.testing.assert_allclose(layers, answer.received, rtol=1e-4, atol=1e-5)
    assert len(eager_attention) == sum(len(answer.received) for answer in attention)


def test_our_forward_without_statistics_has_the_output_of_the_one_with_them() -> None:
    pack = Pack((7, 12, 5), torch.device("cpu"))
    q, k, v = torch.randn(3, 4, 24, 8, generator=torch.Generator().manual_seed(0))
    attend = reduce_nothing(attend_by_sequence)
    bare = attend(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=0.3)
    full = reduce_plain(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=0.3)
    torch.testing.assert_close(bare.output, full.output)
    assert (bare.received.numel(), bare.heads.shape) == (0, (3, 0, 0))
    assert attend(LayerInputs(q, k, None, pack=pack, scaling=0.5), theta=0.3).output is None


@pytest.mark.parametrize("kind", ["maps", "sdpa"])
def test_the_other_ways_of_transformers_reduce_nothing(
    kind: str, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _reduced_by(Way(kind, "float32", 8), tiny_esm, monkeypatch) == []


def _reduced_by(
    way: throughput.Way, model: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the reductions of the way: attention received and head statistics of each layer of each protein."""
    from attlas.pipeline.attention import definitions as attention

    reductions = []
    reduce_map = attention.reduce_map

    def recorded(whole_map: torch.Tensor, *, theta: float) -> tuple[torch.Tensor, torch.Tensor]:
        answer = reduce_map(whole_map, theta=theta)
        reductions.append(tuple(tensor.numpy() for tensor in answer))
        return answer

    monkeypatch.setattr(attention, "reduce_map", recorded)
    run = throughput._prepare_transformers(way, find_model(str(model)), "cpu", 0)
    with torch.inference_mode():
        run(sorted(SEQUENCES, key=len))
    return reductions
