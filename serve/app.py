"""`make_app`: an atlas as a web application (ASGI), its API at `/api/v1` and its pages."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from attlas.queries.page.structure_folder import StructureFolder
from attlas.schema import Fault
from attlas.serve.api.atlas_routes import atlas_routes
from attlas.serve.api.export_routes import export_routes
from attlas.serve.api.openapi import describe_api
from attlas.serve.api.protein_routes import protein_routes
from attlas.serve.api.question_routes import question_routes
from attlas.serve.api.sql_routes import sql_routes
from attlas.serve.current_atlas import CurrentAtlas
from attlas.serve.guards import Guard
from attlas.serve.limits import Limits
from attlas.serve.long_proteins import LongProteins
from attlas.serve.pages.error_page import error_page
from attlas.serve.pages.layout import Frame
from attlas.serve.pages.routes import examples, page_routes
from attlas.serve.problems import add_handlers
from attlas.serve.protein_page import protein_page
from attlas.serve.service import Service
from attlas.serve.worker_pool import BusyError, WorkerPool

API = "/api/v1"
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
"""Names of this machine for itself, which every server accepts."""
MEMORY_SHARE = 50
"""Percent of the machine's memory that all workers may take together by default."""
QUIET_S = 3.0
"""Seconds without a request after which a server prepares answers for later."""
WARM_UP = "attlas-warm-up"
"""Name of the thread that prepares the first answers."""


def make_app(
    place: str | Path,
    *,
    has_sql: bool = False,
    hosts: Sequence[str] = (),
    memory_limit: str | None = None,
    limits: Limits | None = None,
    shown_place: str | None = None,
    structures: Path | None = None,
) -> FastAPI:
    """Return the application of an atlas in a directory or behind a URL. Its shutdown ends the workers.

    Args:
        place: directory or URL of the atlas.
        has_sql: whether users may write their own SQL.
        hosts: names by which the server may be called, besides `127.0.0.1` and `localhost`; `*` is any.
        memory_limit: memory that one query may take, such as `4GB` or `25%`.
        limits: sizes and times above which requests are refused.
        shown_place: name of the atlas in the command lines on the pages; default: `place`.
        structures: folder of the structure files that the pages draw, each named after its protein.

    Raises:
        BrokenAtlasError: there is no such atlas, or it is not whole.
        InputError: the folder of structures cannot be listed.
        EnvironmentFault: structures are read by gemmi, which is not installed.
    """
    service = open_service(
        place,
        has_sql=has_sql,
        memory_limit=memory_limit,
        limits=limits or Limits(),
        shown_place=shown_place or str(place),
        structures=structures,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        Thread(target=_prepare_answers, args=(service,), daemon=True, name=WARM_UP).start()
        yield
        service.close()

    app = FastAPI(
        title="attlas",
        version=version("attlas"),
        lifespan=lifespan,
        # FastAPI's own pages load scripts from elsewhere; attlas has the page `/api`.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    add_handlers(app, lambda problem: error_page(_frame(service), problem.status, problem.fault))
    _add_routes(app, service)
    app.add_middleware(Guard, hosts=(*LOCAL_NAMES, *hosts), limits=service.limits, traffic=service.traffic)
    return app


def open_service(
    place: str | Path,
    *,
    has_sql: bool,
    memory_limit: str | None,
    limits: Limits,
    shown_place: str,
    structures: Path | None,
) -> Service:
    """Open an atlas and return it with an empty pool of workers."""
    folder = None
    if structures is not None:
        folder = StructureFolder.open(structures, max_bytes=limits.structure_bytes, n_files=limits.n_structures)

    pool = WorkerPool(
        str(place),
        memory_limit=memory_limit or f"{MEMORY_SHARE // limits.n_workers}%",
        max_bytes=limits.answer_bytes,
        n_workers=limits.n_workers,
        n_waiting=limits.n_waiting,
        pending_bytes=limits.pending_bytes,
    )
    return Service(CurrentAtlas(place), pool, limits, LongProteins(limits), has_sql, shown_place, folder)


def read_first_page(app: FastAPI) -> None:
    """Read the page of a protein, which loads what all pages need, so that the first visitor does not wait for it.

    It is read in a thread of an event loop, as the server's pages are, which loads what runs these, too. Errors are
    ignored here: whoever asks for a page will see them.
    """
    asyncio.run(run_in_threadpool(_read_page, app.state.service))


def _read_page(service: Service) -> None:
    with suppress(Fault):
        edition = service.current.edition()
        for accession in examples(edition)[:1]:
            structure = service.find_structure(accession)
            list(protein_page(edition.atlas, accession, place=service.place, structure=structure).pieces())


def _prepare_answers(service: Service) -> None:
    """Start a worker, and the answers that visitors will soon need, after `QUIET_S` without a request.

    The start takes a second of a processor, which the browser of the first visitor needs. Errors are ignored here:
    whoever asks for such an answer will see them.
    """
    while (left_s := QUIET_S - service.traffic.quiet_s()) > 0:
        if service.pool.wait_for_closing(left_s):
            return
    with suppress(Fault, BusyError):
        service.pool.start()


def _frame(service: Service) -> Frame:
    return Frame.of(service.current.edition().atlas.manifest, has_sql=service.has_sql)


def _add_routes(app: FastAPI, service: Service) -> None:
    routers = [atlas_routes, protein_routes, question_routes, export_routes]
    for make_routes in (*routers, *([sql_routes] if service.has_sql else [])):
        app.include_router(make_routes(service), prefix=API)

    # This comes before the pages are added, because their addresses are not part of the API.
    description: dict[str, Any] = describe_api(app)
    app.include_router(page_routes(service, description))

    @app.get(f"{API}/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> Response:
        return JSONResponse(description)
