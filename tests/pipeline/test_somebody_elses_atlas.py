"""An atlas from somebody who means harm: no verb reads, changes or removes a file outside of it."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.building import assert_whole, build_here, digests, random_proteins, write_fasta
from helpers.changed_manifest import change_file, change_manifest
from helpers.default_cases import each_nth_by_default

from attlas.pipeline.directory import read_plan
from attlas.pipeline.seal import seal
from attlas.queries import Atlas
from attlas.schema import AtlasPaths, BrokenAtlasError, Manifest, Receipt
from attlas.schema.publish import TEMPORARY_PREFIX

pytestmark = pytest.mark.slow

GFF3 = "##gff-version 3\nP00001\tx\tBinding site\t5\t9\t.\t.\t.\tID=a\n"
PASSES = ("probe", "contacts", "links", "embed", "pairs", "interfaces", "binders", "fit")
WRITING = ("build", "seal", "annotate", *PASSES)
READING = ("verify", "export", "sql", "show")
SITES_FILE = "sites/shard-00001.parquet"
LONG_AGO_NS = 10**18


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """A folder with an annotated atlas, what it was built from and what it was annotated with."""
    folder = tmp_path_factory.mktemp("built")
    write_fasta(folder / "in.fasta", random_proteins([30, 41, 52]))
    build_here(folder / "in.fasta", folder / "atlas", tiny_esm)
    (folder / "in.gff3").write_text(GFF3)
    (folder / "pairs.tsv").write_text("P00000\tP00001\n")
    return folder


@pytest.fixture
def root(built: Path, tmp_path: Path, attlas: Callable[..., object]) -> Path:
    """A copy of the annotated atlas, next to the folder `victim`."""
    copy = shutil.copytree(built / "atlas", tmp_path / "atlas")
    done = attlas("annotate", copy, built / "in.gff3")
    assert done.code == 0, done.err
    return copy


@pytest.fixture
def words(root: Path, built: Path, tiny_esm: Path, tmp_path: Path) -> dict[str, list[object]]:
    """The command line of each verb, for the copy."""
    return {
        "build": ["build", built / "in.fasta", "--out", root, "--model", tiny_esm, "--workers", 0, "--device", "cpu"],
        "seal": ["seal", root],
        "probe": ["probe", root, "--workers", 0],
        "contacts": ["contacts", root, "--workers", 0],
        "links": ["links", root, "--workers", 0],
        "embed": ["embed", root, "--workers", 0],
        "pairs": ["pairs", root, built / "pairs.tsv", "--workers", 0],
        "interfaces": ["interfaces", root, "--workers", 0],
        "binders": ["binders", root, "--workers", 0],
        "fit": ["fit", root, "--by", "none"],
        "annotate": ["annotate", root, built / "in.gff3"],
        "verify": ["verify", root],
        "export": ["export", root, "duckdb", "-o", tmp_path / "out.duckdb"],
        "sql": ["sql", root, "SELECT count(*) FROM sites"],
        "show": ["show", root, "P00001"],
    }


@contextmanager
def _left_alone(folder: Path, *, is_unread: bool = True) -> Iterator[None]:
    """Check that the files of a folder stay as they are and, by their times of access, are not read."""
    before = digests(folder) | {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in before:
        if (folder / path).is_file():
            os.utime(folder / path, ns=(LONG_AGO_NS, LONG_AGO_NS + 1))
    yield
    times = {path: (folder / path).stat().st_atime_ns for path in before if (folder / path).is_file()}
    assert digests(folder) | {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    if is_unread:
        assert {path for path, time in times.items() if time != LONG_AGO_NS} == set()


@pytest.fixture
def victim(root: Path, tmp_path: Path) -> Path:
    """A folder beside the atlas with files that could be some of its own."""
    folder = tmp_path / "victim"
    folder.mkdir()
    for path in (*root.glob("sites/*.parquet"), *root.glob("features/*.parquet")):
        shutil.copy(path, folder / path.name)
    shutil.copy(root / "sites" / "shard-00001.parquet", folder / "x.parquet")
    (folder / f"{TEMPORARY_PREFIX}1-mine").write_text("mine")
    return folder


def test_a_time_of_access_tells_that_a_file_was_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(AssertionError, match=r"."), _left_alone(tmp_path):
        (tmp_path / "x").read_bytes()


@pytest.mark.parametrize("verb", WRITING + READING)
def test_a_manifest_that_names_a_file_outside_is_refused_by_every_verb(
    verb: str, root: Path, victim: Path, words: dict[str, list[object]], attlas: Callable[..., object]
) -> None:
    for table in ("sites", "features"):
        for path in ("../victim/x.parquet", str(victim / "x.parquet"), f"{table}/../../victim/x.parquet"):
            change_file(root, table, path=path)
            with _left_alone(victim):
                done = attlas(*words[verb])
            assert (done.code, "Traceback" in done.err) == (1, False), done.err
            assert f"is no path of a file of {table} inside the atlas" in done.err


@pytest.mark.parametrize("verb", WRITING + READING)
@pytest.mark.parametrize("name", ["sites", "features"])
def test_a_table_whose_folder_is_a_link_is_refused_by_every_verb(
    verb: str, name: str, root: Path, victim: Path, words: dict[str, list[object]], attlas: Callable[..., object]
) -> None:
    shutil.rmtree(root / name)
    (root / name).symlink_to(victim)
    with _left_alone(victim):
        done = attlas(*words[verb])
    assert (done.code, "Traceback" in done.err) == (1, False), done.err
    assert "are symbolic links, which are not followed" in done.err
    assert f"{name} -> {victim}" in done.err


@pytest.mark.parametrize("name", ["receipts", "plan", "sites"])
def test_the_state_of_a_build_is_not_read_through_a_folder_that_is_a_link(
    name: str, root: Path, tmp_path: Path, attlas: Callable[..., object]
) -> None:
    moved = tmp_path / "victim" / name
    moved.parent.mkdir()
    (root / name).rename(moved)
    (root / name).symlink_to(moved)
    with _left_alone(moved):
        done = attlas("status", root)
    assert (done.code, "Traceback" in done.err) == (1, False), done.err
    assert "are symbolic links, which are not followed" in done.err


@pytest.mark.parametrize("verb", each_nth_by_default(WRITING, 3))
@pytest.mark.parametrize(
    "name", ["receipts", "plan", "plan.json", "plan/sequences-00001.parquet", "manifest.json", ".lock"]
)
def test_no_verb_that_writes_follows_a_link_to_what_is_no_table(
    verb: str, name: str, root: Path, tmp_path: Path, words: dict[str, list[object]], attlas: Callable[..., object]
) -> None:
    moved = tmp_path / "victim" / name
    moved.parent.mkdir(parents=True)
    (root / name).rename(moved)
    (root / name).symlink_to(moved)
    with _left_alone(moved.parent, is_unread=False):
        done = attlas(*words[verb])
    assert (done.code, "Traceback" in done.err) == (1, False), done.err
    assert "symbolic links" in done.err


def _link_to(path: Path, target: Path) -> None:
    path.unlink()
    path.symlink_to(target)


@pytest.mark.parametrize("verb", ["annotate", *PASSES, *READING])
def test_a_file_that_is_a_link_to_other_bytes_is_refused(
    verb: str, root: Path, victim: Path, words: dict[str, list[object]], attlas: Callable[..., object]
) -> None:
    secret = victim / "secret"
    secret.write_text("secret")
    _link_to(root / SITES_FILE, secret)
    with _left_alone(victim):  # of another size: it is not even read
        done = attlas(*words[verb])
    assert (done.code, "Traceback" in done.err, "secret" in done.out) == (1, False, False), done.err
    assert SITES_FILE in done.err


def test_a_link_to_a_pipe_is_never_opened(root: Path, tmp_path: Path, attlas: Callable[..., object]) -> None:
    os.mkfifo(tmp_path / "pipe")  # whoever opened it would wait for ever
    _link_to(root / SITES_FILE, tmp_path / "pipe")
    for verb in (["verify", root], ["sql", root, "FROM sites"], ["show", root, "P00001"]):
        assert attlas(*verb).code == 1


def test_a_pipe_in_the_place_of_a_table_or_a_plan_is_never_opened(root: Path, attlas: Callable[..., object]) -> None:
    plan = AtlasPaths(root).planned_sequences(1)
    planned = plan.read_bytes()
    plan.unlink()
    os.mkfifo(plan)  # whoever opened it would wait for ever
    for verb in (["status", root], ["probe", root]):
        done = attlas(*verb)
        assert (done.code, "a pipe, a socket or a device" in done.err) == (1, True), done.err

    plan.unlink()
    plan.write_bytes(planned)
    AtlasPaths(root).proteins.unlink()
    os.mkfifo(AtlasPaths(root).proteins)
    for verb in (["verify", root], ["sql", root, "FROM sites"], ["show", root, "P00001"], ["links", root]):
        done = attlas(*verb)
        assert (done.code, "Traceback" in done.err) == (1, False), done.err
        assert "proteins" in done.err


@pytest.mark.parametrize("verb", each_nth_by_default(READING, 2))
def test_a_file_that_is_a_link_to_its_own_bytes_is_read_as_in_the_caches_of_hubs(
    verb: str, root: Path, tmp_path: Path, words: dict[str, list[object]], attlas: Callable[..., object]
) -> None:
    by_path = attlas(*words[verb])
    (tmp_path / "blobs").mkdir()
    for file in Manifest.read(AtlasPaths(root)).files:
        blob = tmp_path / "blobs" / file.sha256
        (root / file.path).rename(blob)
        (root / file.path).symlink_to(os.path.relpath(blob, (root / file.path).parent))
    with _left_alone(tmp_path / "blobs", is_unread=False):
        by_link = attlas(*words[verb])
    assert (by_link.code, by_link.out) == (0, by_path.out)
    with Atlas.open(root) as atlas:
        assert atlas.sql("FROM residues").num_rows == 30 + 41 + 52


def test_sql_reads_no_file_beside_the_blobs_that_links_lead_to(root: Path, tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "other.csv").write_text("a\n1\n")
    (root / SITES_FILE).rename(tmp_path / "blobs" / "sites")
    (root / SITES_FILE).symlink_to(tmp_path / "blobs" / "sites")
    with Atlas.open(root) as atlas:
        assert atlas.sql("SELECT count(*) AS n FROM sites")["n"].to_pylist()[0] > 0
        with pytest.raises(ValueError, match="Permission Error"):
            atlas.sql(f"FROM read_csv('{tmp_path}/blobs/other.csv')")


def test_a_build_puts_a_file_in_the_place_of_a_link_and_leaves_what_it_points_to(
    root: Path, victim: Path, words: dict[str, list[object]], attlas: Callable[..., object]
) -> None:
    before = digests(root)
    _link_to(root / SITES_FILE, victim / ".tmp-1-mine")
    with _left_alone(victim):
        done = attlas(*words["build"])
    assert done.code == 0, done.err
    assert not (root / SITES_FILE).is_symlink()
    assert digests(root)[SITES_FILE] == before[SITES_FILE]
    assert_whole(root)


def test_a_manifest_set_aside_that_names_a_file_outside_is_refused_by_seal(root: Path, victim: Path) -> None:
    paths = AtlasPaths(root)
    change_file(root, "features", path="../victim/x.parquet")
    paths.manifest.rename(paths.manifest_before)
    with _left_alone(victim), pytest.raises(BrokenAtlasError, match="no path of a file of features"):
        seal(paths, read_plan(paths))


@pytest.mark.parametrize("path", ["../victim/x.parquet", "heads/shard-00002.parquet"])
def test_a_receipt_that_names_other_files_is_refused(root: Path, victim: Path, path: str) -> None:
    paths = AtlasPaths(root)
    receipt = paths.receipt(1)
    receipt.write_text(receipt.read_text().replace("heads/shard-00001.parquet", path))
    with (
        _left_alone(victim),
        pytest.raises(BrokenAtlasError, match=r"shard-00001\.json (cannot be|is not the receipt)"),
    ):
        seal(paths, read_plan(paths))


def test_a_receipt_of_a_pass_names_files_inside_the_atlas_too(root: Path) -> None:
    receipt = AtlasPaths(root).receipt(1)
    receipt.write_text(receipt.read_text().replace("sites/shard-00001", "labels/../../x"))
    with pytest.raises(BrokenAtlasError, match="cannot be read"):
        Receipt.read(receipt)


def test_connecting_opens_no_file_that_only_a_manifest_names(root: Path) -> None:
    up = "../" * 20
    change_file(root, "sites", path=f"{up}etc/passwd")
    with pytest.raises(BrokenAtlasError, match="no path of a file of sites"):
        Atlas.open(root)


def test_a_file_named_twice_is_refused(root: Path) -> None:
    change_manifest(root, lambda values: values["files"].append(values["files"][0]))
    with pytest.raises(BrokenAtlasError, match="is named twice"):
        Manifest.read(AtlasPaths(root))


def test_a_plan_in_which_a_key_stands_twice_is_refused(root: Path, attlas: Callable[..., object]) -> None:
    path = AtlasPaths(root).plan
    path.write_text(path.read_text().replace('"source"', '"source": "evil", "source"', 1))
    done = attlas("status", root)
    assert (done.code, "Traceback" in done.err) == (1, False), done.err
    assert "the key 'source' occurs twice" in done.err


@pytest.mark.parametrize(
    ("part", "value"),
    [("totals", [1]), ("totals", {}), ("pack_tokens", "x"), ("run", []), ("source", 5), ("totals", None)],
)
def test_a_plan_with_a_value_of_another_type_is_reported(
    root: Path, part: str, value: object, attlas: Callable[..., object]
) -> None:
    path = AtlasPaths(root).plan
    path.write_text(json.dumps(json.loads(path.read_text()) | {part: value}))
    for verb in ("seal", "probe", "status"):
        done = attlas(verb, root)
        assert (done.code, "Traceback" in done.err) == (1, False)
        assert "plan.json cannot be read" in done.err
