"""The rows of a protein: the first residues, and whatever homology gives, with what is known of the nearest protein."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.labelled_set import LETTER, make_set

from attlas.pipeline.evaluating import candidates
from attlas.pipeline.evaluating.calibration import RIGHT
from attlas.pipeline.evaluating.logistic import LogisticModel, Scaling
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.pipeline.fitting.letters import N_LETTERS, encode_letters
from attlas.pipeline.relatives.alignments import align
from attlas.pipeline.relatives.hits import HomologyHit


def test_a_residue_that_homology_gives_is_told_whatever_its_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model ranks the letters of labelled residues, H and D, after all others."""
    labelled = make_set(6, effect=0.0)
    donor = labelled.proteins[0]
    protein = LabelledProtein("Q", 99, donor.sequence, ())
    alignment = align(donor.sequence, donor.sequence)
    assert alignment is not None
    monkeypatch.setattr(candidates, "compute_columns", lambda *_, **__: [labelled.columns[0]])
    monkeypatch.setattr(candidates, "find_hits_to", lambda *_: [[HomologyHit(0, alignment)]])

    coefficients = -encode_letters("HD").sum(0).astype(np.float64)
    model = LogisticModel(Scaling(np.zeros(N_LETTERS), np.ones(N_LETTERS)), coefficients, 0.0)
    choice = SimpleNamespace(predictor=LETTER, model=model, line=RIGHT, is_probability=True)
    rows = list(candidates.rank_residues(Path(), labelled, choice, [protein], type="Site", n_first=2))

    assert [(row["rank"], row["homolog"]) for row in rows[:2]] == [(1, None), (2, None)]
    assert sorted(row["position"] for row in rows[2:]) == list(donor.positions)
    assert {row["homolog"] for row in rows[2:]} == {donor.accession}
    assert min(row["rank"] for row in rows[2:]) > 2
    nearest_sites = ";".join(f"{donor.sequence[position - 1]}{position}" for position in donor.positions)
    assert {(row["nearest"], row["nearest_sites"]) for row in rows} == {(donor.accession, nearest_sites)}
