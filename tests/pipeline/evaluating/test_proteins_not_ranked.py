"""Candidates are ranked for proteins of which no site is known, by the truth or by the features of the atlas."""

import shutil
from pathlib import Path

import pytest
from helpers.annotated import annotate
from helpers.labelled_atlas import build_labelled, draw_proteins

from attlas.pipeline.evaluating.evaluation import LabelledAtlas, open_labelled_atlas
from attlas.pipeline.evaluating.others import OtherProteins, list_other_proteins
from attlas.schema import AtlasPaths

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> LabelledAtlas:
    """Return an atlas in which T has the sequence of P00003."""
    proteins = draw_proteins()
    return build_labelled(tmp_path_factory.mktemp("ranked"), tiny_esm, proteins | {"T": proteins["P00003"]})


def list_others(root: Path, truth: Path, *, type: str = "Active site") -> tuple[list[str], OtherProteins]:
    others = list_other_proteins(AtlasPaths(root), open_labelled_atlas(root, truth), type=type)
    return [protein.accession for protein in others.proteins], others


@pytest.mark.parametrize(
    "line", ["P00003\t5;99999\n", "P00003\t\n", "T\tx\n", "P00003\t5\textra\n", "P00003\t5\nP00003\t99999\n"]
)
def test_a_protein_that_was_left_out_of_the_truth_has_sites_and_is_not_ranked(
    atlas: LabelledAtlas, tmp_path: Path, line: str
) -> None:
    truth = tmp_path / "truth.tsv"
    truth.write_text("P00000\t5\nP00001\t5\nNOPE\t5\n" + line)
    accessions, others = list_others(atlas.root, truth)
    assert set(draw_proteins()) - set(accessions) == {"P00000", "P00001", "P00003"}
    assert "T" not in accessions
    assert (others.n_rejected, others.n_annotated) == (2, 0)


@pytest.mark.parametrize(("stored", "type"), [("Active site", "active SITE"), ("My site", "my site")])
def test_a_protein_with_a_feature_of_the_type_is_not_ranked(
    atlas: LabelledAtlas, tmp_path: Path, stored: str, type: str
) -> None:
    """Its type is compared in any letter case; a feature on one of two proteins counts for their sequence."""
    root = shutil.copytree(atlas.root, tmp_path / "atlas")
    annotate(root, [("P00000", stored, 3, 3), ("P00003", stored, 3, 3), ("P00004", "Region", 3, 9)])
    truth = tmp_path / "truth.tsv"
    truth.write_text("P00000\t5\nP00005\t99999\n")
    accessions, others = list_others(root, truth, type=type)
    assert set(accessions) == set(draw_proteins()) - {"P00000", "P00003", "P00005"}
    assert (others.n_rejected, others.n_annotated) == (1, 2)
