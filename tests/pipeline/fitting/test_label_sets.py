"""The sequences that carry labels, how many there are, and the clusters that they are grouped by."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.building import random_proteins

from attlas.pipeline.directory import read_plan
from attlas.pipeline.fitting.folds import count_labelled
from attlas.pipeline.fitting.grouping import group_labelled
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.label_sets import read_labelled
from attlas.schema import AtlasPaths, Manifest

pytestmark = pytest.mark.slow

SHAPE = Shape(n_layers=2, n_heads=4, width=32)


def test_clusters_are_computed_where_no_file_is_given(labelled_root: Path) -> None:
    paths, choose = AtlasPaths(labelled_root), random.Random(4)
    manifest = Manifest.read(paths)
    strangers = list(random_proteins([150] * 3, seed=6).values())

    # A relative of each, in which 3 letters of 10 are others.
    relatives = ["".join(x if choose.random() < 0.7 else choose.choice("ACDEFGHIKL") for x in s) for s in strangers]
    labelled = read_labelled(paths, manifest, ("Active site",)).sequences
    sequences = [replace(s, sequence=x) for s, x in zip(labelled, strangers + relatives, strict=False)]
    grouping = group_labelled(paths, manifest, sequences, by="cluster40", clusters=None, database=None)
    stranger_groups, relative_groups = grouping.groups[:3].tolist(), grouping.groups[3:].tolist()
    assert stranger_groups == relative_groups
    assert len(set(stranger_groups)) == 3
    assert grouping.method.startswith("single linkage at 40% identity over half of the shorter protein or more (Smith")


def test_labels_are_counted_on_the_proteins_that_carry_the_type(labelled_root: Path) -> None:
    paths = AtlasPaths(labelled_root)
    labelled = read_labelled(paths, Manifest.read(paths), None)
    assert [labels.labels for labels in labelled.sets] == [("Helix", "Turn"), ("Active site",), ("Motif",)]
    counts = count_labelled(labelled)
    assert (counts > 0).sum(0).tolist() == [20, 20, 25, 2]
    assert read_plan(paths).run.n_layers == SHAPE.n_layers
