"""The page of one protein, as `attlas page` writes it, with a way back to the other pages of the server."""

import re
from html import escape
from urllib.parse import quote

from attlas.queries import Atlas

NAVIGATION = (
    "<style>nav.served {{ font-size: .9rem; margin: -.4rem 0 1rem; }}</style>"
    '<nav class="served" aria-label="Pages"><a href="/">attlas</a> · <a href="/proteins">Proteins</a> · '
    '<a href="/questions">Questions</a> · <a href="{api}">JSON</a></nav>'
)
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
NOTHING = "default-src 'none'"
NO_FRAME = "frame-ancestors 'none'"
"""What a policy can say only in a header."""


def protein_page(atlas: Atlas, accession: str) -> tuple[str, str]:
    """Return the page of a protein, and its policy, which allows its own scripts and no request.

    Raises:
        QuestionError: the protein is not in the atlas.
    """
    html = atlas.page(accession).html
    policy = _POLICY.search(html)
    navigation = NAVIGATION.format(api=escape(f"/api/v1/proteins/{quote(accession, safe='')}"))
    page = html.replace("<body>", f"<body>\n{navigation}", 1)
    return page, f"{policy[1] if policy else NOTHING}; {NO_FRAME}"
