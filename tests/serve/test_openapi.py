"""The API's description of itself is valid, whole, and says what the columns say."""

import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from attlas.queries.asking.questions import questions
from attlas.queries.engine.views import describe_column
from attlas.schema import SITES
from attlas.serve.app import make_app
from attlas.serve.server import open_socket

pytestmark = pytest.mark.slow

API = "/api/v1"


@pytest.mark.thorough
def test_the_description_is_valid_openapi(client: TestClient) -> None:
    validate(client.get(f"{API}/openapi.json").json())


def test_columns_and_parameters_are_described_in_the_words_of_the_tables_and_questions(client: TestClient) -> None:
    paths = client.get(f"{API}/openapi.json").json()["paths"]
    schema = paths[f"{API}/proteins/{{id}}/sites"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    properties = schema["items"]["properties"]
    assert {name: value["description"] for name, value in properties.items()} == {
        column.name: describe_column(column) for column in SITES.columns
    }
    for question in questions():
        operation = paths[f"{API}/questions/{question.name}"]["get"]
        names = [parameter["name"] for parameter in operation["parameters"]]
        assert names == [*(parameter.name for parameter in question.parameters), "format", "limit"]


def test_every_operation_has_a_name_of_its_own(client: TestClient) -> None:
    paths = client.get(f"{API}/openapi.json").json()["paths"]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(names) == len(set(names))


@pytest.mark.thorough
def test_schemathesis_finds_no_failure(atlas_dir: Path) -> None:
    app = make_app(atlas_dir, has_sql=True)
    with open_socket("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}{API}/openapi.json"
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()

        # A text may be no id, no SQL and no alignment, however valid it is as a text: 422 is the answer to it.
        options = ["--exclude-checks", "positive_data_acceptance", "--max-examples", "15", "--seed", "15"]
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", *options, url]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        server.should_exit = True
        thread.join(20)
    assert result.returncode == 0, result.stdout[-8_000:]
