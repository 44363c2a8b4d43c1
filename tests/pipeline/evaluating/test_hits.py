"""Which proteins are alike, and what follows: clusters, and sites that homology gives."""

import random

import pytest
from Bio.Align import PairwiseAligner, substitution_matrices

from attlas.pipeline.evaluating.homology import find_nearest_identity, transfer
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.pipeline.relatives.alignments import align, find_score
from attlas.pipeline.relatives.clusters import cluster
from attlas.pipeline.relatives.hits import find_candidates, find_hits, find_hits_to

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def make_protein(n: int, *, seed: int) -> str:
    generator = random.Random(seed)
    return "".join(generator.choice(LETTERS) for _ in range(n))


def mutate(sequence: str, share: float, *, seed: int) -> str:
    generator = random.Random(seed)
    return "".join(generator.choice(LETTERS) if generator.random() < share else letter for letter in sequence)


PARENT = make_protein(200, seed=1)
NEAR = mutate(PARENT, 0.1, seed=2)
FAR = "MK" * 4 + mutate(PARENT, 0.45, seed=3)
STRANGER = make_protein(180, seed=4)
SET = [PARENT, NEAR, FAR, STRANGER]


def test_identity_is_counted_over_the_columns_of_the_alignment() -> None:
    alignment = align("MKTAYIAKQRQISFVKSHFSRQ", "MKTAYIAKQRISFVKSHFSRQ")
    assert alignment is not None
    assert alignment.identity == pytest.approx(21 / 22)
    assert alignment.coverage == 1
    assert list(alignment.places) == [place for place in range(22) if place != 10]
    assert list(alignment.other_places) == list(range(21))
    assert alignment.turn().places is alignment.other_places


def test_the_score_is_that_of_the_alignment_and_letters_without_a_score_are_x() -> None:
    oracle = PairwiseAligner(mode="local", open_gap_score=-12, extend_gap_score=-1)
    oracle.substitution_matrix = substitution_matrices.load("BLOSUM62")
    alignment = align(PARENT.replace("A", "U"), FAR)
    assert alignment is not None
    assert alignment.score == find_score(PARENT.replace("A", "U"), FAR) == oracle.score(PARENT.replace("A", "X"), FAR)


def test_relatives_are_hits_of_each_other_and_strangers_are_not() -> None:
    hits = find_hits(SET)
    assert [[hit.protein for hit in of_protein] for of_protein in hits] == [[1, 2], [0, 2], [0, 1], []]
    alignment = hits[2][0].alignment
    assert set(alignment.places - alignment.other_places) == {8}


def test_a_protein_without_a_word_is_a_candidate_of_none() -> None:
    assert list(find_candidates(["MK", "XXXX", PARENT], ["MK", "XXXX", STRANGER])) == []


def test_hits_among_another_set_are_those_of_one_set() -> None:
    (hits,) = find_hits_to([FAR], [PARENT, STRANGER, NEAR])
    assert [hit.protein for hit in hits] == [0, 2]
    assert hits[0].alignment.score == find_hits(SET)[2][0].alignment.score


def test_clusters_hang_together_by_pairs_and_are_named_by_their_first_accession() -> None:
    hits = find_hits(SET)
    assert cluster(hits, ["P3", "P2", "P1", "P4"], identity=0.8) == ["P2", "P2", "P1", "P4"]
    assert cluster(hits, ["P3", "P2", "P1", "P4"], identity=0.4) == ["P1", "P1", "P1", "P4"]


def test_homology_gives_residues_opposite_a_label_where_the_letters_agree() -> None:
    hits = find_hits(SET)
    kept = next(place for place in range(50, 200) if PARENT[place] == FAR[place + 8])
    changed = next(place for place in range(50, 200) if PARENT[place] != FAR[place + 8])
    labels = [(kept + 1, changed + 1), (1,), (1,), (1,)]
    proteins = [LabelledProtein(f"P{i}", i, sequence, labels[i]) for i, sequence in enumerate(SET)]

    columns = transfer(2, proteins, hits[2], lambda protein: protein == 0)
    assert columns[:, 0].nonzero()[0].tolist() == [kept + 8]
    assert columns[kept + 8, 1] == pytest.approx(hits[2][0].alignment.identity)
    assert columns[kept + 8, 2] == 1
    assert not transfer(2, proteins, hits[2], lambda _: False).any()
    assert find_nearest_identity(hits[2], lambda protein: protein == 0) == pytest.approx(hits[2][0].alignment.identity)
    assert find_nearest_identity(hits[2], lambda _: False) == 0
