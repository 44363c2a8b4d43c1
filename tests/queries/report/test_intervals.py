"""Points with their intervals: scales that are shared, arrows at their ends, points that are hollow; no atlas."""

import pytest

from attlas.queries.report.intervals import IntervalPanel, Point, draw_intervals, log_axis_limits
from attlas.queries.report.pictures import style


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


def test_a_point_without_an_interval_is_hollow() -> None:
    points = (Point("sure", 0.5, 0.4, 0.6, 0.1), Point("unsure", 0.9, None, None, 0.1))
    with style():
        (axis,) = draw_intervals([IntervalPanel("", points)], "share", other_name="shuffled").figure.axes
    circles = [line for line in axis.lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() == "none" for line in circles] == [False, True]
