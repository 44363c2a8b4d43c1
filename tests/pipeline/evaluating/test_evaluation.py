"""The protocol from end to end on an atlas: a verdict is told, and what is no ground for one is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import Run

from attlas.pipeline.evaluating.candidates import add_candidates
from attlas.pipeline.evaluating.evaluation import evaluate, open_labelled_atlas, read_families
from attlas.pipeline.evaluating.predictors import list_predictors
from attlas.pipeline.evaluating.results import describe
from attlas.pipeline.evaluating.rivals import read_rival
from attlas.schema import InputError

pytestmark = pytest.mark.slow


@pytest.mark.thorough
def test_the_command_tells_a_verdict_and_lays_a_rival_beside(judged_atlas: Path, attlas: Run, tmp_path: Path) -> None:
    arguments = ["evaluate", "sites", judged_atlas / "atlas", "--truth", judged_atlas / "truth.tsv"]
    options = ["--groups", judged_atlas / "groups.tsv", "--draws", 1000, "-o", tmp_path / "numbers.json"]
    outcome = attlas(*arguments, *options, "--rival", "other", judged_atlas / "rival.tsv")
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


def test_too_few_groups_are_refused(judged_atlas: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.tsv"
    truth.write_text("".join((judged_atlas / "truth.tsv").read_text().splitlines(keepends=True)[:9]))
    few = open_labelled_atlas(judged_atlas / "atlas", truth)
    with pytest.raises(InputError, match=r"too few groups of labelled proteins(.|\n)*9 in 9 proteins"):
        evaluate(few)
    with pytest.raises(InputError, match="10 or more 40 % clusters"):
        add_candidates(few, type="Active site", n_first=3)


def test_one_protein_is_told_in_the_singular(judged_atlas: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.tsv"
    truth.write_text((judged_atlas / "truth.tsv").read_text().splitlines()[0])
    lines: list[str] = []
    with pytest.raises(InputError, match=r"1 in 1 protein(?!s)"):
        evaluate(open_labelled_atlas(judged_atlas / "atlas", truth), say=lines.append)
    assert lines == ["aligning 1 protein"]


def test_few_families_are_no_ground_for_a_verdict(judged_atlas: Path, tmp_path: Path) -> None:
    """Draws of one family are all alike: any difference would be told with certainty."""
    lines = (judged_atlas / "truth.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "four.tsv").write_text("".join(lines[8:]))
    whole = open_labelled_atlas(judged_atlas / "atlas", judged_atlas / "truth.tsv")
    with pytest.raises(InputError, match=r"too few families(.|\n)*in the truth(.|\n)*4 in 4 proteins"):
        evaluate(open_labelled_atlas(judged_atlas / "atlas", tmp_path / "four.tsv"), train=whole)

    (tmp_path / "rival.tsv").write_text("".join(f"{line.split()[0]}\t5\n" for line in lines[:4]))
    rival = read_rival("other", tmp_path / "rival.tsv", whole.proteins)
    with pytest.raises(InputError, match=r"too few families(.|\n)*in other(.|\n)*4 in 4 proteins"):
        evaluate(whole, rivals=[rival])


def test_a_rival_without_a_name_is_refused(judged_atlas: Path, attlas: Run) -> None:
    truth = judged_atlas / "truth.tsv"
    outcome = attlas(
        "evaluate", "sites", judged_atlas / "atlas", "--truth", truth, "--rival", " ", judged_atlas / "rival.tsv"
    )
    assert (outcome.code, "--rival has no name" in outcome.err) == (1, True)


def test_another_set_that_shares_its_families_is_refused(judged_atlas: Path) -> None:
    same = open_labelled_atlas(judged_atlas / "atlas", judged_atlas / "truth.tsv")
    with pytest.raises(InputError, match=r"what both sets share(.|\n)*found:    0 of 12"):
        evaluate(same, train=same)


def test_families_that_share_a_protein_are_one_and_a_table_of_others_is_refused_before_any_work(
    judged_atlas: Path, tmp_path: Path
) -> None:
    labelled = open_labelled_atlas(judged_atlas / "atlas", judged_atlas / "truth.tsv")
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


@pytest.mark.thorough
def test_another_atlas_to_fit_on_is_of_the_same_proteins_less_what_is_shared(
    judged_atlas: Path, tmp_path: Path
) -> None:
    """The two sets share five proteins, which are not fitted on."""
    lines = (judged_atlas / "truth.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "test.tsv").write_text("".join(lines[7:]))
    test = open_labelled_atlas(judged_atlas / "atlas", tmp_path / "test.tsv")
    train = open_labelled_atlas(judged_atlas / "atlas", judged_atlas / "truth.tsv")

    evaluation = evaluate(test, train=train, n_draws=100)
    assert [(result.n_proteins, result.n_train) for result in evaluation.hold_outs] == [(5, 7), (5, 7)]
    assert "fitted on 7 proteins of the other set" in "\n".join(describe(evaluation))
