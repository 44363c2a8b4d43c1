"""The addresses of the pages: each reads the atlas, hands nouns to a function that makes HTML, and answers."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from attlas.queries import Atlas
from attlas.queries.colours import read_colours
from attlas.queries.formats import json_rows
from attlas.queries.lookup.hits import choose_protein
from attlas.schema.json_file import digest
from attlas.serve.answers import answer_file
from attlas.serve.api.export_routes import served_exports
from attlas.serve.api.listing import list_page
from attlas.serve.api.protein_routes import find_match, first_protein
from attlas.serve.api.question_routes import find_question
from attlas.serve.current_atlas import Edition
from attlas.serve.etags import is_unchanged, make_etag, not_modified
from attlas.serve.made_once import MadeOnce
from attlas.serve.pages import protein_list
from attlas.serve.pages.api_page import api_page
from attlas.serve.pages.exports_page import exports_page
from attlas.serve.pages.glance import PANELS, glance_html
from attlas.serve.pages.layout import Frame
from attlas.serve.pages.pair_routes import pair_routes
from attlas.serve.pages.question_pages import question_page, questions_page
from attlas.serve.pages.report_page import waiting_page
from attlas.serve.pages.sql_page import sql_page
from attlas.serve.pages.start_page import start_page
from attlas.serve.protein_page import protein_page
from attlas.serve.service import Service
from attlas.serve.tasks import AskTask, ReportTask

STATIC = Path(__file__).parents[1] / "static"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
N_EXAMPLES = 4
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
"""The report is one file with its styles in it, and has no scripts."""


def page_routes(service: Service, description: dict[str, Any]) -> APIRouter:
    """Return the routes of the pages. `description` is that of the API."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    glance = MadeOnce(lambda edition: make_glance(service, edition))
    _add_start(router, service, glance)
    _add_protein_list(router, service)
    _add_protein(router, service)
    router.include_router(pair_routes(service))
    _add_questions(router, service)
    _add_exports_and_api(router, service, description)
    _add_report(router, service)
    for name, data in read_static_files().items():
        _add_static(router, name, data)

    service.pool.when_started(lambda: glance.begin(service.current.edition()))
    return router


def _frame(service: Service, edition: Edition) -> Frame:
    return Frame.of(edition.atlas.manifest, has_sql=service.has_sql)


def _add_start(router: APIRouter, service: Service, glance: MadeOnce[str]) -> None:
    """Add the start page and its drawings, which it asks for where they are not made yet."""

    @router.get("/")
    def start() -> str:
        edition = service.current.edition()
        glance_to_come = glance.begin(edition)
        is_drawn = glance_to_come.done() and glance_to_come.exception() is None
        drawings = glance_to_come.result() if is_drawn else None
        return start_page(_frame(service, edition), edition.atlas.manifest, examples(edition), drawings)

    # Not in a thread: whoever waits here would keep one from those who look a protein up.
    @router.get("/glance")
    async def glance_fragment() -> str:
        return await asyncio.wrap_future(glance.begin(service.current.edition()))


def _add_protein_list(router: APIRouter, service: Service) -> None:
    """Add the list of proteins, which is also what a search finds."""

    @router.get("/proteins", response_model=None)
    def proteins(q: str | None = None, offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0) -> str | RedirectResponse:
        edition = service.current.edition()
        atlas = edition.atlas
        text = q.strip() if q and q.strip() else None
        if text is not None and (accession := _find_only_protein(atlas, text)) is not None:
            return RedirectResponse(protein_list.protein_path(accession), 303)
        page = list_page(atlas, text, offset, protein_list.PAGE_ROWS)
        return protein_list.list_page(
            _frame(service, edition), list(json_rows(page.rows.to_reader())), page.total, offset, text, page.notes
        )


def _find_only_protein(atlas: Atlas, text: str) -> str | None:
    """Return the accession of the protein that a text means: by an identifier, or words that only one protein has."""
    rows = atlas.match(text).rows
    hit = choose_protein(atlas.search(text)) if not rows else None
    if hit is None and len(rows) != 1:
        return None
    row = rows[0] if hit is None else hit.row
    accession: str = atlas.protein_rows([row], ["accession"])["accession"][0].as_py()
    return accession


def _add_protein(router: APIRouter, service: Service) -> None:
    """Add the page of a protein."""

    @router.get("/protein/{id:path}", response_model=None)
    def protein(request: Request, id: str) -> Response:
        edition = service.current.edition()
        if edition.atlas.match(id).candidates:  # of several proteins: their list
            return RedirectResponse(f"/proteins?{urlencode({'q': id})}", 303)

        accession = first_protein(edition.atlas, find_match(edition.atlas, id)).accession
        structure = service.find_structure(accession)
        etag = make_etag(edition, request, "html", stamp=structure.stamp)
        if is_unchanged(request, etag):
            return not_modified(etag)

        page = protein_page(edition.atlas, accession, place=service.place, structure=structure)
        headers = {"ETag": etag, "Content-Security-Policy": page.policy}
        if page.length >= service.limits.long_protein_residues:
            # Whoever gets no turn is told so before anything is sent.
            with service.long_proteins.turn(page.length):
                return HTMLResponse("".join(page.pieces()), headers=headers)
        return StreamingResponse(page.pieces(), media_type="text/html", headers=headers)


def _add_questions(router: APIRouter, service: Service) -> None:
    """Add the list of questions, the page of each, and that of SQL where it is served."""

    @router.get("/questions")
    def list_questions() -> str:
        edition = service.current.edition()
        return questions_page(_frame(service, edition), edition.atlas.manifest)

    @router.get("/questions/{name}")
    def ask(request: Request, name: str) -> str:
        edition = service.current.edition()
        question = find_question(name)
        return question_page(
            _frame(service, edition), question, edition.atlas.manifest, dict(request.query_params), service.place
        )

    if service.has_sql:

        @router.get("/sql")
        def sql(query: str = "") -> str:
            edition = service.current.edition()
            return sql_page(_frame(service, edition), edition.atlas.manifest, query, service.place)


def _add_exports_and_api(router: APIRouter, service: Service, description: dict[str, Any]) -> None:
    """Add the pages of the exports and of the API."""

    @router.get("/exports")
    def list_exports() -> str:
        return exports_page(_frame(service, service.current.edition()), served_exports())

    @router.get("/api")
    def api(request: Request) -> str:
        edition = service.current.edition()
        return api_page(
            _frame(service, edition), description, str(request.base_url), (examples(edition) or ["P04637"])[0]
        )


def _add_report(router: APIRouter, service: Service) -> None:
    """Add the report, which is made in a process of its own when it is first asked for."""
    report = MadeOnce(lambda edition: make_report(service, edition), discard=lambda path: path.unlink(missing_ok=True))

    @router.get("/report", response_model=None)
    def show_report(request: Request) -> Response:
        edition = service.current.edition()
        report_to_come = report.begin(edition)
        if not report_to_come.done():
            return HTMLResponse(waiting_page(_frame(service, edition)), headers={"Cache-Control": "no-store"})
        etag = make_etag(edition, request, "html")
        if is_unchanged(request, etag):
            return not_modified(etag)
        headers = {"ETag": etag, "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": REPORT_POLICY}
        return answer_file(report_to_come.result(), headers)


def examples(edition: Edition) -> list[str]:
    """Return a few accessions to begin with: of computed proteins, from all over the list."""
    atlas = edition.atlas
    n = atlas.manifest.counts.n_requested
    numbers = sorted({n * i // (2 * N_EXAMPLES) for i in range(2 * N_EXAMPLES)}) if n else []
    rows = atlas.protein_rows(numbers, ["accession", "status", "n_sites"]).to_pylist()
    return [row["accession"] for row in rows if row["status"] == "ok" and row["n_sites"]][:N_EXAMPLES]


def make_glance(service: Service, edition: Edition) -> str:
    """Return the drawings of the start page."""
    answers = {}
    for panel in PANELS:
        answer = service.pool.carry_out(AskTask(panel.question, {}, "json"), timeout_s=service.limits.query_s)
        answers[panel.question] = json.loads(answer.path.read_bytes())
        answer.path.unlink()
    return glance_html(answers)


def make_report(service: Service, edition: Edition) -> Path:
    """Return the file of the report."""
    return service.pool.carry_out(ReportTask(), timeout_s=service.limits.export_s).path


def read_static_files() -> dict[str, bytes]:
    """Return the files that pages load, by name: read once, so that no address can name another file."""
    files = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.suffix in MEDIA_TYPES}
    return {"colours.css": read_colours().encode(), **files}


def _add_static(router: APIRouter, name: str, data: bytes) -> None:
    etag = f'"{digest(data.hex())}"'
    media_type = MEDIA_TYPES[Path(name).suffix]

    @router.get(f"/static/{name}", response_model=None)
    def static(request: Request) -> Response:
        if is_unchanged(request, etag):
            return not_modified(etag)
        return Response(data, media_type=media_type, headers={"ETag": etag})
