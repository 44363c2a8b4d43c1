"""Pictures of the report: their colours, and how they are put into a page; no atlas."""

from pathlib import Path

from attlas.queries.colours import read_light_colours
from attlas.queries.report import pictures
from attlas.queries.report.inline import inline


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


def test_colours_of_figures_are_written_down_in_the_stylesheet_alone() -> None:
    colours = read_light_colours()
    names = {"INK": "ink", "BLUE": "attention", "ORANGE": "pointed", "GREEN": "annotated", "PURPLE": "links",
             "VERMILION": "site"}  # fmt: skip
    assert {name: getattr(pictures, name) for name in names} == {name: colours[key] for name, key in names.items()}
    code = "".join(path.read_text(encoding="utf-8") for path in Path(pictures.__file__).parent.glob("*.py"))
    assert [name for name, colour in colours.items() if colour in code] == []
