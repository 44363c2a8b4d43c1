"""The protocol from end to end: a planted effect is found, none is found in noise, and nothing leaks between folds."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from helpers.building import build_here, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.labelled_set import LETTER, LETTER_WITH_ATTENTION, make_set

from attlas.pipeline.evaluating import boosting, choosing
from attlas.pipeline.evaluating.candidates import add_candidates
from attlas.pipeline.evaluating.evaluation import evaluate, open_labelled_atlas, read_families
from attlas.pipeline.evaluating.folds import assign_folds, split_by_fold, split_by_set
from attlas.pipeline.evaluating.predictors import BOOSTED, Predictor, list_comparisons, list_predictors
from attlas.pipeline.evaluating.results import describe
from attlas.pipeline.evaluating.rivals import read_rival
from attlas.pipeline.evaluating.scoring import LabelledSet, sample_rows, score_split
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.pipeline.lock import hold_lock
from attlas.schema import PROTEINS, AtlasPaths, BrokenAtlasError, InputError, Manifest
from attlas.schema.prediction_tables import PREDICTION_SENTENCE

pytestmark = pytest.mark.slow


def score(labelled: LabelledSet, predictors: list[Predictor]) -> dict[str, float]:
    """Return the mean average precision of each predictor over all folds."""
    values: dict[str, list[float]] = {}
    for split in split_by_fold(assign_folds(labelled.groups, seed=0)):
        for predictor, scores in score_split(labelled, split, predictors):
            values.setdefault(predictor.name, []).extend(part.average_precision for part in scores.values())
    return {name: float(np.mean(of_name)) for name, of_name in values.items()}


def test_a_planted_effect_is_found_beyond_letters_and_none_is_in_noise() -> None:
    planted = score(make_set(60, effect=3.0), [LETTER, LETTER_WITH_ATTENTION])
    assert planted[LETTER_WITH_ATTENTION.name] > planted[LETTER.name] + 0.2

    noise = score(make_set(60, effect=0.0), [LETTER, LETTER_WITH_ATTENTION])
    assert noise[LETTER_WITH_ATTENTION.name] < noise[LETTER.name] + 0.02


def test_folds_keep_groups_whole_and_are_about_equal() -> None:
    groups = [f"G{i // 3}" for i in range(60)] + ["big"] * 20
    folds = assign_folds(groups, seed=0)
    assert all(len({fold for fold, name in zip(folds, groups, strict=True) if name == group}) == 1 for group in groups)
    sizes = [folds.count(fold) for fold in range(5)]
    assert max(sizes) == 20
    assert min(sizes) >= 15

    for split in split_by_fold(folds):
        assert not set(split.test) & set(split.train)
        assert sorted(split.test + split.train) == list(range(80))
        assert all(set(part) <= set(split.train) for part in split.inner)


def test_another_set_to_fit_on_loses_the_groups_that_both_share() -> None:
    split = split_by_set(range(2), range(2, 30), ["A", "B", "A", "B", *(f"C{i}" for i in range(26))], seed=0)
    assert split.test == (0, 1)
    assert split.train == tuple(range(4, 30))


def test_sampled_rows_stand_for_all_residues() -> None:
    protein = LabelledProtein("P", 0, "MKHD" * 50, (3,))
    places, weights = sample_rows(protein)
    assert places[0] == 2
    assert len(places) == 11
    assert weights.sum() == pytest.approx(200)
    assert (sample_rows(protein)[0] == places).all()


def test_every_comparison_is_between_predictors_that_are_fitted() -> None:
    names = [predictor.name for predictor in list_predictors()]
    assert len(set(names)) == len(names)
    assert {comparison.extended.name for comparison in list_comparisons()} <= set(names)


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """Return an atlas of twelve short proteins with their truth beside it."""
    folder = tmp_path_factory.mktemp("evaluating")
    proteins = random_proteins(range(24, 36))
    build_here(write_fasta(folder / "proteins.fasta", proteins), folder / "atlas", tiny_esm)
    lines = [f"{accession}\t{sequence[4]}5;12\n" for accession, sequence in proteins.items()]
    (folder / "truth.tsv").write_text("".join(lines))
    (folder / "rival.tsv").write_text("".join(f"{accession}\t5\t0.9\n" for accession in list(proteins)[:10]))
    (folder / "groups.tsv").write_text("".join(f"{accession}\tF{i}\n" for i, accession in enumerate(proteins)))
    return folder


@pytest.mark.thorough
def test_the_command_tells_a_verdict_and_lays_a_rival_beside(atlas: Path, attlas: Run, tmp_path: Path) -> None:
    arguments = ["evaluate", "sites", atlas / "atlas", "--truth", atlas / "truth.tsv"]
    options = ["--groups", atlas / "groups.tsv", "--draws", 1000, "-o", tmp_path / "numbers.json"]
    outcome = attlas(*arguments, *options, "--rival", "other", atlas / "rival.tsv")
    assert outcome.code == 0, outcome.err

    values = json.loads((tmp_path / "numbers.json").read_text())
    assert [result["held_out"] for result in values["hold_outs"]] == ["families", "80 % clusters"]
    assert values["n_proteins"] == 12
    for result in values["hold_outs"]:
        assert [part["name"] for part in result["predictors"]] == [predictor.name for predictor in list_predictors()]
        (rival,) = result["rivals"]
        assert (rival["n_proteins"], rival["n_not_named"], rival["training"]) == (10, 2, "unknown")
        # Position 5 first; then all others in any order, among them the other label at each place once.
        others = [np.mean(2 / np.arange(2, length + 1)) for length in range(24, 34)]
        expected = np.mean([(1 + other) / 2 for other in others])
        assert rival["average_precision"] == pytest.approx(expected)
        for judgement in result["judgements"].values():
            assert judgement["sentence"] in outcome.out
            assert values["weights_sha256"][:12] in judgement["sentence"]
    assert "proteins it was trained on: unknown" in outcome.out


def test_too_few_groups_are_refused(atlas: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.tsv"
    truth.write_text("".join((atlas / "truth.tsv").read_text().splitlines(keepends=True)[:9]))
    few = open_labelled_atlas(atlas / "atlas", truth)
    with pytest.raises(InputError, match=r"too few groups of labelled proteins(.|\n)*9 in 9 proteins"):
        evaluate(few)
    with pytest.raises(InputError, match="10 or more 40 % clusters"):
        add_candidates(few, type="Active site", n_first=3)


def test_one_protein_is_told_in_the_singular(atlas: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.tsv"
    truth.write_text((atlas / "truth.tsv").read_text().splitlines()[0])
    lines: list[str] = []
    with pytest.raises(InputError, match=r"1 in 1 protein(?!s)"):
        evaluate(open_labelled_atlas(atlas / "atlas", truth), say=lines.append)
    assert lines == ["aligning 1 protein"]


def test_few_families_are_no_ground_for_a_verdict(atlas: Path, tmp_path: Path) -> None:
    """Draws of one family are all alike: any difference would be told with certainty."""
    lines = (atlas / "truth.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "four.tsv").write_text("".join(lines[8:]))
    whole = open_labelled_atlas(atlas / "atlas", atlas / "truth.tsv")
    with pytest.raises(InputError, match=r"too few families(.|\n)*in the truth(.|\n)*4 in 4 proteins"):
        evaluate(open_labelled_atlas(atlas / "atlas", tmp_path / "four.tsv"), train=whole)

    (tmp_path / "rival.tsv").write_text("".join(f"{line.split()[0]}\t5\n" for line in lines[:4]))
    rival = read_rival("other", tmp_path / "rival.tsv", whole.proteins)
    with pytest.raises(InputError, match=r"too few families(.|\n)*in other(.|\n)*4 in 4 proteins"):
        evaluate(whole, rivals=[rival])


def test_a_rival_without_a_name_is_refused(atlas: Path, attlas: Run) -> None:
    truth = atlas / "truth.tsv"
    outcome = attlas("evaluate", "sites", atlas / "atlas", "--truth", truth, "--rival", " ", atlas / "rival.tsv")
    assert (outcome.code, "--rival has no name" in outcome.err) == (1, True)


def test_another_set_that_shares_its_families_is_refused(atlas: Path) -> None:
    same = open_labelled_atlas(atlas / "atlas", atlas / "truth.tsv")
    with pytest.raises(InputError, match=r"what both sets share(.|\n)*found:    0 of 12"):
        evaluate(same, train=same)


def test_families_that_share_a_protein_are_one_and_a_table_of_others_is_refused_before_any_work(
    atlas: Path, tmp_path: Path
) -> None:
    labelled = open_labelled_atlas(atlas / "atlas", atlas / "truth.tsv")
    names = [protein.accession for protein in labelled.truth.proteins]
    path = tmp_path / "groups.tsv"
    path.write_text(f"{names[0]}\tB\n{names[1]}\tA\n{names[1]}\tB\n{names[2]}\tC\n{names[3]}\t\nQ9\tD\n")
    families = read_families(path, [labelled]).of_protein
    assert families[:4] == ("A", "A", "C", None)
    assert set(families[4:]) == {None}

    path.write_text("Q9\tD\n")
    lines: list[str] = []
    with pytest.raises(InputError, match=r"names no family of a labelled protein(.|\n)*found:    Q9 D"):
        evaluate(labelled, groups=path, say=lines.append)
    assert not lines


def test_candidates_of_a_locked_atlas_or_one_of_wrong_links_are_refused_before_any_work(
    atlas: Path, attlas: Run, tmp_path: Path
) -> None:
    copy = shutil.copytree(atlas / "atlas", tmp_path / "atlas")
    arguments = ["evaluate", "candidates", copy, "--truth", atlas / "truth.tsv"]
    with hold_lock(AtlasPaths(copy)):
        locked = attlas(*arguments)
    assert locked.code == 1
    assert "is writing" in locked.err or "lock" in locked.err
    assert "aligning" not in locked.err

    # A file of the manifest is a link to other bytes.
    manifest = Manifest.read(AtlasPaths(copy))
    path = copy / manifest.of_table(PROTEINS)[0].path
    (tmp_path / "other.parquet").write_bytes(path.read_bytes()[::-1])
    path.unlink()
    path.symlink_to(tmp_path / "other.parquet")
    with pytest.raises(BrokenAtlasError, match="link"):
        add_candidates(
            replace(open_labelled_atlas(atlas / "atlas", atlas / "truth.tsv"), root=copy), type="Site", n_first=3
        )


@pytest.mark.thorough
def test_another_atlas_to_fit_on_is_of_the_same_proteins_less_what_is_shared(atlas: Path, tmp_path: Path) -> None:
    """The two sets share five proteins, which are not fitted on."""
    lines = (atlas / "truth.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "test.tsv").write_text("".join(lines[7:]))
    test = open_labelled_atlas(atlas / "atlas", tmp_path / "test.tsv")
    train = open_labelled_atlas(atlas / "atlas", atlas / "truth.tsv")

    evaluation = evaluate(test, train=train, n_draws=100)
    assert [(result.n_proteins, result.n_train) for result in evaluation.hold_outs] == [(5, 7), (5, 7)]
    assert "fitted on 7 proteins of the other set" in "\n".join(describe(evaluation))


@pytest.mark.thorough
def test_candidate_sites_are_ranked_for_the_proteins_that_the_truth_does_not_name(
    atlas: Path, attlas: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boosting, "N_TREES", 2)  # a hundred would take seconds
    monkeypatch.setattr(choosing, "BOOSTED", BOOSTED[:1])
    lines = (atlas / "truth.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "truth.tsv").write_text("".join(lines[:10]))
    copy = shutil.copytree(atlas / "atlas", tmp_path / "atlas")
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

    refused = attlas("export", atlas / "atlas", "candidates")
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
