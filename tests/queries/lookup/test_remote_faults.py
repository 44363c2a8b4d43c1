"""A server, or a line, that does wrong: no wrong number without an error, no memory, no waiting without end."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.default_cases import each_nth_by_default
from helpers.range_server import ENDLESS_BYTES, Server, serving
from helpers.reading_case import random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.lookup.checked_file import WHOLE_BYTES
from attlas.schema import RESIDUES, BrokenAtlasError, EnvironmentFault, Fault, QuestionError

pytestmark = pytest.mark.slow

N_PROTEINS = 150
QUERIES = (
    "SELECT layer, avg(entropy) AS e FROM heads GROUP BY layer ORDER BY layer",
    "SELECT count(*) AS n, sum(received[3]) AS total FROM residues",
    "SELECT residue, count(*) AS n, sum(share) AS total FROM sites GROUP BY residue ORDER BY residue",
    "SELECT sum(length) AS n, min(md5) AS first FROM proteins",
)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An atlas of two shards whose files are read by blocks, but for the small ones, which are read whole."""
    root = tmp_path_factory.mktemp("faults") / "atlas"
    proteins = [SyntheticProtein(f"A{i:04d}", random_sequence(50 + 3 * i, i)) for i in range(N_PROTEINS)]
    write_atlas(root, proteins, n_layers=12, n_heads=8, n_shards=2)
    sizes = {path.parent.name: path.stat().st_size for path in root.glob("*/*.parquet")}
    assert sizes["sites"] < WHOLE_BYTES < sizes["residues"]
    with serving(root) as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    shared_server.behave()
    yield shared_server
    shared_server.behave()


def _lookup(accession: str) -> Callable[[Atlas], object]:
    return lambda atlas: [
        getattr(atlas, table)(accession).to_pylist() for table in ("protein", "sites", "residues", "heads")
    ]


def _query(text: str) -> Callable[[Atlas], object]:
    return lambda atlas: atlas.sql(text).to_pylist()


def _ask(server: Server, ask: Callable[[Atlas], object]) -> object:
    with Atlas.open(server.url) as opened:
        return ask(opened)


@pytest.mark.parametrize(
    ("ask", "n_tries"),
    each_nth_by_default(
        [(_lookup(f"A{i:04d}"), 24) for i in (0, 70, 149)] + [(_query(text), 13) for text in QUERIES], 6
    ),
    ids=["short", "middle", "long", "heads", "residues", "sites", "proteins"],
)
def test_one_flipped_bit_never_gives_another_answer(
    server: Server, ask: Callable[[Atlas], object], n_tries: int
) -> None:
    with Atlas.open(server.root) as by_path:
        right = ask(by_path)
    assert _ask(server, ask) == right
    n_requests = len(server.requests)
    n_refused = 0
    choose = random.Random(n_requests)
    for attempt in range(n_tries):
        # In turn of every answer: the manifest, tails with footers, digests, pages of dictionaries and of values.
        server.flip = (attempt % n_requests, choose.random())
        try:
            assert _ask(server, ask) == right
        except Fault:
            n_refused += 1
    assert n_refused >= n_tries // 2  # a flip in white space of the manifest, or in what nothing reads, changes nothing


def test_a_flipped_bit_is_reported_with_the_file_and_both_digests(server: Server) -> None:
    with Atlas.open(server.url) as opened:
        server.flip = (0, 0.5)
        with pytest.raises(BrokenAtlasError, match=r"(?s)parquet is not as the manifest says.*sha256.*sha256"):
            opened.residues("A0003")
        assert opened.residues("A0003").num_rows == 59  # asked again, it is read again


def _read(atlas: Atlas, column: str) -> pa.Table:
    """Read a column of a few rows: each lies in blocks of its own, so that each is a request of its own."""
    return atlas.sequence_rows(RESIDUES, 3, [column])


def test_a_file_that_changes_between_two_requests_is_refused(server: Server) -> None:
    for heeds_if_match in (True, False):
        server.etag, server.heeds_if_match = '"1"', heeds_if_match
        with Atlas.open(server.url) as opened:
            assert _read(opened, "position").num_rows == 59
            server.etag = '"2"'
            with pytest.raises(BrokenAtlasError, match=r"(?s)was changed while it was read.*the version \"1\""):
                _read(opened, "received")
        assert server.tags_asked_for == {'"1"'}


def test_a_weak_etag_is_compared_and_not_sent(server: Server) -> None:
    server.etag = 'W/"1"'
    server.heeds_if_match = False  # a weak tag in If-Match would match nothing at a server that heeds it
    with Atlas.open(server.url) as opened:
        assert _read(opened, "position").num_rows == 59
        server.etag = 'W/"2"'
        with pytest.raises(BrokenAtlasError, match="was changed while it was read"):
            _read(opened, "received")
    assert server.tags_asked_for == set()


def test_of_an_answer_longer_than_asked_for_no_more_is_read(server: Server) -> None:
    with Atlas.open(server.url) as opened:
        server.fault, server.n_bytes_beyond = "endless", 0
        assert opened.residues("A0003").num_rows == 59
    assert server.n_bytes_beyond < ENDLESS_BYTES // 8  # what the sockets hold


def test_a_manifest_without_end_is_not_read_to_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attlas.queries.lookup.remote.MOST_MANIFEST_BYTES", 1000)
    with pytest.raises(EnvironmentFault, match=r"manifest\.json could not be read.*(?s:.)*more than 1,000 bytes"):
        Atlas.open(server.url)


@pytest.mark.thorough
@pytest.mark.parametrize("fault", ["silent", "silent to all"])
def test_the_time_limit_of_a_query_holds_while_it_connects(server: Server, fault: str) -> None:
    server.fault = fault
    # A process of its own: it ends at once, with the thread that waits for the network.
    words = [sys.executable, "-m", "attlas.cli.main", "sql", server.url, "SELECT * FROM sites", "--timeout", "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "within 1 s" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
def test_the_time_limit_holds_in_python_too(server: Server) -> None:
    with Atlas.open(server.url) as opened:
        server.fault = "silent"
        with pytest.raises(QuestionError, match=r"could not be opened within 0\.5 s"):
            opened.sql("SELECT * FROM sites", timeout_s=0.5)


@pytest.mark.thorough
def test_a_busy_server_is_asked_again_after_the_delay_it_names(server: Server) -> None:
    server.n_busy, server.retry_after = 2, "0"
    assert _ask(server, _lookup("A0003"))
    server.n_busy, server.retry_after = 1, "1"
    started = time.monotonic()
    assert _ask(server, _lookup("A0003"))
    assert time.monotonic() - started >= 1


def test_a_server_that_stays_busy_or_asks_for_an_hour_is_given_up(server: Server) -> None:
    for n_busy, retry_after in ((100, "0"), (1, "3600"), (1, "Fri, 31 Dec 2100 23:59:59 GMT")):
        server.n_busy, server.retry_after = n_busy, retry_after
        with pytest.raises(EnvironmentFault, match=rf"(?s)could not be read.*503.*wait '{retry_after}'"):
            Atlas.open(server.url)
    assert server.n_busy == 0 or server.n_busy > 90


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Content-Range": "bytes 0-9/" + "9" * 5_000}, "an answer without the range asked for"),
        ({"Content-Range": "bytes " + "9" * 5_000 + "-9/*"}, "an answer without the range asked for"),
        ({"Content-Length": "9" * 5_000}, "could not be read"),
        ({"ETag": "9" * 3_000_000}, "could not be read"),
    ],
    ids=["size", "first byte", "length", "tag"],
)
def test_a_header_of_thousands_of_digits_is_said_in_a_short_sentence(
    server: Server, headers: dict[str, str], words: str
) -> None:
    server.headers.update(headers)
    with pytest.raises(EnvironmentFault, match=words) as caught:
        _ask(server, _lookup("A0003"))
    assert len(str(caught.value)) < 1_000


def test_a_delay_of_thousands_of_digits_is_not_waited_for(server: Server) -> None:
    server.n_busy, server.retry_after = 1, "9" * 5_000
    with pytest.raises(EnvironmentFault, match=r"503.*asks to wait '9{200}…'"):
        Atlas.open(server.url)


def test_a_redirect_is_followed_on_http_a_few_times_and_nowhere_else(server: Server, tmp_path: Path) -> None:
    right = _ask(server, _lookup("A0003"))
    with serving(tmp_path) as front:
        front.redirect = server.url
        assert _ask(front, _lookup("A0003")) == right
        for target, error_name in (("file:///etc/passwd?", "NonHttpUrlRedirect"), (front.url, "TooManyRedirects")):
            front.redirect = target
            with pytest.raises(EnvironmentFault, match=rf"(?s)manifest\.json could not be read.*{error_name}"):
                Atlas.open(front.url)


def test_verify_reads_every_file_behind_a_url_and_names_every_fault(
    attlas: Callable[..., object], server: Server, tmp_path: Path
) -> None:
    done = attlas("verify", server.url)
    assert (done.code, done.err) == (0, "")
    assert "whole; 11 files" in done.out
    n_bytes = sum(path.stat().st_size for path in server.root.glob("*/*.parquet"))
    assert sum(n for path, n in server.requests if path.endswith(".parquet")) == n_bytes

    root = shutil.copytree(server.root, tmp_path / "copy")
    (root / "heads" / "shard-00001.parquet").unlink()
    harmed = root / "residues" / "shard-00002.parquet"
    content = bytearray(harmed.read_bytes())
    content[1000] ^= 1
    harmed.write_bytes(content)
    shorter = root / "sites" / "shard-00002.parquet"
    shorter.write_bytes(shorter.read_bytes()[:-10])
    with serving(root) as other:
        done = attlas("verify", other.url, "--json")
    assert done.code == 1
    texts = json.loads(done.out)["problems"]
    assert [text.split(":")[0] for text in texts] == [
        "heads/shard-00001.parquet",
        "residues/shard-00002.parquet",
        "sites/shard-00002.parquet",
    ]
    assert "There is no http" in texts[0]
    assert "sha256" in texts[1]
