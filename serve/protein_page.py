"""The pages of a protein and of a pair, as `attlas page` writes them, with a way back to the other pages of the server.

That of a protein is sent in two pieces: the header with the answer, which takes few rows, then the data and what draws
them. That of a pair asks SQL, which is for a worker.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from urllib.parse import quote, urlencode

from attlas.queries import Atlas
from attlas.queries.page.html import fill_template, page_closing, page_opening
from attlas.queries.page.pair_page import PAIR_PARTS
from attlas.queries.page.protein_data import complete_data, read_heading
from attlas.queries.page.structure_folder import NO_STRUCTURE, ProteinStructure
from attlas.queries.text import printable
from attlas.schema import COORDINATES, PAIR_HEADS

NAVIGATION = (
    "<style>nav.served {{ font-size: .9rem; margin: -.4rem 0 1rem; }}</style>"
    '<nav class="served" aria-label="Pages"><a href="/">attlas</a> · <a href="/proteins">Proteins</a> · '
    '<a href="/questions">Questions</a>{more}</nav>'
)
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
NOTHING = "default-src 'none'"
NO_FRAME = "frame-ancestors 'none'"
"""What a policy can say only in a header."""


@dataclass(frozen=True)
class ServedPage:
    """The page of a protein, of which the opening is there and the closing is to be made."""

    opening: str
    policy: str
    """It allows the scripts of the page and no request."""
    length: int
    """Residues of the protein."""
    make_closing: Callable[[], str]

    def pieces(self) -> Iterator[str]:
        """Yield the page in two pieces."""
        yield self.opening
        yield self.make_closing()


def protein_page(atlas: Atlas, accession: str, *, place: str, structure: ProteinStructure = NO_STRUCTURE) -> ServedPage:
    """Return the page of a protein. `place` is what its command lines call the atlas.

    Raises:
        QuestionError: the protein is not in the atlas.
    """
    heading = read_heading(atlas, accession)
    html = page_opening(
        heading.values, may_have_structure=structure.path is not None or bool(atlas.manifest.of_table(COORDINATES))
    )
    links = {"JSON": f"/api/v1/proteins/{quote(accession, safe='')}"}
    if any(file.n_rows for file in atlas.manifest.of_table(PAIR_HEADS)):
        links = {"Pairs": f"/pairs?{urlencode({'id': accession})}", **links}
    return ServedPage(
        _add_frame(html, place=place, links=links),
        _read_policy(html),
        heading.protein.length,
        lambda: page_closing(complete_data(atlas, heading, drawing=structure.draw(heading.protein))),
    )


def pair_page(atlas: Atlas, id: str, partner: str, *, form: str | None, place: str) -> str:
    """Return the page of a pair. `place` is what its command lines call the atlas.

    Raises:
        QuestionError: the two are no pair of the atlas, or not in this form; the pair was not computed.
    """
    page = atlas.pair_page(id, partner, form=form)
    pair = page.data["pair"]
    links = {pair[name]: f"/protein/{quote(pair[name], safe='')}" for name in ("accession", "partner")}
    return _add_frame(page.html, place=place, links=links)


@cache
def pair_policy() -> str:
    """Return the policy of every page of a pair, none of which has a structure here."""
    return _read_policy(fill_template(title="", parts=PAIR_PARTS)[0])


def _add_frame(html: str, *, place: str, links: Mapping[str, str]) -> str:
    """Return a page with what its command lines call the atlas, and with links: by their names, their addresses."""
    named_place = f'<meta name="attlas-place" content="{escape(printable(place))}">\n</head>'
    more = "".join(f' · <a href="{escape(path)}">{escape(printable(name))}</a>' for name, path in links.items())
    navigation = NAVIGATION.format(more=more)
    return html.replace("</head>", named_place, 1).replace("<body>", f"<body>\n{navigation}", 1)


def _read_policy(html: str) -> str:
    """Return the policy that a page states in its head, with what a policy can say only in a header."""
    policy = _POLICY.search(html)
    return f"{policy[1] if policy else NOTHING}; {NO_FRAME}"
