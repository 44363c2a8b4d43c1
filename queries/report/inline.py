"""An SVG file made part of a page: no prolog, no namespaces, names of its own, the page's text colour, an alt text."""

import re
from html import escape

from attlas.queries.report.pictures import INK

_NUMBERS = re.compile(r' (?:d|x|y|transform)="[^"]*"')
_LONG = re.compile(r"(\d\.\d\d)\d+")
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'url\(#([^)]*)\)|xlink:href="#([^"]*)"')
_BOX = re.compile(r'd="M (\S+) (\S+) ?L (\S+) \2 ?L \3 (\S+) ?L \1 \4 ?L \1 \2 ?z?"')
_CELL = re.compile(r'<path (d="[^"]*Z")(?: clip-path="[^"]*")? style="fill: (#\w+); stroke: \2; stroke-width: [^"]*"')
_FONT = re.compile(r"font-family: [^;\"]*;? ?")


def inline(text: str, *, name: str, alt: str) -> str:
    """Return the SVG as an element of an HTML page.

    `name` keeps its ids apart from those of other figures; ids that nothing refers to are dropped. `alt` is read out
    in place of the picture.
    """
    # The font of the page takes the place of the one that matplotlib names.
    svg_text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text[text.index("<svg") :], count=1, flags=re.DOTALL)
    head, body = svg_text.split(">", 1)
    box = re.search(r'viewBox="([^"]*)"', head)
    width = re.search(r'width="([\d.]+)pt"', head)
    if box is None or width is None:
        raise ValueError("matplotlib wrote an SVG without a size")

    body = _prefix_ids(_boxes(_shorten(body)), name)
    body = _FONT.sub("", body).replace(INK, "currentColor")

    # 1 pt is 4/3 px: the size that the text was drawn for; narrower where the page is.
    size = f'viewBox="{box[1]}" style="width:{float(width[1]) * 4 / 3:.0f}px"'
    return f'<svg role="img" aria-label="{escape(alt)}" {size}>{body.strip()}'


def _shorten(text: str) -> str:
    """Return it with coordinates of two decimals, a hundredth of a point."""
    return _NUMBERS.sub(lambda match: _LONG.sub(r"\1", match[0]).replace("\n", ""), text)


def _boxes(text: str) -> str:
    """Return it with the cells of matrices in half the bytes: rectangles without the line that hides their seams."""
    text = _BOX.sub(r'd="M\1 \2H\3V\4H\1Z"', text)
    return _CELL.sub(r'<path shape-rendering="crispEdges" \1 fill="\2"', text)


def _prefix_ids(text: str, name: str) -> str:
    used_ids = {match[1] or match[2] for match in _REFERENCE.finditer(text)}
    text = _ID.sub(lambda match: f' id="{name}-{match[1]}"' if match[1] in used_ids else "", text)
    return _REFERENCE.sub(lambda match: f"url(#{name}-{match[1]})" if match[1] else f'href="#{name}-{match[2]}"', text)
