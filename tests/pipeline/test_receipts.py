"""Receipts: named, counted and checked, each range on its own; only `seal` and `verify` read the bytes of files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.building import build_here, random_proteins, write_fasta

from attlas.pipeline import receipts, status
from attlas.pipeline.directory import read_plan
from attlas.pipeline.seal import seal
from attlas.pipeline.status import read_status
from attlas.schema import SITES, AtlasPaths, BrokenAtlasError, Receipt


@pytest.fixture
def paths(tmp_path: Path, tiny_esm: Path) -> AtlasPaths:
    """Return an atlas of several shards."""
    source = write_fasta(tmp_path / "in.fasta", random_proteins([400 + i for i in range(12)]))
    build_here(source, tmp_path / "atlas", tiny_esm)
    return AtlasPaths(tmp_path / "atlas")


@pytest.fixture
def files_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the names of the files whose digests were computed."""
    names: list[str] = []
    compute = receipts.file_sha256
    monkeypatch.setattr(receipts, "file_sha256", lambda path: names.append(path.name) or compute(path))
    return names


def _change_a_letter(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])


def test_the_shards_of_a_range_are_looked_for_without_reading_a_file_or_another_receipt(
    paths: AtlasPaths, files_read: list[str]
) -> None:
    plan = read_plan(paths)
    assert len(plan.shards) > 2
    paths.receipt(3).write_text("{")
    paths.shard(SITES, 2).unlink()
    missing = receipts.find_missing_shards(paths, plan, plan.shards[:2])
    assert [shard.index for shard in missing] == [2]
    assert files_read == []


def test_seal_finds_a_changed_byte_and_its_shard_is_then_missing(paths: AtlasPaths) -> None:
    plan = read_plan(paths)
    _change_a_letter(paths.shard(SITES, 2))
    assert receipts.find_missing_shards(paths, plan, plan.shards) == []
    with pytest.raises(BrokenAtlasError, match="Files of finished shards are missing or changed"):
        seal(paths, plan)
    assert [shard.index for shard in receipts.find_missing_shards(paths, plan, plan.shards)] == [2]


def test_beyond_a_number_of_receipts_status_counts_their_names_and_says_what_it_does_not_know(
    paths: AtlasPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "MOST_RECEIPTS_READ", 1)
    n_shards = len(read_plan(paths).shards)
    paths.shard(SITES, 2).unlink()
    (paths.receipts / "shard-99999.json").write_text("of no shard of this plan")
    by_names, verified = read_status(paths), read_status(paths, is_verifying=True)
    assert (len(by_names.finished), by_names.n_failed, by_names.is_sealed) == (n_shards, None, True)
    assert by_names.n_sequences_done == 12
    assert ([shard.index for shard in verified.missing], verified.n_failed, verified.is_sealed) == ([2], 0, False)


def test_a_receipt_of_another_plan_is_refused_by_name(paths: AtlasPaths) -> None:
    plan = read_plan(paths)
    replace(Receipt.read(paths.receipt(2)), plan_id="another").write(paths)
    with pytest.raises(BrokenAtlasError, match=r"shard-00002\.json belongs to another plan"):
        receipts.read_receipts(paths, plan, plan.shards)
