"""The report: one file that needs no other, whose every number is a row that its SQL gives, whatever it holds."""

import csv
import io
import json
import math
import random
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from helpers.annotated import add_rows, annotate, annotate_at_random, sequence_ids
from helpers.command_line import Run
from helpers.fit_case import fits_at_random
from helpers.synthetic import SyntheticProtein, write_atlas
from matplotlib.colors import to_rgba

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.queries.engine.functions import reached_from
from attlas.queries.lookup.settings import settings_of
from attlas.queries.report import Report, make_report, page, write_figures
from attlas.queries.report.contents import sections
from attlas.queries.report.figures import Section
from attlas.queries.report.pictures import BLUE, FAINT, GREEN, INK, MAP, ORANGE, PURPLE, VERMILION, png, style, svg
from attlas.queries.report.report import ShownFigure
from attlas.schema import (
    CONTACTS,
    COORDINATES,
    FAMILIES,
    FUSED_CONTACTS,
    HEAD_CONTACTS,
    HEAD_FEATURES,
    HEAD_MAX_SITES,
    LABELS,
    EnvironmentFault,
    QuestionError,
)
from attlas.schema.settings import SETTINGS_KEY

pytestmark = pytest.mark.slow

HOSTILE = '</pre><script>alert("1")</script>&amp;\x1b[31m'
N_LAYERS, N_HEADS = 4, 2  # of the synthetic atlas
EVERY_FIGURE = "every figure"
NAMED_FIGURES = (
    *("lengths", "completeness", "feature-types", "enrichment", "enrichment-in-space", "head-active-site"),
    *("best-heads", "best-contact-heads", "probe-layers", "contact-precision", "contact-heads"),
    *("families-apart", "best-families"),
)
"""Figures that tests name."""
HEADS = [{"layer": layer, "head": head} for layer in range(N_LAYERS) for head in range(N_HEADS)]


class Parsed(HTMLParser):
    """A page taken apart by the standard library's parser."""

    VOID = ("meta", "br", "hr", "img", "input", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.code: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "pre":
            self.code.append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if "pre" in self.open:
            self.code[-1] += data

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    def files(self) -> dict[str, str]:
        """Return the files that the page holds, by name."""
        links = [attributes for tag, attributes in self.tags if tag == "a" and "download" in attributes]
        return {link["download"]: unquote(link["href"].split(",", 1)[1]) for link in links}


def add_hostile_probe(root: Path) -> None:
    key = {"accession": "X00003", "sequence_id": sequence_ids(root)["X00003"], "label": HOSTILE}
    sums = [{**at, "n_edges": 20 + at["layer"], "edge_mass": 9.0, "mass": 9.5, "auc": 0.5} for at in HEADS]
    add_rows(root, LABELS, [{**key, "n_labelled": 1, "length": 73}], "hostile")
    add_rows(root, HEAD_FEATURES, [{**key, **at} for at in sums], "hostile")


def add_the_rest(root: Path) -> None:
    """Add random families, structures, contacts, and sites of the largest head."""
    choose, ids = random.Random(5), sequence_ids(root)
    keys = {a: {"accession": a, "sequence_id": ids[a], "source": "s.cif"} for a in (f"X{i:05d}" for i in range(12))}
    names = [(a, f"PF0000{int(a[1:]) % 2}") for a in keys] + [("X00001", HOSTILE)]
    family = {"database": "Pfam", "name": HOSTILE}
    add_rows(root, FAMILIES, [{**keys[a], **family, "family": f} for a, f in names], "families")
    spots, pairs, heads, sites = [], [], [], []
    for accession, key in list(keys.items())[:5]:
        at = {**key, "chain": "A", "residue": "A", "observed": "A"}
        make_axes = [f"{atom}_{axis}" for atom in ("ca", "cb") for axis in "xyz"]
        spots += [{**at, "position": i, **{x: choose.uniform(0, 20) for x in make_axes}} for i in range(1, 41)]
        position_pairs = [(i, j) for i in range(1, 41) for j in range(i + 6, 41)]
        pairs += [
            {**key, "i": i, "j": j, "probability": choose.random(), "score": choose.gauss(0, 1), "chose_heads": False}
            for i, j in position_pairs
        ]
        n = {"n_pairs": 1560, "n_contact_pairs": 90, "n_top": 40, "n_long_pairs": 136, "n_long_contacts": 6}
        for head in HEADS:
            k = {"n_edges": choose.randint(60, 99), "n_contact_edges": choose.randint(0, 30), "mass": 30.0}
            other_columns = {"contact_mass": choose.uniform(0, 9), "n_top_contacts": choose.randint(0, 9)}
            heads.append({**key, "chain": "A", **head, **n, **k, **other_columns})
        site = {"position": 7, "residue": "A", "rank": 1, "layer": 1, "received": 3.0, "share": 1.0}
        sites.append({"sequence_id": ids[accession], **site})
    added = ((COORDINATES, spots), (CONTACTS, pairs), (FUSED_CONTACTS, pairs), (HEAD_CONTACTS, heads))
    for table, rows in (*added, (HEAD_MAX_SITES, sites)):
        add_rows(root, table, [{c.name: row.get(c.name, 1) for c in table.stored()} for row in rows], table.name)


@pytest.fixture(scope="module")
def whole_dir(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the atlas of `conftest.py` with all that can be added, some under a hostile name."""
    root = tmp_path_factory.mktemp("whole") / "atlas"
    shutil.copytree(atlas_dir, root)
    annotate_at_random(root)
    annotate(root, [("P04637", HOSTILE, 5, 9), ("X00003", HOSTILE, 2, 2)], source="hostile")
    add_hostile_probe(root)
    add_the_rest(root)
    fits_at_random(root)
    return root


@pytest.fixture(scope="module")
def whole(whole_dir: Path) -> Iterator[Atlas]:
    with Atlas.open(whole_dir) as atlas:
        yield atlas


@pytest.fixture(scope="module", params=["few figures", pytest.param(EVERY_FIGURE, marks=pytest.mark.thorough)])
def report(request: pytest.FixtureRequest, whole: Atlas) -> Report:
    """Return the report, by default with the figures that tests name and a few more."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != EVERY_FIGURE:
            patch.setattr("attlas.queries.report.report.sections", few_figures)
        return make_report(whole)


def few_figures(atlas: Atlas, **filters: object) -> list[Section]:
    parts = sections(atlas, **filters)
    numbers = {figure.name: i for i, figure in enumerate(figure for part in parts for figure in part.figures)}
    return [
        replace(part, figures=tuple(f for f in part.figures if f.name in NAMED_FIGURES or numbers[f.name] % 8 == 0))
        for part in parts
    ]


@pytest.fixture(scope="module")
def text(report: Report) -> str:
    return page(report)


@pytest.fixture(scope="module")
def parsed(text: str) -> Parsed:
    return Parsed(text)


def of(report: Report, name: str) -> ShownFigure:
    return next(shown for shown in report.shown_figures() if shown.figure.name == name)


# The page


def test_the_page_needs_nothing_outside_of_itself(parsed: Parsed, text: str) -> None:
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


def test_no_attribute_runs_anything(parsed: Parsed) -> None:
    assert {name for _, attributes in parsed.tags for name in attributes if name.startswith("on")} == set()
    assert [link for link in parsed.values("href") if link.startswith("javascript")] == []


def test_tags_are_balanced_and_ids_are_unique(parsed: Parsed) -> None:
    assert (parsed.wrong, parsed.open) == ([], [])
    assert [id for id, n in Counter(parsed.values("id")).items() if n > 1] == []


def test_every_link_within_the_page_leads_somewhere(parsed: Parsed, text: str) -> None:
    targets = {link[1:] for link in parsed.values("href") if link.startswith("#")}
    targets |= set(re.findall(r"url\(#([^)]*)\)", text)) | set(parsed.values("aria-labelledby"))
    assert targets - set(parsed.values("id")) == set()


def test_every_picture_has_words_for_those_who_do_not_see_it(parsed: Parsed, report: Report) -> None:
    pictures = [attributes for tag, attributes in parsed.tags if tag == "svg"]
    drawn = [shown for shown in report.shown_figures() if shown.picture is not None]
    assert len(pictures) == len(drawn) > 8
    for attributes, shown in zip(pictures, drawn, strict=True):
        assert attributes["role"] == "img"
        assert attributes["aria-label"].startswith(shown.figure.title.split(":")[0])
        assert len(attributes["aria-label"]) > 40


def test_the_page_is_of_semantic_parts_with_one_heading_above_all(parsed: Parsed) -> None:
    tags = Counter(tag for tag, _ in parsed.tags)
    assert (tags["h1"], tags["main"], tags["nav"], tags["header"], tags["footer"]) == (1, 1, 1, 1, 1)
    assert tags["figure"] == tags["figcaption"] == tags["h3"]
    assert next(attributes["lang"] for tag, attributes in parsed.tags if tag == "html") == "en"


def test_the_contents_lead_to_every_figure(parsed: Parsed, report: Report) -> None:
    links = {link[1:] for link in parsed.values("href") if link.startswith("#")}
    assert {shown.figure.name for shown in report.shown_figures()} <= links


def test_every_text_of_the_atlas_is_escaped(parsed: Parsed, text: str) -> None:
    assert "<script>" not in text
    assert "\x1b" not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)  # SQL is as it is asked
    assert any('</pre><script>alert("1")</script>&amp;' in data for data in parsed.texts)


def test_the_page_is_for_light_dark_and_paper(text: str) -> None:
    for rule in ("prefers-color-scheme: dark", "@media print", "size: A4", "break-inside: avoid"):
        assert rule in text


@pytest.mark.thorough
@pytest.mark.parametrize("report", [EVERY_FIGURE], indirect=True)
def test_most_figures_are_drawn_with_their_commands(parsed: Parsed, report: Report) -> None:
    assert len([shown for shown in report.shown_figures() if shown.picture is not None]) > 15
    assert len([data for data in parsed.texts if data.startswith("attlas ask DIR ") and "--describe" not in data]) > 12


# Every number is a row


@pytest.mark.thorough
@pytest.mark.parametrize("report", [EVERY_FIGURE], indirect=True)
def test_the_sql_on_the_page_gives_the_rows_of_the_download(parsed: Parsed, report: Report, whole: Atlas) -> None:
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
    parsed: Parsed, report: Report, whole: Atlas, is_thorough: bool
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
    shown = of(report, "head-active-site")
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
    shown = of(report, "best-heads")
    assert shown.picture is not None
    rows = shown.rows.to_pylist()
    labels = list(dict.fromkeys(row["label"] for row in rows))
    for label, axis in zip(labels, shown.picture.figure.axes, strict=False):
        label_rows = [row for row in rows if row["label"] == label]
        points = [line.get_xdata()[0] for line in axis.lines if line.get_marker() == "o"]
        assert points == [row["p"] for row in label_rows]
        ends = [
            tuple(line.get_xdata()) for line in axis.lines if len(line.get_xdata()) == 2 and line.get_color() == BLUE
        ]
        expected = [
            (row["proteins_low"], row["proteins_high"]) for row in label_rows if row["proteins_low"] is not None
        ]
        assert ends == expected


def test_the_curves_of_the_probes_are_the_rows(report: Report) -> None:
    shown = of(report, "probe-layers")
    assert shown.picture is not None
    rows = shown.rows.to_pylist()
    axes = {axis.get_title(loc="left"): axis for axis in shown.picture.figure.axes if axis.get_visible()}
    assert set(axes) == {row["label"] for row in rows}
    for label, axis in axes.items():
        lines = {line.get_color(): list(line.get_ydata()) for line in axis.lines if len(line.get_ydata()) == N_LAYERS}
        for source, colour in (("embedding", BLUE), ("both", ORANGE)):
            group = [row for row in rows if (row["label"], row["input"]) == (label, source)]
            assert lines[colour] == [row["value"] for row in group]
        letter = next(row["letter"] for row in rows if row["label"] == label)
        assert [letter, letter] in [list(line.get_ydata()) for line in axis.lines]


# What an atlas does not have


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawings of a report empty, which take most of its time and are looked at in that of `whole`."""
    monkeypatch.setattr("attlas.queries.report.report.svg", lambda picture: '<svg width="1pt" viewBox="0 0 1 1"></svg>')


@pytest.mark.usefixtures("undrawn")
def test_an_atlas_without_annotation_has_a_report_that_says_what_is_missing(atlas: Atlas) -> None:
    report = make_report(atlas)
    text = page(report)
    names = {shown.figure.name for shown in report.shown_figures()}
    assert {"lengths", "layer-of-convergence", "residue-enrichment", "heads-entropy", "completeness"} <= names
    assert {absent.command for absent in report.missing_figures()} >= {"attlas annotate DIR SOURCE", "attlas probe DIR"}
    for absent in report.missing_figures():
        assert text.count(f"<li>{absent.figure.title}</li>") == 1
        assert text.count(absent.command) >= 2
    assert Parsed(text).wrong == []


@pytest.mark.usefixtures("undrawn")
def test_an_atlas_with_features_but_no_probe_shows_its_sites(atlas_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    shutil.copytree(atlas_dir, root)
    annotate(root, [("P04637", "Active site", 5, 9), ("X00003", "Chain", 1, 73)])
    with Atlas.open(root) as opened:
        report = make_report(opened)
    parts = [part.section for part in report.sections]
    assert types_of(parts, "Attention received predicts") == ["Active site"]
    assert types_of(parts, "Heads that attend to") == []
    (notes,) = (part.section.absent for part in report.sections if part.section.name == "sites")
    assert any("Chain" in note for note in notes)
    names = {shown.figure.name for shown in report.shown_figures()}
    assert {"feature-types", "enrichment", "auc-active-site"} <= names
    assert {absent.command for absent in report.missing_figures()} >= {"attlas probe DIR"}


@pytest.mark.thorough
@pytest.mark.usefixtures("undrawn")
def test_a_question_without_rows_is_reported_to_have_none(tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    write_atlas(
        root, [SyntheticProtein("A", "MK", n_sites=0), SyntheticProtein("B", "MK*", status="skipped", reason="*")]
    )
    with Atlas.open(root) as opened:
        report = make_report(opened)
    assert "completeness" in {shown.figure.name for shown in report.shown_figures()}
    empty = {absent.figure.name: absent.why for absent in report.missing_figures() if not absent.command}
    assert empty["residue-enrichment"].startswith("`residue_enrichment` has no rows here")
    assert Parsed(page(report)).wrong == []


def test_every_figure_of_the_report_is_shown_or_named(report: Report, parsed: Parsed) -> None:
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


# What it was asked with


def asked_with(atlas_dir: Path, root: Path, *, probes: list[float | None], contact_settings: list[dict]) -> Path:
    """Return an atlas with files of a probe at each theta, and of heads against contacts with each of the settings."""
    shutil.copytree(atlas_dir, root)
    key = {"accession": "X00003", "sequence_id": sequence_ids(root)["X00003"], "label": "Active site"}
    key |= {"source": "s", "chain": "A", "layer": 0, "head": 0}
    thetas = [{} if theta is None else {"theta": theta} for theta in probes]
    for table, files in ((LABELS, thetas), (HEAD_FEATURES, thetas), (HEAD_CONTACTS, contact_settings)):
        row = {column.name: key.get(column.name, 1) for column in table.stored()}
        for at, settings in enumerate(files):
            metadata = {SETTINGS_KEY: json.dumps({"settings": settings}).encode()} if settings else {}
            add_rows(root, table, [row], f"file{at}", metadata)
    return root


def readings(root: Path) -> tuple[str, str]:
    """Return how to read the heads against labels, and the heads against contacts."""
    with Atlas.open(root) as opened:
        parts = {part.name: part for part in sections(opened, types=None, proteins=None)}
    (heads,) = [figure for figure in parts["contacts"].figures if figure.name == "contact-heads"]
    return parts["heads"].intro, heads.reading


def test_captions_say_the_threshold_that_was_asked_with(atlas_dir: Path, tmp_path: Path) -> None:
    settings = {"theta": 0.125, "atom": "cb", "max_length": None}
    labels, heads = readings(asked_with(atlas_dir, tmp_path / "atlas", probes=[0.05], contact_settings=[settings]))
    assert "pairs with an attention of 0.05 or more)" in labels
    assert "(attention of 0.125 or more) that are contacts between C-beta atoms;" in heads


@pytest.mark.parametrize(
    ("probes", "settings"),
    [
        ([None], [{}]),
        ([0.05, 0.3], [{"theta": 0.1, "atom": "ca"}, {"theta": 0.3, "atom": "cb"}]),
        ([0.05, None], [{"theta": 0.1}, {}]),
        ([], [{"theta": "<b>0.5</b>", "atom": "<i>"}]),
        ([], [{"theta": math.nan, "atom": 7}]),
        ([], []),
    ],
    ids=["not said", "two", "one of two", "no number", "not a number", "no files"],
)
def test_captions_without_one_threshold_say_no_number(
    atlas_dir: Path, tmp_path: Path, probes: list[float | None], settings: list[dict]
) -> None:
    labels, heads = readings(asked_with(atlas_dir, tmp_path / "atlas", probes=probes, contact_settings=settings))
    assert "pairs with an attention of the probe's threshold or more)" in labels
    assert "(attention of the run's threshold or more) that are contacts;" in heads


def test_settings_are_read_from_the_files_of_a_table_by_name(atlas_dir: Path, tmp_path: Path) -> None:
    settings = [{"theta": 0.3, "atom": "ca", "max_length": None}, {"theta": 0.3, "atom": "cb", "max_length": None}]
    root = asked_with(atlas_dir, tmp_path / "atlas", probes=[0.05], contact_settings=settings)
    with Atlas.open(root) as opened:
        by_table = [
            settings_of(opened.root, opened.manifest, table) for table in (LABELS, HEAD_FEATURES, HEAD_CONTACTS)
        ]
        assert settings_of(opened.root, opened.manifest, CONTACTS) == {}
    assert by_table == [{"theta": 0.05}, {"theta": 0.05}, {"theta": 0.3, "max_length": None}]


@pytest.mark.parametrize(
    ("heads", "reading"),
    [
        ("5-3 4-17", "the mean of a few heads (layer-head: 5-3, 4-17), each"),
        ("<b>5-3</b>", "a few heads, each"),
        (None, "a few heads, each"),
    ],
)
def test_the_fused_heads_are_named_below_their_figure(
    atlas_dir: Path, tmp_path: Path, heads: str | None, reading: str
) -> None:
    shutil.copytree(atlas_dir, tmp_path / "atlas")
    row = {
        "sequence_id": sequence_ids(tmp_path / "atlas")["X00003"],
        "i": 1,
        "j": 7,
        "score": 0.5,
        "chose_heads": False,
    }
    settings = {} if heads is None else {"heads": heads, "chosen_on": None, "max_length": None}
    add_rows(
        tmp_path / "atlas", FUSED_CONTACTS, [row], "fused", {SETTINGS_KEY: json.dumps({"settings": settings}).encode()}
    )
    with Atlas.open(tmp_path / "atlas") as opened:
        (part,) = [part for part in sections(opened, types=None, proteins=None) if part.name == "contacts"]
    (figure,) = [figure for figure in part.figures if figure.name == "fused-contact-precision"]
    assert reading in figure.reading


# What is chosen


def types_of(parts: Iterable[Section], title: str) -> list[str]:
    """Return of which types there is a figure of this title, in order, shown or missing."""
    titles = [figure.title for part in parts for figure in part.figures]
    return [text.split(": ", 1)[1] for text in titles if text.startswith(f"{title}: ")]


def test_types_are_those_on_most_residues_with_the_known_ones_first(whole: Atlas) -> None:
    parts = sections(whole, types=None, proteins=None)
    types, labels = (types_of(parts, title) for title in ("Attention received predicts", "Heads that attend to"))
    assert types[:2] == ["Active site", "Binding site"]
    assert HOSTILE in types
    assert not [label for label in labels if label.startswith("aa:") or label == "residue"]
    assert len(types) <= 8


@pytest.mark.thorough
def test_types_asked_for_are_those_shown(whole: Atlas) -> None:
    for types in (["Binding site"], ["BINDING SITE", "binding site"]):
        parts = sections(whole, types=types, proteins=None)
        titles = [figure.title for part in parts for figure in part.figures if "Attention received" in figure.title]
        assert titles == ["Attention received predicts: Binding site"]
    with pytest.raises(QuestionError, match=r"no such types[\s\S]*Active site[\s\S]*Transit peptide"):
        make_report(whole, types=["Active site", "Transit peptide"])


def test_a_type_that_the_chosen_proteins_lack_is_named_not_refused(whole: Atlas) -> None:
    parts = {p.name: p for p in sections(whole, types=["Active site", HOSTILE], proteins=["X00001"])}
    for name, title in (("sites", "Attention received predicts"), ("heads", "Heads that attend to")):
        titles = [f.title for f in parts[name].figures if f.title.startswith(f"{title}: ")]
        assert titles == [f"{title}: Active site", f"{title}: {HOSTILE}"]
        assert any(HOSTILE in note for note in parts[name].absent)


@pytest.mark.thorough
@pytest.mark.usefixtures("undrawn")
def test_a_report_of_some_proteins_says_which_figures_are_of_all(whole: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("about", "model", "sites")
    some_parts = lambda atlas, **filters: [s for s in sections(atlas, **filters) if s.name in names]  # noqa: E731
    monkeypatch.setattr("attlas.queries.report.report.sections", some_parts)
    proteins = [f"X{i:05d}" for i in range(8)]
    report = make_report(whole, types=["Active site"], proteins=proteins)
    parsed = Parsed(page(report))
    assert parsed.files()["ids.txt"].split() == proteins
    assert of(report, "feature-types").rows["n_proteins"].to_pylist()[0] == 8
    assert "'X00007'" in of(report, "enrichment").bound_question.sql
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
    shown = of(report, "best-heads")
    assert shown.figure.draw is not None
    assert page(report) == text
    with style():
        assert svg(shown.figure.draw(shown.rows.to_pylist())) == shown.svg


@pytest.mark.parametrize("format", ["svg", "png"])
def test_figures_are_written_with_their_numbers(report: Report, parsed: Parsed, tmp_path: Path, format: str) -> None:
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
    allowed = {c.lower() for c in (BLUE, ORANGE, GREEN, PURPLE, FAINT, INK, VERMILION, "#ffffff", "#b9bdc4")}
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
    from matplotlib.image import imread

    picture = of(report, "lengths").picture
    assert picture is not None
    with style():
        pixels = imread(io.BytesIO(png(picture)))
    assert tuple(pixels[0, 0]) == to_rgba("white")


# What is sure and what is not


def test_what_is_called_significant_is_what_is_drawn_clear_of_its_square(report: Report) -> None:
    for name in ("best-heads", "best-contact-heads"):
        shown = of(report, name)
        rows = [row for row in shown.rows.to_pylist() if row["proteins_low"] is not None]
        clear = {f"{row['layer']}-{row['head']}" for row in rows if row["proteins_low"] > row["shuffled"]}
        rejected = {f"{r['layer']}-{r['head']}" for r in rows if r["proteins_log10_p"] < -1.301 and r["proteins_t"] > 0}
        assert clear == rejected
        assert (set(re.findall(r"\d+-\d+", shown.description.split(":")[-1])) <= clear) or "None" in shown.description
        assert all(head in shown.description for head in clear)
        assert not [line for axis in shown.picture.figure.axes for line in axis.lines if line.get_color() == FAINT]


@pytest.mark.thorough
@pytest.mark.usefixtures("undrawn")
def test_points_of_too_few_proteins_are_hollow_and_have_no_interval(
    whole: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two proteins that agree were once the surest point of the page."""
    names = ("best-heads", "enrichment", "baselines")

    def sections_with_points(atlas: Atlas, **filters: object) -> list[Section]:
        parts = sections(atlas, **filters)
        return [
            replace(part, figures=tuple(figure for figure in part.figures if figure.name in names)) for part in parts
        ]

    monkeypatch.setattr("attlas.queries.report.report.sections", sections_with_points)
    report = make_report(whole, types=["Active site"], proteins=["X00001", "X00003", "X00005"])
    for name in names:
        shown = of(report, name)
        assert {row["note"] for row in shown.rows.to_pylist()} <= {"fewer than 5 proteins", None}
        circles = [x for axis in shown.picture.figure.axes for x in axis.lines if x.get_marker() in "o<"]
        assert circles
        assert {line.get_markerfacecolor() for line in circles if line.get_marker() == "o"} <= {"none"}
        assert [x for axis in shown.picture.figure.axes for x in axis.lines if x.get_solid_capstyle() == "butt"] == []
        assert "hollow: fewer than five proteins" in shown.figure.reading
