"""The addresses of pairs: the list of those of a protein, and the page of one. Workers make both, as both ask SQL."""

import json

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from attlas.queries.store import lacks_table
from attlas.schema import PAIR_HEADS, QuestionError
from attlas.serve.answers import FileResponse
from attlas.serve.api.protein_routes import find_match, first_protein
from attlas.serve.etags import CACHING, is_unchanged, make_etag, not_modified
from attlas.serve.pages import pair_list
from attlas.serve.pages.layout import Frame
from attlas.serve.problems import HttpProblem
from attlas.serve.protein_page import pair_policy
from attlas.serve.service import Service
from attlas.serve.tasks import AskTask, PairPageTask, Task
from attlas.serve.worker_pool import FileAnswer


def pair_routes(service: Service) -> APIRouter:
    """Return the routes of pairs. Ids are in the query: two in a path could not be told apart."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    def carry_out(request: Request, task: Task) -> FileAnswer:
        has_left = request.state.has_left.is_set
        return service.pool.carry_out(task, timeout_s=service.limits.query_s, has_left=has_left)

    @router.get("/pairs")
    def list_pairs(request: Request, id: str) -> str:
        edition = service.current.edition()
        atlas = edition.atlas
        if not any(file.n_rows for file in atlas.manifest.of_table(PAIR_HEADS)):
            raise HttpProblem(404, lacks_table(PAIR_HEADS))

        accession, layer = first_protein(atlas, find_match(atlas, id)).accession, atlas.n_layers - 1
        question = AskTask("pair_summary", {"proteins": [accession], "layers": [layer]}, "json", pair_list.PAGE_ROWS)
        answer = carry_out(request, question)
        rows = json.loads(answer.path.read_bytes())
        answer.path.unlink()

        frame = Frame.of(atlas.manifest, has_sql=service.has_sql)
        return pair_list.pair_list_page(frame, accession, rows, layer=layer, has_more=answer.outcome.has_more)

    @router.get("/pair", response_model=None)
    def pair(request: Request, id: str, partner: str, form: str | None = None) -> Response:
        edition = service.current.edition()
        etag = make_etag(edition, request, "html")
        if is_unchanged(request, etag):
            return not_modified(etag)

        accession, other = (
            first_protein(edition.atlas, find_match(edition.atlas, name)).accession for name in (id, partner)
        )
        try:
            answer = carry_out(request, PairPageTask(accession, other, form, service.place))
        except QuestionError as error:  # no such pair, or not in this form
            raise HttpProblem(404, error) from error
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": pair_policy()}
        return FileResponse(answer.path, {**CACHING, "ETag": etag, **headers})

    return router
