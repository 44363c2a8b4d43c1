"""The residues of a protein that carry each label."""

import pytest

from attlas.pipeline.probe.labels import label_protein

pytestmark = pytest.mark.slow


def test_overlapping_features_of_a_type_label_a_residue_once() -> None:
    masks = {
        label.name: label.mask for label in label_protein("A", "MKTAY", [("X", 1, 3), ("X", 2, 4)], is_by_letter=False)
    }
    assert masks["X"].tolist() == [True, True, True, True, False]
    assert list(masks) == ["residue", "X"]


def test_a_bond_labels_its_two_ends() -> None:
    features = [("Disulfide bond", 2, 5), ("Disulfide bond", 3, 3), ("Domain", 2, 4)]
    masks = {label.name: label.mask for label in label_protein("A", "MKTAY", features, is_by_letter=False)}
    assert masks["Disulfide bond"].tolist() == [False, True, True, False, True]
    assert masks["Domain"].tolist() == [False, True, True, True, False]
