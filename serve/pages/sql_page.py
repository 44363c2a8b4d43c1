"""The page of SQL: a box for one SELECT, next to a list of all tables and columns. Pure."""

from collections.abc import Iterator
from html import escape

from attlas.queries.engine.views import describe_column, sql_type
from attlas.schema import TABLES, Manifest
from attlas.serve.pages.layout import Frame, page, prose, show
from attlas.serve.pages.results import results_html

EXAMPLE = "SELECT accession, gene, length, layer, n_sites\nFROM proteins\nORDER BY n_sites DESC NULLS LAST, accession"


def sql_page(frame: Frame, manifest: Manifest, query: str, place: str) -> str:
    """Return the page. `query` is what stands in the box."""
    return page(frame, "SQL", _body(manifest, query or EXAMPLE, place), place="/sql")


def _body(manifest: Manifest, query: str, place: str) -> Iterator[str]:
    yield "<h1>SQL</h1><p>One SELECT that only reads, in DuckDB's SQL; its process is killed if it takes too long.</p>"
    yield (
        f'<form class="sql" data-place="{show(place)}"><label for="query">Query</label>'
        f'<textarea id="query" name="query" rows="8" spellcheck="false" required>{escape(query)}</textarea>'
        '<p class="buttons"><button class="main">Ask</button> <span>or Ctrl-Enter</span></p></form>'
    )
    yield results_html()

    yield "<h2>Tables</h2>"
    n_rows = {table.name: manifest.of_table(table).n_rows for table in TABLES}
    # Those with rows, then those that a command would add.
    for table in sorted(TABLES, key=lambda table: not n_rows[table.name]):
        rows = f"{n_rows[table.name]:,} rows" if n_rows[table.name] else f"empty; `{table.added_by}` fills it"
        columns = "".join(
            f"<dt><code>{show(column.name)}</code> <span>{show(sql_type(column, manifest.run.n_layers))}</span></dt>"
            f"<dd>{prose(describe_column(column))}</dd>"
            for column in table.columns
        )
        yield f"<details><summary><code>{show(table.name)}</code> <span>{prose(rows)}</span></summary>"
        yield f"<p>{prose(table.doc)}</p><dl>{columns}</dl></details>"
