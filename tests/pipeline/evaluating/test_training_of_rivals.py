"""How many proteins a rival was trained on, and how many ids of its list say nothing."""

from pathlib import Path

import pytest

from attlas.pipeline.annotate.check import Proteins
from attlas.pipeline.evaluating.rivals import TrainingList, read_rival
from attlas.pipeline.evaluating.truth import LabelledProtein, read_proteins
from attlas.schema import AtlasPaths


@pytest.fixture(scope="module")
def proteins(atlas_dir: Path) -> Proteins:
    return read_proteins(AtlasPaths(atlas_dir))


def read(proteins: Proteins, folder: Path, text: str) -> TrainingList:
    """Return the list of a rival that predicts position 1 of one protein."""
    (folder / "rival.tsv").write_text("P04637\t1\n")
    (folder / "training.txt").write_text(text)
    rival = read_rival("other", folder / "rival.tsv", proteins, training=folder / "training.txt")
    assert rival.training_list is not None
    return rival.training_list


def test_ids_that_the_atlas_does_not_know_are_counted_and_not_taken_for_no_overlap(
    proteins: Proteins, tmp_path: Path
) -> None:
    stored = [proteins.by_accession[accession] for accession in ("P04637", "P0DP23", "X00001")]
    labelled = [LabelledProtein(protein.accession, protein.sequence_id, protein.sequence, (1,)) for protein in stored]

    unknown = read(proteins, tmp_path, "UniRef90_XYZ\nsp|NOPE|X\n")
    assert unknown.describe_overlap(labelled) == "unknown: none of the 2 ids of training.txt is in the atlas"
    assert dict(unknown.account.counts) == {"id not in the atlas": 2}

    part = read(proteins, tmp_path, "accession\nNOPE\nP04637\nP0DP24\n")  # of the sequence of P0DP23
    assert part.describe_overlap(labelled) == "2 of 3; 1 of 3 ids are not in the atlas"
    assert list(part.account.lines()) == ["id not in the atlas: 1 record of 1 protein", "  - NOPE (line 2)"]

    whole = read(proteins, tmp_path, "P04637\n")
    assert whole.describe_overlap(labelled) == "1 of 3"
    assert not whole.account.counts
