"""What was added to a sealed atlas survives a damaged shard, a retry and a change below a running pass, or is said."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from helpers.annotated import annotate
from helpers.building import assert_whole, build_here, random_proteins, write_fasta
from helpers.dask_workers import open_scheduler
from helpers.divided import divide_atlas, dividing
from helpers.probe_case import make_probe, probe_here, run_probe
from helpers.sealed_atlas import list_files, query_rows, read_manifest, read_rows

from attlas.pipeline.adding import add_files
from attlas.pipeline.build import set_manifest_aside
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.probe.probing import Probe
from attlas.schema import AtlasPaths, BrokenAtlasError, EnvironmentFault, InputError

pytestmark = pytest.mark.slow

PROTEINS = random_proteins([400] * 14)
"""Enough for three shards."""


def labelled(out: Path) -> set[str]:
    return {row["accession"] for row in query_rows(out, "SELECT DISTINCT accession FROM labels")}


@pytest.fixture(scope="module")
def probed_once(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """Return a folder with proteins and their atlas, probed."""
    folder = tmp_path_factory.mktemp("probed")
    build_here(write_fasta(folder / "p.fasta", PROTEINS), folder / "atlas", tiny_esm)
    probe_here(folder / "atlas")
    assert len(list_files(folder / "atlas", "labels")) == 3
    return folder


@pytest.fixture(params=["listed", pytest.param("divided", marks=pytest.mark.thorough)])
def probed(probed_once: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return a copy of the probed atlas that a test may change, with its proteins beside it."""
    shutil.copytree(probed_once, tmp_path, dirs_exist_ok=True)
    with ExitStack() as stack:
        if request.param == "divided":
            stack.enter_context(dividing())
            divide_atlas(tmp_path / "atlas")
        yield tmp_path / "atlas"


@pytest.fixture
def divided(probed_once: Path, tmp_path: Path) -> Iterator[Path]:
    """Return such a copy whose list of files is divided."""
    shutil.copytree(probed_once, tmp_path, dirs_exist_ok=True)
    with dividing():
        divide_atlas(tmp_path / "atlas")
        yield tmp_path / "atlas"


def test_a_damaged_shard_is_computed_again_and_what_was_added_stays(probed: Path, tiny_esm: Path, attlas) -> None:
    before = read_manifest(probed)
    damaged = list_files(probed, "heads")[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    outcome = attlas("build", probed.parent / "p.fasta", "--out", probed, "--model", tiny_esm, "--workers", 0)
    after = assert_whole(probed)
    assert (after.added, after.version) == (before.added, before.version + 1)
    assert "kept unchanged: head_features, head_max_sites, labels" in outcome.err
    assert not AtlasPaths(probed).manifest_before.exists()
    assert labelled(probed) == set(PROTEINS)


def test_a_build_killed_between_its_manifests_still_knows_what_was_added(probed: Path, tiny_esm: Path) -> None:
    before = read_manifest(probed)
    set_manifest_aside(AtlasPaths(probed))
    with pytest.raises(BrokenAtlasError, match="no manifest"):
        read_manifest(probed)
    after = build_here(probed.parent / "p.fasta", probed, tiny_esm)
    assert (after.added, after.version) == (before.added, before.version + 1)
    assert_whole(probed)


def test_sealed_once_more_an_atlas_keeps_what_was_added(probed: Path, attlas) -> None:
    before = read_manifest(probed)
    assert attlas("seal", probed).code == 0
    assert assert_whole(probed).added == before.added


@pytest.mark.thorough
def test_a_damaged_file_that_was_added_is_left_out_by_name(probed: Path, tiny_esm: Path, attlas) -> None:
    path = read_manifest(probed).files.of_tables(["labels"])[0].path
    (probed / path).write_bytes(b"")
    outcome = attlas("build", probed.parent / "p.fasta", "--out", probed, "--model", tiny_esm, "--workers", 0)
    assert f"removed from labels, because damaged: {path}" in outcome.err
    assert {file.table for file in assert_whole(probed).added} == {"head_features", "head_max_sites"}
    probe_here(probed)
    assert labelled(probed) == set(PROTEINS)


def list_part_names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in (root / "manifest").iterdir()}


def test_a_damaged_list_of_a_built_table_is_written_anew(divided: Path, tiny_esm: Path) -> None:
    before = read_manifest(divided)
    (divided / before.files.of_tables(["heads"]).parts[0].path).write_bytes(b"{}")
    after = build_here(divided.parent / "p.fasta", divided, tiny_esm)
    assert after.files.parts == before.files.parts
    assert list_part_names(divided) == {part.path for part in assert_whole(divided).files.parts}


@pytest.mark.thorough
def test_a_table_whose_list_is_damaged_is_left_out_by_name_and_can_be_added_again(
    divided: Path, tiny_esm: Path, attlas
) -> None:
    (divided / read_manifest(divided).files.of_tables(["labels"]).parts[0].path).unlink()
    outcome = attlas("build", divided.parent / "p.fasta", "--out", divided, "--model", tiny_esm, "--workers", 0)
    assert "removed all of labels, because the list of its files is damaged" in outcome.err
    assert set(assert_whole(divided).added.tables) == {"head_features", "head_max_sites"}
    probe_here(divided)
    assert labelled(divided) == set(PROTEINS)
    assert list_part_names(divided) == {part.path for part in assert_whole(divided).files.parts}


@pytest.mark.thorough
def test_a_seal_that_ends_before_its_manifest_leaves_no_list_behind(
    divided: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    before = read_manifest(divided)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("attlas.schema.file_list.PART_FILES", 1)  # other parts than before
        patch.setattr("attlas.schema.manifest.publish_bytes", die)
        attlas("seal", divided)
    assert read_manifest(divided) == before
    assert list_part_names(divided) == {part.path for part in assert_whole(divided).files.parts}


@pytest.mark.thorough
def test_a_table_added_anew_has_a_new_list_and_the_other_tables_keep_theirs(divided: Path) -> None:
    before = read_manifest(divided)
    after = probe_here(divided, theta=0.5)
    assert set(before.files.of_tables(["heads"]).parts) == set(after.files.of_tables(["heads"]).parts)
    assert set(before.files.of_tables(["head_features"]).parts).isdisjoint(
        after.files.of_tables(["head_features"]).parts
    )
    assert list_part_names(divided) == {part.path for part in assert_whole(divided).files.parts}


@pytest.mark.thorough
def test_a_probe_after_a_retry_has_the_mended_proteins(tmp_path: Path, tiny_esm: Path, monkeypatch, attlas) -> None:
    begin, bad = Encoder.start, PROTEINS["P00002"]

    def broken(self, sequences, **options):
        if bad in sequences:
            raise RuntimeError("broken")
        return begin(self, sequences, **options)

    source, out = write_fasta(tmp_path / "p.fasta", PROTEINS), tmp_path / "atlas"
    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "start", broken)
        assert build_here(source, out, tiny_esm).counts.n_failed > 0
    probe_here(out)
    without = labelled(out)
    assert "P00002" not in without
    arguments = ["build", source, "--out", out, "--model", tiny_esm, "--device", "cpu", "--workers", 0]
    assert attlas(*arguments, "--retry-failed").code == 0
    assert labelled(out) == without
    probe_here(out)
    assert labelled(out) == set(PROTEINS)
    assert_whole(out)


class Failing(Probe):
    """A probe whose first shard cannot be computed."""

    def __call__(self, root, index, n_threads):
        if index == 1:
            raise MemoryError("too little")
        return super().__call__(root, index, n_threads)


@pytest.mark.thorough
@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_receipt_of_before_does_not_stand_for_a_shard_that_fails_now(
    probed: Path, n_workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attlas.pipeline.workers.faults.PATIENCE_S", 2.0)  # without a worker that computes
    probe_here(probed, theta=0.2)  # the files of the first probe are gone, its receipts are not
    before = read_manifest(probed)
    with ExitStack() as stack:
        scheduler = stack.enter_context(open_scheduler(n_workers)) if n_workers else None
        stack.enter_context(pytest.raises((EnvironmentFault, MemoryError), match=r"shard 1|too little"))
        run_probe(probed, make_probe(probed, Failing), n_workers=n_workers, scheduler=scheduler)
    assert read_manifest(probed) == before


def test_a_pass_that_lost_a_shard_is_not_sealed(probed: Path, monkeypatch) -> None:
    monkeypatch.setattr("attlas.pipeline.passes.encode", lambda *_, **__: None)
    before = read_manifest(probed)
    with pytest.raises(BrokenAtlasError, match=r"(?s)missing or changed.*shard 1.*shard 3"):
        probe_here(probed, theta=0.25)
    assert read_manifest(probed) == before


def test_a_task_is_not_answered_from_other_tables_than_it_was_asked_of(probed: Path) -> None:
    task = make_probe(probed)
    gone = read_manifest(probed).files.of_tables(["sequences"])[0]
    add_files(AtlasPaths(probed), [], is_replaced=lambda file: file == gone)
    with pytest.raises(EnvironmentFault, match="changed while a pass over them was running: sequences"):
        task(str(probed), 1, 1)


@pytest.mark.thorough
def test_what_another_probe_left_unfinished_is_removed(probed: Path) -> None:
    other = make_probe(probed, theta=0.11)
    other(str(probed), 1, 1)  # and killed before the second
    left = {path for path in probed.rglob("*.parquet") if other.name in path.name}
    assert len(left) == 3
    probe_here(probed, theta=0.12)
    assert not any(path.exists() for path in left)
    assert_whole(probed)
    probe_here(probed, theta=0.11)
    assert list_files(probed, "labels") != []
    assert_whole(probed)
    assert AtlasPaths(probed).manifest.is_file()


def test_what_was_not_finished_is_told_and_is_no_damage(probed: Path, attlas) -> None:
    make_probe(probed, theta=0.11)(str(probed), 1, 1)
    outcome = attlas("verify", probed)
    assert outcome.code == 0
    assert "3 files, such as head_features/probe-" in outcome.err
    assert "not finished" in outcome.err


@pytest.mark.parametrize("verb", ["probe", "contacts", "links"])
def test_where_there_is_no_atlas_no_directory_is_made(tmp_path: Path, attlas, verb: str) -> None:
    assert attlas(verb, tmp_path / "typo" / "deep").code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_type_to_probe_is_found_in_any_letter_case(probed: Path) -> None:
    annotate(probed, [("P00000", "Active site", 1, 2)])
    probe_here(probed, types=["active SITE"], is_by_letter=False)
    labels = {row["label"] for row in read_rows(probed, "labels")}
    assert labels == {"residue", "Active site"}
    with pytest.raises(InputError, match="no feature of 1 of the types"):
        probe_here(probed, types=["actve site"])


@pytest.mark.thorough
def test_a_probe_of_older_features_is_reported_to_be(probed: Path, attlas) -> None:
    question = ("head_labels", "label=aa:K", "min_edges=0")
    assert "other features" not in attlas("ask", probed, *question).err
    (probed.parent / "a.csv").write_text("accession,position,label\nP00000,3,Active site\n")
    annotated = attlas("annotate", probed, probed.parent / "a.csv")
    assert annotated.code == 0, annotated.err
    note = (
        "labels and head_features were computed from other features than the atlas has now: "
        "`attlas probe DIR` renews them"
    )
    assert note in attlas("ask", probed, *question).err
    assert attlas("report", probed, "--out", probed.parent / "r.html").code == 0
    assert "ead_features was computed from other features" in (probed.parent / "r.html").read_text()
    probe_here(probed)
    assert "other features" not in attlas("ask", probed, *question).err
    assert attlas("publish", probed, "--out", probed.parent / "release").code == 0
    assert "other features" not in attlas("ask", probed.parent / "release", *question).err
