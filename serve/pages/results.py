"""The place of an answer on a page: what `pages.js` fills with a table, downloads and the command line."""

SHOWN_ROWS = 500
"""Rows of an answer that a page shows; the downloads have all."""


def results_html() -> str:
    """Return the HTML in which the script shows an answer, still empty."""
    return (
        f'<section class="results" data-rows="{SHOWN_ROWS}" hidden><h2>Answer</h2>'
        '<p class="status" role="status"></p><ul class="notes"></ul><div class="scroll" tabindex="0" role="region" '
        'aria-label="Rows of the answer"></div><p class="downloads"></p>'
        '<p class="command"><code></code> <button type="button">Copy</button></p></section>'
        "<noscript><p>Without scripts the answer comes as JSON.</p></noscript>"
    )
