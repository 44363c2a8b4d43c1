"""`attlas plot`: the numbers of an atlas where they belong in the picture, names as text, the same bytes again."""

import io
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.annotated import annotate, link, measure
from helpers.handmade import write_handmade
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.colours import read_colours
from attlas.queries.plots import figure_bytes
from attlas.queries.plots.links import Link, choose_head
from attlas.schema import EnvironmentFault, QuestionError

pytestmark = pytest.mark.slow

NAME = '</text><script>alert(1)</script> $x^2$ & "q" \\frac \x1b[31m'
LINKS = {(0, 0, 2, 9): 0.9, (1, 1, 3, 10): 0.5, (1, 1, 9, 6): 0.25, (2, 0, 1, 8): 0.25}
"""Links of A1, MKCAACGGHW with sites at C3, C6 and M1: those of head 1-1 touch the sites most."""


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    root = tmp_path_factory.mktemp("plots") / "atlas"
    write_handmade(root)
    link(root, {"A1": LINKS})
    measure(root, {"A1": {1: 0.5, 2: 1.5, 3: 1.0, 7: 2.0}, "A2": {1: 9.0}}, name="plddt", unit="%")
    annotate(root, [("A1", "Active site", 4, 4), ("A1", "Disulfide bond", 3, 6), ("A1", "Chain", 1, 10)])
    with Atlas.open(root) as atlas:
        yield atlas


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Return an atlas of a protein of several rows, with a hostile name."""
    root = tmp_path_factory.mktemp("plots") / "atlas"
    write_atlas(root, [SyntheticProtein("LONG", "ACDEFGHIKL" * 160, NAME, description=NAME, organism=NAME, n_sites=20)])
    annotate(root, [("LONG", "$Type$ <b>", 10, 900)])
    with Atlas.open(root) as atlas:
        yield atlas


def texts(figure: Any) -> list[str]:
    return [element.text or "" for element in ET.fromstring(figure_bytes(figure, "svg")).iter() if element.text]


def bars(axis: Any, colour: str) -> dict[float, float]:
    """Return the height of each upright line of a colour, by its position."""
    from matplotlib.colors import to_hex

    collections = [part for part in axis.collections if to_hex(part.get_color()[0]) == colour]
    return {x: y for part in collections for (x, _), (_, y) in part.get_segments()}


def test_a_plot_takes_a_name_in_another_letter_case(by_hand: Atlas, attlas: Callable, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="^abc1_human is taken for A1 "):
        figure = by_hand.plot("abc1_human", "heads")
    file = tmp_path / "heads.svg"
    outcome = attlas("plot", by_hand.root, "abc1_human", "heads", "-o", file)
    assert (outcome.code, outcome.err) == (0, "attlas: abc1_human is taken for A1 (fit: entry name)\n")
    assert file.read_bytes() == figure_bytes(figure, "svg") == figure_bytes(by_hand.plot("A1", "heads"), "svg")


# --- what is drawn ---


@pytest.mark.parametrize("layer", [None, 0, 1])
def test_a_profile_has_a_bar_of_each_residue_and_a_point_on_each_site(by_hand: Atlas, layer: int | None) -> None:
    figure = by_hand.plot("A1", layer=layer)
    heights = {3: 9, 6: 8, 1: 7} if layer in (None, 1) else {}
    axis = figure.axes[0]
    assert bars(axis, "#0072b2") == {at: heights.get(at, 1) for at in range(1, 11)}
    (points,) = [line for line in axis.lines if line.get_marker() == "o"]
    assert dict(zip(*points.get_data(), strict=True)) == {at: heights.get(at, 1) for at in (3, 6, 1)}
    assert [text.get_text() for text in axis.texts] == ["1 C3", "2 C6", "3 M1"]
    assert f"attention received in layer {1 if layer is None else layer} of" in figure.get_suptitle()
    assert ("called in layer 1" in figure.get_supxlabel()) == (layer == 0)


def test_features_are_bars_and_bonds_are_their_two_ends(by_hand: Atlas) -> None:
    axis = by_hand.plot("A1").axes[1]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["Active site", "Disulfide bond"]
    boxes = [path.get_extents() for part in axis.collections for path in part.get_paths() if len(path.vertices) > 2]
    assert sorted((round(box.y0 + 0.32), round((box.x0 + box.x1) / 2)) for box in boxes) == [(0, 4), (1, 3), (1, 6)]
    assert bars_across(axis) == [(3, 6)]
    assert "features not drawn: chain" in by_hand.plot("A1").get_supxlabel()


def bars_across(axis: Any) -> list[tuple[float, float]]:
    lines = [part for part in axis.collections if hasattr(part, "get_segments")]
    return [(a[0], b[0]) for part in lines for a, b in part.get_segments()]


def test_a_track_is_a_line_with_gaps_and_a_point_where_it_stands_alone(by_hand: Atlas) -> None:
    axis = by_hand.plot("A1", tracks=["plddt"]).axes[1]
    line, points = axis.lines
    positions, values = line.get_data()
    assert {at: value for at, value in zip(positions, values, strict=True) if value == value} == {
        1: 0.5,
        2: 1.5,
        3: 1.0,
        7: 2.0,
    }
    assert list(positions) == list(range(1, 11))
    assert tuple(map(list, points.get_data())) == ([7], [2.0])
    assert axis.get_ylabel() == "plddt\n(%)"


@pytest.mark.parametrize("statistic", ["n_edges", "entropy"])
def test_heads_are_a_map_of_their_statistic(by_hand: Atlas, statistic: str) -> None:
    figure = by_hand.plot("A1", "heads", statistic=statistic)
    query = f"SELECT {statistic} AS value FROM heads WHERE accession = 'A1' ORDER BY layer, head"
    expected = by_hand.sql(query)["value"].to_numpy().reshape(3, 2)
    (mesh,) = [part for part in figure.axes[0].collections if part.get_gid() == "cells"]
    assert np.array_equal(mesh.get_array(), expected)
    assert "layer of convergence, 1" in figure.get_supxlabel()


@pytest.mark.parametrize(
    ("options", "head"),
    [({}, (1, 1)), ({"layer": 0}, (0, 0)), ({"layer": 1, "head": 1}, (1, 1)), ({"layer": 2}, (2, 0))],
)
def test_links_are_arcs_from_residue_to_residue(by_hand: Atlas, options: dict[str, int], head: tuple[int, int]) -> None:
    from matplotlib.patches import PathPatch

    figure = by_hand.plot("A1", "links", **options)
    arcs = [patch.get_path().vertices for patch in figure.axes[0].patches if isinstance(patch, PathPatch)]
    ends = {(points[0][0], points[-1][0]): points[1][1] for points in arcs}
    assert ends.keys() == {(i, j) for layer, number, i, j in LINKS if (layer, number) == head}
    assert all((height > 0) == (j > i) for (i, j), height in ends.items())

    n_edges = by_hand.sql(
        "SELECT n_edges FROM heads WHERE accession = 'A1' AND layer = $layer AND head = $head",
        {"layer": head[0], "head": head[1]},
    ).to_pylist()[0]["n_edges"]
    n_strong = sum(weight >= 0.3 for (layer, number, _, _), weight in LINKS.items() if (layer, number) == head)
    caption = " ".join(figure.get_supxlabel().split())
    assert f"drawn: {n_strong} of the head's {n_edges} edges (attention of 0.3 or more" in caption
    assert f"links of head {head[0]}-{head[1]}" in figure.get_suptitle()


def test_the_head_that_touches_the_sites_most_is_chosen() -> None:
    links = [Link(0, 1, 1, 50, 0.9), Link(0, 1, 2, 60, 0.9), Link(1, 0, 5, 6, 0.5), Link(1, 1, 6, 5, 0.4)]
    assert choose_head(links, {5}) == (1, 0)
    assert choose_head(links, set()) == (0, 1)  # long-range links
    assert choose_head(links[2:], {99}) == (1, 0)  # none of either: the first
    assert choose_head([], {5}) is None


@pytest.mark.thorough
def test_a_long_protein_is_drawn_in_rows(long: Atlas) -> None:
    figure = long.plot("LONG")
    axes = [axis for axis in figure.axes if axis.get_ylabel() == "received"]
    assert [axis.get_xlim() for axis in axes] == [(0.5, 534.5), (534.5, 1068.5), (1068.5, 1602.5)]
    sites = long.sites("LONG")
    points = {x: y for axis in axes for line in axis.lines for x, y in zip(*line.get_data(), strict=True)}
    assert points == pytest.approx(
        dict(zip(sites["position"].to_pylist(), sites["received"].to_pylist(), strict=True)), rel=1e-3
    )
    assert sorted(int(text.get_text()) for axis in axes for text in axis.texts) == list(range(1, 21))


# --- files ---


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("kind", "suffix"), [("profile", "svg"), ("profile", "png"), ("profile", "pdf"), ("heads", "svg"), ("links", "svg")]
)
def test_the_same_picture_has_the_same_bytes(
    by_hand: Atlas, tmp_path: Path, kind: str, suffix: str, attlas: Callable
) -> None:
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    files = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    for file in files:
        outcome = attlas("plot", by_hand.root, "A1", kind, "-o", file)
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    picture, other_picture = (file.read_bytes() for file in files)
    assert picture == other_picture
    assert picture.startswith(starts[suffix])
    assert b"CreationDate" not in picture
    assert b"dc:date" not in picture


@pytest.mark.thorough
def test_hostile_names_are_text(long: Atlas) -> None:
    svg = figure_bytes(long.plot("LONG"), "svg")
    tree = ET.fromstring(svg)
    assert [element.tag for element in tree.iter() if element.tag.endswith("script")] == []
    words = " ".join(texts(long.plot("LONG")))
    assert '</text><script>alert(1)</script> $x^2$ & "q" \\frac \\x1b[31m' in words
    assert "$Type$ <b>" in words
    assert b"\x1b" not in svg


def test_colours_are_those_of_the_pages(by_hand: Atlas) -> None:
    light = read_colours().split("@media")[0]
    colours = {name: re.search(rf"--{name}: (#\w+)", light)[1] for name in ("attention", "site", "links", "annotated")}
    profile, arcs = (figure_bytes(by_hand.plot("A1", kind), "svg").decode() for kind in ("profile", "links"))
    assert [name for name in ("attention", "site", "annotated") if colours[name] not in profile] == []
    assert [name for name in ("links", "site", "annotated") if colours[name] not in arcs] == []


@pytest.mark.thorough
def test_a_figure_shows_itself_in_a_notebook(by_hand: Atlas) -> None:
    from matplotlib.figure import Figure

    figure = by_hand.plot("A1")
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    data = io.BytesIO()
    figure.savefig(data, format="svg")
    assert b"<svg" in data.getvalue()


# --- what cannot be drawn ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("S1", "profile"), r"There is nothing to draw of S1\.(.|\n)*skipped: inner"),
        (("F1", "heads"), r"There is nothing to draw of F1\.(.|\n)*failed: out of memory"),
        (("T1", "profile"), r"T1 has no layer of convergence(.|\n)*too short(.|\n)*name a layer"),
        (("B1", "links"), r"B1 has no links\."),
        (("nobody", "profile"), "nobody is not in this atlas"),
        (("A1", "portrait"), "no picture of the kind portrait"),
        (("A1", "heads", "--statistic", "mass"), r"no such statistic(.|\n)*entropy, "),
        (("A1", "profile", "--statistic", "entropy"), r"no statistic\.(.|\n)*goes with heads"),
        (("A1", "heads", "--track", "plddt"), r"no tracks\.(.|\n)*goes with profile"),
        (("A1", "profile", "--track", "am"), r"no track am\.(.|\n)*one of plddt"),
        (("B1", "profile", "--track", "plddt"), r"no track plddt\.(.|\n)*no track of this protein"),
        (("A1", "heads", "--layer", "1"), r"no layer\.(.|\n)*goes with profile and links"),
        (("A1", "profile", "--layer", "3"), r"no layer 3\.(.|\n)*layers from 0 to 2"),
        (("A1", "links", "--layer", "0", "--head", "2"), r"no head 2\.(.|\n)*heads from 0 to 1"),
        (("A1", "links", "--layer", "0", "--head", "1"), "no links in head 0-1"),
        (("A1", "links", "--head", "1"), "named by its layer as well"),
    ],
)
def test_what_cannot_be_drawn_is_reported(
    by_hand: Atlas, tmp_path: Path, arguments: tuple[str, ...], message: str, attlas: Callable
) -> None:
    outcome = attlas("plot", by_hand.root, *arguments, "-o", tmp_path / "x.svg")
    assert outcome.code == 1
    assert re.search(message, outcome.err)
    assert not (tmp_path / "x.svg").exists()


def test_a_protein_without_sites_has_a_profile_that_says_so(by_hand: Atlas) -> None:
    assert "no high-attention sites: none above the elbow" in by_hand.plot("C1-2").get_supxlabel()


def test_an_atlas_without_links_says_what_adds_them(atlas: Atlas) -> None:
    accession = atlas.sql("SELECT accession FROM proteins WHERE layer IS NOT NULL LIMIT 1").to_pylist()[0]["accession"]
    with pytest.raises(QuestionError, match=r"no table links(.|\n)*attlas links DIR"):
        atlas.plot(accession, "links")


def test_an_atlas_without_tracks_says_what_adds_them(long: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"no table tracks(.|\n)*attlas annotate DIR --track NAME FILE"):
        long.plot("LONG", tracks=["plddt"])


def test_a_file_of_another_kind_is_refused(by_hand: Atlas, tmp_path: Path, attlas: Callable) -> None:
    outcome = attlas("plot", by_hand.root, "A1", "-o", tmp_path / "x.jpg")
    assert (outcome.code, "ends with .svg, .png, .pdf" in outcome.err) == (1, True)


def test_without_matplotlib_it_says_what_to_install(by_hand: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EnvironmentFault, match=r"attlas\[report\]"):
        by_hand.plot("A1")
