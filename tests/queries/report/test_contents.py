"""What a report shows of an atlas: what it lacks is said, captions say what was asked with, types are chosen."""

import math
import shutil
from pathlib import Path

import pytest
from helpers.annotated import annotate, sequence_ids
from helpers.parsed_page import ParsedPage
from helpers.report_case import HOSTILE, copy_asked_with, settings_notes, types_of
from helpers.synthetic import SyntheticProtein, write_atlas
from helpers.table_files import add_rows, find_table

from attlas.queries import Atlas
from attlas.queries.lookup.settings import settings_of
from attlas.queries.report import make_report, page
from attlas.queries.report.contents import sections
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow


# What an atlas does not have


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
    assert ParsedPage(text).wrong == []


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
    assert ParsedPage(page(report)).wrong == []


# What it was asked with


def read_readings(root: Path) -> tuple[str, str]:
    """Return how to read the heads against labels, and the heads against contacts."""
    with Atlas.open(root) as opened:
        parts = {part.name: part for part in sections(opened, types=None, proteins=None)}
    (heads,) = [figure for figure in parts["contacts"].figures if figure.name == "contact-heads"]
    return parts["heads"].intro, heads.reading


def test_captions_say_the_threshold_that_was_asked_with(atlas_dir: Path, tmp_path: Path) -> None:
    settings = {"theta": 0.125, "atom": "cb", "max_length": None}
    root = copy_asked_with(atlas_dir, tmp_path / "atlas", probes=[0.05], contact_settings=[settings])
    labels, heads = read_readings(root)
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
    root = copy_asked_with(atlas_dir, tmp_path / "atlas", probes=probes, contact_settings=settings)
    labels, heads = read_readings(root)
    assert "pairs with an attention of the probe's threshold or more)" in labels
    assert "(attention of the run's threshold or more) that are contacts;" in heads


def test_settings_are_read_from_the_files_of_a_table_by_name(atlas_dir: Path, tmp_path: Path) -> None:
    settings = [{"theta": 0.3, "atom": "ca", "max_length": None}, {"theta": 0.3, "atom": "cb", "max_length": None}]
    root = copy_asked_with(atlas_dir, tmp_path / "atlas", probes=[0.05], contact_settings=settings)
    with Atlas.open(root) as opened:
        by_table = [
            settings_of(opened.root, opened.manifest, find_table(name))
            for name in ("labels", "head_features", "head_contacts")
        ]
        assert settings_of(opened.root, opened.manifest, find_table("contacts")) == {}
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
    add_rows(tmp_path / "atlas", "fused_contacts", [row], "fused", settings_notes(settings))
    with Atlas.open(tmp_path / "atlas") as opened:
        (part,) = [part for part in sections(opened, types=None, proteins=None) if part.name == "contacts"]
    (figure,) = [figure for figure in part.figures if figure.name == "fused-contact-precision"]
    assert reading in figure.reading


# What is chosen


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
