"""The judging of pairs, and their nulls, against transformers' own attention on inputs joined by hand, in both orders.

`pair_head_contacts`, `pair_choices` and `pair_nulls` of five pairs in every form, or as many as `ORACLE_PAIRS` says.
"""

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from helpers.building import assert_whole, build_here, write_fasta
from helpers.interface_case import add_contacts
from helpers.interface_oracle import Range, average_orders, measure_heads
from helpers.pair_oracle import EagerPair, count_head_numbers, read_eagerly
from helpers.pair_passes_here import add_nulls_here, add_pairs_here, judge_interfaces_here

from attlas.pipeline.interfaces.measures import MEASURES
from attlas.pipeline.interfaces.null_pairs import STATISTICS
from attlas.pipeline.interfaces.nulls import shuffle_letters
from attlas.pipeline.interfaces.splits import draw_splits
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.queries import Atlas

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

ROOT = Path(__file__).resolve().parents[3]
FORMS = ("ends", "gap", "linker", "separators")
KINDS = ("given", "shuffled", "swapped")
N_PAIRS = int(os.environ.get("ORACLE_PAIRS", "5"))
N_LAYERS, N_HEADS, THETA = 6, 20, 0.3
N_CONTACTS, N_SPLITS, N_CHOOSING, N_FUSED = 12, 3, 2, (1, 3)
SHORTEST, LENGTHS = 100, (61, 68, 75, 82, 89)

Trial = tuple[int, str, str]
"""Number of the pair, form and kind."""


@dataclass(frozen=True)
class TrialAnswer:
    """What the eager maps of a trial say."""

    heads: list[list[dict[str, Range | None]]]
    """Range of each measure by layer and head; behind the heads of a layer, that of their mean map."""
    fused: dict[str, dict[str, Range | None]]
    """The same of fused heads, by their names."""
    numbers: dict[str, np.ndarray]
    """Numbers of each head, (L, H): the mean over both directions and orders."""


@dataclass(frozen=True)
class Case:
    """Proteins, their pairs, and what is known of them. The last pair is a homodimer."""

    sequences: Mapping[str, str]

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        names = list(self.sequences)
        return [*zip(names[:-1:2], names[1::2], strict=True), (names[-1], names[-1])]

    @cached_property
    def groups(self) -> list[int]:
        """The homology group of each pair: the first two are of one, the others alone."""
        return [max(number, 1) for number in range(N_PAIRS)]

    def find_pair(self, partner: str) -> int:
        """Return the number of the pair that a partner is of."""
        return next(number for number, pair in enumerate(self.pairs) if pair[1] == partner)

    def draw_contacts(self, number: int) -> list[tuple[int, int]]:
        draw, (a, b) = random.Random(number), self.pairs[number]
        lengths = len(self.sequences[a]), len(self.sequences[b])
        contacts = {(draw.randint(1, lengths[0]), draw.randint(1, lengths[1])) for _ in range(N_CONTACTS)}
        return sorted(contacts | {(j, i) for i, j in contacts if a == b})  # of two copies, in both directions

    def find_contacts(self, number: int) -> np.ndarray:
        """Return a mask of the contacts, (N, M)."""
        contacts = np.zeros([len(self.sequences[name]) for name in self.pairs[number]], bool)
        contacts[tuple(np.array(self.draw_contacts(number)).T - 1)] = True
        return contacts

    def read_sequences(self, number: int, kind: str, partner: str) -> tuple[str, str]:
        """Return the sequences of a pair, its partner swapped or letters shuffled if it is a null."""
        accession = self.pairs[number][0]
        protein, other = self.sequences[accession], self.sequences[partner]
        if kind != "shuffled":
            return protein, other
        return (
            shuffle_letters(protein, seed=0, name=f"{accession} of {accession} {partner}"),
            shuffle_letters(other, seed=0, name=f"partner of {accession} {partner}"),
        )


@pytest.fixture(scope="module")
def case() -> Case:
    proteins = {p.accession: p.sequence for p in read_proteome(str(ROOT / "examples" / "proteins.fasta")).proteins}
    names = sorted(name for name, sequence in proteins.items() if len(sequence) >= SHORTEST)[: 2 * N_PAIRS - 1]
    assert len(names) == 2 * N_PAIRS - 1
    # Beginnings of real proteins: the cost of a map is the square of the length.
    return Case({name: proteins[name][: LENGTHS[place % len(LENGTHS)]] for place, name in enumerate(names)})


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, weights: Path, case: Case) -> Iterator[Atlas]:
    folder = tmp_path_factory.mktemp("interfaces")
    root = folder / "atlas"
    build_here(write_fasta(folder / "p.fasta", case.sequences), root, weights)
    labels = ["binder", "none"] * N_PAIRS
    lines = [f"{a}\t{b}\t{label}\n" for (a, b), label in zip(case.pairs, labels, strict=False)]
    (folder / "pairs.tsv").write_text("".join(lines))
    groups = [f"{name}\t{name}\n" for name in case.sequences] + [f"{case.pairs[0][0]}\t{case.pairs[1][0]}\n"]
    (folder / "groups.tsv").write_text("".join(groups))
    contacts = [(*pair, i, j) for number, pair in enumerate(case.pairs) for i, j in case.draw_contacts(number)]

    add_pairs_here(root, forms=",".join(FORMS))
    add_contacts(root, contacts)
    added = judge_interfaces_here(
        root, groups=folder / "groups.tsv", n_heads=N_FUSED, n_choosing=N_CHOOSING, n_splits=N_SPLITS
    )
    assert (added.n_pairs, added.n_groups, added.n_swapped, added.n_failed) == (N_PAIRS, N_PAIRS - 1, N_PAIRS, 0)
    assert add_nulls_here(root, groups=folder / "groups.tsv").n_failed == 0
    assert_whole(root)
    with Atlas.open(root) as atlas:
        yield atlas


@pytest.fixture(scope="module")
def numbers(real: Atlas, case: Case) -> dict[int, int]:
    """The number of each pair by its `pair_id`, which is in order of length."""
    return {
        row["pair_id"]: case.pairs.index((row["accession"], row["partner"]))
        for row in real.sql("SELECT pair_id, accession, partner FROM pairs").to_pylist()
    }


@pytest.fixture(scope="module")
def rows(real: Atlas, numbers: dict[int, int]) -> dict[str, dict[Trial, list[dict]]]:
    """The rows of each table by trial, in order of their keys."""
    tables: dict[str, dict[Trial, list[dict]]] = {}
    orders = {"pair_head_contacts": "layer, head NULLS LAST", "pair_choices": "split, n_heads"}
    orders["pair_nulls"] = "layer, head"
    for table, order in orders.items():
        tables[table] = {}
        for row in real.sql(f"FROM {table} ORDER BY pair_id, form, kind, {order}").to_pylist():
            trial = numbers[row["pair_id"]], row["form"], row["kind"]
            tables[table].setdefault(trial, []).append(row)
    return tables


@pytest.fixture(scope="module")
def answers(rows: dict[str, dict[Trial, list[dict]]], case: Case, weights: Path) -> dict[Trial, TrialAnswer]:
    """What the eager maps of every trial say, each read once."""
    by_trial = {}
    for trial in product(range(N_PAIRS), FORMS, KINDS):
        partner = rows["pair_head_contacts"][trial][0]["partner"]
        names = [row["heads"] for row in rows["pair_choices"].get(trial, [])]
        by_trial[trial] = _answer(case, weights, trial, partner, names)
    return by_trial


def _answer(case: Case, weights: Path, trial: Trial, partner: str, names: list[str]) -> TrialAnswer:
    number, form, kind = trial
    sequences = case.read_sequences(number, kind, partner)
    orders = [read_eagerly(weights, *order, form) for order in (sequences, sequences[::-1])]
    maps = average_orders(*orders)

    # Of a swapped partner no contacts are known: each of the two is judged by those with its own partner.
    contacts = case.find_contacts(number)
    sides = contacts.any(1), contacts.any(0)
    if kind == "swapped":
        partner_number = case.find_pair(partner)
        contacts, sides = None, (sides[0], case.find_contacts(partner_number).any(0))

    return TrialAnswer(
        heads=[
            [measure_heads([whole], contacts, sides) for whole in [*of_layer, of_layer.mean(0)]] for of_layer in maps
        ],
        fused={name: measure_heads([maps[head] for head in _read_heads(name)], contacts, sides) for name in names},
        numbers=_average_numbers(orders),
    )


def _average_numbers(orders: list[EagerPair]) -> dict[str, np.ndarray]:
    directions = [
        count_head_numbers(pair, query, is_mirrored=False, theta=THETA) for pair in orders for query in (0, 1)
    ]
    return {name: np.mean([numbers[name] for numbers in directions], axis=0) for name in STATISTICS}


def _read_heads(name: str) -> list[tuple[int, int]]:
    """Return heads spelt as `5-3 4-17`."""
    return [(int(layer), int(head)) for layer, head in (spelt.split("-") for spelt in name.split())]


def _assert_within(row: dict, measures: Mapping[str, Range | None]) -> None:
    for name in MEASURES:
        if measures[name] is None:
            assert row[name] is None, (row, name)
        else:
            low, high = measures[name]
            assert low - 1e-6 <= row[name] <= high + 1e-6, (row, name, low, high)


def test_every_head_is_judged_as_its_eager_map_is(
    rows: dict[str, dict[Trial, list[dict]]], answers: dict[Trial, TrialAnswer], case: Case
) -> None:
    stored = rows["pair_head_contacts"]
    assert list(stored)
    assert set(stored) == set(answers)
    places = list(product(range(N_LAYERS), [*range(N_HEADS), None]))
    for (number, form, kind), answer in answers.items():
        of_trial = stored[number, form, kind]
        assert [(row["layer"], row["head"]) for row in of_trial] == places
        for row, measures in zip(of_trial, (head for layer in answer.heads for head in layer), strict=True):
            _assert_within(row, measures)
            n_contacts = None if kind == "swapped" else int(case.find_contacts(number).sum())
            assert (row["n_contacts"], row["is_homodimer"]) == (n_contacts, number == N_PAIRS - 1)


def test_what_rounding_may_change_is_little(answers: dict[Trial, TrialAnswer]) -> None:
    ranges = [head for answer in answers.values() for layer in answer.heads for head in layer]
    for name in MEASURES:
        widths = [high - low for low, high in (measures[name] for measures in ranges if measures[name] is not None)]
        assert np.mean(widths) < 0.01, name
        assert np.median(widths) < 0.001, name


def test_the_fused_heads_are_the_best_of_the_choosing_pairs_and_judged_on_other_groups(
    rows: dict[str, dict[Trial, list[dict]]], answers: dict[Trial, TrialAnswer], case: Case, numbers: dict[int, int]
) -> None:
    homodimer = N_PAIRS - 1  # chooses no heads
    groups = {pair_id: case.groups[number] for pair_id, number in numbers.items() if number != homodimer}
    splits = list(draw_splits(groups, n_splits=N_SPLITS, n_choosing=N_CHOOSING, seed=0))
    assert len(splits) == N_SPLITS
    for form, split in product(FORMS, splits):
        choosing = [numbers[pair_id] for pair_id in split.choosing]
        choosing_groups = {case.groups[number] for number in choosing}
        for number, kind in product(range(N_PAIRS), KINDS):
            of_trial = [
                row for row in rows["pair_choices"].get((number, form, kind), []) if row["split"] == split.number
            ]
            is_judge = case.groups[number] not in choosing_groups
            if kind == "swapped":
                partner = rows["pair_head_contacts"][number, form, kind][0]["partner"]
                partner_number = case.find_pair(partner)
                is_judge &= case.groups[partner_number] not in choosing_groups
            assert [row["n_heads"] for row in of_trial] == [n for n in N_FUSED if is_judge]
            for row in of_trial:
                _assert_best(_read_heads(row["heads"]), choosing, form, answers)
                _assert_within(row, answers[number, form, kind].fused[row["heads"]])


def _assert_best(
    heads: list[tuple[int, int]], choosing: Sequence[int], form: str, answers: dict[Trial, TrialAnswer]
) -> None:
    """Heads of the highest mean AUROC on the choosing pairs, in order; nearly equal ones may change places."""
    ranges = np.mean(
        [
            [[head["auroc"] for head in layer[:-1]] for layer in answers[number, form, "given"].heads]
            for number in choosing
        ],
        axis=0,
    )  # (L, H, 2)
    lows, highs = np.sort(ranges[..., 0].ravel())[::-1], ranges[..., 1]
    assert len(set(heads)) == len(heads)
    for rank, head in enumerate(heads):
        assert highs[head] >= lows[rank] - 1e-6, (form, choosing, head)


def test_a_swapped_partner_is_the_one_of_another_group_that_is_closest_in_length(
    rows: dict[str, dict[Trial, list[dict]]], case: Case
) -> None:
    lengths = [len(case.sequences[partner]) for _, partner in case.pairs]
    for table, (number, form) in product(("pair_head_contacts", "pair_nulls"), product(range(N_PAIRS), FORMS)):
        partners = {row["partner"] for row in rows[table][number, form, "swapped"]}
        (partner_number,) = map(case.find_pair, partners)
        others = [n for n in range(N_PAIRS) if case.groups[n] != case.groups[number]]
        assert partner_number in others
        assert abs(lengths[partner_number] - lengths[number]) == min(abs(lengths[n] - lengths[number]) for n in others)


def test_the_numbers_of_nulls_are_those_of_the_eager_maps(
    rows: dict[str, dict[Trial, list[dict]]], answers: dict[Trial, TrialAnswer]
) -> None:
    assert set(rows["pair_nulls"]) == {trial for trial in answers if trial[2] != "given"}
    for trial, of_trial in rows["pair_nulls"].items():
        assert [(row["layer"], row["head"]) for row in of_trial] == list(product(range(N_LAYERS), range(N_HEADS)))
        for name, values in answers[trial].numbers.items():
            stored = np.array([row[name] for row in of_trial])
            tolerance = 0.51 if name == "n_edges_across" else 2e-5  # of four maps, two may round to the other side
            assert np.allclose(stored, values.ravel(), atol=tolerance), (trial, name)
