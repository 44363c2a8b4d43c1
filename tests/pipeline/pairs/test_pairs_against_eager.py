"""Every table of pairs against transformers' own attention on inputs joined by hand, in both orders.

Five pairs in every form, or as many of twenty as `ORACLE_PAIRS` says.
"""

import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from helpers.building import assert_whole, build_here, write_fasta
from helpers.link_oracle import choose_by_rule, list_disagreements
from helpers.pair_oracle import EagerPair, count_head_numbers, predict_contacts, read_eagerly, sum_received

from attlas.pipeline.pairs.adding import add_pairs
from attlas.pipeline.pairs.settings import PairSettings
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.queries import Atlas

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

ROOT = Path(__file__).resolve().parents[3]
FORMS = ("ends", "gap", "linker", "separators")
HEADS = [(0, 3), (4, 17)]
THETA, FLOOR, PER_RESIDUE, FAR = 0.3, 0.02, 2, 10**6
SHORTEST = 20
N_PAIRS = 20
N_COMPARED = int(os.environ.get("ORACLE_PAIRS", "5"))
"""Pairs whose tables are compared; all 20 take half an hour, by `ORACLE_PAIRS=20`."""

Joined = dict[tuple[str, str], EagerPair]
"""The eager maps of a pair by form and order."""


@pytest.fixture(scope="module")
def sequences() -> dict[str, str]:
    proteins = {p.accession: p.sequence for p in read_proteome(str(ROOT / "examples" / "proteins.fasta")).proteins}
    long_enough = sorted(filter(lambda item: len(item[1]) >= SHORTEST, proteins.items()), key=lambda item: len(item[1]))
    return dict(long_enough[:N_PAIRS])


@pytest.fixture(scope="module")
def pairs(sequences: dict[str, str]) -> list[tuple[str, str]]:
    """Return the first protein with itself, and every other with the one before it."""
    names = list(sequences)
    return [(names[0], names[0]), *zip(names[1:], names[:-1], strict=True)]


@pytest.fixture(scope="module")
def real(
    tmp_path_factory: pytest.TempPathFactory,
    weights: Path,
    sequences: dict[str, str],
    pairs: list[tuple[str, str]],
) -> Iterator[Atlas]:
    folder = tmp_path_factory.mktemp("pairs")
    build_here(write_fasta(folder / "p.fasta", sequences), folder / "atlas", weights)
    (folder / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
    settings = PairSettings(
        forms=",".join(FORMS), floor=FLOOR, per_residue=PER_RESIDUE, heads="0-3,4-17", has_segments=True
    )
    add_pairs(folder / "atlas", folder / "pairs.tsv", settings, progress=lambda p, s: lambda e: None, n_workers=0)
    assert_whole(folder / "atlas")
    with Atlas.open(folder / "atlas") as atlas:
        yield atlas


@pytest.fixture(scope="module")
def eager(weights: Path, sequences: dict[str, str], pairs: list[tuple[str, str]]) -> "EagerPairs":
    return EagerPairs(weights, sequences, pairs[:N_COMPARED])


class EagerPairs:
    """The eager maps of each pair, by form and order; those of the last pair alone are kept."""

    def __init__(self, weights: Path, sequences: dict[str, str], pairs: list[tuple[str, str]]) -> None:
        self.weights, self.sequences, self.pairs = weights, sequences, pairs
        self.read = lru_cache(2)(self._read)

    def items(self) -> Iterator[tuple[tuple[str, str], Joined]]:
        return ((pair, self.read(pair)) for pair in self.pairs)

    def _read(self, pair: tuple[str, str]) -> Joined:
        a, b = (self.sequences[accession] for accession in pair)
        forward = {(form, "forward"): read_eagerly(self.weights, a, b, form) for form in FORMS}
        return forward | {(form, "reverse"): read_eagerly(self.weights, b, a, form) for form in FORMS}


def rows_of(atlas: Atlas, table: str, pair: tuple[str, str], **where: object) -> list[dict]:
    """Return the rows of a pair in a table, in stored order, that have some values."""
    rows = read_rows(atlas, table, *pair)
    return [row for row in rows if all(row[name] == value for name, value in where.items())]


@lru_cache
def read_rows(atlas: Atlas, table: str, accession: str, partner: str) -> list[dict]:
    query = "SELECT pair_id FROM pairs WHERE accession = $accession AND partner = $partner"
    pair_ids = atlas.sql(query, {"accession": accession, "partner": partner})["pair_id"].to_pylist()
    # By a value: a join would not keep the order in which rows are stored.
    return atlas.sql(f"FROM {table} WHERE pair_id = $pair_id", {"pair_id": pair_ids[0]}).to_pylist()


def query_chain(place: int, order: str) -> int:
    """Return the chain of the input, 0 or 1, that the protein at a place of the line is."""
    return place - 1 if order == "forward" else 2 - place


def test_attention_between_segments_is_that_of_the_eager_maps(real: Atlas, eager: EagerPairs) -> None:
    for pair, joined in eager.items():
        for form in FORMS:
            by_order = []
            for order in ("forward", "reverse"):
                maps = joined[form, order]
                chains = [maps.chain(query_chain(place, order)) for place in (1, 2)]
                segments = [part for chain in chains for part in np.array_split(chain, 10)]  # first ones longer
                heads = maps.maps.mean(1)  # (L, T, T)
                by_order.append([[heads[:, a][:, :, b].sum(2).mean(1) for b in segments] for a in segments])
            expected = np.moveaxis(np.mean(by_order, axis=0), 2, 0)  # (L, 20, 20)
            rows = rows_of(real, "pair_segments", pair, form=form)
            assert [(row["layer"], row["segment"], row["key_segment"]) for row in rows] == list(
                product(range(6), range(20), range(20))
            )
            assert {(row["accession"], row["partner"]) for row in rows} == {pair}
            assert np.allclose([row["weight"] for row in rows], expected.ravel(), atol=2e-5), (pair, form)


def test_every_number_of_a_head_is_that_of_the_eager_maps(
    real: Atlas, eager: EagerPairs, sequences: dict[str, str]
) -> None:
    for pair, joined in eager.items():
        is_mirrored = sequences[pair[0]] == sequences[pair[1]]  # also of two accessions with one sequence
        for form, place in product(FORMS, (1, 2)):
            expected = {
                order: count_head_numbers(
                    joined[form, order], query_chain(place, order), is_mirrored=is_mirrored, theta=THETA
                )
                for order in ("forward", "reverse")
            }
            expected["mean"] = {
                name: (values + expected["reverse"][name]) / 2 for name, values in expected["forward"].items()
            }
            for order, numbers in expected.items():
                rows = rows_of(real, "pair_heads", pair, form=form, place=place, chain_order=order)
                assert [(row["layer"], row["head"]) for row in rows] == list(product(range(6), range(20)))
                assert all((row["accession"], row["partner"]) == pair[:: 3 - 2 * place] for row in rows)
                for name, values in numbers.items():
                    stored = np.array([row[name] for row in rows], float)
                    tolerance = 1e-3 if name == "mirror" else 1 if name == "n_edges_across" else 2e-5
                    assert np.allclose(stored, values.ravel(), atol=tolerance), (pair, form, order, name)
                if not is_mirrored:
                    assert {row["mirror"] for row in rows} == {None}


def test_the_four_shares_of_a_head_sum_to_one(real: Atlas) -> None:
    query = "SELECT max(abs(within_share + across_share + special_share + linker_share - 1)) AS apart FROM pair_heads"
    assert real.sql(query)["apart"][0].as_py() < 1e-5


def test_what_residues_receive_is_that_of_the_eager_maps(
    real: Atlas, eager: EagerPairs, sequences: dict[str, str]
) -> None:
    for pair, joined in eager.items():
        for form, place in product(FORMS, (1, 2)):
            rows = rows_of(real, "pair_residues", pair, form=form, place=place)
            assert "".join(row["residue"] for row in rows) == sequences[pair[place - 1]]
            assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
            by_order = [
                sum_received(joined[form, order], query_chain(place, order)) for order in ("forward", "reverse")
            ]
            for name, expected in zip(("received_within", "received_across"), np.mean(by_order, axis=0), strict=True):
                assert np.allclose([row[name] for row in rows], expected, atol=3e-5), (pair, form, name)


def test_links_across_are_those_of_the_rule_on_the_eager_maps(real: Atlas, eager: EagerPairs) -> None:
    for pair, joined in eager.items():
        for form, order in product(FORMS, ("forward", "reverse")):
            rows = rows_of(real, "pair_links", pair, form=form, chain_order=order)
            links = {_name_link(row, order): np.float32(row["weight"]) for row in rows}
            expected = _choose_links(joined[form, order])
            assert len(links) == len(rows) == len(expected)
            assert list_disagreements(links, expected) == [], (pair, form, order)


def _name_link(row: dict, order: str) -> tuple[int, int, int, int]:
    chain = query_chain(row["place"], order)
    return row["layer"], row["head"], row["i"] + chain * FAR, row["j"] + (1 - chain) * FAR


def _choose_links(pair: EagerPair) -> dict[tuple[int, int, int, int], np.float32]:
    """Choose links among all weights across, five into each residue of a head, every one of long range."""
    candidates = {}
    for chain in (0, 1):
        block = pair.block(chain, 1 - chain).astype(np.float32)
        for layer, head, key in np.ndindex(*block.shape[:2], block.shape[3]):
            weights = block[layer, head, :, key]
            strongest = sorted(np.flatnonzero(weights >= np.float32(FLOOR)), key=lambda i: (-weights[i], i))[:5]
            for i in strongest:
                name = layer, head, int(i) + 1 + chain * FAR, key + 1 + (1 - chain) * FAR
                candidates[name] = weights[i]
    n_residues = len(pair.tokens) + len(pair.partner_tokens)
    return choose_by_rule(candidates, n_residues=n_residues, per_residue=PER_RESIDUE, theta=THETA)


def test_contacts_across_are_those_of_the_head_on_the_joined_map(real: Atlas, eager: EagerPairs, weights: Path) -> None:
    for pair, joined in eager.items():
        for form in FORMS:
            forward = predict_contacts(weights, joined[form, "forward"], HEADS)
            reverse = predict_contacts(weights, joined[form, "reverse"], HEADS)
            probability, score = (
                (forward_map + reverse_map.T) / 2 for forward_map, reverse_map in zip(forward, reverse, strict=True)
            )
            rows = rows_of(real, "pair_contacts", pair, form=form)
            places = np.array([(row["i"] - 1, row["j"] - 1) for row in rows]).T
            for name, values in (("probability", probability), ("score", score)):
                stored = np.array([row[name] for row in rows])
                assert np.allclose(stored, values[tuple(places)], atol=1e-5), (pair, form, name)
                n_kept = min(2 * sum(values.shape), values.size)
                best = np.sort(values.ravel())[-n_kept]
                assert (stored >= best - 1e-5).sum() >= n_kept
            assert len(rows) <= 4 * sum(probability.shape) + (probability >= 0.3 - 1e-5).sum()
