"""The checksum of rows: of their documented form, whatever JSON makes of them."""

import hashlib
import json

import pytest

from attlas.assistant.canonical import canonical_bytes, rows_sha256

pytestmark = pytest.mark.slow


def test_the_checksum_is_of_the_documented_form() -> None:
    columns, rows = ["é", "n"], [['a"\n', 1.0], [None, 1 / 3], [[True, {"b": 2, "a": 1}], 10**20]]
    text = (
        '{"columns":["é","n"],"rows":[["a\\"\\n",1],[null,0.3333333333],[[true,{"a":1,"b":2}],100000000000000000000]]}'
    )
    assert canonical_bytes(columns, rows) == text.encode()
    assert rows_sha256(columns, rows) == hashlib.sha256(text.encode()).hexdigest()


def test_the_checksum_survives_json_and_the_last_digits_of_a_sum() -> None:
    rows = [[0.1 + 0.2, 1e300, -5.0, 12345.678901234]]
    again = [[0.3, 1e300, -5, 12345.678901235]]
    assert rows_sha256(["a"], rows) == rows_sha256(["a"], json.loads(json.dumps(again)))
    assert rows_sha256(["a"], rows) != rows_sha256(["a"], [[0.3000001, 1e300, -5, 12345.678901234]])
