"""Candidate sites of several types stand side by side; another run of a type replaces its rows."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.annotated import annotate
from helpers.candidate_case import TYPES, candidates_at_random
from helpers.command_line import Run
from helpers.labelled_atlas import build_labelled, draw_proteins

from attlas.pipeline.evaluating.candidates import publish_candidates
from attlas.queries import Atlas
from attlas.schema import CANDIDATE_SITES, AtlasPaths, Manifest

pytestmark = pytest.mark.slow

SETTINGS = {"truth": "0" * 64, "predictor": "letter", "slope": 1.0, "first": 1, "seed": 0}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    return build_labelled(tmp_path_factory.mktemp("types"), tiny_esm, draw_proteins()).root


def make_rows(type: str, *positions: int) -> list[dict[str, Any]]:
    sequence = draw_proteins()["P00003"]
    blank = dict.fromkeys(("probability", "evidence", "homolog", "identity", "nearest", "nearest_sites"))
    return [
        {
            **blank,
            "accession": "P00003",
            "sequence_id": 3,
            "type": type,
            "position": position,
            "residue": sequence[position - 1],
            "rank": rank,
            "score": -float(rank),
        }
        for rank, position in enumerate(positions, start=1)
    ]


def list_rows(root: Path) -> list[tuple[str, int]]:
    with Atlas.open(root) as atlas:
        rows = atlas.sql("SELECT type, position FROM candidate_sites ORDER BY ALL").to_pylist()
    return [(row["type"], row["position"]) for row in rows]


def count_files(root: Path) -> int:
    n_files = len(list((root / "candidate_sites").glob("*.parquet")))
    assert n_files == len(Manifest.read(AtlasPaths(root)).of_table(CANDIDATE_SITES))
    return n_files


def test_another_type_keeps_the_rows_of_the_first_and_the_same_type_replaces_them(
    root: Path, tmp_path: Path, attlas: Run
) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    paths = AtlasPaths(copy)
    publish_candidates(paths, make_rows("Active site", 5), {**SETTINGS, "type": "Active site"})
    publish_candidates(paths, make_rows("Binding site", 9), {**SETTINGS, "type": "Binding site"})
    assert list_rows(copy) == [("Active site", 5), ("Binding site", 9)]
    assert count_files(copy) == 2

    # With other settings and as many rows: a file of another name, in place of the first.
    for changed in ({"first": 2}, {"seed": 1}, {"type": "active site"}):
        publish_candidates(paths, make_rows("Active site", 6), {**SETTINGS, "type": "Active site", **changed})
        assert list_rows(copy) == [("Active site", 6), ("Binding site", 9)]
        assert count_files(copy) == 2
    publish_candidates(paths, [], {**SETTINGS, "type": "Active site"})
    publish_candidates(paths, make_rows("Active site", 7), {**SETTINGS, "type": "Active site"})
    assert list_rows(copy) == [("Active site", 7), ("Binding site", 9)]
    assert count_files(copy) == 2
    assert attlas("verify", copy).code == 0
    rows = json.loads(attlas("ask", copy, "candidate_sites", "--format", "json").out)
    assert [(row["type"], row["position"]) for row in rows] == [("Active site", 7), ("Binding site", 9)]


def test_the_name_of_a_file_is_of_its_type_seed_and_number_of_residues(root: Path, tmp_path: Path) -> None:
    """Names that were equal would be one file, which a reader that has it open would see change."""
    paths = AtlasPaths(shutil.copytree(root, tmp_path / "atlas"))
    names = set()
    for changed in ({}, {"first": 2}, {"seed": 1}, {"type": "Site"}):
        publish_candidates(paths, make_rows("Site", 6), {**SETTINGS, "type": "Active site", **changed})
        names |= {Path(file.path).name for file in Manifest.read(paths).of_table(CANDIDATE_SITES)}
    assert len(names) == 4


def test_a_file_of_an_earlier_version_tells_its_type_by_its_rows(root: Path, tmp_path: Path) -> None:
    """It has no settings; here it holds two types, and stays."""
    copy = shutil.copytree(root, tmp_path / "atlas")
    candidates_at_random(copy)
    before = list_rows(copy)
    assert {type for type, _ in before} == set(TYPES)
    publish_candidates(AtlasPaths(copy), make_rows("Site", 6), {**SETTINGS, "type": "Site"})
    assert list_rows(copy) == sorted([*before, ("Site", 6)])


def test_candidates_are_outdated_where_the_run_of_one_type_is(root: Path, tmp_path: Path, attlas: Run) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    paths = AtlasPaths(copy)
    publish_candidates(paths, make_rows("Active site", 5), {**SETTINGS, "type": "Active site"})
    annotate(copy, [("P00000", "Active site", 3, 3)])
    publish_candidates(paths, make_rows("Binding site", 9), {**SETTINGS, "type": "Binding site"})
    told = "candidate_sites was computed from other features than the atlas has now"
    assert told in attlas("ask", copy, "candidate_sites").err
    publish_candidates(paths, make_rows("Active site", 5), {**SETTINGS, "type": "Active site"})
    assert told not in attlas("ask", copy, "candidate_sites").err
