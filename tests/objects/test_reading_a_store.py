"""Reading an atlas in an object store: the answers are those of the directory, or an error that names the store."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.building import build_here, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.faulty_proxy import Failure, FaultyProxy

from attlas.pipeline.object_store import ObjectStore
from attlas.queries import Atlas
from attlas.schema import BrokenAtlasError, EnvironmentFault

QUERY = "SELECT accession, layer, count(*) AS n FROM sites GROUP BY ALL ORDER BY ALL"


@pytest.fixture(scope="module")
def local(tiny_esm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small atlas in a directory."""
    folder = tmp_path_factory.mktemp("local")
    source = write_fasta(folder / "in.fasta", random_proteins([100 + 10 * i for i in range(12)]))
    build_here(source, folder / "atlas", tiny_esm)
    return folder / "atlas"


@pytest.fixture
def stored(store: ObjectStore, local: Path) -> str:
    """Return the URL of the same atlas in a store."""
    for path in sorted(local.rglob("*")):
        if path.is_file() and path.name != ".lock":
            store.put(path.relative_to(local).as_posix(), path)
    return store.url


def answers(place: str | Path) -> list[object]:
    """Return the rows of an atlas: of lookups of every protein, and of a query."""
    with Atlas.open(place) as atlas:
        accessions = atlas.sql("SELECT accession FROM proteins ORDER BY accession")["accession"].to_pylist()
        rows: list[object] = [atlas.sql(QUERY).to_pylist()]
        for accession in accessions:
            rows += [atlas.sites(accession).to_pylist(), atlas.residues(accession).to_pylist()]
        return rows


def first_answers_fail(kind: str) -> Callable[[str, str], Failure | None]:
    """Return a choice of requests to fail: the first of each object."""
    paths: set[str] = set()

    def choose(method: str, path: str) -> Failure | None:
        is_first = path not in paths
        paths.add(path)
        return Failure(kind, 0.1) if is_first else None

    return choose


def test_a_store_answers_as_the_directory(stored: str, local: Path) -> None:
    assert answers(stored) == answers(local)


@pytest.mark.parametrize("kind", ["busy", "lost", "slow"])
def test_first_answers_that_fail_change_no_number(stored: str, local: Path, proxy: FaultyProxy, kind: str) -> None:
    proxy.choose = first_answers_fail(kind)
    assert answers(stored) == answers(local)
    failed_paths = {path for _, path, failure in proxy.requests if failure is not None}
    assert len(failed_paths) >= 5  # the manifest, and a file of each table


def test_a_store_that_is_down_is_named(stored: str, proxy: FaultyProxy) -> None:
    proxy.choose = lambda method, path: Failure("busy")
    with pytest.raises(EnvironmentFault, match=stored):
        Atlas.open(stored).close()


def test_a_store_that_fails_between_two_lookups_is_named(stored: str, proxy: FaultyProxy) -> None:
    with Atlas.open(stored) as atlas:
        accession = str(atlas.sql("SELECT accession FROM proteins LIMIT 1")["accession"][0])
        proxy.choose = lambda method, path: Failure("busy")
        with pytest.raises(EnvironmentFault, match=stored):
            atlas.residues(accession)


@pytest.fixture(params=["sites", "residues", "proteins"])
def changed_file(request: pytest.FixtureRequest, local: Path) -> str:
    """Return the name of the first file of a table."""
    return min(path.relative_to(local).as_posix() for path in (local / request.param).glob("*.parquet"))


def test_an_object_with_a_changed_byte_is_refused(
    stored: str, store: ObjectStore, local: Path, changed_file: str, tmp_path: Path
) -> None:
    data = bytearray((local / changed_file).read_bytes())
    data[len(data) // 3] ^= 1
    (tmp_path / "changed").write_bytes(data)
    store.put(changed_file, tmp_path / "changed")
    with pytest.raises(BrokenAtlasError, match=changed_file.replace(".", r"\.")):
        answers(stored)


def test_an_object_that_is_gone_is_named(stored: str, store: ObjectStore, local: Path, changed_file: str) -> None:
    store.remove(changed_file)
    with pytest.raises(BrokenAtlasError, match=changed_file.replace(".", r"\.")):
        answers(stored)


def test_the_verbs_read_a_store_while_answers_fail(attlas: Run, stored: str, local: Path, proxy: FaultyProxy) -> None:
    for words in (["sql", QUERY], ["ask", "sites_per_protein"]):
        proxy.choose = first_answers_fail("busy")
        verb, *arguments = words
        of_store = attlas(verb, stored, *arguments, "--format", "csv")
        assert of_store.code == 0, of_store.err
        assert of_store.out == attlas(verb, local, *arguments, "--format", "csv").out

    proxy.choose = first_answers_fail("lost")
    assert attlas("verify", stored).code == 0
