"""Labelled binders against their nulls: NumPy's counts, a planted signal that is told, and one that is of proteins."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.area_oracle import find_area, find_error, find_parts
from helpers.pair_numbers_case import Row, draw_rows, write_pair_numbers
from scipy import stats
from sklearn.metrics import roc_auc_score

from attlas.queries import Atlas
from attlas.schema import PAIR_HEADS, PAIR_NULLS, PAIRS, QuestionError, Table

pytestmark = pytest.mark.slow

ROWS = draw_rows()
N_PAIRS, N_GROUPS, N_HEADS = 96, 24, 20
OF_THE_PAIR, OF_PROTEINS = 3, 7
"""Heads that tell binders: one by the pair as it is alone, one by whatever its nulls keep."""


def write_planted_case(seed: int) -> dict[Table, list[Row]]:
    """Return labelled pairs in homology groups that share a deviation; two heads have a signal, eighteen none."""
    draw = np.random.default_rng(seed)
    rows: dict[Table, list[Row]] = {PAIRS: [], PAIR_HEADS: [], PAIR_NULLS: []}
    shifts = draw.normal(size=(N_GROUPS, N_HEADS, 3))
    for pair_id in range(N_PAIRS):
        is_binder, group = bool(draw.random() < 0.5), pair_id % N_GROUPS
        names = {"pair_id": pair_id, "sequence_id": 0, "accession": f"A{pair_id}", "partner": f"B{pair_id}"}
        pair = {"label": "binder" if is_binder else "none", "score": None, "n_residues": 90, "forms": "gap"}
        source = {"status": "ok", "reason": None, "source": "pairs.tsv", "line": pair_id + 1}
        rows[PAIRS].append({**names, **pair, **source})
        for head in range(N_HEADS):
            values = shifts[group, head] / 2 + draw.normal(size=3)
            values[0] += 3.0 * is_binder * (head == OF_THE_PAIR)
            values += 3.0 * is_binder * (head == OF_PROTEINS)
            rows[PAIR_HEADS] += [
                {**names, "form": "gap", "chain_order": "forward", "place": place, "layer": 0, "head": head}
                | dict.fromkeys((column.name for column in PAIR_HEADS.columns[9:]), 0.0)
                | {"across_share": values[0], "mirror": None}
                for place in (1, 2)
            ]
            rows[PAIR_NULLS] += [
                {**names, "homology_group": f"g{group}", "form": "gap", "kind": kind, "layer": 0, "head": head}
                | {"across_share": value, "entropy_across": 0.0, "max_across": 0.0, "n_edges_across": 0.0}
                for kind, value in zip(("swapped", "shuffled"), values[1:], strict=True)
            ]
    return rows


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    with Atlas.open(write_pair_numbers(tmp_path_factory.mktemp("numbers") / "atlas", ROWS)) as opened:
        yield opened


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    with Atlas.open(write_pair_numbers(tmp_path_factory.mktemp("planted") / "atlas", write_planted_case(1))) as opened:
        yield opened


def ask(atlas: Atlas, question: str, **parameters: object) -> list[dict]:
    return atlas.ask(question, **parameters).to_pylist()


def read_values(statistic: str, form: str, layer: int, head: int) -> dict[str, dict[int, float]]:
    """Return the statistic of each labelled pair by kind and `pair_id`."""
    labels = {row["pair_id"] for row in ROWS[PAIRS] if row["label"] is not None}
    place = {"form": form, "layer": layer, "head": head}
    values: dict[str, dict[int, float]] = {"given": {}, "swapped": {}, "shuffled": {}}
    for pair_id in labels:
        of_head = [
            np.float32(row[statistic])
            for row in ROWS[PAIR_HEADS]
            if row["chain_order"] != "mean" and row["pair_id"] == pair_id and place.items() <= row.items()
        ]
        values["given"][pair_id] = float(np.mean(np.array(of_head, float)))
    for row in ROWS[PAIR_NULLS]:
        if place.items() <= row.items():
            values[row["kind"]][row["pair_id"]] = float(np.float32(row[statistic]))
    return values


LABELS = {row["pair_id"]: row["label"] == "binder" for row in ROWS[PAIRS] if row["label"] is not None}
GROUPS = {row["pair_id"]: row["homology_group"] for row in ROWS[PAIR_NULLS]}


@pytest.mark.thorough
@pytest.mark.parametrize("statistic", ["across_share", "n_edges_across"])
def test_areas_and_their_intervals_are_those_of_all_twos_counted(atlas: Atlas, statistic: str) -> None:
    answers = ask(atlas, "binder_nulls", statistic=statistic, dimers="all")
    assert len(answers) == 2 * 2 * 2
    labels, groups = [LABELS[n] for n in LABELS], [GROUPS[n] for n in LABELS]
    n_groups = [len({g for g, is_binder in zip(groups, labels, strict=True) if is_binder == kind}) for kind in (0, 1)]
    df = min(n_groups) - 1
    assert df >= 4

    for answer in answers:
        by_kind = read_values(statistic, answer["form"], answer["layer"], answer["head"])
        values = {kind: [of_kind[n] for n in LABELS] for kind, of_kind in by_kind.items()}
        areas = {kind: find_area(values[kind], labels) for kind in values}
        parts = {kind: find_parts(values[kind], labels, groups) for kind in values}
        assert areas["given"] == pytest.approx(roc_auc_score(labels, values["given"]))
        assert (answer["n_binders"], answer["n_others"]) == (sum(labels), len(labels) - sum(labels))
        assert answer["n_groups"] == len(set(groups))

        quantile = stats.t.isf(0.025 / 4, df)
        for kind, name, low, high in (
            ("given", "auc", "low", "high"),
            *((kind, kind, f"{kind}_low", f"{kind}_high") for kind in ("swapped", "shuffled")),
        ):
            reach = quantile * find_error(list(parts[kind].values()))
            assert answer[name] == pytest.approx(areas[kind], abs=6e-5)
            assert answer[low] == pytest.approx(max(0, areas[kind] - reach), abs=2e-3)
            assert answer[high] == pytest.approx(min(1, areas[kind] + reach), abs=2e-3)
        for kind in ("swapped", "shuffled"):
            error = find_error([parts["given"][group] - parts[kind][group] for group in parts["given"]])
            p = 4 * 2 * stats.t.sf(abs(areas["given"] - areas[kind]) / error, df)
            assert answer[f"{kind}_log10_p"] == pytest.approx(min(0, np.log10(p)), abs=0.02)


@pytest.mark.thorough
def test_a_signal_of_the_pair_is_told_from_its_nulls_and_one_of_proteins_is_not(planted: Atlas) -> None:
    answers = {answer["head"]: answer for answer in ask(planted, "binder_nulls")}
    of_pair, of_proteins = answers.pop(OF_THE_PAIR), answers.pop(OF_PROTEINS)
    for answer in (of_pair, of_proteins):
        assert answer["low"] > 0.8
        assert answer["log10_p"] < -3
    assert max(of_pair["swapped_log10_p"], of_pair["shuffled_log10_p"]) < -3
    assert of_pair["swapped_low"] < 0.5 < of_pair["swapped_high"]
    assert of_proteins["swapped"] > 0.9
    assert min(of_proteins["swapped_log10_p"], of_proteins["shuffled_log10_p"]) > -1.3

    # Eighteen heads know nothing of the labels.
    for answer in answers.values():
        assert answer["low"] < 0.5 < answer["high"]
        assert answer["log10_p"] > -1.3
        assert answer["swapped_low"] < 0.5 < answer["swapped_high"]
        assert min(answer["swapped_log10_p"], answer["shuffled_log10_p"]) > -1.3


@pytest.mark.thorough
def test_intervals_over_groups_hold_the_truth_as_often_as_they_say() -> None:
    draw = np.random.default_rng(2)
    n_held = 0
    for _ in range(400):
        groups = np.repeat(np.arange(20), 5)
        is_binder = draw.random(100) < 0.5
        values = draw.normal(size=20)[groups] + draw.normal(size=100)
        parts = find_parts(values, is_binder, groups.tolist())
        reach = stats.t.isf(0.025, 19) * find_error(list(parts.values()))
        n_held += abs(find_area(values, is_binder) - 0.5) <= reach
    assert 0.93 <= n_held / 400 <= 0.99


def test_the_chosen_heads_are_judged_beside_their_nulls_on_the_proteins_that_did_not_choose(planted: Atlas) -> None:
    answers = {answer["kind"]: answer for answer in ask(planted, "binder_nulls_held_out", folds=2)}
    assert list(answers) == ["given", "shuffled", "swapped"]
    given = answers["given"]
    assert given["n_folds"] == 2
    assert given["log10_p"] < -1.3
    assert given["low"] > 0.7
    assert set(given["heads"].split()) <= {f"0-{OF_THE_PAIR}", f"0-{OF_PROTEINS}"}
    assert given["given_log10_p"] is None


def test_held_out_areas_are_means_over_folds_of_those_of_the_chosen_head(atlas: Atlas) -> None:
    held_out = ask(atlas, "binders_held_out", folds=2, dimers="all", permutations=19)
    for answer in ask(atlas, "binder_nulls_held_out", folds=2, dimers="all"):
        of_form = sorted((row for row in held_out if row["form"] == answer["form"]), key=lambda row: row["fold"])
        assert answer["heads"] == " ".join(f"{row['layer']}-{row['head']}" for row in of_form)
        assert answer["n_binders"] == sum(row["n_binders"] for row in of_form)
        if answer["kind"] == "given":
            assert answer["auc"] == pytest.approx(np.mean([row["held_out_auc"] for row in of_form]), abs=2e-4)
        assert (answer["low"] is None) == (answer["note"] is not None)


def test_a_label_that_no_pair_has_is_refused_beside_nulls_too(atlas: Atlas) -> None:
    for question in ("binder_nulls", "binder_nulls_held_out"):
        with pytest.raises(QuestionError, match=r"'bidner' in pairs\.label"):
            ask(atlas, question, binder="bidner")


def test_without_nulls_the_command_that_makes_them_is_named(tmp_path: Path) -> None:
    rows = {table: of_table for table, of_table in ROWS.items() if table is not PAIR_NULLS}
    with (
        Atlas.open(write_pair_numbers(tmp_path / "atlas", rows)) as atlas,
        pytest.raises(QuestionError, match="pair_nulls") as error,
    ):
        ask(atlas, "binder_nulls")
    assert "attlas binders" in str(error.value) + str(error.value.hint)
