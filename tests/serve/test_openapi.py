"""The API's description of itself is valid, whole, and says what the columns say."""

import pytest
import schemathesis
from fastapi import FastAPI
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from attlas.queries.asking.questions import questions
from attlas.queries.engine.views import describe_column
from attlas.schema import SITES

API = "/api/v1"


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
def test_schemathesis_finds_no_failure(app: FastAPI) -> None:
    schema = schemathesis.openapi.from_asgi(f"{API}/openapi.json", app)
    for operation in schema.get_all_operations():
        operation.ok()
