"""A table of families that does not name every protein: relatives stay together, and every line is used or told."""

from pathlib import Path

import pytest
from helpers.command_line import Run
from helpers.labelled_atlas import build_labelled, draw_proteins

from attlas.pipeline.evaluating.evaluation import LabelledAtlas, open_labelled_atlas, read_families
from attlas.pipeline.evaluating.groups import group_by_family
from attlas.pipeline.relatives.clusters import FAMILY_IDENTITY, cluster
from attlas.pipeline.relatives.hits import find_hits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> LabelledAtlas:
    return build_labelled(tmp_path_factory.mktemp("partial"), tiny_esm, draw_proteins())


@pytest.fixture(scope="module")
def clusters(atlas: LabelledAtlas) -> list[str]:
    """Return the clusters of the labelled proteins: two pairs of relatives, each other protein by itself."""
    proteins = atlas.truth.proteins
    hits = find_hits([protein.sequence for protein in proteins])
    return cluster(hits, [protein.accession for protein in proteins], identity=FAMILY_IDENTITY)


def group(atlas: LabelledAtlas, clusters: list[str], path: Path, text: str) -> dict[str, str]:
    """Return the group of each protein by a table of this text."""
    path.write_text(text)
    groups = group_by_family(read_families(path, [atlas]), clusters)
    accessions = [protein.accession for protein in atlas.truth.proteins]
    return dict(zip(accessions, groups.of_protein, strict=True))


@pytest.mark.parametrize("text", ["P00000\tF\n", "R0\tF\n", "P00000\tF\nR0\tG\n", "P00000\tG;F\nP00002\tF\n"])
def test_relatives_are_held_out_together_whatever_the_table_says(
    atlas: LabelledAtlas, clusters: list[str], tmp_path: Path, text: str
) -> None:
    groups = group(atlas, clusters, tmp_path / "families.tsv", text)
    assert groups["P00000"] == groups["R0"] == "family F"
    assert groups["P00001"] == groups["R1"] == "cluster P00001"
    assert (groups["P00002"] == "family F") == ("P00002" in text)
    assert len(set(groups.values())) == (11 if "P00002" in text else 12)


def test_a_family_joins_clusters_and_a_cluster_families(
    atlas: LabelledAtlas, clusters: list[str], tmp_path: Path
) -> None:
    groups = group(atlas, clusters, tmp_path / "families.tsv", "R0\tB\nR1\tB\nP00001\tA\nP00002\tA\n")
    together = {accession for accession, name in groups.items() if name == "family A"}
    assert together == {"P00000", "R0", "P00001", "R1", "P00002"}


def test_a_cell_with_semicolons_has_several_families(atlas: LabelledAtlas, clusters: list[str], tmp_path: Path) -> None:
    text = "P00002\tF1;F7\nP00003\tF1\nP00004\tF7 ;\nP00005\tF2\n"
    groups = group(atlas, clusters, tmp_path / "families.tsv", text)
    assert groups["P00002"] == groups["P00003"] == groups["P00004"] == "family F1"
    assert groups["P00005"] == "family F2"


def test_lines_that_are_not_used_are_counted_and_told(atlas: LabelledAtlas, attlas: Run, tmp_path: Path) -> None:
    """An id of one of two atlases is known, and so is a protein without a label, whose family is not needed."""
    path, truth = tmp_path / "families.tsv", tmp_path / "truth.tsv"
    path.write_text("P00000\tF\nNOPE\tF\nP00001\t\nP00002\t;\nP00003\tF\tG\nP00011\tH\n")
    truth.write_text("".join(f"{protein.accession}\t5\n" for protein in atlas.truth.proteins[:11]))
    part = open_labelled_atlas(atlas.root, truth)
    table = read_families(path, [part, atlas])
    assert dict(table.account.counts) == {"id not in the atlas": 1, "no family named": 2, "line cannot be read": 1}
    method = group_by_family(table, ["c"] * len(table.of_protein)).method
    assert method.startswith("families.tsv names 3 of 25 proteins, 4 lines left out; families and clusters that share")

    # A truth of too few groups: it is refused behind the notes, before the model runs.
    truth.write_text("".join(f"{protein.accession}\t5\n" for protein in atlas.truth.proteins[:9]))
    outcome = attlas("evaluate", "sites", atlas.root, "--truth", truth, "--groups", path)
    assert (outcome.code, "10 or more families" in outcome.err) == (1, True)
    assert "left out of families.tsv: no family named: 2 records of 2 proteins" in outcome.err
    unknown = "left out of families.tsv: id not in the atlas: 1 record of 1 protein\nattlas:   - NOPE F (line 2)"
    assert unknown in outcome.err
