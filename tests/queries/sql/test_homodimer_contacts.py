"""Contacts that leak into the cross block of a homodimer, against sets of pairs in Python, on drawn points."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from helpers.annotated import Shown, place, sequence_ids
from helpers.default_cases import each_nth_by_default
from helpers.jackknife_oracle import estimate, near
from helpers.pair_rows import KNOWN
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas
from helpers.table_files import add_rows

from attlas.queries import Atlas
from attlas.schema import PAIR_CONTACTS, PARTNER_CONTACTS

pytestmark = pytest.mark.slow

KINDS = ("within", "across", "both", "none")
N_DIMERS = 7
TWIN = 1
"""Place of the dimer whose sequence has another accession, and so another pair."""
Places = set[tuple[int, int]]


@dataclass(frozen=True)
class Dimer:
    """A homodimer on drawn points, of which the last two residues have none."""

    points: np.ndarray
    """Of the C-betas, (N, 3)."""
    contacts: Places
    """Contacts between the copies, each in one direction."""
    probabilities: dict[tuple[int, int], float]

    @property
    def n(self) -> int:
        return len(self.points)

    def list_pairs(self, apart: int) -> Places:
        """Return the pairs of residues that are shown, so far apart."""
        return {(i, j) for i, j in product(range(1, self.n + 1), repeat=2) if abs(i - j) >= apart}

    def list_contacts(self, apart: int) -> dict[str, Places]:
        """Return the pairs of residues of each kind."""
        shown = self.list_pairs(apart)
        distances = np.linalg.norm(self.points[:, None] - self.points[None], axis=-1)
        within = {(i, j) for i, j in shown if abs(i - j) >= 6 and distances[i - 1, j - 1] < 8}
        across = (self.contacts | {(j, i) for i, j in self.contacts}) & shown
        both = within & across
        return {"within": within - both, "across": across - both, "both": both, "none": shown - within - across}

    def list_best(self, apart: int) -> Places:
        """Return the best tenth as many pairs of residues as there are points."""
        shown = self.probabilities.keys() & self.list_pairs(apart)
        ranked = sorted(shown, key=lambda pair: (-np.float32(self.probabilities[pair]), pair))
        return set(ranked[: max(1, self.n // 10)])


def draw_dimer(choose: random.Random) -> Dimer:
    n = choose.randint(25, 45)
    pairs = list(product(range(1, n + 3), repeat=2))
    points = np.array([[choose.uniform(0, 20) for _ in "xyz"] for _ in range(n)])
    contacts = {(min(pair), max(pair)) for pair in choose.sample(pairs, 120)}
    return Dimer(points, contacts, {pair: choose.random() for pair in choose.sample(pairs, 4 * n)})


@pytest.fixture(scope="module")
def dimers() -> list[Dimer]:
    choose = random.Random(8)
    return [draw_dimer(choose) for _ in range(N_DIMERS)]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory, dimers: list[Dimer]) -> Iterator[Atlas]:
    root, choose = tmp_path_factory.mktemp("dimers") / "atlas", random.Random(9)
    letters = {f"D{i}": "".join(choose.choices(AMINO_ACIDS, k=dimer.n + 2)) for i, dimer in enumerate(dimers)}
    write_atlas(root, [SyntheticProtein(name, text) for name, text in {**letters, "C1": letters["D1"]}.items()])
    ids = sequence_ids(root)

    shown, predicted_contacts, known_contacts = [], [], []
    for pair_id, (name, dimer) in enumerate(zip(letters, dimers, strict=True)):
        names = {"accession": name, "sequence_id": ids[name]}
        partner = "C1" if name == "D1" else name  # another accession of the sequence
        for chain, n in (("A", dimer.n), ("B", dimer.n - 5)):
            points = dimer.points if chain == "A" else dimer.points + 100  # of fewer residues: not looked at
            rows = enumerate(points[:n].tolist(), start=1)
            shown += [Shown(name, "hand.cif", chain, at, letters[name][at - 1], None, tuple(xyz)) for at, xyz in rows]
        for (i, j), probability in dimer.probabilities.items():
            scores = {"pair_id": pair_id, "form": "gap", "probability": probability, "score": None}
            predicted_contacts.append({**names, "partner": partner, "i": i, "j": j, **scores})
        known_contacts += [{**names, "partner": partner, "i": i, "j": j, **KNOWN} for i, j in dimer.contacts]

    # The other accession paired with itself.
    predicted_contacts += [
        {**row, "accession": "C1", "partner": "C1", "pair_id": N_DIMERS}
        for row in predicted_contacts
        if row["pair_id"] == TWIN
    ]

    # A heteromer, whose contacts are no homodimer's.
    hetero = {"accession": "D0", "sequence_id": ids["D0"], "partner": "D2", "i": 1, "j": 1}
    predicted_contacts.append({**hetero, "pair_id": 99, "form": "gap", "probability": 1.0, "score": None})
    known_contacts.append({**hetero, **KNOWN})
    place(root, shown)
    add_rows(root, PAIR_CONTACTS, predicted_contacts, "pairs")
    add_rows(root, PARTNER_CONTACTS, known_contacts, "contacts")
    with Atlas.open(root) as opened:
        yield opened


@pytest.mark.parametrize("apart", each_nth_by_default([0, 6, 9], 3))
def test_shares_and_chances_are_those_of_sets_of_pairs(atlas: Atlas, dimers: list[Dimer], apart: int) -> None:
    dimers = [*dimers, dimers[TWIN]]  # a pair each
    units = [*range(N_DIMERS), TWIN]
    rows = atlas.ask("homodimer_contacts", apart=apart).to_pylist()
    assert [(row["form"], row["contact"]) for row in rows] == [("gap", kind) for kind in KINDS]
    for row in rows:
        places = [dimer.list_contacts(apart)[row["contact"]] for dimer in dimers]
        best = [dimer.list_best(apart) for dimer in dimers]
        shares = [len(b & p) / len(b) for b, p in zip(best, places, strict=True)]
        chances = [len(p) / len(dimer.list_pairs(apart)) for p, dimer in zip(places, dimers, strict=True)]
        assert (row["n_pairs"], row["n_sequences"], row["n_best"]) == (N_DIMERS + 1, N_DIMERS, sum(map(len, best)))
        assert row["n_contacts"] == sum(len(b & p) for b, p in zip(best, places, strict=True))
        assert row["share"] == pytest.approx(np.mean(shares), abs=6e-5)
        assert row["chance"] == pytest.approx(np.mean(chances), abs=6e-5)
        beyond = estimate(np.bincount(units, np.subtract(shares, chances)), np.bincount(units))
        if row["n_contacts"]:
            reach = beyond.reach(len(KINDS))
            assert row["log10_p"] == near(beyond.log10_p(len(KINDS)))
            ends = max(row["share"] - reach, 0), min(row["share"] + reach, 1)
            assert (row["low"], row["high"]) == pytest.approx(ends, abs=2e-4)
    assert sum(row["share"] for row in rows) == pytest.approx(1, abs=3e-4)
