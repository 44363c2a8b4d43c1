"""The page of a protein as one HTML file that needs no other: template, colours, styles, scripts and data.

Every name and annotation of an atlas is in the data, as JSON that cannot end its element, and is shown as text. The
policy of the page allows these scripts by their digests and nothing else: no request, no handler in an attribute.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Self

from attlas.queries.colours import read_colours
from attlas.queries.page.thinning import as_json
from attlas.queries.text import printable

STATIC = Path(__file__).with_name("static")
TEMPLATE = "page.html"
ANY_INLINE = "script-src 'unsafe-inline'"
"""The template's policy for scripts; digests take its place."""
BODY = "<body>"
_INCLUDE = re.compile(r"<!--attlas:include ([\w.]+)-->\n")
"""Stands in a template for a piece that other templates have, too."""
_MARKER = re.compile(r"<!--attlas:(title|style|heading|script)-->")
DATA_MARKER = "<!--attlas:data-->"
HEADING_KEYS = ("provenance", "model", "sites", "families")
"""What the header of a page says beside the protein itself."""
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
"""What could end the element of the data; all beyond ASCII is escaped already."""


@dataclass(frozen=True)
class PageParts:
    """The files that a page is put together from."""

    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    """In the order they are run in."""
    heading_scripts: tuple[str, ...] = ()
    """What is run before the data come, to show the header."""
    top: str = ""
    """HTML above the page of the protein."""
    may_fetch: bool = False
    """It may ask its own host for data; no page may ask any other."""
    template: str = TEMPLATE

    def with_viewer(self) -> Self:
        """Return them with the viewer of structures."""
        return replace(self, scripts=(*self.scripts, VIEWER))


VIEWER = "vendor/3dmol.js"
"""The viewer of structures, the last script of a page that may show one: two thirds of the bytes of such a page."""
PAGE_PARTS = PageParts(
    styles=("page.css",),
    heading_scripts=("data.js", "sentences.js", "elements.js", "header.js"),
    scripts=(
        "state.js",
        "paint.js",
        "tracks.js",
        "rows.js",
        "arcs.js",
        "pointing.js",
        "overview.js",
        "heads.js",
        "letters.js",
        "structure.js",
        "sortable.js",
        "tables.js",
        "page.js",
    ),
)
"""The page of one protein without a structure, which asks nobody for anything."""


def page_html(data: Mapping[str, Any]) -> str:
    """Return the page of a protein from its data (`protein_data.py`)."""
    opening = page_opening(data, may_have_structure=bool(data["structure"]))
    return f"{opening}{page_closing(data)}"


def page_opening(heading: Mapping[str, Any], *, may_have_structure: bool) -> str:
    """Return the page of a protein up to its data: a browser shows the header, while the rest is made.

    Args:
        heading: the data, or `protein` and `HEADING_KEYS` of them.
        may_have_structure: whether the policy allows the viewer of structures.
    """
    protein = {name: value for name, value in heading["protein"].items() if name != "sequence"}
    values = {"protein": protein, **{name: heading[name] for name in HEADING_KEYS}}
    parts = PAGE_PARTS.with_viewer() if may_have_structure else PAGE_PARTS
    return fill_template(title=page_title(protein), heading=data_element("attlas-heading", values), parts=parts)[0]


def page_closing(data: Mapping[str, Any]) -> str:
    """Return the HTML behind `page_opening`: the data, and the scripts that draw them."""
    parts = PAGE_PARTS.with_viewer() if data["structure"] else PAGE_PARTS
    return data_element("attlas-data", data) + fill_template(title="", parts=parts)[1]


def fill_template(*, title: str, heading: str = "", parts: PageParts = PAGE_PARTS) -> tuple[str, str]:
    """Return the template before and after its data, with title, styles and scripts in the places of its markers."""
    template = _INCLUDE.sub(lambda piece: read_static(piece[1]), read_static(parts.template))
    if ANY_INLINE not in template or BODY not in template or DATA_MARKER not in template:
        raise ValueError(f"{parts.template} lacks a policy for scripts, a body or a place for data")  # our fault

    names = (*parts.heading_scripts, *parts.scripts)
    policy = f"script-src {' '.join(map(_source, names))}" + ("; connect-src 'self'" if parts.may_fetch else "")
    template = template.replace(ANY_INLINE, policy).replace(BODY, f"{BODY}\n{parts.top}", 1)

    texts = {
        "title": escape(printable(title)),
        "style": f"<style>{read_colours()}{''.join(map(read_static, parts.styles))}</style>",
        "heading": heading + _script_elements(parts.heading_scripts),
        "script": _script_elements(parts.scripts),
    }
    before, after = template.split(DATA_MARKER)
    return _MARKER.sub(lambda marker: texts[marker[1]], before), _MARKER.sub(lambda marker: texts[marker[1]], after)


def _script_elements(names: Sequence[str]) -> str:
    return "\n".join(f"<script>{read_static(name)}</script>" for name in names)


@cache
def read_static(name: str) -> str:
    """Return the text of a file of the page."""
    return (STATIC / name).read_text(encoding="utf-8")


def data_element(name: str, value: object) -> str:
    """Return a value as an element that scripts find by its name and read as JSON."""
    return f'<script type="application/json" id="{name}">{safe_json(value)}</script>'


def safe_json(value: object) -> str:
    """Return a value as JSON that may stand in a `script` element: in ASCII, and without `<`, `>` and `&`."""
    return re.sub("[<>&]", lambda character: _UNSAFE[character[0]], as_json(value))


def page_title(protein: Mapping[str, Any]) -> str:
    """Return the title of the page of a protein, such as `ADRB2_HUMAN P07550`."""
    return " ".join(filter(None, (protein["entry_name"], protein["accession"]))) + " · attlas"


@cache
def _source(name: str) -> str:
    """Return the digest by which a policy allows the script of a file."""
    digest = base64.b64encode(hashlib.sha256(read_static(name).encode()).digest()).decode()
    return f"'sha256-{digest}'"
