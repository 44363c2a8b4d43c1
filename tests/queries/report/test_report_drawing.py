"""What the figures of the report are drawn from: grids, scales, pictures in a page, names of files; no atlas."""

import re
from collections import Counter
from pathlib import Path

import pytest

from attlas.queries.colours import read_light_colours
from attlas.queries.report import pictures
from attlas.queries.report.atlas_figures import about_section, atlas_section
from attlas.queries.report.contact_figures import contact_section
from attlas.queries.report.family_figures import family_section
from attlas.queries.report.figures import make_slug, make_slugs, spell
from attlas.queries.report.heat_maps import LOG_FLOOR, Grid, cross_grid, draw_grid, head_grid
from attlas.queries.report.inline import inline
from attlas.queries.report.intervals import IntervalPanel, Point, draw_intervals, log_axis_limits
from attlas.queries.report.label_figures import amino_acid_grid, label_section
from attlas.queries.report.matrix import BY_PROPERTY, pair_matrix
from attlas.queries.report.model_figures import model_section
from attlas.queries.report.pictures import style
from attlas.queries.report.probe_figures import probe_section
from attlas.queries.report.site_figures import site_section

HOSTILE = '</pre><script>alert("1")</script>&amp;\x1b[31m'
N_LAYERS, N_HEADS = 4, 2


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


def test_panels_of_one_quantity_share_a_scale_and_those_of_two_do_not() -> None:
    panels = [
        IntervalPanel(name, (Point("x", value, value - 0.1, value + 0.1),)) for name, value in (("a", 0.2), ("b", 0.9))
    ]
    for is_shared in (True, False):
        with style():
            first_axes, second_axes = draw_intervals(panels, "share", is_shared=is_shared).figure.axes
        assert (first_axes.get_xlim() == second_axes.get_xlim()) is is_shared


def test_ratios_share_a_scale_on_which_every_point_lies() -> None:
    panels = [IntervalPanel("a", (Point("x", 0.0, 0.0, 700.0), Point("y", 8.0, 1.0, 90.0, 0.02)), reference=1.0)]
    low, high = log_axis_limits(panels)
    assert low <= 0.02
    assert 8.0 <= high < 700
    with style():
        axis = draw_intervals(panels, "ratio", is_log=True).figure.axes[0]
    arrows = [(line.get_marker(), line.get_xdata()[0]) for line in axis.lines if line.get_marker() in "<>"]
    assert ("<", pytest.approx(low)) in arrows
    assert ("<", pytest.approx(high)) not in arrows
    assert (">", pytest.approx(high)) in arrows


def test_names_of_files_are_plain_and_differ() -> None:
    assert make_slug("Beta strand") == "beta-strand"
    assert re.fullmatch(r"[a-z0-9-]+", make_slug(HOSTILE))
    assert make_slug("§§§") == "label"
    names = make_slugs(["a b", "a-b", "A B", "§", "%"])
    assert len(set(names)) == 5


@pytest.mark.parametrize("texts", [["x-3", "x", "x!"], ["x", "x!", "x-2", "x-2!"], ["§"] * 4, ["a" * 70, "a" * 71]])
def test_a_number_that_tells_slugs_apart_is_no_slug_of_another(texts: list[str]) -> None:
    names = make_slugs(texts)
    assert len(set(names)) == len(texts)
    assert names[0] == make_slug(texts[0])


def test_no_label_takes_the_name_of_another_figure() -> None:
    labels = ["Helix", "auc helix", "x-3", "x", "x!", "contacts", "contacts top", "auc", "s-auc helix", "s edges"]
    shape = {"n_layers": N_LAYERS, "n_heads": N_HEADS}
    parts = (
        about_section(),
        atlas_section(),
        model_section({}, **shape, theta=0.3),
        label_section(labels, {}, **shape, theta=None),
        probe_section(),
        site_section(labels, {}),
        contact_section({}, **shape, theta=None, atom=None, fused_heads=None),
        family_section(None, {}),
    )
    names = [figure.name for part in parts for figure in part.figures] + [f"{part.name}-section" for part in parts]
    assert len(names) > 3 * len(labels)
    assert [name for name, n in Counter(names).items() if n > 1] == []


def test_an_inlined_picture_keeps_its_references_and_loses_its_namespaces() -> None:
    text = '<?xml?><svg xmlns="http://x" width="72pt" viewBox="0 0 72 72"><defs><path id="m1" d="M 1.23456 2"/></defs>'
    text += '<g id="free"><use xlink:href="#m1" x="10.98765"/><path clip-path="url(#m1)" d="M 0 1"/></g></svg>'
    svg = inline(text, name="f", alt='say "<b>"')
    assert svg.startswith('<svg role="img" aria-label="say &quot;&lt;b&gt;&quot;" viewBox="0 0 72 72"')
    assert 'id="f-m1"' in svg
    assert 'href="#f-m1" x="10.98"' in svg
    assert "url(#f-m1)" in svg
    assert "free" not in svg
    assert "http" not in svg
    assert "1.23 2" in svg


@pytest.mark.parametrize("value", [0.3, 1, 1234567, 0.0001234, 2.0, 12345.5])
def test_a_number_is_written_with_every_digit_of_the_row(value: float) -> None:
    assert float(spell(value).replace(",", "")) == value


def test_the_edges_of_the_build_are_reported_with_the_threshold_of_the_build() -> None:
    (figure,) = [f for f in model_section({}, n_layers=1, n_heads=1, theta=0.25).figures if f.name == "heads-edges"]
    assert figure.reading.startswith("Pairs of residues with an attention of 0.25 or more")


def test_a_point_without_an_interval_is_hollow() -> None:
    points = (Point("sure", 0.5, 0.4, 0.6, 0.1), Point("unsure", 0.9, None, None, 0.1))
    with style():
        (axis,) = draw_intervals([IntervalPanel("", points)], "share", other_name="shuffled").figure.axes
    circles = [line for line in axis.lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() == "none" for line in circles] == [False, True]


def test_colours_of_figures_are_written_down_in_the_stylesheet_alone() -> None:
    colours = read_light_colours()
    names = {"INK": "ink", "BLUE": "attention", "ORANGE": "pointed", "GREEN": "annotated", "PURPLE": "links",
             "VERMILION": "site"}  # fmt: skip
    assert {name: getattr(pictures, name) for name in names} == {name: colours[key] for name, key in names.items()}
    code = "".join(path.read_text(encoding="utf-8") for path in Path(pictures.__file__).parent.glob("*.py"))
    assert [name for name, colour in colours.items() if colour in code] == []
