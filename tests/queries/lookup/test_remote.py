"""An atlas opened by URL: the same answers, few bytes, no way out; a server on loopback counts what it sends."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.changed_manifest import change_file
from helpers.range_server import Server, serving
from helpers.reading_case import PROTEINS, random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.answers.one_id import answer_id
from attlas.queries.lookup.storage import find_root
from attlas.schema import HEADS, RESIDUES, SITES, BrokenAtlasError, EnvironmentFault, QuestionError

pytestmark = pytest.mark.slow

OUTSIDE = [
    "../secret.parquet",
    "sites/../../secret.parquet",
    "proteins/../../secret.parquet",
    "/etc/passwd",
    "http://127.0.0.1:1/x.parquet",
    "sites/%2e%2e/%2e%2e/secret.parquet",
    "sites\\..\\secret.parquet",
    "sites/shard-00001.parquet",
    "a::b",
    ".hidden",
    "",
]
COMPUTED = [p.accession for p in PROTEINS if p.status == "ok"]


@pytest.fixture(scope="module")
def shared(atlas_dir: Path) -> Iterator[Server]:
    with serving(atlas_dir) as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    shared.behave()
    return shared


@pytest.fixture
def far(server: Server) -> Iterator[Atlas]:
    with Atlas.open(server.url) as opened:
        yield opened


@pytest.mark.parametrize("accession", COMPUTED)
def test_every_lookup_answers_as_by_path(far: Atlas, atlas: Atlas, accession: str) -> None:
    assert far.protein(accession).equals(atlas.protein(accession))
    for table in (SITES, RESIDUES, HEADS):
        assert getattr(far, table.name)(accession).equals(getattr(atlas, table.name)(accession))


@pytest.mark.parametrize("name", ["sp|P04637|P53_HUMAN", "CALM1_HUMAN", "CALM1", "Q00003", "p04637", "nobody"])
def test_every_kind_of_id_answers_as_by_path(far: Atlas, atlas: Atlas, name: str) -> None:
    local_answers, remote_answers = answer_id(atlas, name), answer_id(far, name)
    assert [a.to_json(far.manifest) for a in remote_answers] == [a.to_json(atlas.manifest) for a in local_answers]


@pytest.mark.parametrize(
    "query",
    [
        "FROM docs",
        "SELECT count(*) AS n FROM sites",
        "SELECT * FROM residues WHERE accession = 'P0DP24' ORDER BY position",
        "SELECT layer, head, avg(entropy) AS e FROM heads GROUP BY ALL ORDER BY ALL",
        "SELECT accession, reason FROM proteins WHERE status <> 'ok' ORDER BY 1",
    ],
)
def test_sql_answers_as_by_path(far: Atlas, atlas: Atlas, query: str) -> None:
    assert far.sql(query).to_pylist() == atlas.sql(query).to_pylist()


def test_the_manifest_may_be_named_and_a_slash_may_stand_at_the_end(server: Server) -> None:
    for url in (f"{server.url}/", f"{server.url}/manifest.json"):
        with Atlas.open(url) as opened:
            assert opened.sites("P0DP23").num_rows == 3
    assert {path for path, _ in server.requests} >= {"manifest.json", "names/names-00001-of-00001.parquet"}


def test_other_kinds_of_url_are_read_through_fsspec(atlas_dir: Path, atlas: Atlas) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(atlas_dir), "/far", recursive=True)
    try:
        for url in ("memory://far", f"file://{atlas_dir}"):
            with Atlas.open(url) as opened:
                assert opened.residues("P04637").equals(atlas.residues("P04637"))
                assert opened.sql("FROM sites ORDER BY ALL").equals(atlas.sql("FROM sites ORDER BY ALL"))
    finally:
        memory.rm("/far", recursive=True)


@pytest.fixture(scope="module")
def large_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An atlas of 24 MB, as deep as ESM-2 650M, in one file per table as a release has it."""
    root = tmp_path_factory.mktemp("large") / "atlas"
    proteins = [SyntheticProtein(f"A{i:04d}", random_sequence(50 + i % 900, i)) for i in range(450)]
    write_atlas(root, proteins, n_layers=33, n_heads=20, n_shards=1)
    with serving(root) as server:
        yield server


@pytest.fixture
def large(large_server: Server) -> Iterator[Server]:
    large_server.behave()
    yield large_server
    large_server.behave()


def test_a_lookup_reads_a_footer_and_a_row_group_of_each_table(large: Server) -> None:
    sizes = {path.relative_to(large.root).as_posix(): path.stat().st_size for path in large.root.rglob("*.*")}
    large.forget()
    with Atlas.open(large.url) as opened:
        (answer,) = answer_id(opened, "A0300")
    assert len(answer.profile or ()) == 350
    assert large.n_bytes < 0.09 * sum(sizes.values())
    assert len(large.requests) <= 11  # the manifest; of each table its footer, in one or two, and its columns
    assert (
        max(n for path, n in large.requests if path.startswith("residues"))
        < 0.09 * sizes["residues/shard-00001.parquet"]
    )


@pytest.mark.thorough
def test_a_count_reads_no_column_of_the_table_but_its_key(large: Server) -> None:
    with Atlas.open(large.url) as opened:
        opened.sql("SELECT * FROM heads LIMIT 0")  # the first query of a table reads its footers
        large.forget()
        n_heads = opened.sql("SELECT count(*) AS n FROM heads").to_pylist()[0]["n"]
        assert n_heads == 450 * 660
        assert large.n_bytes == 0  # nothing of it, nor of `proteins`: footers say how many rows there are
        large.forget()
        opened.sql("SELECT count(*) AS n FROM proteins WHERE accession = 'A0001'")
        assert large.n_bytes < 100_000


def test_only_the_columns_asked_for_are_read(large: Server) -> None:
    with Atlas.open(large.url) as opened:
        large.forget()
        opened.sequence_rows(RESIDUES, 100, ["position"])
        narrow = large.n_bytes
        large.forget()
        opened.sequence_rows(RESIDUES, 100, ["position", "received"])
        assert large.n_bytes > narrow + 100_000


@pytest.mark.thorough
def test_threads_that_share_a_file_read_what_each_asked_for(large: Server) -> None:
    with Atlas.open(large.url) as opened:
        (file,) = opened.manifest.of_table(HEADS)
    content = (large.root / file.path).read_bytes()
    shared = find_root(large.url).open(file)

    def is_right(i: int) -> bool:
        at = i * 7919 % (len(content) - 100)
        shared.seek(at)
        return shared.read(100) == content[at : at + 100]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads change places between any two lines
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(is_right, range(400)))
    finally:
        sys.setswitchinterval(interval)


def test_a_url_without_an_atlas_says_so(server: Server) -> None:
    with pytest.raises(BrokenAtlasError, match=r"There is no http://127.*/elsewhere/manifest\.json"):
        Atlas.open(f"{server.url}/elsewhere")


def test_a_refusal_names_the_file_and_the_status(server: Server) -> None:
    server.fault = "refused"
    with pytest.raises(EnvironmentFault, match=r"(?s)manifest\.json could not be read.*403.*check the URL"):
        Atlas.open(server.url)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(
        EnvironmentFault, match=r"(?s)http://127\.0\.0\.1:1/x/manifest\.json could not be read.*connect"
    ):
        Atlas.open("http://127.0.0.1:1/x")


def _lookup(atlas: Atlas) -> object:
    return atlas.residues("P04637")


def _question(atlas: Atlas) -> object:
    return atlas.sql("SELECT avg(entropy) FROM heads")


@pytest.mark.parametrize("ask", [_lookup, _question], ids=["lookup", "sql"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [("cut", "parquet could not be read.*Payload"), ("refused", "403"), ("no ranges", "answers no range requests")],
)
def test_a_fault_of_the_server_is_reported_as_what_it_is(
    large: Server, far: Atlas, server: Server, fault: str, message: str, ask: Callable[[Atlas], object]
) -> None:
    with Atlas.open(large.url) as opened:
        large.fault = fault
        with pytest.raises(EnvironmentFault, match=rf"(?s){re.escape(large.url)}.*{message}") as caught:
            ask(opened) if ask is _question else opened.residues("A0001")
    assert "Traceback" not in str(caught.value)


def test_a_file_missing_behind_the_url_is_named(atlas_dir: Path, tmp_path: Path) -> None:
    root = shutil.copytree(atlas_dir, tmp_path / "copy")
    for path in (root / "heads").iterdir():
        path.unlink()
    with serving(root) as server, Atlas.open(server.url) as opened:
        assert opened.sites("P0DP23").num_rows == 3
        with pytest.raises(BrokenAtlasError, match=r"There is no http.*/heads/shard"):
            opened.heads("P0DP23")
        with pytest.raises(BrokenAtlasError, match=r"There is no http.*/heads/shard"):
            opened.sql("SELECT count(*) FROM heads")
        assert opened.sql("SELECT count(*) AS n FROM sites")["n"].to_pylist() > [0]


def test_a_file_shorter_than_the_manifest_says_is_named(atlas_dir: Path, tmp_path: Path) -> None:
    root = shutil.copytree(atlas_dir, tmp_path / "copy")
    path = root / "proteins" / "proteins.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with (
        serving(root) as server,
        Atlas.open(server.url) as opened,
        pytest.raises(BrokenAtlasError, match=r"proteins\.parquet is not as the manifest says"),
    ):
        opened.protein("P0DP23")


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_manifest_from_elsewhere_names_only_files_below_it(atlas_dir: Path, tmp_path: Path, path: str) -> None:
    root = shutil.copytree(atlas_dir, tmp_path / "copy")
    shutil.copy(root / "proteins" / "proteins.parquet", tmp_path / "secret.parquet")
    change_file(root, "proteins", path=path)
    with serving(root) as server:
        with pytest.raises(BrokenAtlasError, match="no path of a file of proteins inside the atlas"):
            Atlas.open(server.url)
        assert [path for path, _ in server.requests] == ["manifest.json"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_parquet('attlas://../secret.parquet')",
        "SELECT * FROM read_parquet('{url}/sites/shard-00001.parquet')",
        "SELECT * FROM read_text('file:///etc/passwd')",
    ],
)
def test_sql_over_a_url_reads_nothing_but_the_atlas(far: Atlas, server: Server, query: str) -> None:
    with pytest.raises(QuestionError):
        far.sql("SELECT nothing")  # the message lists the columns of all tables, so that their footers are read
    server.forget()
    with pytest.raises(QuestionError, match=r"Permission Error|No files found"):
        far.sql(query.format(url=server.url))
    assert server.requests == []


def test_the_manifest_itself_is_no_table(far: Atlas) -> None:
    assert far.sql("SELECT * FROM read_text('attlas://manifest.json')").num_rows == 0


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for package, url in (("aiohttp", "https://example.org/atlas"), ("fsspec.core", "memory://atlas")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(EnvironmentFault, match=r"(?s)package.*missing.*pip install 'attlas\[remote\]'"):
            Atlas.open(url)


def test_a_kind_of_url_nobody_knows_is_reported() -> None:
    with pytest.raises(EnvironmentFault, match="Protocol not known: nobody"):
        Atlas.open("nobody://knows/this")


@pytest.mark.parametrize(
    ("given", "root"),
    [("atlas", Path("atlas")), ("./a:b", Path("a:b")), (Path("x"), Path("x")), ("file:///a/b", Path("/a/b"))],
)
def test_a_path_is_a_path(given: str | Path, root: Path) -> None:
    assert find_root(given) == root


@pytest.mark.thorough
def test_opening_by_path_imports_nothing_for_urls(atlas_dir: Path) -> None:
    script = (
        "import sys; from attlas.queries import Atlas; a = Atlas.open(sys.argv[1]);"
        "a.sites('P04637'); a.sql('SELECT 1');"
        "print(sorted({'fsspec', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, atlas_dir], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.thorough
def test_the_reading_verbs_take_a_url(attlas: Callable[..., object], server: Server, atlas_dir: Path) -> None:
    for arguments in (
        ["show", "{}", "P0DP23", "--json"],
        ["sql", "{}", "SELECT * FROM sites ORDER BY ALL"],
        ["export", "{}", "gff3"],
        ["info", "{}"],
    ):
        by_url, by_path = (attlas(*[word.format(place) for word in arguments]) for place in (server.url, atlas_dir))
        assert (by_url.code, by_url.out) == (0, by_path.out)
        assert by_url.out


@pytest.mark.parametrize(
    "answer",
    [b"<html>Log in</html>", b"", b"[1, 2]", b"\xff\xfe{", b"[" * 1_000_000],
    ids=["page", "nothing", "list", "bytes", "nested"],
)
def test_an_answer_that_is_no_manifest_is_reported(tmp_path: Path, answer: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(answer)
    with serving(tmp_path) as server, pytest.raises(BrokenAtlasError, match=r"manifest\.json cannot be read"):
        Atlas.open(server.url)


VERBS_OF_DIRECTORIES = [
    ("publish", "--out", "release"),
    ("annotate", "features.csv"),
    ("probe",),
    ("contacts",),
    ("links",),
]


@pytest.mark.parametrize("words", VERBS_OF_DIRECTORIES, ids=lambda words: words[0])
def test_what_takes_no_url_says_to_download_first(attlas: Callable[..., object], words: tuple[str, ...]) -> None:
    for url in ("https://127.0.0.1:1/a/b", "hf://datasets/a/b", "s3://bucket/a"):
        done = attlas(words[0], url, *words[1:])
        assert (done.code, done.out) == (1, "")
        assert f"{url} is a URL." in done.err
        assert "download the release" in done.err


def test_a_url_to_write_to_is_refused_before_a_folder_of_its_name_is_made(
    attlas: Callable[..., object], atlas_dir: Path
) -> None:
    done = attlas("publish", atlas_dir, "--out", "s3://bucket/release")
    assert (done.code, done.out) == (1, "")
    assert "s3://bucket/release is a URL." in done.err
    assert "upload it" in done.err
    assert not Path("s3:").exists()
