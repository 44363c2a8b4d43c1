"""The report: one file that needs no other, whose every number is a row that its SQL gives, whatever it holds."""

import csv
import io
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
from helpers.command_line import Run
from helpers.drawn_figures import (
    draw_again,
    draw_pixels,
    list_colours,
    read_intervals,
    read_points,
    read_probe_curves,
    read_reference_lines,
)
from helpers.parsed_page import ParsedPage
from helpers.report_case import N_HEADS, N_LAYERS, find_figure, keep_figures, make_report_of
from matplotlib.colors import to_rgba

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.queries.engine.functions import reached_from
from attlas.queries.report import Report, make_report, page, write_figures
from attlas.queries.report.pictures import INK, MAP
from attlas.schema import EnvironmentFault

pytestmark = pytest.mark.slow

EVERY_FIGURE = "every figure"
NAMED_FIGURES = (
    *("lengths", "completeness", "feature-types", "enrichment", "enrichment-in-space", "head-active-site"),
    *("best-heads", "best-contact-heads", "probe-layers", "contact-precision", "contact-heads"),
    *("families-apart", "best-families"),
)
"""Figures that tests name."""


@pytest.fixture(scope="module", params=["few figures", pytest.param(EVERY_FIGURE, marks=pytest.mark.thorough)])
def report(request: pytest.FixtureRequest, whole: Atlas) -> Report:
    """Return the report, by default with the figures that tests name and a few more."""
    if request.param == EVERY_FIGURE:
        return make_report(whole)
    return make_report_of(whole, lambda parts: keep_figures(parts, NAMED_FIGURES, every=8))


@pytest.fixture(scope="module")
def text(report: Report) -> str:
    return page(report)


@pytest.fixture(scope="module")
def parsed(text: str) -> ParsedPage:
    return ParsedPage(text)


# The page


def test_the_page_needs_nothing_outside_of_itself(parsed: ParsedPage, text: str) -> None:
    assert {tag for tag, _ in parsed.tags} & {"script", "link", "iframe", "object", "embed", "img", "base"} == set()
    assert parsed.values("src") == []
    papers = [a["href"] for tag, a in parsed.tags if tag == "a" and a.get("href", "").startswith("http")]
    assert papers
    assert all(link.startswith("https://doi.org/") for link in papers)
    assert text.count("http") == len(papers)
    others = {v for name in ("href", "xlink:href") for v in parsed.values(name)} - set(papers)
    assert [link for link in others if not link.startswith(("#", "data:text/"))] == []
    assert set(re.findall(r"url\(([^#][^)]*)\)", text)) == set()
    assert "@import" not in text


def test_no_attribute_runs_anything(parsed: ParsedPage) -> None:
    assert {name for _, attributes in parsed.tags for name in attributes if name.startswith("on")} == set()
    assert [link for link in parsed.values("href") if link.startswith("javascript")] == []


def test_tags_are_balanced_and_ids_are_unique(parsed: ParsedPage) -> None:
    assert (parsed.wrong, parsed.open) == ([], [])
    assert [id for id, n in Counter(parsed.values("id")).items() if n > 1] == []


def test_every_link_within_the_page_leads_somewhere(parsed: ParsedPage, text: str) -> None:
    targets = {link[1:] for link in parsed.values("href") if link.startswith("#")}
    targets |= set(re.findall(r"url\(#([^)]*)\)", text)) | set(parsed.values("aria-labelledby"))
    assert targets - set(parsed.values("id")) == set()


def test_every_picture_has_words_for_those_who_do_not_see_it(parsed: ParsedPage, report: Report) -> None:
    pictures = [attributes for tag, attributes in parsed.tags if tag == "svg"]
    drawn = [shown for shown in report.shown_figures() if shown.picture is not None]
    assert len(pictures) == len(drawn) > 8
    for attributes, shown in zip(pictures, drawn, strict=True):
        assert attributes["role"] == "img"
        assert attributes["aria-label"].startswith(shown.figure.title.split(":")[0])
        assert len(attributes["aria-label"]) > 40


def test_the_page_is_of_semantic_parts_with_one_heading_above_all(parsed: ParsedPage) -> None:
    tags = Counter(tag for tag, _ in parsed.tags)
    assert (tags["h1"], tags["main"], tags["nav"], tags["header"], tags["footer"]) == (1, 1, 1, 1, 1)
    assert tags["figure"] == tags["figcaption"] == tags["h3"]
    assert next(attributes["lang"] for tag, attributes in parsed.tags if tag == "html") == "en"


def test_the_contents_lead_to_every_figure(parsed: ParsedPage, report: Report) -> None:
    links = {link[1:] for link in parsed.values("href") if link.startswith("#")}
    assert {shown.figure.name for shown in report.shown_figures()} <= links


def test_every_text_of_the_atlas_is_escaped(parsed: ParsedPage, text: str) -> None:
    assert "<script>" not in text
    assert "\x1b" not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)  # SQL is as it is asked
    assert any('</pre><script>alert("1")</script>&amp;' in data for data in parsed.texts)


def test_the_page_is_for_light_dark_and_paper(text: str) -> None:
    for rule in ("prefers-color-scheme: dark", "@media print", "size: A4", "break-inside: avoid"):
        assert rule in text


@pytest.mark.thorough
@pytest.mark.parametrize("report", [EVERY_FIGURE], indirect=True)
def test_most_figures_are_drawn_with_their_commands(parsed: ParsedPage, report: Report) -> None:
    assert len([shown for shown in report.shown_figures() if shown.picture is not None]) > 15
    assert len([data for data in parsed.texts if data.startswith("attlas ask DIR ") and "--describe" not in data]) > 12


# Every number is a row


@pytest.mark.thorough
@pytest.mark.parametrize("report", [EVERY_FIGURE], indirect=True)
def test_the_sql_on_the_page_gives_the_rows_of_the_download(parsed: ParsedPage, report: Report, whole: Atlas) -> None:
    shown, files = list(report.shown_figures()), parsed.files()
    queries, definitions = parsed.code[: len(shown)], parsed.code[len(shown) :]
    assert len(queries) == len(shown) == len(files)
    # What the queries call, and what this calls, stands at the end of the page.
    assert definitions == [function.sql for function in reached_from("\n".join(queries))]
    assert len(definitions) > 15
    for shown_figure, sql in zip(shown, queries, strict=True):
        assert sql == shown_figure.bound_question.sql
        rows = whole.sql(sql)
        assert rows.to_pylist() == shown_figure.rows.to_pylist(), shown_figure.figure.name
        lines = list(csv.reader(io.StringIO(files[f"{shown_figure.figure.name}.csv"])))
        assert lines[0] == rows.schema.names
        expected = [["" if v is None else _cell(v) for v in row.values()] for row in rows.to_pylist()]
        assert lines[1:] == expected, shown_figure.figure.name


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_command_on_the_page_gives_the_same_rows(
    parsed: ParsedPage, report: Report, whole: Atlas, is_thorough: bool
) -> None:
    """Each asks the SQL of the test above; the rows are compared of every fifth, thoroughly of all."""
    lines = [data for data in parsed.texts if data.startswith("attlas ask DIR ") and "--describe" not in data]
    typed = [
        shown_figure for shown_figure in report.shown_figures() if "\x1b" not in shown_figure.bound_question.sql
    ]  # an escape code cannot be typed
    assert len(lines) == len(typed) > 8
    for i, (line, shown_figure) in enumerate(zip(lines, typed, strict=True)):
        _, _, _, name, *words = shlex.split(line)
        arguments = dict(word.split("=", 1) for word in words)
        assert ask(whole, name, arguments).sql == shown_figure.bound_question.sql
        if is_thorough or i % 5 == 0:
            assert whole.ask(name, **arguments).to_pylist() == shown_figure.rows.to_pylist()


def test_every_number_in_a_caption_is_in_the_rows(report: Report) -> None:
    for shown in report.shown_figures():
        values = {value for row in shown.rows.to_pylist() for value in row.values()}
        texts = {f"{v:,.10g}" for v in values if isinstance(v, (int, float))} | {str(v) for v in values}
        words = shown.description
        for name in sorted((v for v in values if isinstance(v, str) and v), key=len, reverse=True):
            words = words.replace(name, " ")
        numbers = re.findall(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?", words.replace(", ", " ; "))
        wrong = [n for n in numbers if n not in texts and n.lstrip("-") not in texts]
        assert wrong == [], (shown.figure.name, shown.description)


def test_a_caption_says_something_of_these_rows(report: Report) -> None:
    assert [shown.figure.name for shown in report.shown_figures() if not re.search(r"\w", shown.description)] == []
    assert len({shown.description for shown in report.shown_figures()}) > len(list(report.shown_figures())) * 0.7


def test_the_cells_of_a_heat_map_are_the_rows(report: Report) -> None:
    shown = find_figure(report, "head-active-site")
    assert shown.picture is not None
    mesh = shown.picture.figure.axes[0].collections[0]
    drawn = mesh.get_array()
    values = {(row["layer"], row["head"]): row["p"] for row in shown.rows.to_pylist()}
    assert drawn.shape == (N_LAYERS, N_HEADS)
    for layer in range(N_LAYERS):
        for head in range(N_HEADS):
            if (layer, head) in values:
                assert drawn[layer, head] == values[layer, head]
            else:
                assert drawn.mask[layer, head]
    titles = re.findall(r"<title>layer (\d+), head (\d+): (\S+)</title>", shown.svg)
    assert len(titles) == N_LAYERS * N_HEADS
    assert {(int(a), int(b)): v for a, b, v in titles if v != "none"} == {k: f"{v:g}" for k, v in values.items()}


def test_the_intervals_drawn_are_those_of_the_rows(report: Report) -> None:
    shown = find_figure(report, "best-heads")
    assert shown.picture is not None
    rows = shown.rows.to_pylist()
    labels = list(dict.fromkeys(row["label"] for row in rows))
    for label, axis in zip(labels, shown.picture.figure.axes, strict=False):
        label_rows = [row for row in rows if row["label"] == label]
        assert read_points(axis) == [row["p"] for row in label_rows]
        expected = [
            (row["proteins_low"], row["proteins_high"]) for row in label_rows if row["proteins_low"] is not None
        ]
        assert read_intervals(axis) == expected


def test_the_curves_of_the_probes_are_the_rows(report: Report) -> None:
    shown = find_figure(report, "probe-layers")
    assert shown.picture is not None
    rows = shown.rows.to_pylist()
    axes = {axis.get_title(loc="left"): axis for axis in shown.picture.figure.axes if axis.get_visible()}
    assert set(axes) == {row["label"] for row in rows}
    for label, axis in axes.items():
        curves = read_probe_curves(axis, N_LAYERS)
        for source in ("embedding", "both"):
            group = [row for row in rows if (row["label"], row["input"]) == (label, source)]
            assert curves[source] == [row["value"] for row in group]
        letter = next(row["letter"] for row in rows if row["label"] == label)
        assert [letter, letter] in [list(line.get_ydata()) for line in axis.lines]


# What an atlas does not have


def test_every_figure_of_the_report_is_shown_or_named(report: Report, parsed: ParsedPage) -> None:
    figures = [outcome.figure.name for section in report.sections for outcome in section.figures]
    assert len(figures) == len(set(figures)) == len(list(report.shown_figures())) + len(list(report.missing_figures()))
    assert [(absent.figure.name, absent.why) for absent in report.missing_figures() if absent.command] == []
    shown = {shown_figure.figure.name for shown_figure in report.shown_figures()}
    assert shown >= {"contact-precision", "contact-heads", "families-apart", "best-families", "enrichment-in-space"}


def test_a_missing_matplotlib_is_reported_with_what_installs_it(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EnvironmentFault, match=re.escape("pip install 'attlas[report]'")):
        make_report(atlas)


@pytest.mark.thorough
def test_matplotlib_is_not_imported_before_a_figure_is_drawn() -> None:
    code = "import sys, attlas.queries.report, attlas.cli.main; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


@pytest.mark.thorough
@pytest.mark.usefixtures("undrawn")
def test_a_report_of_some_proteins_says_which_figures_are_of_all(whole: Atlas) -> None:
    names = ("about", "model", "sites")
    proteins = [f"X{i:05d}" for i in range(8)]
    report = make_report_of(
        whole,
        lambda parts: [part for part in parts if part.name in names],
        types=["Active site"],
        proteins=proteins,
    )
    parsed = ParsedPage(page(report))
    assert parsed.files()["ids.txt"].split() == proteins
    assert find_figure(report, "feature-types").rows["n_proteins"].to_pylist()[0] == 8
    assert "'X00007'" in find_figure(report, "enrichment").bound_question.sql
    lines = [data for data in parsed.texts if data.startswith("attlas ask DIR ")]
    assert "attlas ask DIR heads_by_entropy proteins=@ids.txt" in lines
    n_whole = sum("proteins" not in shown.bound_question.bound.values for shown in report.shown_figures())
    assert sum(data.startswith("Of the whole atlas") for data in parsed.texts) == n_whole == 2


# Files


@pytest.mark.thorough
@pytest.mark.parametrize("report", [EVERY_FIGURE], indirect=True)
def test_the_command_writes_the_page_that_python_makes(attlas: Run, whole_dir: Path, text: str, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = attlas("report", whole_dir, "--out", out)
    assert done.code == 0, done.err
    assert out.read_bytes() == text.encode()
    assert re.fullmatch(rf"{out}: \d+ figures and tables, \d\.\d MB, in \d+ s\n", done.out)
    lines = done.err.splitlines()
    n = int(lines[0].split()[3].rstrip(":"))
    assert [line.split(":")[1] for line in lines[:n]] == [f" {i} of {n}" for i in range(1, n + 1)]


def test_the_same_atlas_gives_the_same_bytes(report: Report, text: str) -> None:
    shown = find_figure(report, "best-heads")
    assert shown.figure.draw is not None
    assert page(report) == text
    assert draw_again(shown) == shown.svg


@pytest.mark.parametrize("format", ["svg", "png"])
def test_figures_are_written_with_their_numbers(
    report: Report, parsed: ParsedPage, tmp_path: Path, format: str
) -> None:
    few = [
        shown
        for shown in report.shown_figures()
        if shown.figure.name in ("lengths", "completeness", "head-active-site")
    ]
    part = report.sections[0].__class__(report.sections[0].section, tuple(few))
    files = write_figures(Report(report.manifest, (part,), None), tmp_path / "figures", format)
    names = {
        "completeness.csv",
        "lengths.csv",
        "head-active-site.csv",
        f"lengths.{format}",
        f"head-active-site.{format}",
    }
    assert {path.name for path in files} == {path.name for path in (tmp_path / "figures").iterdir()} == names
    for path in files:
        if path.suffix == ".csv":
            assert path.read_text() == parsed.files()[path.name]
        elif format == "svg":
            assert ET.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        else:
            assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_an_unknown_type_is_refused_before_anything_is_written(attlas: Run, whole_dir: Path, tmp_path: Path) -> None:
    done = attlas("report", whole_dir, "--out", tmp_path / "r.html", "--types", "Active site,Nonsense")
    assert done.code == 1
    assert "Nonsense" in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_refused_as_the_report_before_the_work(attlas: Run, whole_dir: Path, tmp_path: Path) -> None:
    done = attlas("report", whole_dir, "--out", tmp_path)
    assert done.code == 1
    assert "is a directory" in done.err
    assert "1 of" not in done.err


# Colours


def test_colours_are_those_that_anyone_tells_apart(report: Report) -> None:
    allowed = list_colours()
    drawn = [
        shown
        for shown in report.shown_figures()
        if shown.svg and "<title>" not in shown.svg and "matrix" not in shown.svg
    ]
    assert len(drawn) >= 6
    for shown in drawn:
        assert set(re.findall(r"#[0-9a-f]{6}", shown.svg)) <= allowed, shown.figure.name
    assert MAP == "cividis"
    for shown in report.shown_figures():
        meshes = [m for axis in (shown.picture.figure.axes if shown.picture else []) for m in axis.collections]
        assert {mesh.get_cmap().name for mesh in meshes if mesh.get_array() is not None} <= {MAP}


def test_on_the_page_ink_takes_the_colour_of_the_text(text: str) -> None:
    body = text[text.index("</style>") :]
    assert INK not in body
    assert "currentColor" in body


def test_a_png_is_on_white(report: Report) -> None:
    shown = find_figure(report, "lengths")
    assert shown.picture is not None
    assert tuple(draw_pixels(shown)[0, 0]) == to_rgba("white")


# What is sure and what is not


def test_what_is_called_significant_is_what_is_drawn_clear_of_its_square(report: Report) -> None:
    for name in ("best-heads", "best-contact-heads"):
        shown = find_figure(report, name)
        rows = [row for row in shown.rows.to_pylist() if row["proteins_low"] is not None]
        clear = {f"{row['layer']}-{row['head']}" for row in rows if row["proteins_low"] > row["shuffled"]}
        rejected = {f"{r['layer']}-{r['head']}" for r in rows if r["proteins_log10_p"] < -1.301 and r["proteins_t"] > 0}
        assert clear == rejected
        assert (set(re.findall(r"\d+-\d+", shown.description.split(":")[-1])) <= clear) or "None" in shown.description
        assert all(head in shown.description for head in clear)
        assert not [line for axis in shown.picture.figure.axes for line in read_reference_lines(axis)]


@pytest.mark.thorough
@pytest.mark.usefixtures("undrawn")
def test_points_of_too_few_proteins_are_hollow_and_have_no_interval(whole: Atlas) -> None:
    """Two proteins that agree were once the surest point of the page."""
    names = ("best-heads", "enrichment", "baselines")
    report = make_report_of(
        whole,
        lambda parts: keep_figures(parts, names),
        types=["Active site"],
        proteins=["X00001", "X00003", "X00005"],
    )
    for name in names:
        shown = find_figure(report, name)
        assert {row["note"] for row in shown.rows.to_pylist()} <= {"fewer than 5 proteins", None}
        circles = [x for axis in shown.picture.figure.axes for x in axis.lines if x.get_marker() in "o<"]
        assert circles
        assert {line.get_markerfacecolor() for line in circles if line.get_marker() == "o"} <= {"none"}
        assert [x for axis in shown.picture.figure.axes for x in axis.lines if x.get_solid_capstyle() == "butt"] == []
        assert "hollow: fewer than five proteins" in shown.figure.reading
