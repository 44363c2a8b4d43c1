"""The benchmarks run end to end on tiny input, and their numbers follow from what was measured."""

import json
import re
from pathlib import Path

import pytest
from helpers.benchmark_scripts import load_benchmark, run_benchmark
from helpers.sealed_atlas import list_problems, read_manifest

from attlas.queries import Atlas

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


# make_atlas, lookup


@pytest.fixture(scope="module")
def random_atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("large") / "atlas"
    run_benchmark("make_atlas", root, "--proteins", 40, "--layers", 3, "--heads", 2, "--shards", 3, "--detailed", 0.5)
    return root


def test_a_random_atlas_is_whole_and_its_sites_are_the_highest_of_its_profiles(random_atlas: Path) -> None:
    manifest = read_manifest(random_atlas)
    assert list_problems(random_atlas) == []
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
    printed = run_benchmark("lookup", random_atlas, "--repeats", 10, "--rounds", 2).stdout
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
    printed = run_benchmark("remote", random_atlas, "--repeats", 3).stdout
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
    printed = run_benchmark("host", *sizes, "--folder", tmp_path, "--json", path).stdout
    report = json.loads(path.read_text())

    lengths = load_benchmark("throughput").human_lengths(1_200, longest=100_000)
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
    size, names, words, *costs = run_benchmark("names_scale", "--sizes", 1_500, "--lookups", 2).stdout.splitlines()
    assert size.startswith("1,500 proteins, peak ")
    assert names.startswith("  names: 7,500 rows in 1 files, ")
    assert words.startswith("  words: ")
    requests = {kind: int(re.search(r": (\d+) requests", kind)[1]) for kind in costs}
    assert len(requests) == 7
    assert max(requests.values()) <= 9
    assert max(list(requests.values())[:4]) <= 5


# manifest_scale


def test_manifest_scale_measures_both_forms_of_the_list() -> None:
    _, in_one, divided = run_benchmark("manifest_scale", 400).stdout.splitlines()
    assert (in_one.split()[:2], divided.split()[:2]) == (["400", "in"], ["400", "divided"])
    assert in_one.endswith(" and 1")
    assert divided.endswith(" and 2")  # the index of names has few files, and its list is no part


# asking_scale


@pytest.mark.thorough
def test_asking_scale_finds_the_same_rows_in_every_way_and_times_them(random_atlas: Path) -> None:
    printed = run_benchmark(
        "asking_scale", random_atlas, "--questions", "organisms", "--rounds", 1, "--files", 1, 9
    ).stdout
    assert "attlas, 3 files" in printed
    assert [line.split(" files")[0] for line in printed.splitlines() if "none left out" in line] == [
        "DuckDB over 1",
        "DuckDB over 3",
    ]
    [question] = [line for line in printed.splitlines() if line.startswith("organisms")]
    assert all(float(number) > 0 for number in question.split()[1:])
