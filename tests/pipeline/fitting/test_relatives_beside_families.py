"""What families, or a table of clusters, leave apart is held out with its relatives."""

import shutil
from pathlib import Path

import pytest
from helpers.annotated import assign
from helpers.labelled_atlas import build_labelled, draw_proteins

from attlas.pipeline.fitting.grouping import Grouping, group_labelled
from attlas.pipeline.fitting.label_sets import AtlasSequence, read_sequences_with_accessions
from attlas.schema import AtlasPaths, Manifest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """Return an atlas in which R0 is a relative of P00000, and R1 of P00001."""
    return build_labelled(tmp_path_factory.mktemp("relatives"), tiny_esm, draw_proteins()).root


def group(root: Path, *, by: str, clusters: Path | None = None) -> tuple[Grouping, dict[str, int]]:
    """Return the groups of all sequences of an atlas, and that of each protein."""
    paths = AtlasPaths(root)
    sequences = [AtlasSequence(i, *values) for i, values in sorted(read_sequences_with_accessions(paths).items())]
    grouping = group_labelled(paths, Manifest.read(paths), sequences, by=by, clusters=clusters, database=None)
    return grouping, {sequence.accessions[0]: int(of) for sequence, of in zip(sequences, grouping.groups, strict=True)}


def list_groups(groups: dict[str, int]) -> list[set[str]]:
    """Return the proteins of each group of more than one."""
    members = [{name for name in groups if groups[name] == number} for number in set(groups.values())]
    return sorted((of_group for of_group in members if len(of_group) > 1), key=min)


def test_a_protein_without_a_family_and_one_of_another_family_join_their_relatives(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    families = {"P00000": "A", "P00002": "A", "P00001": "B", "R1": "C", "P00003": "C"}
    assign(copy, [(accession, "Pfam", family) for accession, family in families.items()])
    grouping, groups = group(copy, by="family")
    assert list_groups(groups) == [{"P00000", "P00002", "R0"}, {"P00001", "P00003", "R1"}]
    assert grouping.n_alone == 9
    assert grouping.method.startswith("connected families of all databases, with relatives by single linkage at 40%")


def test_a_protein_that_a_table_of_clusters_does_not_name_joins_its_relatives(root: Path, tmp_path: Path) -> None:
    """Those that it names are apart if it puts them apart: its clusters may be of another identity."""
    path = tmp_path / "clusters.tsv"
    path.write_text("P00000\tA\nP00002\tA\nP00001\tB\nR1\tC\n")
    grouping, groups = group(root, by="cluster40", clusters=path)
    assert list_groups(groups) == [{"P00000", "P00002", "R0"}]
    assert grouping.n_alone == 10
    assert "clusters of clusters.tsv; what it does not name with relatives by single linkage" in grouping.method
