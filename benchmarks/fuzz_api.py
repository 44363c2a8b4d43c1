"""How many of many fuzzed requests to the API end in an error of the server (5xx), and how fast they are answered.

Run as `python benchmarks/fuzz_api.py ATLAS [--requests 100000] [--seed 15]`. The requests are those of
`tests/helpers/fuzzed_requests.py`: addresses that exist with values that may not, damaged bodies, foreign names. They
go to the application itself, without a socket between. Prints a table of statuses; the exit code is 1 if any request
ended in a 5xx, and each is printed.
"""

import argparse
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.asgi import RawRequest, RawResponse, send_all
from helpers.fuzzed_requests import fuzzed_requests

from attlas.queries import Atlas
from attlas.queries.asking.questions import questions
from attlas.serve.app import make_app

BATCH = 1_000
"""Requests that are sent between two lines of progress."""
N_IDS = 200
"""Accessions of the atlas that requests name."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("atlas", type=Path)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=15)
    options = parser.parse_args()

    with Atlas.open(options.atlas) as atlas:
        ids = atlas.sql(f"SELECT accession FROM proteins ORDER BY accession LIMIT {N_IDS}")["accession"].to_pylist()
    parameters = {question.name: [parameter.name for parameter in question.parameters] for question in questions()}
    requests = fuzzed_requests(options.requests, seed=options.seed, ids=ids, questions=parameters)

    app = make_app(options.atlas, has_sql=True)
    started = time.monotonic()
    statuses, n_failed = Counter[int](), 0
    while batch := list(islice(requests, BATCH)):
        responses = send_all(app, batch)
        statuses.update(response.status for response in responses)
        n_failed += _print_failures(batch, responses)
        print(f"{statuses.total():>7,} requests, {n_failed} failed", file=sys.stderr)
    seconds = time.monotonic() - started
    app.state.service.close()

    for status, n in sorted(statuses.items()):
        print(f"{status}  {n:>8,}")
    print(f"{statuses.total():,} requests in {seconds:.0f} s; {n_failed} failed")
    return 1 if n_failed else 0


def _print_failures(requests: list[RawRequest], responses: list[RawResponse]) -> int:
    failures = [
        (request, response) for request, response in zip(requests, responses, strict=True) if response.status >= 500
    ]
    for request, response in failures:
        print(request, response, sep="\n", end="\n\n")
    return len(failures)


if __name__ == "__main__":
    sys.exit(main())
