"""The page of one protein, as `attlas page` writes it, with a way back to the other pages of the server.

It is sent in two pieces: the header with the answer, which takes few rows, then the data and what draws them.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from attlas.queries import Atlas
from attlas.queries.page.html import page_closing, page_opening
from attlas.queries.page.protein_data import complete_data, read_heading
from attlas.queries.text import printable
from attlas.schema import COORDINATES

NAVIGATION = (
    "<style>nav.served {{ font-size: .9rem; margin: -.4rem 0 1rem; }}</style>"
    '<nav class="served" aria-label="Pages"><a href="/">attlas</a> · <a href="/proteins">Proteins</a> · '
    '<a href="/questions">Questions</a> · <a href="{api}">JSON</a></nav>'
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


def protein_page(atlas: Atlas, accession: str, *, place: str) -> ServedPage:
    """Return the page of a protein. `place` is what its command lines call the atlas.

    Raises:
        QuestionError: the protein is not in the atlas.
    """
    heading = read_heading(atlas, accession)
    html = page_opening(heading.values, may_have_structure=bool(atlas.manifest.of_table(COORDINATES)))
    policy = _POLICY.search(html)
    navigation = NAVIGATION.format(api=escape(f"/api/v1/proteins/{quote(accession, safe='')}"))
    named_place = f'<meta name="attlas-place" content="{escape(printable(place))}">\n</head>'
    opening = html.replace("</head>", named_place, 1).replace("<body>", f"<body>\n{navigation}", 1)
    return ServedPage(
        opening,
        f"{policy[1] if policy else NOTHING}; {NO_FRAME}",
        heading.protein.length,
        lambda: page_closing(complete_data(atlas, heading)),
    )
