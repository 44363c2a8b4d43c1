"""The servers of the tests: the small atlas of the reading room, and the one written by hand with annotation."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from helpers.annotated import annotate, link
from helpers.handmade import write_handmade
from starlette.testclient import TestClient

from attlas.serve.app import make_app

BASE_URL = "http://127.0.0.1"


@pytest.fixture(scope="session")
def app(atlas_dir: Path) -> Iterator[FastAPI]:
    """Return the application of the small atlas, with SQL."""
    application = make_app(atlas_dir, has_sql=True)
    yield application
    application.state.service.close()


@pytest.fixture(scope="session")
def client(app: FastAPI) -> TestClient:
    """Return a client of it; an error of the server is a response here, as it is for anybody else."""
    return TestClient(app, base_url=BASE_URL, raise_server_exceptions=False)


@pytest.fixture(scope="session")
def annotated_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the atlas written by hand, with features and links."""
    root = tmp_path_factory.mktemp("served") / "atlas"
    write_handmade(root)
    annotate(root, [("A1", "Active site", 3, 3), ("A2", "Motif", 2, 4), ("A1", "Motif", 1, 2)])
    link(root, {"A1": {(0, 0, 1, 3): 0.5, (0, 1, 2, 3): 0.2}})
    return root


@pytest.fixture(scope="session")
def annotated_client(annotated_dir: Path) -> Iterator[TestClient]:
    """Return a client of it; without SQL."""
    application = make_app(annotated_dir)
    yield TestClient(application, base_url=BASE_URL, raise_server_exceptions=False)
    application.state.service.close()
