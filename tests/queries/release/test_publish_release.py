"""A release: the same rows in few files, whole or not at all, the same bytes every time."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.release_case import BUILT, EVERYTHING, NOTHING, digest_files, read_rows
from helpers.sealed_atlas import list_problems, read_manifest
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.release import publish
from attlas.schema import BrokenAtlasError, EnvironmentFault, InputError, Table
from attlas.schema.leftovers import leftover_name

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("table", BUILT, ids=lambda table: table.name)
def test_a_release_holds_the_rows_of_the_atlas_in_their_order(atlas_dir: Path, release: Path, table: Table) -> None:
    assert read_rows(release, table.name) == read_rows(atlas_dir, table.name)
    assert len(list((atlas_dir / table.name).iterdir())) >= len(list((release / table.name).iterdir())) == 1


def test_the_layout_is_the_promised_one(release: Path) -> None:
    names = ("sequences", "sites", "residues", "heads", "names", "words")
    joined = {f"{name}/{name}-00001-of-00001.parquet" for name in names}
    beside = {"README.md", "DATACARD.md", "croissant.json", "atlas.duckdb", "manifest.json", "SHA256SUMS"}
    assert set(digest_files(release)) == {"proteins/proteins.parquet"} | joined | beside


def test_a_release_is_an_atlas_with_the_same_identity(atlas_dir: Path, release: Path) -> None:
    source, published = (read_manifest(root) for root in (atlas_dir, release))
    assert replace(published, files=source.files) == source
    assert list_problems(release) == []
    with Atlas.open(release) as atlas, Atlas.open(atlas_dir) as other:
        assert atlas.residues("P04637").equals(other.residues("P04637"))
        assert atlas.sql("FROM heads ORDER BY ALL").equals(other.sql("FROM heads ORDER BY ALL"))


def test_every_file_keeps_docs_and_provenance(atlas_dir: Path, release: Path) -> None:
    for table in BUILT:
        (path,) = (release / table.name).iterdir()
        source = next((atlas_dir / table.name).iterdir())
        assert pq.read_schema(path).equals(pq.read_schema(source), check_metadata=True)


def test_the_same_atlas_and_statement_give_the_same_bytes(atlas_dir: Path, stated: Path, tmp_path: Path) -> None:
    publish(atlas_dir, tmp_path / "again", EVERYTHING)
    assert digest_files(tmp_path / "again") == digest_files(stated)


@pytest.mark.thorough
def test_a_release_of_a_release_is_the_same(stated: Path, tmp_path: Path) -> None:
    publish(stated, tmp_path / "again", EVERYTHING)
    assert digest_files(tmp_path / "again") == digest_files(stated)


def test_the_sums_are_of_every_file_and_sha256sum_agrees(release: Path) -> None:
    lines = (release / "SHA256SUMS").read_text().splitlines()
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    sums = digest_files(release)
    sums.pop("SHA256SUMS")
    assert listed == sums
    if shutil.which("sha256sum"):
        done = subprocess.run(
            ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=release, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout.count(": OK")) == (0, len(sums))


@pytest.mark.thorough
def test_an_atlas_in_which_nothing_was_computed_is_published_with_its_reasons(tmp_path: Path) -> None:
    write_atlas(tmp_path / "a", [SyntheticProtein("A1", "MK*V", status="skipped", reason="inner `*`")], n_shards=1)
    publish(tmp_path / "a", tmp_path / "release", NOTHING)
    assert "| skipped | inner \\`\\*\\` | 1 | A1 |" in (tmp_path / "release" / "DATACARD.md").read_text()
    with Atlas.open(tmp_path / "release") as atlas:
        assert atlas.sql("FROM sites").num_rows == 0


def test_a_damaged_atlas_is_refused_with_every_bad_file(atlas_dir: Path, tmp_path: Path) -> None:
    root = shutil.copytree(atlas_dir, tmp_path / "copy")
    (root / "sites" / "shard-00002.parquet").unlink()
    path = root / "heads" / "shard-00001.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(
        BrokenAtlasError, match=r"(?s)heads/shard-00001\.parquet: sha256.*|sites/shard-00002.*missing"
    ) as e:
        publish(root, tmp_path / "release", NOTHING)
    assert len(e.value.offenders) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]


def test_an_unfinished_atlas_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "plan.json").write_text("{}")
    with pytest.raises(BrokenAtlasError, match="not whole yet"):
        publish(tmp_path / "a", tmp_path / "release", NOTHING)


@pytest.mark.thorough
def test_of_two_that_publish_at_once_the_second_leaves_the_first_as_it_is(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("attlas.queries.release.publish")
    write = module._write

    def write_behind_another(*arguments: object, **options: object) -> object:
        release = write(*arguments, **options)
        (tmp_path / "release").mkdir()
        (tmp_path / "release" / "README.md").write_text("of the other")
        return release

    monkeypatch.setattr(module, "_write", write_behind_another)
    with pytest.raises(InputError, match="release is there already"):
        publish(atlas_dir, tmp_path / "release", NOTHING)
    assert [path.name for path in tmp_path.iterdir()] == ["release"]
    assert (tmp_path / "release" / "README.md").read_text() == "of the other"


def test_what_is_there_is_never_written_over(atlas_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    publish(atlas_dir, tmp_path / "release", NOTHING)  # an empty folder is no loss
    before = digest_files(tmp_path / "release")
    with pytest.raises(InputError, match="is there already"):
        publish(atlas_dir, tmp_path / "release", EVERYTHING)
    assert digest_files(tmp_path / "release") == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        publish(atlas_dir, tmp_path / "file", NOTHING)
    with pytest.raises(InputError, match="inside the atlas"):
        publish(atlas_dir, atlas_dir / "release", NOTHING)


def test_a_disk_without_room_is_reported_before_anything_is_written(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(EnvironmentFault, match=r"(?s)too little room.*found: +1 MB"):
        publish(atlas_dir, tmp_path / "new" / "release", NOTHING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_a_folder_may_have_any_name(atlas_dir: Path, tmp_path: Path, stated: Path) -> None:
    out = tmp_path / "my [first] atlas's *release*? Ω"
    publish(atlas_dir, out, EVERYTHING)
    assert digest_files(out) == digest_files(stated)


def test_a_release_is_readable_by_who_may_read_new_folders(release: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert release.stat().st_mode == (tmp_path / "new").stat().st_mode


def test_the_verb_publishes_names_what_is_not_stated_and_the_release_verifies(
    attlas: Callable[..., object], atlas_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "release"
    done = attlas("publish", atlas_dir, "--out", out, "--license", "MIT", "--creator", "A", "--creator", "B")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert done.out.startswith(f"{out}: 7 tables in 7 files, ")
    assert done.err == ("attlas: missing, as the cards say: title, citation, url (see `attlas publish --help`)\n")
    assert "| creators | A, B |" in (out / "README.md").read_text()
    assert attlas("verify", out).code == 0
    assert attlas("show", out, "P0DP23").out == attlas("show", atlas_dir, "P0DP23").out
    again = attlas("publish", atlas_dir, "--out", out)
    assert (again.code, again.out) == (1, "")
    assert "is there already" in again.err


def test_a_release_killed_midway_leaves_no_release(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> str:
        (folder,) = tmp_path.glob(f".tmp-publish-*-{os.getpid()}-*-release")
        assert (folder / "manifest.json").is_file()
        raise KeyboardInterrupt

    monkeypatch.setitem(publish.__globals__, "compose_datacard", stop)
    with pytest.raises(KeyboardInterrupt):
        publish(atlas_dir, tmp_path / "release", NOTHING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_what_a_killed_publish_left_goes_with_the_next_and_nothing_else_does(
    atlas_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    script = (
        "import os, signal, sys; from pathlib import Path; from attlas.queries.release import Statement, publish\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "publish.__globals__[sys.argv[3]] = die\n"
        "import attlas.queries.release.catalogue as catalogue\n"
        "if sys.argv[3] == 'die in the catalogue': catalogue._statements = die\n"
        "publish(Path(sys.argv[1]), Path(sys.argv[2]), Statement())"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    for moment in ("compose_datacard", "die in the catalogue"):
        words = [sys.executable, "-c", script, atlas_dir, tmp_path / "out" / moment, moment]
        assert subprocess.run(words, env=environment, check=False).returncode == -signal.SIGKILL
        assert len(list((tmp_path / "out").iterdir())) == 1  # the second removed what the first had left
    assert len(list((tmp_path / "temporary").glob("attlas-catalogue-*"))) == 1

    # Of a process that lives, of another machine, and of somebody else's kind.
    host = leftover_name("", "").rsplit("-", 3)[0]
    living, gone = f"{host}-{os.getppid()}-0123abcd-x", f"{host}-4194305-0123abcd-x"
    kept = {f".tmp-publish-{living}", ".tmp-publish-elsewhere-1-0123abcd-x", f".tmp-{gone}", "notes"}
    for name in kept:
        (tmp_path / "out" / name).mkdir()
    publish(atlas_dir, tmp_path / "out" / "release", NOTHING)
    assert {path.name for path in (tmp_path / "out").iterdir()} == kept | {"release"}
    assert list((tmp_path / "temporary").glob("attlas-catalogue-*")) == []
