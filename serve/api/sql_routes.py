"""SQL of the user's own, in the sandbox of `attlas sql` and in a process that can be killed; only with `--sql`."""

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from attlas.serve.answers import answer_task
from attlas.serve.api.descriptions import BODY_PROBLEMS, PROBLEMS, rows_responses
from attlas.serve.api.parameters import FormatQuery, Limit, refuse_unknown, require_json
from attlas.serve.formats import choose_format, content_type
from attlas.serve.service import Service
from attlas.serve.tasks import SqlTask


class Query(BaseModel):
    """A query."""

    model_config = ConfigDict(extra="forbid", strict=True)

    query: str = Field(description="One SELECT, in DuckDB's SQL; `FROM docs` lists every column.", max_length=100_000)
    limit: Limit = None


def sql_routes(service: Service) -> APIRouter:
    """Return the route of SQL."""
    router = APIRouter(tags=["sql"], dependencies=[Depends(refuse_unknown)])
    responses = rows_responses({"type": "array", "items": {"type": "object"}}, has_etag=False)
    responses |= {504: PROBLEMS[504], **BODY_PROBLEMS}

    # By POST and as JSON only: a page of somebody else's cannot send that to a server on your machine.
    @router.post("/sql", summary="Ask in SQL", responses=responses, dependencies=[Depends(require_json)])
    def sql(request: Request, query: Query, format: FormatQuery = None) -> Response:
        """Answer one SELECT that only reads, as `attlas sql` does."""
        file_format = choose_format(format, request.headers.get("accept"))
        task = SqlTask(query.query, file_format, query.limit)
        headers = {"Content-Type": content_type(file_format)}
        return answer_task(service, request, task, file_format, headers, timeout_s=service.limits.query_s)

    return router
