"""The atlas itself: what it holds and how it was computed, and what its columns mean."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from attlas.queries import description
from attlas.queries.lookup.settings import settings_of_tables
from attlas.serve.answers import answer_json
from attlas.serve.api.descriptions import TEXT, json_responses
from attlas.serve.api.parameters import refuse_unknown
from attlas.serve.service import Service

COLUMN_SCHEMA = {
    "type": "array",
    "items": {"type": "object", "properties": dict.fromkeys(("table", "column", "type", "unit", "doc"), TEXT)},
}


def atlas_routes(service: Service) -> APIRouter:
    """Return the routes of the atlas."""
    router = APIRouter(tags=["atlas"], dependencies=[Depends(refuse_unknown)])

    @router.get("/atlas", summary="The atlas", responses=json_responses({"type": "object"}))
    def atlas(request: Request) -> Response:
        """Say what the atlas holds and how it was computed, as `attlas info --json` does."""
        edition = service.current.edition()
        manifest = edition.atlas.manifest

        def describe() -> dict[str, object]:
            return description.to_json(manifest, settings_of_tables(edition.atlas.root, manifest))

        return answer_json(request, edition, describe)

    @router.get("/columns", summary="The columns of its tables", responses=json_responses(COLUMN_SCHEMA))
    def columns(request: Request) -> Response:
        """Describe every column of every table: type, unit, meaning."""
        edition = service.current.edition()
        return answer_json(request, edition, lambda: description.columns_to_json(edition.atlas.manifest))

    return router
