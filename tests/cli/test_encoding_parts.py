"""`attlas encode --part`: the jobs of an array compute the whole, each its own shards."""

from pathlib import Path

import pytest
from helpers.building import assert_whole, random_proteins, receipts, write_fasta

from attlas.queries.text import counted


@pytest.fixture
def planned(tmp_path: Path, tiny_esm: Path, attlas) -> Path:
    fasta = write_fasta(tmp_path / "in.fasta", random_proteins([30, 41, 52, 300, 400, 500, 600]))
    assert attlas("plan", fasta, "--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu").code == 0
    return tmp_path / "atlas"


def test_the_jobs_of_an_array_compute_the_whole_each_its_shards_in_any_order(
    planned: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    n_computed = []
    for job in (1, 0, 1):  # the last is submitted again
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(job))
        n_before = len(receipts(planned))
        result = attlas("encode", planned, "--part", "auto/2", "--workers", 0)
        assert result.code == 0, result.err
        n_computed.append(len(receipts(planned)) - n_before)
    assert [n > 0 for n in n_computed] == [True, True, False]
    assert f"({n_computed[0]} of {counted(n_computed[0], 'shard')} finished already)" in result.err  # of the part
    assert attlas("seal", planned).code == 0
    assert_whole(planned)


def test_a_part_beside_a_range_or_of_an_array_that_counts_from_one_is_refused(
    planned: Path, monkeypatch: pytest.MonkeyPatch, attlas
) -> None:
    both = attlas("encode", planned, "--part", "0/2", "--shards", "1-2")
    assert (both.code, "not both" in both.err) == (2, True)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    beyond = attlas("encode", planned, "--part", "auto/2", "--workers", 0)
    assert (beyond.code, "sbatch --array=0-15" in beyond.err) == (1, True)
    assert receipts(planned) == []
