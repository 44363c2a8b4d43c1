"""The page of a report: one HTML file that needs no other, no network and no script.

Every text of an atlas (names, labels, reasons) goes through `escape`. Only links to papers lead out of the file.
"""

import re
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote

import pyarrow as pa

from attlas.queries.colours import read_colours
from attlas.queries.engine.functions import reached_from
from attlas.queries.report.commands import IDS_FILE, command
from attlas.queries.report.inline import inline
from attlas.queries.report.report import MissingFigure, Report, ShownFigure, ShownSection
from attlas.queries.report.stylesheet import CSS
from attlas.queries.text import printable
from attlas.schema.published_weights import describe_weights

N_ROWS = 6
"""Rows of an answer shown below its figure."""
N_TABLE_ROWS = 60
"""Rows shown of a table that is a figure itself."""

LIMITS = (
    "Attention is no evidence of function. A high-attention (HA) site is what a model attends to; a head that prefers "
    "binding sites has not been shown to use them.",
    "The best of many heads, layers or letters lies above its background by chance as well. Intervals say for how many "
    "at once they hold; a place in a ranking says nothing.",
    "Homologous proteins are not independent. Intervals over proteins are too narrow by as much as an atlas holds "
    "families; those over sites or edges by more.",
    "What nobody has annotated is counted as absent. Precision against known sites is a lower bound, and known sites "
    "are those of well-studied proteins.",
)
PAPERS = (
    ("Nayar, Tartici and Altman 2025, PLoS Comput Biol 21(9):e1013424", "10.1371/journal.pcbi.1013424"),
    ("Vig et al. 2021, ICLR: BERTology meets biology", "10.48550/arXiv.2006.15222"),
    (
        "Rao et al. 2020: Transformer protein language models are unsupervised structure learners",
        "10.1101/2020.12.15.422761",
    ),
    ("Henikoff and Henikoff 1992, PNAS 89:10915: BLOSUM62", "10.1073/pnas.89.22.10915"),
    ("Wilson 1927, J Am Stat Assoc 22:209: the interval of a share", "10.1080/01621459.1927.10502953"),
)


def page(report: Report) -> str:
    """Return the report as one HTML document."""
    title = f"Attention atlas of {report.manifest.source}"
    pieces = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title>\n<style>{read_colours()}{CSS}</style>\n</head>\n<body>",
        *_header(report, title),
        *_contents(report),
        "<main>",
        *(line for shown in report.sections for line in _section(shown, is_restricted=report.proteins is not None)),
        *_list_missing(report),
        *_functions(report),
        "</main>",
        *_footer(),
        "</body>\n</html>\n",
    ]

    return "\n".join(pieces)


def _text(value: object) -> str:
    """Return a text of any origin as HTML, without control characters."""
    return escape(printable(value))


def _words(text: str) -> str:
    """Return a sentence of ours as HTML: what stands between backquotes is code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", _text(text))


def _header(report: Report, title: str) -> Iterator[str]:
    run, counts = report.manifest.run, report.manifest.counts
    yield f"<header>\n<h1>{_text(title)}</h1>"
    yield (
        f"<p>What the protein language model <strong>{_text(run.model)}</strong> ({run.n_layers} layers of "
        f"{run.n_heads} heads; weights: {_text(describe_weights(run))}) attends to in {counts.n_ok:,} proteins "
        f"({counts.n_sequences:,} distinct sequences): "
        f"{counts.n_sites:,} high-attention sites by the rule {_text(run.rule)}. Of {counts.n_requested:,} proteins "
        f"requested, {counts.n_skipped:,} were skipped and {counts.n_failed:,} failed.</p>"
    )

    yield (
        "<p>Below each figure stand what it says, how to read it, the command that asks for its numbers, the SQL "
        "(to be pasted into <code>attlas sql DIR</code>) and the numbers themselves. <code>DIR</code> is the folder or "
        f"the URL of the atlas {_text(report.manifest.atlas_id)}.</p>"
    )

    if report.proteins is not None:
        yield from _restriction_lines(report.proteins)
    items = "\n".join(f"<li>{_text(limit)}</li>" for limit in LIMITS)
    yield '<section class="limits" aria-labelledby="limits">\n<h2 id="limits">What this cannot tell</h2>'
    yield f"<ul>\n{items}\n</ul>\n</section>"
    yield "</header>"


def _restriction_lines(proteins: tuple[str, ...]) -> Iterator[str]:
    data = "".join(f"{accession}\n" for accession in proteins).encode()
    yield (
        f"<p>Restricted to {len(proteins):,} proteins wherever a question can be "
        f"({_download(data, IDS_FILE, 'text/plain')}); other figures say that they are of the whole atlas.</p>"
    )


def _contents(report: Report) -> Iterator[str]:
    yield '<nav aria-labelledby="contents">\n<h2 id="contents">Contents</h2>\n<ol>'
    for shown in report.sections:
        links = "\n".join(
            f'<li><a href="#{figure.figure.name}">{_text(figure.figure.title)}</a></li>'
            for figure in shown.figures
            if isinstance(figure, ShownFigure)
        )
        inner = f"\n<ul>\n{links}\n</ul>\n" if links else ""
        yield f'<li><a href="#{shown.section.name}-section">{_text(shown.section.title)}</a>{inner}</li>'
    yield '<li><a href="#missing-section">What is missing</a></li>'
    yield '<li><a href="#functions-section">Functions that the SQL calls</a></li>\n</ol>\n</nav>'


def _section(shown: ShownSection, *, is_restricted: bool) -> Iterator[str]:
    section = shown.section
    yield f'<section aria-labelledby="{section.name}-section">'
    yield f'<h2 id="{section.name}-section">{_text(section.title)}</h2>'
    if section.intro:
        yield f"<p>{_words(section.intro)}</p>"
    yield from (f'<p class="absent">{_words(text)}</p>' for text in section.absent)
    yield '<div class="figures">'
    for figure in shown.figures:
        if isinstance(figure, ShownFigure):
            yield from _figure(figure, is_restricted=is_restricted)

    yield "</div>"
    yield from _list_absent([figure for figure in shown.figures if isinstance(figure, MissingFigure)])
    yield "</section>"


def _list_absent(figures: list[MissingFigure]) -> Iterator[str]:
    """Yield the lines on the figures that are not shown, once for each reason."""
    for reason in dict.fromkeys((figure.why, figure.command) for figure in figures):
        why, typed = reason
        command = f"; <code>{_text(typed)}</code> adds them" if typed else ""
        titles = [figure.figure.title for figure in figures if (figure.why, figure.command) == reason]
        yield f'<div class="absent">\n<p>Not shown, since {_words(why)}{command}:</p>\n<ul>'
        yield from (f"<li>{_text(title)}</li>" for title in titles)
        yield "</ul>\n</div>"


def _figure(shown: ShownFigure, *, is_restricted: bool) -> Iterator[str]:
    figure = shown.figure
    kind = "table" if shown.picture is None else "half" if shown.picture.is_half else "wide"
    yield f'<figure id="{figure.name}" class="{kind}">\n<h3>{_text(figure.title)}</h3>'
    if figure.draw is None:
        yield _table(shown.rows, N_TABLE_ROWS)
    else:
        yield inline(shown.svg, name=figure.name, alt=printable(f"{figure.title}. {shown.description}"))
    yield f'<figcaption>\n<p>{_text(shown.description)}</p>\n<p class="reading">{_words(figure.reading)}</p>'
    if is_restricted and "proteins" not in shown.bound_question.bound.values:
        yield '<p class="reading">Of the whole atlas: the question takes no set of proteins.</p>'
    yield from _sources(shown)
    yield "</figcaption>\n</figure>"


def _sources(shown: ShownFigure) -> Iterator[str]:
    typed = command(shown.bound_question)
    if typed is not None:
        yield f'<p class="command"><code>{_text(typed)}</code></p>'
    yield f"<details>\n<summary>SQL</summary>\n<pre><code>{escape(shown.bound_question.sql)}</code></pre>"

    calls = ", ".join(
        f'<a href="#function-{f.name}"><code>{f.name}</code></a>' for f in shown.bound_question.question.functions
    )
    functions = f" Functions: {calls}." if calls else ""
    yield f"<p>Source of the method: {_text(shown.bound_question.question.source)}{functions}</p>\n</details>"

    n = shown.rows.num_rows
    link = _download(shown.csv(), f"{shown.figure.name}.csv", "text/csv")
    yield f"<details>\n<summary>Numbers ({n:,} {'row' if n == 1 else 'rows'})</summary>\n<p>{link}</p>"
    if shown.figure.draw is not None:
        yield _table(shown.rows, N_ROWS)
    yield "</details>"


def _download(data: bytes, name: str, kind: str) -> str:
    """Return a link that holds the file itself."""
    body = quote(data, safe="!$'()*,-./:;=?@_~ ")
    return f'<a class="no-print" href="{escape(f"data:{kind};charset=utf-8,{body}")}" download="{name}">{name}</a>'


def _table(rows: pa.Table, n: int) -> str:
    shown = rows.slice(0, n).to_pylist()
    numbers = [pa.types.is_integer(f.type) or pa.types.is_floating(f.type) for f in rows.schema]
    head = _cells(
        "th", rows.schema.names, numbers, docs=[(f.metadata or {}).get(b"doc", b"").decode() for f in rows.schema]
    )
    body = "\n".join(f"<tr>{_cells('td', row.values(), numbers)}</tr>" for row in shown)
    more = f"<p>… {rows.num_rows - n:,} more rows in the file.</p>" if rows.num_rows > n else ""
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>{more}</div>'
    )


def _cells(tag: str, values: Iterable[object], numbers: list[bool], docs: list[str] | None = None) -> str:
    cells = []
    for at, (value, is_number) in enumerate(zip(values, numbers, strict=True)):
        kind = ' class="number"' if is_number else ""
        doc = f' title="{_text(docs[at])}"' if docs and docs[at] else ""
        scope = ' scope="col"' if tag == "th" else ""
        cells.append(f"<{tag}{scope}{kind}{doc}>{_text(value)}</{tag}>")
    return "".join(cells)


def _list_missing(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="missing-section">\n<h2 id="missing-section">What is missing</h2>'
    missing = list(report.missing_figures())
    if not missing:
        yield "<p>Nothing: every figure of the report is shown.</p>\n</section>"
        return
    yield "<p>Figures that this atlas has no numbers for, and what adds them; nothing is built again.</p>\n<ul>"
    for adding in dict.fromkeys(figure.command for figure in missing):
        titles = "; ".join(_text(figure.figure.title) for figure in missing if figure.command == adding)
        yield f"<li>{f'<code>{_text(adding)}</code>' if adding else 'No rows'}: {titles}</li>"
    yield "</ul>\n</section>"


def _functions(report: Report) -> Iterator[str]:
    yield '<section class="no-print" aria-labelledby="functions-section">'
    yield '<h2 id="functions-section">Functions that the SQL calls</h2>'
    yield "<p>They are in every atlas that is opened with <code>attlas sql</code>; this is what they stand for.</p>"
    for function in reached_from("\n".join(figure.bound_question.sql for figure in report.shown_figures())):
        yield f'<details id="function-{function.name}">\n<summary><code>{escape(function.call)}</code></summary>'
        yield f"<p>{_words(' '.join([function.returns, function.notes, function.source]).strip())}</p>"
        yield f"<pre><code>{escape(function.sql)}</code></pre>\n</details>"
    yield "</section>"


def _footer() -> Iterator[str]:
    yield "<footer>\n<p>Made by <code>attlas report</code>. Papers:</p>\n<ul>"
    yield from (f'<li>{_text(name)}, <a href="https://doi.org/{doi}">doi:{doi}</a></li>' for name, doi in PAPERS)
    yield "</ul>\n</footer>"
