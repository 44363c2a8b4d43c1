"""Candidate sites are ranked for proteins that the truth does not name, and refused before any work."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from helpers.command_line import Run
from helpers.sealed_atlas import list_files

from attlas.pipeline.evaluating.candidates import add_candidates
from attlas.pipeline.evaluating.evaluation import open_labelled_atlas
from attlas.pipeline.evaluating.predictors import BOOSTED, list_predictors
from attlas.pipeline.lock import hold_lock
from attlas.schema import AtlasPaths, BrokenAtlasError
from attlas.schema.prediction_tables import PREDICTION_SENTENCE

pytestmark = pytest.mark.slow


def test_candidates_of_a_locked_atlas_or_one_of_wrong_links_are_refused_before_any_work(
    judged_atlas: Path, attlas: Run, tmp_path: Path
) -> None:
    copy = shutil.copytree(judged_atlas / "atlas", tmp_path / "atlas")
    arguments = ["evaluate", "candidates", copy, "--truth", judged_atlas / "truth.tsv"]
    with hold_lock(AtlasPaths(copy)):
        locked = attlas(*arguments)
    assert locked.code == 1
    assert "is writing" in locked.err or "lock" in locked.err
    assert "aligning" not in locked.err

    # A file of the manifest is a link to other bytes.
    path = list_files(copy, "proteins")[0]
    (tmp_path / "other.parquet").write_bytes(path.read_bytes()[::-1])
    path.unlink()
    path.symlink_to(tmp_path / "other.parquet")
    with pytest.raises(BrokenAtlasError, match="link"):
        add_candidates(
            replace(open_labelled_atlas(judged_atlas / "atlas", judged_atlas / "truth.tsv"), root=copy),
            type="Site",
            n_first=3,
        )


@pytest.mark.thorough
def test_candidate_sites_are_ranked_for_the_proteins_that_the_truth_does_not_name(
    judged_atlas: Path, attlas: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attlas.pipeline.evaluating.boosting.N_TREES", 2)  # a hundred would take seconds
    monkeypatch.setattr("attlas.pipeline.evaluating.choosing.BOOSTED", BOOSTED[:1])
    lines = (judged_atlas / "truth.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "truth.tsv").write_text("".join(lines[:10]))
    copy = shutil.copytree(judged_atlas / "atlas", tmp_path / "atlas")
    outcome = attlas(
        "evaluate", "candidates", copy, "--truth", tmp_path / "truth.tsv", "--first", 4, "-o", tmp_path / "card"
    )
    assert outcome.code == 0, outcome.err
    assert "8 candidate sites of 2 proteins" in outcome.out
    assert "A prediction, not an annotation" in outcome.out
    assert "probabilities need a slope of 0.8 to 1.25" in outcome.out

    card = json.loads((tmp_path / "card").read_text())
    assert card["predictor"] in [predictor.name for predictor in (*list_predictors(), *BOOSTED)]
    assert card["folds"] == "5, each of whole clusters, seed 0"
    assert f"folds {card['folds']}:" in outcome.out
    assert card["calibration"]["slope_low"] <= card["calibration"]["slope"] <= card["calibration"]["slope_high"]

    refused = attlas("export", judged_atlas / "atlas", "candidates")
    assert refused.code != 0
    assert "no table candidate_sites" in refused.err

    rows = json.loads(attlas("ask", copy, "candidate_sites", "n=4", "--format", "json").out)
    assert {row["says"] for row in rows} == {PREDICTION_SENTENCE}
    assert {row["evidence_code"] for row in rows} == {"ECO:0008004"}
    table = attlas("ask", copy, "candidate_sites", "n=4", "--format", "csv").out
    assert table.count(PREDICTION_SENTENCE) == table.count("ECO:0008004") == 8
    _check_features(attlas("export", copy, "candidates").out, rows)
    named = {line.split("\t")[0] for line in lines[:10]}
    assert {row["accession"] for row in rows}.isdisjoint(named)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4] * 2
    assert all((row["nearest"] is None) == (row["nearest_sites"] is None) for row in rows)
    assert all((row["probability"] is not None) == card["is_probability"] for row in rows)
    assert attlas("verify", copy).code == 0


def _check_features(gff: str, rows: list[dict[str, Any]]) -> None:
    """Compare the features of a GFF3 file with the rows of the question."""
    header = [line for line in gff.splitlines() if line.startswith("#")]
    assert f"# {PREDICTION_SENTENCE}" in header
    assert "# evidence: ECO:0008004" in header

    features = [line.split("\t") for line in gff.splitlines() if not line.startswith("#")]
    expected = sorted((row["accession"], row["position"], row["rank"]) for row in rows)
    attributes = [dict(pair.split("=", 1) for pair in feature[8].split(";")) for feature in features]
    ranked_residues = [
        (feature[0], int(feature[3]), int(part["rank"])) for feature, part in zip(features, attributes, strict=True)
    ]
    assert ranked_residues == expected
    assert {feature[2] for feature in features} == {"amino_acid"}
    assert {unquote(part["Note"]) for part in attributes} == {PREDICTION_SENTENCE}
    assert {part["Ontology_term"] for part in attributes} == {"ECO:0008004"}
