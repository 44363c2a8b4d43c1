"""Layer of convergence and HA sites against independent answers, and every edge case by name."""

import math
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from helpers import elbow_numpy
from helpers.default_cases import each_nth_by_default
from helpers.elbow_oracles import compare_with_pwlf, exact_fit, exact_positions, exact_sites, scanned_residual
from hypothesis import given, settings
from hypothesis import strategies as st

from attlas.pipeline.sites.calling import RULES, Rule, call_sites, compute_elbow_angle
from attlas.pipeline.sites.elbow import fit_profiles, fit_rows, fit_two_segments
from attlas.schema import InputError

BOTH_RULES = pytest.mark.parametrize("rule", list(RULES))


def profile(n_layers: int, n_residues: int, *, seed: int = 0) -> np.ndarray:
    """Attention-like columns: log-normal, each layer with a spread of its own; (L, N) float32."""
    random = np.random.default_rng(seed)
    spread = random.uniform(0.2, 1.8, (n_layers, 1))
    return random.lognormal(0, spread, (n_layers, n_residues)).astype(np.float32)


def elbow(n_residues: int, n_sites: int) -> np.ndarray:
    """One layer (1, N) with `n_sites` high residues at the end of the sequence, the rest flat."""
    row = np.full(n_residues, 0.1, np.float32)
    row[n_residues - n_sites :] = 1.0
    return row[None, :]


# --- the solver ---


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 100), min_size=4, max_size=14))
def test_fit_equals_the_rational_answer_on_whole_numbers_with_ties(values: list[int]) -> None:
    y = sorted(values, reverse=True)
    exact = exact_fit(y)
    fit = fit_two_segments(np.arange(len(y)), np.array(y))
    total = float(np.var(y) * len(y))
    assert fit.residual == pytest.approx(float(exact.residual), rel=1e-9, abs=1e-10 * (1 + total))
    assert fit.breakpoint == pytest.approx(float(exact.index), abs=1e-7)
    assert fit.slope_head == pytest.approx(float(exact.m1), rel=1e-7, abs=1e-7)
    assert fit.slope_tail == pytest.approx(float(exact.m2), rel=1e-7, abs=1e-7)


@pytest.mark.thorough
@settings(max_examples=40, deadline=None)
@given(st.integers(4, 25), st.integers(0, 2**32 - 1))
def test_fit_is_never_worse_than_a_dense_scan_on_uneven_points_in_any_order(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = np.cumsum(random.uniform(0.01, 1, n)) + random.uniform(-100, 100)
    y = random.normal(0, 10 ** random.uniform(-3, 3), n)
    scanned = scanned_residual(x, y)
    assert fit_two_segments(x, y).residual <= scanned * (1 + 1e-7) + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("seed", each_nth_by_default(range(40), 5))
def test_fit_is_never_worse_than_pwlf_and_has_its_breakpoint_where_pwlf_converged(seed: int) -> None:
    n = int(np.random.default_rng(seed).integers(10, 250))
    ours_and_theirs = compare_with_pwlf(profile(1, n, seed=seed)[0], fit_two_segments)
    assert ours_and_theirs.is_no_worse
    assert not ours_and_theirs.is_converged or ours_and_theirs.is_same_breakpoint(n), ours_and_theirs


@pytest.mark.thorough
def test_pwlf_converges_often_enough_for_the_comparison_to_mean_something() -> None:
    comparisons = [compare_with_pwlf(profile(1, 60, seed=seed)[0], fit_two_segments) for seed in range(10)]
    assert sum(comparison.is_converged for comparison in comparisons) >= 8


def test_fit_finds_an_exact_elbow_between_two_points() -> None:
    x = np.arange(20) / 20
    y = np.where(x < 0.33, 1 - 2 * x, 1 - 2 * 0.33 - 0.1 * (x - 0.33))
    fit = fit_two_segments(x, y)
    assert fit.breakpoint == pytest.approx(0.33, abs=1e-9)
    assert fit.slope_head == pytest.approx(-2)
    assert fit.slope_tail == pytest.approx(-0.1)
    assert fit.residual == pytest.approx(0, abs=1e-20)


def test_fit_takes_the_right_end_of_the_gap_where_the_head_is_a_single_point() -> None:
    x = np.arange(12) / 12
    fit = fit_two_segments(x, np.array([1.0] + [0.0] * 11))
    assert fit.breakpoint == pytest.approx(1 / 12, abs=1e-12)
    assert fit.slope_head == pytest.approx(-12)
    assert fit.slope_tail == pytest.approx(0, abs=1e-12)


def test_fit_takes_the_left_end_of_the_gap_where_the_tail_is_a_single_point() -> None:
    fit = fit_two_segments(np.arange(12.0), np.array([1.0] * 11 + [0.0]))
    assert fit.breakpoint == pytest.approx(10)


def test_fit_of_a_straight_line_takes_the_smallest_breakpoint() -> None:
    fit = fit_two_segments(np.arange(30.0), -0.25 * np.arange(30.0))
    assert fit.breakpoint == pytest.approx(1)
    assert (fit.slope_head, fit.slope_tail) == (pytest.approx(-0.25), pytest.approx(-0.25))


def test_fit_does_not_depend_on_the_units_of_either_axis() -> None:
    y = np.sort(profile(1, 80)[0].astype(np.float64))[::-1]
    plain = fit_two_segments(np.arange(80.0), y)
    scaled = fit_two_segments(np.arange(80.0) / 80 + 7, 1000 * y - 3)
    assert (scaled.breakpoint - 7) * 80 == pytest.approx(plain.breakpoint, abs=1e-7)
    assert scaled.slope_head == pytest.approx(plain.slope_head * 80_000, rel=1e-7)
    assert scaled.residual == pytest.approx(plain.residual * 1e6, rel=1e-7)


def test_rows_fitted_together_equal_rows_fitted_alone_bit_for_bit() -> None:
    x, y = np.arange(57.0), np.sort(profile(9, 57).astype(np.float64), axis=1)[:, ::-1]
    together = fit_rows(x, y)
    for row in range(9):
        alone = fit_rows(x, y[row : row + 1])
        assert (together.breakpoint[row], together.slope_head[row], together.residual[row]) == (
            alone.breakpoint[0],
            alone.slope_head[0],
            alone.residual[0],
        )


@pytest.mark.parametrize("kind", ["attention", "spread", "few values"])
def test_profiles_have_the_breakpoints_of_the_numpy_solver_to_the_last_bit(kind: str) -> None:
    random = np.random.default_rng(0)
    for n in [10, 11, 12, 40, 57, 300, 301, 1000]:
        received = {
            "attention": np.exp(random.normal(-0.1, 0.22, (33, n))) * np.where(random.random((33, n)) < 0.02, 5, 1),
            "spread": np.exp(random.normal(0, random.uniform(0.05, 2, (33, 1)), (33, n))),
            "few values": random.integers(0, 4, (33, n)),  # residuals tie
        }[kind].astype(np.float32)
        largest = np.maximum(received.max(axis=1, keepdims=True), np.float32(1e-30)).astype(np.float64)
        profile = np.sort(np.rint(received / largest * 100), axis=1)[:, ::-1]

        wider = np.full((33, n + 7), np.nan, np.float32)  # as a protein lies in its pack
        wider[:, 3:-4] = received
        fits, expected = fit_profiles(wider[:, 3:-4], n_steps=100), elbow_numpy.fit_rows(np.arange(float(n)), profile)
        np.testing.assert_array_equal(fits.breakpoint, expected.breakpoint)
        np.testing.assert_array_equal(fits.is_constant, profile[:, 0] == profile[:, -1])
        np.testing.assert_allclose(fits.slope_head, expected.slope_head, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(fits.slope_tail, expected.slope_tail, rtol=1e-11, atol=1e-11)


def test_fit_is_sound_on_the_longest_protein() -> None:
    n = 34_350
    y = np.rint(np.sort(profile(1, n)[0])[::-1] * 100 / profile(1, n)[0].max())
    fit = fit_two_segments(np.arange(float(n)), y)
    near = [fit.breakpoint + step for step in (-3, -1, -0.3, 0.3, 1, 3)]
    for b in near:
        basis = np.stack([np.ones(n), np.arange(n) / n, np.maximum(np.arange(n) - b, 0) / n], axis=1)
        answer = np.linalg.lstsq(basis, y, rcond=None)[0]
        assert fit.residual <= float(((basis @ answer - y) ** 2).sum())


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([0, 1, 2], [3, 2, 1], "at least 4"),
        ([0, 1, 2, 3], [3, 2, 1], "one length"),
        ([0, 1, 1, 2], [3, 2, 1, 0], "strictly increasing"),
        ([0, 1, 2, 3], [3, math.nan, 1, 0], "finite"),
    ],
)
def test_fit_refuses_points_it_cannot_fit(x: list[float], y: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_two_segments(np.array(x), np.array(y))


# --- the rule ---


@pytest.mark.slow
@BOTH_RULES
@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda n_layers: st.integers(10, 16).flatmap(
            lambda n: st.lists(
                st.lists(st.integers(0, 12), min_size=n, max_size=n), min_size=n_layers, max_size=n_layers
            )
        )
    )
)
def test_sites_equal_the_rational_answer_under_heavy_ties(rule: str, rows: list[list[int]]) -> None:
    check_against_exact(np.array(rows, np.float32) / np.float32(7), rule)


@pytest.mark.slow
@BOTH_RULES
@pytest.mark.parametrize("seed", each_nth_by_default(range(8), 4))
def test_sites_equal_the_rational_answer_on_spread_profiles(rule: str, seed: int) -> None:
    check_against_exact(profile(4, 20 + 3 * seed, seed=seed), rule)


def check_against_exact(received: np.ndarray, rule: str) -> None:
    sites, exact = call_sites(received, rule=rule), exact_sites(received, rule=rule)
    if exact.layer is None:
        assert (sites.layer, sites.note) == (None, "constant profile")
        return
    assert sites.layer is not None
    if sites.layer != exact.layer:  # a tie of two layers' angles at the last bit
        assert exact.distances[sites.layer] - min(exact.distances) < 1e-9
        return
    assert sites.positions.tolist() == exact.positions
    assert sites.received.tolist() == [received[exact.layer, p - 1] for p in exact.positions]


@BOTH_RULES
def test_sites_are_as_the_plain_published_formula_gives_with_pwlfs_breakpoint(rule: str) -> None:
    import pwlf

    n = 80
    received = profile(1, n, seed=11)
    y = np.sort(np.round(received[0].astype(np.float64) / received.max(), 2))[::-1]
    x = np.arange(n) / n if rule == "nayar-2025-05" else np.linspace(0, 1, n)
    b = pwlf.PiecewiseLinFit(x, y, seed=1).fit(2)[1]
    n_sites = math.floor(b * n) - (rule == "nayar-2025-07")
    assert len(call_sites(received, rule=rule).positions) == n_sites


def test_the_default_rule_is_the_one_that_agrees_with_the_released_data() -> None:
    received = profile(5, 90)
    assert next(iter(RULES)) == "nayar-2025-05"
    assert call_sites(received).positions.tolist() == call_sites(received, rule="nayar-2025-05").positions.tolist()


def test_sites_rank_by_what_they_received_and_ties_by_position() -> None:
    received = np.full((1, 40), 0.1, np.float32)
    received[0, [30, 5, 17]] = [1.0, 0.997, 1.0]  # 0.997 rounds to 1.00, but received less
    assert call_sites(received).positions.tolist()[:3] == [18, 31, 6]


def test_rounding_can_leave_out_a_residue_that_received_more_than_a_site() -> None:
    # Both round to 0.80, and the breakpoint leaves room for two sites: the published rule takes the lower position.
    received = np.full((1, 40), 0.01, np.float32)
    received[0, [3, 20, 30]] = [1.0, 0.796, 0.804]
    sites = call_sites(received, rule="nayar-2025-07")
    assert sites.positions.tolist() == [4, 21]
    assert received[0, 30] > sites.received[-1]


@pytest.mark.slow
@BOTH_RULES
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(10, 60), st.sampled_from([1, 40, 400]), st.integers(0, 2**32 - 1))
def test_received_never_rises_with_rank_and_the_set_is_that_of_the_rounded_profile(
    rule: str, n_layers: int, n: int, n_values: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    received = (random.integers(0, n_values + 1, (n_layers, n)) ** 2 / n_values).astype(np.float32)  # with ties
    sites = call_sites(received, rule=rule)
    positions = sites.positions.tolist()

    order = list(zip((-sites.received).tolist(), positions, strict=True))
    assert order == sorted(order)

    if positions:
        row = received[sites.layer].astype(np.float64)
        rounded = np.round(row / row.max(), 2)
        published = sorted(range(1, n + 1), key=lambda position: (-rounded[position - 1], position))
        assert set(positions) == set(published[: len(positions)])


def test_scores_are_unrounded_and_of_the_layer_of_convergence() -> None:
    received = profile(6, 120)
    sites = call_sites(received)
    row = received[sites.layer]
    assert sites.received.dtype == sites.share.dtype == np.float32
    assert sites.positions.dtype == np.int32
    np.testing.assert_array_equal(sites.received, row[sites.positions - 1])
    np.testing.assert_allclose(sites.share, sites.received / row.max(), rtol=1e-7)
    assert sites.share[0] == 1


def test_the_lowest_of_equal_layers_is_the_layer_of_convergence() -> None:
    row = profile(1, 60)
    shuffled = np.random.default_rng(1).permutation(row[0])[None, :]
    flat = np.linspace(0.5, 1, 60, dtype=np.float32)[None, :]
    assert call_sites(np.concatenate([flat, row, shuffled, row])).layer == 1


def test_the_sharpest_elbow_is_the_layer_of_convergence() -> None:
    gentle = np.linspace(1, 0.2, 50, dtype=np.float32)[None, :]
    assert call_sites(np.concatenate([gentle, elbow(50, 1), gentle])).layer == 1


@BOTH_RULES
@pytest.mark.parametrize("n", [1, 2, 9])
def test_fewer_than_ten_residues_are_too_short(rule: str, n: int) -> None:
    sites = call_sites(profile(3, n), rule=rule)
    assert (sites.layer, sites.note, len(sites.positions)) == (None, "too short", 0)
    assert len(sites.received) == len(sites.share) == 0


def test_ten_residues_are_enough() -> None:
    assert call_sites(profile(3, 10)).layer is not None


@pytest.mark.parametrize("value", [0.0, 1.0, 3.7])
def test_a_profile_that_is_constant_in_every_layer_gives_an_empty_set_with_its_reason(value: float) -> None:
    sites = call_sites(np.full((4, 30), value, np.float32))
    assert (sites.layer, sites.note, len(sites.positions)) == (None, "constant profile", 0)


def test_a_profile_that_is_constant_after_rounding_is_constant() -> None:
    received = np.linspace(0.997, 1, 30, dtype=np.float32)[None, :]
    assert call_sites(received).note == "constant profile"


def test_a_constant_layer_is_never_the_layer_of_convergence() -> None:
    rising = np.full((1, 30), 1.0, np.float32)
    rising[0, 0] = 0.0  # sorted: a cliff at the end, an elbow turned the wrong way, further from 90 than a flat line
    received = np.concatenate([np.full((1, 30), 2.0, np.float32), np.zeros((1, 30), np.float32), rising])
    assert call_sites(received).layer == 2


def test_no_site_above_the_elbow_is_an_answer_with_a_layer() -> None:
    # One high residue: the breakpoint is the right end of the first gap, and this rule takes one off.
    sites = call_sites(elbow(30, 1), rule="nayar-2025-07")
    assert (sites.layer, sites.note, len(sites.positions)) == (0, "none above the elbow", 0)


def test_one_high_residue_is_one_site() -> None:
    sites = call_sites(elbow(30, 1))
    assert (sites.layer, sites.note, sites.positions.tolist()) == (0, None, [30])


def test_forty_or_more_sites_are_flagged_and_kept() -> None:
    high = np.concatenate([np.linspace(1, 0.1, 60), np.full(240, 0.05)]).astype(np.float32)[None, :]
    sites = call_sites(high)
    assert sites.note == "40 or more"
    assert len(sites.positions) >= 40


@pytest.mark.parametrize(("index", "expected"), [(0.0, 0), (0.999, 0), (1.0, 1), (6.2, 6), (98.0, 98), (99.0, 99)])
def test_the_number_of_sites_is_the_floor_of_the_breakpoint(index: float, expected: int) -> None:
    assert RULES["nayar-2025-05"].n_sites(index, 100) == expected


def test_the_number_of_sites_stays_between_none_and_all_but_one() -> None:
    rule = Rule("made up", grid="i / N", n_grid_short=0, n_dropped=3)
    assert rule.n_sites(1.0, 100) == 0
    assert RULES["nayar-2025-07"].n_sites(0.5, 100) == 0
    assert RULES["nayar-2025-05"].n_sites(100.0, 100) == 99


def test_a_breakpoint_on_a_data_point_is_not_floored_to_the_one_before() -> None:
    later = RULES["nayar-2025-07"]
    for n in range(10, 2000):
        for k in (1, n // 7 + 1, n // 2, n - 2):
            assert RULES["nayar-2025-05"].n_sites(float(k), n) == k
            assert later.n_sites(float(k), n) == math.floor(Fraction(k, n - 1) * n) - 1


def test_perpendicular_segments_have_an_angle_of_ninety_degrees() -> None:
    angles = compute_elbow_angle(np.array([-2.0, 2.0, -1.0, 0.0]), np.array([0.5, -0.5, 0.0, 0.0]))
    assert angles.tolist() == [90.0, -90.0, 45.0, 0.0]


def test_a_half_hundredth_that_is_exact_rounds_to_even_as_numpy_does() -> None:
    # 1/8 is 12.5 hundredths and becomes 12: of three such residues, the first is a site, by position.
    received = np.zeros((1, 20), np.float32)
    received[0, :6] = [0.12 * 8, 1.0, 0.12 * 8, 8.0, 8.0, 8.0]
    rounded = np.round(received[0].astype(np.float64) / 8, 2)
    assert rounded[:3].tolist() == [0.12, 0.12, 0.12]
    hundredths = [round(100 * value) for value in rounded]
    fit = exact_fit(sorted(hundredths, reverse=True))
    expected = exact_positions(hundredths, fit, Fraction(1, 20), "nayar-2025-05")
    assert call_sites(received).positions.tolist() == expected == [4, 5, 6, 1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.5])
def test_values_that_no_attention_can_have_are_refused(bad: float) -> None:
    received = profile(2, 20)
    received[1, 3] = bad
    with pytest.raises(ValueError, match="finite and not negative"):
        call_sites(received)


@pytest.mark.parametrize("shape", [(20,), (0, 20), (1, 2, 20)])
def test_a_profile_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(layers, residues\)"):
        call_sites(np.ones(shape, np.float32))


def test_an_unknown_rule_is_refused_with_the_known_ones_named() -> None:
    with pytest.raises(InputError, match=r"no rule 'nayar'(.|\n)*nayar-2025-05 or nayar-2025-07"):
        call_sites(profile(2, 20), rule="nayar")


def test_the_longest_protein_takes_seconds_and_little_memory() -> None:
    received = profile(33, 34_350)
    tracemalloc.start()
    start = time.perf_counter()
    call_sites(received)
    wall_s, peak_bytes = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert wall_s < 10  # 0.3 s on a desktop core; the bound is for a loaded machine
    assert peak_bytes < 100e6
