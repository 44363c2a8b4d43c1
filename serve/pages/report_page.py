"""The page that is shown while the report is being made. Pure."""

from attlas.serve.pages.layout import Frame, page

RELOAD_S = 3
"""Seconds after which the page looks again."""


def waiting_page(frame: Frame) -> str:
    """Return a page that asks again by itself until the report is there."""
    body = (
        "<h1>Report</h1>",
        '<p role="status">The report is being made: every question of it is asked and drawn. That takes seconds for a '
        "few hundred proteins, a minute or more for a proteome; then it is kept.</p>",
        f'<p data-reload="{RELOAD_S}">This page looks again by itself. <a href="/report">Look now</a></p>',
    )
    return page(frame, "Report", body, place="/report")
