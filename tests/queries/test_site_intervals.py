"""Intervals of enrichment: none of no width where nothing is hit, and near 95 % of them hold the truth at random."""

import random
from pathlib import Path

import pytest
from annotated import Shown, annotate, place
from handmade import hand, write_handmade
from scipy.stats import chi2

from attlas.queries import Atlas

SEQUENCE = "MKCAACGGHWMKCAACGGHW"
HIGHEST = chi2.isf(0.025, 2) / 2
"""Upper limit of the mean of a Poisson count of 0 (Garwood 1936)."""


@pytest.fixture
def unhit(tmp_path: Path) -> Path:
    """Two proteins whose only site, a C, is not at the feature, which covers the other C, and three letters more."""
    root = tmp_path / "atlas"
    write_handmade(root, [hand(a, SEQUENCE + tail, sites=(3,), layer=1) for a, tail in (("A", ""), ("B", "W"))])
    annotate(root, [(a, "Active site", 12, 15) for a in ("A", "B")])
    place(
        root,
        [
            Shown(a, "x.cif", "A", at, letter, (4.0 * at, 0, 0), (4.0 * at, 0, 0))
            for a in ("A", "B")
            for at, letter in enumerate(SEQUENCE, start=1)
        ],
    )
    return root


@pytest.mark.parametrize("name", ["sites_at_features", "sites_in_structure"])
def test_where_nothing_is_hit_the_interval_is_that_of_a_count_of_zero(unhit: Path, name: str) -> None:
    with Atlas.open(unhit) as atlas:
        (row,) = atlas.ask(name, types="Active site", within=0).to_pylist()
        (one,) = atlas.ask(name, types="Active site", within=0, proteins="A").to_pylist()
        (near,) = atlas.ask(name, types="Active site", within=100).to_pylist()
    expected = 4 / 20 + 4 / (20 if name == "sites_in_structure" else 21)
    assert (row["n_hits"], row["enrichment"], row["enrichment_low"]) == (0, 0, 0)
    assert row["enrichment_high"] == pytest.approx(HIGHEST / expected, abs=0.006)
    assert (row["matched_low"], row["matched_high"]) == (0, pytest.approx(HIGHEST / (2 / 4), abs=0.006))
    assert (one["enrichment_low"], one["enrichment_high"], one["matched_high"]) == (None, None, None)
    assert near["enrichment_low"] == near["enrichment_high"] == 1  # all is hit, as anywhere


def test_a_layer_that_hits_nothing_is_not_known_to_be_as_good_as_sites_that_hit_nothing(unhit: Path) -> None:
    with Atlas.open(unhit) as atlas:
        rows = atlas.ask("site_baselines", types="Active site").to_pylist()
    for row in rows:
        if row["n_hits"] == 0 and row["method"] != "random of the same letters":
            assert (row["enrichment_low"], row["difference_low"], row["difference_high"]) == (0, None, None)
            assert row["enrichment_high"] == pytest.approx(HIGHEST / row["expected"], rel=0.02)
    assert sum(row["n_hits"] == 0 for row in rows) > 1


def test_of_sites_at_random_nearly_all_intervals_hold_one_and_few_p_values_are_small(tmp_path: Path) -> None:
    """Forty types of feature, each somewhere in each of sixty proteins; what they have to do with the sites is nothing.

    A bootstrap of so few hits is somewhat too narrow, so 0.95 is not quite reached.
    """
    choose, root = random.Random(4), tmp_path / "atlas"
    letters = "ACDEFGHIKLMNPQRSTVWY"
    texts = {f"P{i:02d}": "".join(choose.choices(letters, k=choose.randint(30, 90))) for i in range(60)}
    sites = {a: tuple(choose.sample(range(1, len(x) + 1), choose.randint(1, 4))) for a, x in texts.items()}
    write_handmade(root, [hand(a, x, sites=sites[a], layer=1) for a, x in texts.items()])
    spans = []
    for a, x in texts.items():
        for i in range(40):
            begin = choose.randint(1, len(x) - 4)
            spans.append((a, f"Type {i:02d}", begin, begin + choose.randint(0, 4)))
    annotate(root, spans)
    with Atlas.open(root) as atlas:
        rows = atlas.ask("sites_at_features", types=sorted({x[1] for x in spans}), within=[0, 1]).to_pylist()
    assert len(rows) == 80
    held = [row["enrichment_low"] <= 1 <= row["enrichment_high"] for row in rows]
    assert 0.85 <= sum(held) / len(held) <= 1
    assert min(row["log10_p"] for row in rows) > -1.3  # corrected for all rows: hardly one below 0.05
    assert sum(row["enrichment"] for row in rows) / len(rows) == pytest.approx(1, abs=0.1)
