"""Questions on links, against loops in Python over random links, features and coordinates."""

import math
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from helpers.annotated import Shown, annotate, link, place
from helpers.handmade import hand, write_handmade
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

N_LAYERS, N_HEADS = 2, 3
TYPES = ("Active site", "Binding site")


class Case:
    """Ten random proteins, three of them twice, with links; most have features, and half of them coordinates."""

    def __init__(self, root: Path) -> None:
        choose = random.Random(7)
        sequences = ["".join(choose.choices("ACDEFGHIKLMNPQRSTVWY", k=choose.randint(30, 70))) for _ in range(10)]
        self.sequences = {f"R{i}": sequence for i, sequence in enumerate(sequences)}
        copies = {f"T{i}": sequence for i, sequence in enumerate(sequences[:3])}
        proteins = [SyntheticProtein(a, s) for a, s in (self.sequences | copies).items()]
        write_atlas(root, proteins, n_layers=N_LAYERS, n_heads=N_HEADS)

        self.links = {
            accession: {
                (choose.randrange(N_LAYERS), choose.randrange(N_HEADS), *choose.sample(range(1, len(s) + 1), 2)): (
                    choose.randint(10, 99) / 100
                )
                for _ in range(60)
            }
            for accession, s in self.sequences.items()
        }
        link(root, self.links)

        self.labelled = {
            (accession, type_): sorted(choose.sample(range(1, len(s) + 1), choose.randint(5, 9)))
            for accession, s in self.sequences.items()
            for type_ in TYPES
            if choose.random() < 0.8
        }
        spans = [(accession, t, at, at) for (accession, t), places in self.labelled.items() for at in places]
        annotate(root, spans)

        self.places = {
            accession: {
                at: tuple(choose.uniform(0, 25) for _ in "xyz") for at in choose.sample(range(1, len(s) + 1), 25)
            }
            for accession, s in list(self.sequences.items())[::2]
        }
        place(
            root,
            [
                Shown(accession, "s.cif", "A", at, self.sequences[accession][at - 1], point, point)
                for accession, points in self.places.items()
                for at, point in points.items()
            ],
        )
        self.atlas = Atlas.open(root)
        rows = self.atlas.sql("SELECT accession, layer, head, n_edges FROM heads").to_pylist()
        self.n_edges = {(row["accession"], row["layer"], row["head"]): row["n_edges"] for row in rows}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    made = Case(tmp_path_factory.mktemp("links") / "atlas")
    yield made
    made.atlas.close()


def key_of(row: dict) -> tuple:
    return row["accession"], row["layer"], row["head"], row["i"], row["j"]


def test_the_links_of_proteins_are_listed_strongest_first_with_how_many_of_how_many(case: Case) -> None:
    rows = case.atlas.ask("links_of", proteins="R1,T0").to_pylist()
    expected = {
        (accession, *at): w for accession, of in (("R1", "R1"), ("T0", "R0")) for at, w in case.links[of].items()
    }
    assert [key_of(row) for row in rows] == sorted(expected, key=lambda key: (key[0], -expected[key], key))
    for row in rows:
        of = {"T0": "R0"}.get(row["accession"], row["accession"])
        sequence, i, j = case.sequences[of], row["i"], row["j"]
        assert row["residues"] == f"{sequence[i - 1]}{i} {sequence[j - 1]}{j}"
        assert (row["separation"], row["weight"]) == (abs(i - j), pytest.approx(expected[key_of(row)]))
        assert row["n_links"] == sum(at[:2] == (row["layer"], row["head"]) for at in case.links[of])
        assert row["n_edges"] == case.n_edges[row["accession"], row["layer"], row["head"]]


def test_links_are_chosen_by_layer_head_position_and_weight(case: Case) -> None:
    links = case.links["R3"]
    position = next(iter(links))[2]
    rows = case.atlas.ask("links_of", protein="R3", layer=1, heads=[0, 2], min_attention=0.5).to_pylist()
    assert {key_of(row)[1:] for row in rows} == {
        at for at, w in links.items() if at[0] == 1 and at[1] != 1 and w >= 0.5
    }
    rows = case.atlas.ask("links_of", protein="R3", position=position).to_pylist()
    assert {key_of(row)[1:] for row in rows} == {at for at in links if position in at[2:]} != set()
    with pytest.raises(QuestionError, match="0 to 2"):
        case.atlas.ask("links_of", protein="R3", head=3)


@pytest.mark.parametrize("apart", [6, 24])
def test_long_range_links_are_the_strongest_of_distinct_sequences(case: Case, apart: int) -> None:
    far = {(a, *at): w for a, links in case.links.items() for at, w in links.items() if abs(at[2] - at[3]) >= apart}
    rows = case.atlas.ask("long_range_links", apart=apart, n=25).to_pylist()
    assert [key_of(row) for row in rows] == sorted(far, key=lambda key: (-far[key], key))[:25]
    for row in rows:
        of_head = [key for key in far if key[1:3] == (row["layer"], row["head"])]
        assert (row["n_links"], row["n_sequences"]) == (len(of_head), len({key[0] for key in of_head}))
        assert row["n_edges"] == sum(case.n_edges[a, row["layer"], row["head"]] for a in case.sequences)


@pytest.mark.parametrize(("types", "other_types"), [TYPES, TYPES[:1] * 2, (",".join(TYPES), TYPES[1])])
@pytest.mark.parametrize("apart", [1, 10])
def test_links_between_features_are_those_by_enumeration(case: Case, types: str, other_types: str, apart: int) -> None:
    expected = {}
    for accession, sequence in case.sequences.items():
        ends, others = (
            {at for t in names.split(",") for at in case.labelled.get((accession, t), ())}
            for names in (types, other_types)
        )
        apart_pairs = [(i, j) for i, j in product(range(1, len(sequence) + 1), repeat=2) if abs(i - j) >= apart]
        between = {(i, j) for i, j in apart_pairs if (i in ends and j in others) or (j in ends and i in others)}
        for layer, head in product(range(N_LAYERS), range(N_HEADS)):
            of_head = {at[2:]: w for at, w in case.links[accession].items() if at[:2] == (layer, head)}
            n_apart = sum(abs(i - j) >= apart for i, j in of_head)
            weights = [of_head[pair] for pair in of_head if pair in between]
            if weights:
                share = len(between) / len(apart_pairs)
                expected[accession, layer, head] = (
                    (len(ends), len(others), len(weights), n_apart),
                    (n_apart * share, max(weights)),
                )
    rows = case.atlas.ask("links_between", types=types, other_types=other_types, apart=apart).to_pylist()
    assert len(rows) == len(expected) > 0
    for row in rows:
        counts, numbers = expected[row["accession"], row["layer"], row["head"]]
        assert tuple(row[name] for name in ("n_labelled", "n_other", "n_between", "n_links")) == counts
        assert (row["expected"], row["strongest"]) == pytest.approx(numbers, abs=1e-3)
        assert len(row["linked"].split(", ")) == min(row["n_between"], 10)


def test_links_in_contact_are_those_by_enumeration(case: Case) -> None:
    def distance(accession: str, i: int, j: int) -> float:
        return math.dist(case.places[accession][i], case.places[accession][j])

    shown = {
        (accession, *at): w
        for accession, places in case.places.items()
        for at, w in case.links[accession].items()
        if {*at[2:]} <= set(places) and abs(at[2] - at[3]) >= 6
    }
    touching = {key for key in shown if distance(key[0], *key[3:]) < 8}
    pairs = [(a, i, j) for a, places in case.places.items() for i, j in product(places, repeat=2) if j - i >= 6]

    rows = case.atlas.ask("links_in_contact").to_pylist()
    assert [key_of(row) for row in rows] == sorted(touching, key=lambda key: (-shown[key], key))
    for row in rows:
        of_head = [key for key in shown if key[1:3] == (row["layer"], row["head"])]
        n_touching = len(touching & set(of_head))
        assert (row["n_links"], row["n_in_contact"]) == (len(of_head), n_touching)
        assert row["share"] == pytest.approx(n_touching / len(of_head), abs=1e-4)
        assert row["background"] == pytest.approx(sum(distance(*pair) < 8 for pair in pairs) / len(pairs), abs=1e-4)
        assert row["distance"] == pytest.approx(distance(row["accession"], row["i"], row["j"]), abs=0.006)
        assert row["n_edges"] == sum(case.n_edges[a, row["layer"], row["head"]] for a in case.places)


def test_a_feature_and_a_structure_of_another_accession_of_the_sequence_count(tmp_path: Path) -> None:
    sequence = "MKCAACGGHW"
    write_handmade(
        tmp_path / "atlas", [hand("A1", sequence, sites=(3,), layer=1), hand("A2", sequence, sites=(3,), layer=1)]
    )
    link(tmp_path / "atlas", {"A1": {(0, 0, 9, 3): 0.5, (0, 0, 3, 4): 0.7}})
    annotate(tmp_path / "atlas", [("A2", "Active site", 3, 3), ("A2", "Binding site", 9, 9)])
    points = {3: (0.0, 0.0, 0.0), 4: (3.8, 0.0, 0.0), 9: (0.0, 5.0, 0.0)}
    place(tmp_path / "atlas", [Shown("A2", "s.cif", "A", at, sequence[at - 1], p, p) for at, p in points.items()])
    with Atlas.open(tmp_path / "atlas") as atlas:
        (between,) = atlas.ask("links_between").to_pylist()
        (contact,) = atlas.ask("links_in_contact").to_pylist()
    assert (between["accession"], between["linked"], between["n_links"]) == ("A2", "H9 C3 0.5", 2)
    assert (contact["accession"], contact["residues"], contact["distance"], contact["share"]) == ("A1", "H9 C3", 5, 1)
