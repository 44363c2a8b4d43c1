"""Questions about pairs against NumPy and scikit-learn, on drawn numbers with homology groups of several pairs."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.default_cases import each_nth_by_default
from helpers.jackknife_oracle import agrees, estimate, near
from helpers.pair_numbers_case import CUTS, SIDES, TWINS, Row, draw_rows, draw_sequence, write_pair_numbers
from sklearn.metrics import roc_auc_score

from attlas.queries import Atlas
from attlas.schema import PAIR_CHOICES, PAIR_HEAD_CONTACTS, PAIR_HEADS, PAIRS, QuestionError

pytestmark = pytest.mark.slow

ROWS = draw_rows()


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    with Atlas.open(write_pair_numbers(tmp_path_factory.mktemp("numbers") / "atlas", ROWS)) as opened:
        yield opened


def ask(atlas: Atlas, question: str, **parameters: object) -> list[dict]:
    return atlas.ask(question, **parameters).to_pylist()


def read_measure(row: Row, measure: str) -> tuple[float | None, float]:
    """Return a measure of a row, None where it has none, and its value by chance."""
    if measure == "interface_auroc":
        sides = [row[name] for name in ("interface_auroc", "partner_interface_auroc") if row[name] is not None]
        return np.mean(sides), 0.5
    if row["n_contacts"] is None:
        return None, 0.5
    if measure == "auroc":
        return row["auroc"], 0.5
    density = row["n_contacts"] / row["n_pairs"]
    if measure == "auprc":
        return row["auprc"], density
    hits = measure.replace("precision", "hits")
    return row[hits] / CUTS[hits], density


def over_groups(values: list[tuple[str, float, float]]) -> tuple[float, object]:
    """Return the mean of values, and the estimate of its difference from the baselines, over groups."""
    names = sorted({group for group, _, _ in values})
    beyond = [sum(value - base for group, value, base in values if group == name) for name in names]
    n = [sum(group == name for group, _, _ in values) for name in names]
    return float(np.mean([value for _, value, _ in values])), estimate(beyond, n)


def find(rows: list[Row], **values: object) -> list[Row]:
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


@pytest.mark.parametrize("measure", ["auroc", "auprc", "precision_1", "precision_10", "precision_l10"])
@pytest.mark.parametrize("dimers", each_nth_by_default(["heteromers", "homodimers", "all"], 3))
def test_contacts_across_are_means_over_pairs_with_errors_over_groups(atlas: Atlas, measure: str, dimers: str) -> None:
    is_asked: Callable[[Row], bool] = lambda row: dimers == "all" or row["is_homodimer"] == (dimers == "homodimers")  # noqa: E731
    of_dimers = [row for row in ROWS[PAIR_HEAD_CONTACTS] if is_asked(row)]
    answers = ask(atlas, "across_contacts", measure=measure, dimers=dimers)
    assert len(answers) == 2 * 2 * 2

    for answer in answers:
        place = {name: answer[name] for name in ("form", "layer", "head")}
        given, shuffled = (find(of_dimers, **place, kind=kind) for kind in ("given", "shuffled"))
        mean, beyond_chance = over_groups([(row["homology_group"], *read_measure(row, measure)) for row in given])
        shuffled_of = {row["pair_id"]: read_measure(row, measure)[0] for row in shuffled}
        _, beyond_shuffled = over_groups(
            [(row["homology_group"], read_measure(row, measure)[0], shuffled_of[row["pair_id"]]) for row in given]
        )

        assert answer["value"] == pytest.approx(mean, abs=6e-5)
        assert answer["shuffled"] == pytest.approx(np.mean(list(shuffled_of.values())), abs=6e-5)
        assert (answer["n_pairs"], answer["n_groups"]) == (len(given), len({row["homology_group"] for row in given}))
        agrees(answer, ("low", "high", "t", "log10_p"), beyond_chance, mean, 4)
        if beyond_shuffled.df is not None:
            assert answer["shuffled_t"] == pytest.approx(beyond_shuffled.t, abs=0.02)


@pytest.mark.thorough
def test_where_no_pair_has_a_contact_among_its_best_there_is_no_interval(tmp_path: Path) -> None:
    without = [row | {"hits_1": None if row["hits_1"] is None else 0.0} for row in ROWS[PAIR_HEAD_CONTACTS]]
    with Atlas.open(write_pair_numbers(tmp_path / "atlas", ROWS | {PAIR_HEAD_CONTACTS: without})) as atlas:
        for answer in ask(atlas, "across_contacts", measure="precision_1"):
            assert answer["value"] == 0 < answer["chance"]
            assert [answer[name] for name in ("low", "high", "t", "log10_p")] == [None] * 4
            assert answer["note"] == "every value is 0"


def test_layers_have_the_mean_map_of_their_heads(atlas: Atlas) -> None:
    answers = ask(atlas, "across_contacts", maps="layers")
    assert [answer["head"] for answer in answers] == [None] * 4
    for answer in answers:
        given = find(
            ROWS[PAIR_HEAD_CONTACTS], form=answer["form"], layer=answer["layer"], head=None, kind="given",
            is_homodimer=False,
        )  # fmt: skip
        assert answer["value"] == pytest.approx(np.mean([row["auroc"] for row in given]), abs=6e-5)


def test_fused_heads_are_means_over_the_judging_pairs_of_all_splits(atlas: Atlas) -> None:
    answers = ask(atlas, "fused_across_contacts", dimers="all")
    assert len(answers) == 2 * 2 * 7
    for answer in answers:
        measure, place = answer["measure"], {"form": answer["form"], "n_heads": answer["n_heads"]}
        given, swapped = (find(ROWS[PAIR_CHOICES], **place, kind=kind) for kind in ("given", "swapped"))
        mean, beyond_chance = over_groups([(row["homology_group"], *read_measure(row, measure)) for row in given])

        assert (answer["n_splits"], answer["n_pairs"]) == (4, 30)
        assert answer["value"] == pytest.approx(mean, abs=6e-5)
        reach = beyond_chance.reach(14)  # two numbers of heads, seven measures
        assert reach is not None
        assert answer["low"] == pytest.approx(max(mean - reach, 0), abs=2e-4 + 1e-3 * reach)
        if measure == "interface_auroc":
            mean, beyond_chance = over_groups([(row["homology_group"], *read_measure(row, measure)) for row in swapped])
            reach = beyond_chance.reach(2)  # two numbers of heads
            assert answer["swapped"] == pytest.approx(mean, abs=6e-5)
            ends = answer["swapped_low"], answer["swapped_high"]
            assert ends == pytest.approx((mean - reach, mean + reach), abs=2e-4)

            # The partner is another protein: the same protein alone is compared with itself.
            of_accession = {(row["pair_id"], row["split"]): row[measure] for row in swapped}
            values = [
                (row["homology_group"], row[measure], of_accession[row["pair_id"], row["split"]]) for row in given
            ]
            assert answer["swapped_log10_p"] == near(over_groups(values)[1].log10_p(2))
        else:
            assert [value for name, value in answer.items() if name.startswith("swapped")] == [None] * 4


@pytest.mark.parametrize("measure", ["auroc", "auprc"])
def test_interface_residues_count_both_proteins_and_compare_the_same_one_when_swapped(
    atlas: Atlas, measure: str
) -> None:
    for answer in ask(atlas, "interface_residues", measure=measure):
        place = {name: answer[name] for name in ("form", "layer", "head")}
        heteromers = find(ROWS[PAIR_HEAD_CONTACTS], **place, is_homodimer=False)
        shares = {"": "n_interface", "partner_": "n_partner_interface"}
        lengths = {"": "n_residues", "partner_": "n_partner_residues"}
        values = {
            (row["kind"], row["pair_id"], side): (
                row["homology_group"],
                row[f"{side}interface_{measure}"],
                0.5 if measure == "auroc" else row[shares[side]] / row[lengths[side]],
            )
            for row in heteromers
            for side in shares
            if row[f"{side}interface_{measure}"] is not None
        }
        given = [value for (kind, _, _), value in values.items() if kind == "given"]
        mean, beyond_chance = over_groups(given)

        assert answer["value"] == pytest.approx(mean, abs=6e-5)
        assert answer["n_chains"] == len(given)
        reach = beyond_chance.reach(4)
        assert reach is not None
        assert answer["low"] == pytest.approx(max(mean - reach, 0), abs=2e-4 + 1e-3 * reach)
        swapped = [value for (kind, _, _), (_, value, _) in values.items() if kind == "swapped"]
        assert answer["swapped"] == pytest.approx(np.mean(swapped), abs=6e-5)
        _, beyond_swapped = over_groups(
            [
                (group, value, values["swapped", pair_id, ""][1])
                for (kind, pair_id, side), (group, value, _) in values.items()
                if kind == "given" and not side
            ]
        )
        log10_p = beyond_swapped.log10_p(4)
        assert log10_p is not None
        assert answer["swapped_log10_p"] == pytest.approx(log10_p, abs=0.02)


def read_statistic(name: str, *, form: str, layer: int, head: int) -> dict[int, float]:
    """Return the mean of a column of `pair_heads` over directions and orders, by pair."""
    rows = [row for row in find(ROWS[PAIR_HEADS], form=form, layer=layer, head=head) if row["chain_order"] != "mean"]
    values: dict[int, list[float]] = {}
    for row in rows:
        if row[name] is not None:
            values.setdefault(row["pair_id"], []).append(np.float32(row[name]))
    assert all(len(of_pair) == 4 for of_pair in values.values())
    return {pair_id: float(np.mean(np.array(of_pair, float))) for pair_id, of_pair in values.items()}


def test_homodimers_have_the_mean_mirror_of_each_head_with_errors_over_sequences(atlas: Atlas) -> None:
    sequences = {row["pair_id"]: row["sequence_id"] for row in ROWS[PAIRS]}
    for answer in ask(atlas, "homodimers"):
        place = {name: answer[name] for name in ("form", "layer", "head")}
        mirrors, shares = read_statistic("mirror", **place), read_statistic("across_share", **place)
        mean, beyond = over_groups([(sequences[pair_id], value, 0) for pair_id, value in mirrors.items()])
        assert (answer["n_pairs"], answer["n_sequences"], answer["n_heteromers"]) == (6, 5, 24)
        assert answer["mirror"] == pytest.approx(mean, abs=6e-5)
        reach = beyond.reach(4)
        assert reach is not None
        assert answer["low"] == pytest.approx(mean - reach, abs=2e-4)
        others = [value for pair_id, value in shares.items() if pair_id not in mirrors]
        assert answer["heteromers_across_share"] == pytest.approx(np.mean(others), abs=6e-5)


def permute(labels: dict[int, bool], permutation: int) -> dict[int, bool]:
    """Return labels permuted as the questions do: by checksums of number and pair."""
    if permutation == 0:
        return labels
    order = sorted(labels, key=lambda pair_id: hashlib.md5(f"{permutation} {pair_id}".encode()).hexdigest())
    return {pair_id: place < sum(labels.values()) for place, pair_id in enumerate(order)}


LABELS = {row["pair_id"]: row["label"] == "binder" for row in ROWS[PAIRS] if row["label"] is not None}
PLACES = [(layer, head) for layer in range(2) for head in range(2)]


@pytest.mark.parametrize("statistic", each_nth_by_default(["across_share", "n_edges_across"], 2))
def test_binders_are_told_apart_by_rank_and_judged_by_the_best_head_of_permutations(
    atlas: Atlas, statistic: str
) -> None:
    answers = ask(atlas, "binders", statistic=statistic, permutations=19, dimers="all")
    for form in ("gap", "linker"):
        areas = np.empty((20, 4))
        for place, (layer, head) in enumerate(PLACES):
            values = read_statistic(statistic, form=form, layer=layer, head=head)
            for permutation in range(20):
                labels = permute(LABELS, permutation)
                areas[permutation, place] = roc_auc_score(list(labels.values()), [values[n] for n in labels])
        extremes = np.abs(areas[1:] - 0.5).max(1)

        for answer in (answer for answer in answers if answer["form"] == form):
            area = areas[0, PLACES.index((answer["layer"], answer["head"]))]
            n_farther = (extremes >= abs(area - 0.5) - 1e-12).sum()
            assert answer["auc"] == pytest.approx(area, abs=6e-5)
            assert answer["p"] == pytest.approx((1 + n_farther) / 20)
            assert answer["n_binders"] + answer["n_others"] == len(LABELS)


def test_binders_that_are_homodimers_stand_apart(atlas: Atlas) -> None:
    homodimers = {row["pair_id"] for row in ROWS[PAIR_HEADS] if row["mirror"] is not None}
    assert homodimers & set(LABELS)
    for answer in ask(atlas, "binders", permutations=19):
        values = read_statistic("across_share", form=answer["form"], layer=answer["layer"], head=answer["head"])
        labels = {pair_id: is_binder for pair_id, is_binder in LABELS.items() if pair_id not in homodimers}
        assert (answer["n_binders"], answer["n_others"]) == (sum(labels.values()), len(labels) - sum(labels.values()))
        assert answer["auc"] == pytest.approx(
            roc_auc_score(list(labels.values()), [values[n] for n in labels]), abs=6e-5
        )


def test_a_label_that_no_pair_has_is_refused(atlas: Atlas) -> None:
    for question in ("binders", "binders_held_out"):
        with pytest.raises(QuestionError, match=r"'bidner' in pairs\.label"):
            ask(atlas, question, binder="bidner")


def test_held_out_binders_share_no_sequence_with_those_that_chose_the_head(atlas: Atlas) -> None:
    answers = {
        (answer["form"], answer["fold"]): answer for answer in ask(atlas, "binders_held_out", folds=2, dimers="all")
    }
    pairs = {
        row["pair_id"]: (draw_sequence(row["accession"]), draw_sequence(row["partner"]))  # two accessions may share it
        for row in ROWS[PAIRS]
    }
    folds = {sequence: _deal(sequence, 2) for sequences in pairs.values() for sequence in sequences}
    assert len(folds) == sum(map(len, SIDES)) - len(TWINS)
    assert len(answers) == 4

    for (form, fold), answer in answers.items():
        n_in_fold = {pair_id: sum(folds[sequence] == fold for sequence in pairs[pair_id]) for pair_id in LABELS}
        choosing, judging = ([pair_id for pair_id, n in n_in_fold.items() if n == side] for side in (0, 2))
        of_choosing, of_judging = ({sequence for n in side for sequence in pairs[n]} for side in (choosing, judging))
        assert of_choosing.isdisjoint(of_judging)

        def measure(place: tuple[int, int], pair_ids: list[int], form: str = form) -> float:
            values = read_statistic("across_share", form=form, layer=place[0], head=place[1])
            return float(roc_auc_score([LABELS[n] for n in pair_ids], [values[n] for n in pair_ids]))

        best = max(PLACES, key=lambda place: abs(measure(place, choosing) - 0.5))
        is_turned = measure(best, choosing) < 0.5
        held_out = measure(best, judging)
        assert (answer["layer"], answer["head"]) == best
        assert answer["n_choosing"] == len(choosing)
        assert answer["held_out_auc"] == pytest.approx(1 - held_out if is_turned else held_out, abs=6e-5)
        assert 1 / 100 <= answer["p"] <= 1


@pytest.mark.thorough
def test_the_answer_says_where_no_fold_has_pairs_of_both_kinds(atlas: Atlas) -> None:
    with pytest.warns(UserWarning, match="No fold has pairs with the label and pairs without it"):
        assert ask(atlas, "binders_held_out", folds=19) == []


def _deal(sequence: str, n_folds: int) -> int:
    """Return the fold of a protein: the lower half of the MD5 of its checksum, little-endian as DuckDB reads it."""
    checksum = hashlib.md5(sequence.encode()).hexdigest()
    return int.from_bytes(hashlib.md5(checksum.encode()).digest()[8:], "little") % n_folds
