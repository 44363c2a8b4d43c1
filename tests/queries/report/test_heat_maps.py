"""Grids of heads and of letters, and the heat maps that are drawn of them; no atlas."""

import pytest

from attlas.queries.report.heat_maps import LOG_FLOOR, Grid, cross_grid, draw_grid, head_grid
from attlas.queries.report.label_figures import amino_acid_grid
from attlas.queries.report.matrix import BY_PROPERTY, pair_matrix
from attlas.queries.report.pictures import style


def test_a_grid_has_a_place_for_every_head_also_for_those_without_a_row() -> None:
    rows = [{"layer": 0, "head": 1, "p": 0.5}, {"layer": 2, "head": 0, "p": 0.25}]
    grid = head_grid(rows, "p", n_layers=3, n_heads=2)
    assert grid.values == ((None, 0.5), (None, None), (0.25, None))
    assert grid.largest() == (0, 1)
    assert grid.titles()[:2] == ("layer 0, head 0: none", "layer 0, head 1: 0.5")
    assert Grid(((None,),), ("0",), ("0",), "layer", "head").largest() is None


def test_a_cross_grid_keeps_the_order_of_its_rows() -> None:
    rows = [{"a": "x", "n": 2, "v": 1.0}, {"a": "x", "n": 10, "v": 3.0}, {"a": "b", "n": 2, "v": 5.0}]
    grid = cross_grid(rows, "v", "a", "n")
    assert (grid.rows, grid.columns, grid.values) == (("x", "b"), ("2", "10"), ((1.0, 3.0), (5.0, None)))


@pytest.mark.thorough
@pytest.mark.slow
def test_a_scale_of_powers_draws_small_values_at_its_floor() -> None:
    grid = Grid(((0.0, 5.0), (None, 0.5)), ("0", "1"), ("0", "1"), "layer", "head")
    with style():
        mesh = draw_grid(grid, "ratio", is_log=True).figure.axes[0].collections[0]
    assert mesh.get_array()[0, 0] == LOG_FLOOR
    assert mesh.get_array().mask.tolist() == [[False, False], [True, False]]


def test_pairs_make_a_symmetric_matrix_without_a_diagonal() -> None:
    rows = [{"first": "A", "second": "C", "v": 2}, {"first": "C", "second": "D", "v": None}]
    assert pair_matrix(rows, "v", ["A", "C", "D"]) == [[None, 2, None], [2, None, None], [None, None, None]]
    assert sorted(BY_PROPERTY) == sorted("ACDEFGHIKLMNPQRSTVWY")


def test_amino_acids_have_a_column_for_each_head_of_a_small_model_and_each_layer_of_a_large_one() -> None:
    rows = [{"residue": "C", "layer": 0, "head": h, "ratio": r} for h, r in ((0, 2.0), (1, 3.0))]
    small = amino_acid_grid(rows, n_layers=1, n_heads=3)
    assert (small.rows, small.columns, small.values) == (("C",), ("0-0", "0-1", "0-2"), ((2.0, 3.0, None),))
    large = amino_acid_grid(rows, n_layers=20, n_heads=20)
    assert large.values[0][:2] == (3.0, None)
    assert len(large.columns) == 20
