"""Intervals of enrichment: none of no width where nothing is hit, and of their level where sites are at random."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import Shown, annotate, place
from helpers.default_cases import each_nth_by_default
from helpers.handmade import hand, write_handmade
from scipy.stats import t

from attlas.queries import Atlas

pytestmark = pytest.mark.slow

SEQUENCE = "MKCAACGGHWMKCAACGGHW"
N_PROTEINS = 12
NAMES = [f"P{i:02d}" for i in range(N_PROTEINS)]


@pytest.fixture(scope="module")
def unhit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve proteins whose only site, a C, is not at the feature: it covers another C and three letters more."""
    root = tmp_path_factory.mktemp("unhit") / "atlas"
    texts = {a: SEQUENCE + "ACDEFGHIKLMN"[i] for i, a in enumerate(NAMES)}
    write_handmade(root, [hand(a, x, sites=(3,), layer=1) for a, x in texts.items()])
    annotate(root, [(a, "Active site", 12, 15) for a in NAMES])
    shown = [(a, at, letter, (4.0 * at, 0.0, 0.0)) for a in NAMES for at, letter in enumerate(SEQUENCE, start=1)]
    place(root, [Shown(a, "x.cif", "A", at, letter, point, point) for a, at, letter, point in shown])
    return root


@pytest.mark.parametrize("name", each_nth_by_default(["sites_at_features", "sites_in_structure"], 2))
def test_where_nothing_is_hit_the_interval_is_as_wide_as_chance_makes_it(unhit: Path, name: str) -> None:
    with Atlas.open(unhit) as atlas:
        (row,) = atlas.ask(name, types="Active site", within=0).to_pylist()
        (few,) = atlas.ask(name, types="Active site", within=0, proteins=NAMES[:4]).to_pylist()
        (near,) = atlas.ask(name, types="Active site", within=100).to_pylist()
    n = 20 if name == "sites_in_structure" else 21
    expected, variance = N_PROTEINS * 4 / n, N_PROTEINS * 4 / n * (1 - 4 / n)
    assert (row["n_hits"], row["enrichment"], row["enrichment_low"]) == (0, 0, 0)
    high = t.isf(0.025, N_PROTEINS - 1) * math.sqrt(variance) / expected
    assert row["enrichment_high"] == pytest.approx(high, abs=0.006)
    assert (row["matched_low"], row["note"]) == (0, None)
    assert (few["enrichment_low"], few["matched_high"], few["note"]) == (None, None, "fewer than 5 proteins")
    assert (near["enrichment"], near["enrichment_low"], near["note"]) == (1, None, "all proteins agree")


@pytest.mark.thorough
def test_a_layer_that_hits_nothing_is_not_known_to_be_as_good_as_sites_that_hit_nothing(unhit: Path) -> None:
    with Atlas.open(unhit) as atlas:
        rows = atlas.ask("site_baselines", types="Active site").to_pylist()
    unhit_rows = [row for row in rows if row["n_hits"] == 0 and not row["method"].startswith("random")]
    assert len(unhit_rows) > 1
    for row in unhit_rows:
        assert (row["enrichment_low"], row["difference_low"], row["difference_high"]) == (0, None, None)
        assert row["enrichment_high"] > 1  # 2.3 hits are expected of twelve sites


@pytest.mark.thorough
def test_of_sites_at_random_nearly_all_intervals_hold_one_and_few_p_values_are_small(tmp_path: Path) -> None:
    """Forty types of feature, each somewhere in each of sixty proteins; what they have to do with the sites is nothing.

    Each interval holds for all rows at once, so it is wide; of one row alone the t test rejects one in twenty or fewer.
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
    assert all(row["enrichment_low"] <= 1 <= row["enrichment_high"] for row in rows)
    assert min(row["log10_p"] for row in rows) > -1.3
    assert np.mean([abs(row["t"]) > t.isf(0.025, 59) for row in rows]) < 0.09
    assert sum(row["enrichment"] for row in rows) / len(rows) == pytest.approx(1, abs=0.1)
