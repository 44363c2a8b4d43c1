"""Helices, strands and turns count together, whichever of them are asked for."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import annotate

from attlas.pipeline.fitting.label_sets import FitSequence, read_labelled
from attlas.schema import AtlasPaths, Manifest

SPANS = [
    ("X00001", "Helix", 11, 20),
    ("X00001", "Beta strand", 31, 35),
    ("X00002", "Beta strand", 5, 9),
    ("X00002", "Turn", 12, 14),
    ("X00003", "Turn", 7, 8),
    ("X00004", "Active site", 7, 7),
]


@pytest.fixture(scope="module")
def paths(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> AtlasPaths:
    root = shutil.copytree(atlas_dir, tmp_path_factory.mktemp("structure") / "atlas")
    annotate(root, SPANS)
    return AtlasPaths(root)


def read(paths: AtlasPaths, *names: str) -> dict[str, FitSequence]:
    """Return the sequences on which labels count, by the first protein of each."""
    labelled = read_labelled(paths, Manifest.read(paths), names)
    return {sequence.accessions[0]: sequence for sequence in labelled.sequences}


@pytest.mark.parametrize("names", [("Helix",), ("Beta strand",), ("Turn",), ("Helix", "Beta strand")])
def test_what_counts_does_not_depend_on_which_are_asked_for(paths: AtlasPaths, names: tuple[str, ...]) -> None:
    sequences, whole = read(paths, *names), read(paths, "Helix", "Beta strand", "Turn")
    assert list(sequences) == list(whole) == ["X00001", "X00002", "X00003"]
    for accession, (begin, end) in {"X00001": (11, 35), "X00002": (5, 14), "X00003": (7, 8)}.items():
        counted = sequences[accession].sets[0].is_counted
        assert (np.flatnonzero(counted) + 1).tolist() == list(range(begin, end + 1))
        assert (counted == whole[accession].sets[0].is_counted).all()

    lengths = {span[0]: span[3] - span[2] + 1 for span in SPANS if span[1] == names[0]}
    labelled = {name: int(sequence.sets[0].values[0].sum()) for name, sequence in sequences.items()}
    assert labelled == {accession: lengths.get(accession, 0) for accession in sequences}


def test_other_types_count_by_themselves(paths: AtlasPaths) -> None:
    (sequence,) = read(paths, "Active site").values()
    assert sequence.accessions == ("X00004",)
    assert sequence.sets[0].is_counted.all()
