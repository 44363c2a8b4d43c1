"""Agreement with sites from elsewhere: rows against sets, round trips, what is refused, and the verb itself."""

import csv
import io
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.chance_oracle import shared_by_chance
from helpers.default_cases import each_nth_by_default
from helpers.reading_case import PROTEINS
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas
from typer.testing import CliRunner

from attlas.cli.main import app
from attlas.queries import Atlas, compare
from attlas.schema import SITES, BrokenAtlasError, InputError

Sites = dict[str, list[int]]
COMPUTED = [protein.accession for protein in PROTEINS if protein.status == "ok"]
EXPORTS = ("csv", "tsv", "parquet", "gff3", "jsonl")


def sites_of(atlas: Atlas) -> Sites:
    """Return the sites of every computed protein by rank."""
    rows = atlas.sql("SELECT accession, position FROM sites ORDER BY accession, rank").to_pylist()
    sites: Sites = {accession: [] for accession in COMPUTED}
    for row in rows:
        sites[row["accession"]].append(row["position"])
    return sites


def table(path: Path, sites: Sites, *, shift: int = 0) -> Path:
    path.write_text(
        "".join(f"{id}\t{';'.join(str(p + shift) for p in positions)}\n" for id, positions in sites.items())
    )
    return path


def numbers(pooled: pa.Table) -> dict[str, float | None]:
    return {row["measure"]: row["value"] for row in pooled.to_pylist()}


def attlas(*words: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(map(str, words)))
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def perturbed(atlas_dir: Path) -> Sites:
    """Return other sites for every protein: some of ours, some at random, in an order of their own."""
    choose = random.Random(4)
    lengths = {protein.accession: len(protein.sequence) for protein in PROTEINS}
    with Atlas.open(atlas_dir) as atlas:
        sites = sites_of(atlas)
    other_sites = {}
    for accession, positions in sites.items():
        others = choose.sample(range(1, lengths[accession] + 1), min(3, lengths[accession]))
        other_sites[accession] = list(dict.fromkeys([*choose.sample(positions, len(positions) // 2), *others]))
    return other_sites


@pytest.mark.parametrize("format", each_nth_by_default(EXPORTS, 3))
def test_an_export_of_the_atlas_agrees_with_it_in_everything(atlas_dir: Path, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"sites.{format}"
    assert attlas("export", atlas_dir, format, "-o", path)[0] == 0
    with Atlas.open(atlas_dir) as atlas:
        comparison, sites = compare(atlas, path), sites_of(atlas)
    with_sites = sorted(accession for accession, positions in sites.items() if positions)
    expected = sorted(sites) if format in ("gff3", "jsonl") else with_sites  # tables of sites have no other proteins
    assert comparison.base == 1
    assert comparison.proteins["accession"].to_pylist() == expected
    for row in comparison.proteins.to_pylist():
        assert (row["n_ours"], row["n_theirs"], row["n_both"]) == (len(sites[row["accession"]]),) * 3
        assert row["is_same_set"]
        assert (row["only_ours"], row["only_theirs"]) == ("", "")
        if row["n_ours"]:
            agreed = (row["jaccard"], row["distance"], row["is_same_layer"], row["is_same_order"])
            assert agreed == (1, 0, True, True)
    pooled = numbers(comparison.pooled)
    assert [pooled[name] for name in ("precision", "recall", "jaccard", "mean_jaccard", "same_set", "same_layer")] == [
        1
    ] * 6
    assert pooled["n_only_ours"] == len(COMPUTED) - len(expected)


def test_an_atlas_agrees_with_itself_and_its_gaps_are_named(atlas_dir: Path) -> None:
    with Atlas.open(atlas_dir) as atlas:
        comparison = compare(atlas, atlas_dir)
    assert comparison.proteins["accession"].to_pylist() == sorted(COMPUTED)
    assert numbers(comparison.pooled)["same_order"] == 1
    assert {(row["id"], row["reason"]) for row in comparison.rejected.to_pylist()} == {
        ("Q00003", "protein not computed"),
        ("Q00004", "protein not computed"),
    }
    assert numbers(comparison.pooled)["n_left_out"] == 2


def test_an_atlas_of_other_sequences_is_left_out_protein_by_protein(atlas: Atlas, tmp_path: Path) -> None:
    changed = [
        SyntheticProtein("P04637", PROTEINS[0].sequence[::-1]),
        SyntheticProtein("Q00001", PROTEINS[4].sequence),
        SyntheticProtein("P0DP23", PROTEINS[2].sequence, status="failed", reason="out of memory"),
    ]
    write_atlas(tmp_path / "other", changed)
    comparison = compare(atlas, tmp_path / "other")
    assert comparison.proteins["accession"].to_pylist() == ["Q00001"]
    reasons = {(row["id"], row["reason"], row["detail"]) for row in comparison.rejected.to_pylist()}
    assert ("P04637", "another sequence", "its checksum differs") in reasons
    assert ("P0DP23", "protein not computed in the source", "failed: out of memory") in reasons


def test_rows_by_protein_are_what_sets_say(atlas: Atlas, tmp_path: Path, perturbed: Sites) -> None:
    comparison = compare(atlas, table(tmp_path / "theirs.tsv", perturbed), base=1, near=5)
    atlas_sites = sites_of(atlas)
    assert comparison.proteins["accession"].to_pylist() == sorted(perturbed)
    sequences = {protein.accession: protein.sequence for protein in PROTEINS}
    for row in comparison.proteins.to_pylist():
        positions, table_positions = atlas_sites[row["accession"]], perturbed[row["accession"]]
        both, either = {*positions} & {*table_positions}, {*positions} | {*table_positions}
        gaps = [min(abs(p - q) for q in positions) for p in table_positions] if positions else []
        assert (row["n_ours"], row["n_theirs"], row["n_both"]) == (len(positions), len(table_positions), len(both))
        assert row["jaccard"] == pytest.approx(len(both) / len(either), abs=1e-4)
        assert row["is_same_set"] == ({*positions} == {*table_positions})
        assert row["is_same_order"] == (positions == table_positions)
        mean, _ = shared_by_chance(row["length"], len(positions), len(table_positions))
        assert row["n_expected"] == pytest.approx(mean, abs=1e-4)
        assert row["distance"] == (pytest.approx(np.mean(gaps), abs=1e-4) if gaps else None)
        assert row["n_near"] == sum(gap <= 5 for gap in gaps)
        letters = sequences[row["accession"]]
        assert row["only_theirs"] == " ".join(f"{letters[p - 1]}{p}" for p in table_positions if p not in both)
        assert row["only_ours"] == " ".join(f"{letters[p - 1]}{p}" for p in positions if p not in both)


def test_the_same_table_counted_from_0_gives_the_same_numbers(atlas: Atlas, tmp_path: Path, perturbed: Sites) -> None:
    from_1 = compare(atlas, table(tmp_path / "from1.tsv", perturbed), base=1)
    from_0 = compare(atlas, table(tmp_path / "from0.tsv", perturbed, shift=-1), base=0)
    assert from_0.proteins.equals(from_1.proteins)
    assert from_0.pooled.equals(from_1.pooled)


def test_pooled_numbers_are_those_of_sums_over_distinct_sequences(
    atlas: Atlas, tmp_path: Path, perturbed: Sites
) -> None:
    table_sites = {**perturbed, "P0DP24": perturbed["P0DP23"]}  # two accessions of one sequence that agree
    comparison = compare(atlas, table(tmp_path / "theirs.tsv", table_sites), base=1)
    atlas_sites = sites_of(atlas)
    used = [accession for accession in COMPUTED if accession != "P0DP24"]
    atlas_sets, table_sets = ([set(sites[accession]) for accession in used] for sites in (atlas_sites, table_sites))
    n_both = sum(len(a & b) for a, b in zip(atlas_sets, table_sets, strict=True))
    pooled = numbers(comparison.pooled)
    assert pooled["n_proteins"] == len(COMPUTED)
    assert pooled["n_sequences"] == len(used)
    assert pooled["n_both"] == n_both
    assert pooled["precision"] == pytest.approx(n_both / sum(map(len, atlas_sets)), abs=1e-4)
    assert pooled["recall"] == pytest.approx(n_both / sum(map(len, table_sets)), abs=1e-4)
    either = [a | b for a, b in zip(atlas_sets, table_sets, strict=True)]
    assert pooled["jaccard"] == pytest.approx(n_both / sum(map(len, either)), abs=1e-4)
    jaccards = [len(a & b) / len(a | b) for a, b in zip(atlas_sets, table_sets, strict=True) if a | b]
    assert pooled["mean_jaccard"] == pytest.approx(np.mean(jaccards), abs=1e-4)


def test_accessions_of_one_sequence_that_disagree_count_twice(atlas: Atlas, tmp_path: Path) -> None:
    comparison = compare(atlas, table(tmp_path / "theirs.tsv", {"P0DP23": [1], "P0DP24": [2]}), base=1)
    assert numbers(comparison.pooled)["n_sequences"] == 2


def test_every_column_is_documented_and_the_metadata_say_what_was_compared(atlas: Atlas, tmp_path: Path) -> None:
    path = table(tmp_path / "theirs.tsv", {"P0DP23": [1, 149]})
    comparison = compare(atlas, path)
    for written in (comparison.proteins, comparison.pooled, comparison.rejected):
        assert [field.name for field in written.schema if not field.metadata[b"doc"]] == []
    metadata = json.loads(comparison.pooled.schema.metadata[b"attlas"])
    assert (metadata["compared_with"], metadata["base"]) == ("theirs.tsv", 1)
    assert metadata["atlas_id"] == atlas.manifest.atlas_id


@pytest.mark.parametrize("by", ["all", "protein"])
def test_the_verb_writes_what_python_answers(atlas_dir: Path, tmp_path: Path, perturbed: Sites, by: str) -> None:
    path = table(tmp_path / "theirs.tsv", perturbed)
    with Atlas.open(atlas_dir) as atlas:
        comparison = compare(atlas, path, base=1)
    expected = comparison.pooled if by == "all" else comparison.proteins
    words = ("compare", atlas_dir, path, "--base", "1", "--by", by)
    code, out, err = attlas(*words, "--format", "json")
    assert (code, json.loads(out)) == (0, expected.to_pylist())
    assert [line.removeprefix("attlas: ") for line in err.splitlines()] == list(comparison.notes)
    assert attlas(*words, "-o", tmp_path / "out.parquet")[0] == 0
    assert pq.read_table(tmp_path / "out.parquet").equals(expected)
    rows = list(csv.DictReader(io.StringIO(attlas(*words, "--format", "csv")[1])))
    assert [*rows[0]] == expected.column_names
    assert len(rows) == expected.num_rows


def test_the_verb_writes_every_record_left_out(atlas_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text("accession,position\nP0DP23,149\nP0DP24,150\nP0DP24,3\nnobody,4\nP0DP23,149\n")
    code, _, err = attlas("compare", atlas_dir, path, "--rejected", tmp_path / "out.tsv")
    assert code == 0
    rows = list(csv.DictReader((tmp_path / "out.tsv").read_text().splitlines(), delimiter="\t"))
    assert [(row["reason"], row["id"], row["position"], row["line"]) for row in rows] == [
        ("id not in the atlas", "nobody", "4", "5"),
        ("position past the end", "P0DP24", "150", "3"),
        ("other site of a protein left out", "P0DP24", "3", "4"),
        ("site given before", "P0DP23", "149", "6"),
    ]
    assert "P0DP24 150 (line 3): 150; the protein has 149 residues, counted from 1" in err


def test_a_wrong_base_or_a_directory_that_is_no_atlas_is_refused(atlas: Atlas, tmp_path: Path) -> None:
    path = table(tmp_path / "theirs.tsv", {"P0DP23": [1]})
    with pytest.raises(InputError, match="no such base"):
        compare(atlas, path, base=2)
    with pytest.raises(InputError, match="fewer than 0"):
        compare(atlas, path, base=1, near=-1)
    with pytest.raises(BrokenAtlasError, match=r"manifest\.json"):
        compare(atlas, tmp_path)


def test_a_site_of_ours_has_its_rank_by_the_order_of_the_table(atlas: Atlas) -> None:
    """The order that `is_same_order` relies on is that of the declared table."""
    assert SITES.sort == ("sequence_id", "rank")
    assert AMINO_ACIDS.isalpha()
    ranks = atlas.sites("Q00005")["rank"].to_pylist()
    assert ranks == sorted(ranks)
