"""Requests to the API as nobody should send them, from a seed: the same seed gives the same requests."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from attlas.queries.exports.catalogue import EXPORTS
from attlas.schema import TABLES
from helpers.asgi import HOST, RawRequest

API = "/api/v1"
TABLE_NAMES = (*(table.name for table in TABLES), "page")
"""What may stand behind a protein; few of them do for every table."""
PLACES = ("atlas", "columns", "questions", "exports", "openapi.json", "sql", "lookup", "nothing")
TEXTS = (
    "", " ", "\0", "a\0b", "../../etc/passwd", "..%2f..%2fetc", "%", "%zz", "\ud800", "Ω" * 50, "\x1b[31m", "null",
    "-1", "0", "1e999", "nan", "9" * 400, "true", "@/etc/passwd", "@", "-", "/dev/stdin", "'; DROP TABLE proteins --",
    "<script>alert(1)</script>", "a,b,,c", ",", "{}", "[]", "A" * 3000, "P04637@9606", "sp|P04637|P53_HUMAN",
    "d41d8cd98f00b204e9800998ecf8427e", "\r\nSet-Cookie: a=b", "P04637/sites", "=", "*", "?", "#", "\\", "..",
)  # fmt: skip
NAMES = (
    "q",
    "offset",
    "limit",
    "format",
    "layers",
    "ids",
    "safe_for_spreadsheets",
    "width",
    "n",
    "proteins",
    "foo",
    "",
)
VALUES = ("1", "2", "3", "10", "0.5", "all", "every", "K", "A,C", "0,1", "0-999999999999", "Active site", "Pfam")
PAGES = (
    *("/", "/proteins", "/questions", "/questions/lengths", "/questions/links_of", "/sql", "/api", "/exports"),
    *("/glance", "/report", "/static/pages.js"),
)
FORMATS = ("json", "csv", "tsv", "arrow", "parquet", "xml", "")
ACCEPTS = ("*/*", "text/csv", "application/json;q=0", "text/html", ";;;,,,", "a/b;q=x", "application/*;q=0.5", "\xff")
QUERIES = (
    "SELECT 1", "SELECT * FROM proteins", "SELECT", "FROM docs", "DROP TABLE proteins", "SELECT 1; SELECT 2", "",
    "SELECT * FROM '/etc/passwd'", "SELECT * FROM read_text('/etc/passwd')", "COPY proteins TO '/tmp/x'", "SELECT $1",
    "SELECT 1/0", "SELECT 'a'::INTEGER", "SELECT \0", "PRAGMA version", "SELECT 1 AS a, 2 AS a", "ATTACH 'x'",
    "SELECT NULL", "SELECT 'NaN'::FLOAT", "SELECT [1, NULL]", "SELECT {'a': 1}", "SELECT DATE '99999-01-01'",
)  # fmt: skip


Questions = Mapping[str, Sequence[str]]
"""The names of the parameters of each question."""


def fuzzed_requests(n: int, *, seed: int, ids: Sequence[str], questions: Questions) -> Iterator[RawRequest]:
    """Yield `n` requests: addresses that exist with values that may not, and addresses that do not exist."""
    dice = random.Random(seed)
    for _ in range(n):
        yield _request(dice, ids, questions)


def _request(dice: random.Random, ids: Sequence[str], questions: Questions) -> RawRequest:
    method = dice.choices(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "BREW"), (66, 14, 5, 2, 2, 2, 1))[0]
    path, names = _path(dice, ids, questions)
    if method == "POST":
        path = dice.choice((f"{API}/lookup", f"{API}/sql", f"{API}/ask", path))
    headers = [HOST] if dice.random() < 0.97 else [(b"host", _encoded(dice.choice(TEXTS)))]
    if dice.random() < 0.3:
        headers.append((b"accept", _encoded(dice.choice(ACCEPTS))))
    if dice.random() < 0.2:
        headers.append((b"if-none-match", _encoded(dice.choice((*TEXTS, "*", 'W/"0"')))))

    body = b""
    if method in ("POST", "PUT"):
        kind = b"application/json" if dice.random() < 0.9 else _encoded(dice.choice(TEXTS))
        headers.append((b"content-type", kind))
        body = _body(dice, ids, questions)
    return RawRequest(method, _target(dice, path, names, ids), tuple(headers), body)


def _path(dice: random.Random, ids: Sequence[str], questions: Questions) -> tuple[str, Sequence[str]]:
    """Return a path, and the names of parameters that it may take."""
    id = dice.choice(ids) if dice.random() < 0.5 else dice.choice(TEXTS)
    question = dice.choice(list(questions))
    export = dice.choice((*EXPORTS, dice.choice(TEXTS)))
    paths: tuple[tuple[str, Sequence[str]], ...] = (
        (f"{API}/proteins/{_quoted(dice, id)}/{dice.choice(TABLE_NAMES)}", ("format",)),
        (f"{API}/proteins/{_quoted(dice, id)}", ("layers", "format")),
        (f"{API}/proteins", ("q", "offset", "limit", "format")),
        (f"{API}/exports/{export}", ("ids", "layer", "head", "safe_for_spreadsheets")),
        (f"{API}/questions/{question}", ("format", "limit", *questions[question])),
        (f"{API}/{dice.choice(PLACES)}", NAMES),
        (f"{dice.choice(PAGES)}", ("q", "offset", "query", "proteins")),
        (f"/protein/{_quoted(dice, id)}", NAMES),
        (dice.choice(("/pair", "/pairs")), ("id", "partner", "form")),
        (f"/{_quoted(dice, dice.choice(TEXTS))}", NAMES),
    )
    return dice.choices(paths, (28, 18, 12, 4, 7, 6, 8, 8, 4, 8))[0]


def _target(dice: random.Random, path: str, names: Sequence[str], ids: Sequence[str]) -> bytes:
    pairs = []
    for _ in range(dice.choice((0, 0, 1, 1, 2, 4))):
        name = dice.choice(names) if dice.random() < 0.9 else dice.choice(NAMES)
        value = dice.choice(FORMATS) if name == "format" else dice.choice((*TEXTS, *VALUES, *dice.choices(ids, k=5)))
        pairs.append(f"{_quoted(dice, name)}={_quoted(dice, value)}")
    target = path + ("?" + "&".join(pairs) if pairs else "")
    return target.encode("utf-8", "replace")


def _quoted(dice: random.Random, text: str) -> str:
    """Return a text percent-encoded as a client does, or as it is."""
    return quote(text.encode("utf-8", "replace"), safe="") if dice.random() < 0.8 else text


def _body(dice: random.Random, ids: Sequence[str], questions: Questions) -> bytes:
    some_ids = dice.choices([*ids, *TEXTS], k=dice.choice((0, 1, 3, 30)))
    values: tuple[object, ...] = (
        {"ids": some_ids},
        {"ids": some_ids, "taxon": dice.choice([9606, 10**400, "Homo sapiens", None, *TEXTS])},
        {"ids": dice.choice(TEXTS)},
        {"query": dice.choice(QUERIES), "limit": dice.choice((None, 1, 0, -1, "x", 2.5))},
        {"query": dice.choice(QUERIES)},
        {"question": dice.choice((*questions, *TEXTS)), "parameters": {dice.choice(NAMES): dice.choice(TEXTS)}},
        {"question": "lengths", "parameters": dice.choice(([], None, 1, {"a": {"b": []}}))},
        dice.choice((None, 1, [], "text", {})),
    )
    data = json.dumps(dice.choice(values)).encode()
    damage = dice.random()
    if damage < 0.05:
        return data[: len(data) // 2]
    return b"[" * 100_000 if damage < 0.055 else b"\xff\xfe" + data if damage < 0.08 else data


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
