"""The start page: what atlas this is, the search, the proteome at a glance. Pure: texts in, HTML out."""

from collections.abc import Iterator, Sequence

from attlas.queries.asking.question import TOPICS
from attlas.queries.asking.questions import questions
from attlas.queries.text import counted
from attlas.schema import Manifest
from attlas.serve.pages.layout import Frame, page, search_form, show
from attlas.serve.pages.protein_list import protein_path

GLANCE_PATH = "/glance"


def start_page(frame: Frame, manifest: Manifest, examples: Sequence[str], glance: str | None) -> str:
    """Return the start page. `glance` is None while its questions are being answered."""
    return page(frame, f"Attention atlas of {frame.source}", _body(frame, manifest, examples, glance), has_search=False)


def _body(frame: Frame, manifest: Manifest, examples: Sequence[str], glance: str | None) -> Iterator[str]:
    counts, run = manifest.counts, manifest.run
    yield f'<section class="opening"><h1>Attention atlas of {show(frame.source)}</h1>'
    yield (
        f"<p>What the attention of {show(run.model)} says of {counted(counts.n_requested, 'protein')}: "
        f"{counted(counts.n_sites, 'high-attention site')}, and every residue and head of "
        f"{counted(run.n_layers, 'layer')} × {counted(run.n_heads, 'head')}.</p>"
    )
    yield search_form()
    links = ", ".join(f'<a href="{show(protein_path(accession))}">{show(accession)}</a>' for accession in examples)
    yield f'<p class="examples">For example {links}; or <a href="/proteins">all proteins</a>.</p></section>'

    yield '<section><h2 id="glance-title">At a glance</h2>'
    if glance is None:
        yield (
            f'<div class="glance" data-load="{GLANCE_PATH}" aria-live="polite" aria-labelledby="glance-title">'
            f'<p>The proteins are being counted … <a href="{GLANCE_PATH}">see</a></p></div>'
        )
    else:
        yield f'<div class="glance">{glance}</div>'
    yield "</section>"

    n_questions = {topic: sum(question.topic == topic for question in questions()) for topic in TOPICS}
    yield '<section><h2>Ask</h2><ul class="topics">'
    for topic, n in n_questions.items():
        yield f'<li><a href="/questions#{show(topic.replace(" ", "-"))}">{show(topic)}</a> <span>{n}</span></li>'
    yield '</ul><p>Or read the <a href="/report">report</a>: every figure of this atlas on one page.</p></section>'
