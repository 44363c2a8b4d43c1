"""The parts of a pass: interrupted between any two, a shard ends the same, and its rows are those of one part."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.building import build_here, digests, random_proteins, write_fasta
from helpers.default_cases import each_nth_by_default
from helpers.pass_tasks import make_pass_task

from attlas.pipeline.directory import read_plan
from attlas.pipeline.part_limits import PartLimits
from attlas.pipeline.pass_task import compute_shard
from attlas.pipeline.passes import run_pass
from attlas.pipeline.workers.runners import load_plan_and_model
from attlas.schema import LINKS, AtlasPaths, Receipt

LENGTHS = [20, 24, 28, 32, 36, 40, 44]
WHOLE = PartLimits(n_residues=10_000, n_sequences=100)
THREE_PARTS = PartLimits(n_residues=10_000, n_sequences=3)


@pytest.fixture(scope="module")
def sealed(tiny_esm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed")
    build_here(write_fasta(folder / "in.fasta", random_proteins(LENGTHS)), folder / "atlas", tiny_esm)
    return folder / "atlas"


def read_rows(root: Path, receipt: Receipt) -> dict[str, pa.Table]:
    return {file.table: pq.read_table(root / file.path) for file in receipt.files}


@pytest.mark.parametrize("name", each_nth_by_default(["links", "probe"], 2))
def test_interrupted_between_parts_a_pass_goes_on_there_and_its_bytes_are_the_same(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    task = make_pass_task(name, sealed)
    whole, in_parts = (shutil.copytree(sealed, tmp_path / folder) for folder in ("whole", "in-parts"))
    rows = read_rows(whole, compute_shard(task, str(whole), 1, 1, limits=WHOLE))
    expected = compute_shard(task, str(in_parts), 1, 1, limits=THREE_PARTS)
    assert not AtlasPaths(in_parts).parts.exists()

    # Other packs run together, so that the last bits may differ.
    for table, part_rows in read_rows(in_parts, expected).items():
        for column in part_rows.column_names:
            values, whole_values = part_rows[column].to_pylist(), rows[table][column].to_pylist()
            if pa.types.is_floating(part_rows[column].type):
                values, whole_values = np.array(values, float), np.array(whole_values, float)
                np.testing.assert_allclose(values, whole_values, rtol=1e-4, atol=1e-5)
            else:
                assert values == whole_values

    compute = type(task).compute
    for n_parts in range(3):
        root = shutil.copytree(sealed, tmp_path / f"interrupted-{n_parts}")
        n_begun = 0

        def interrupt(*arguments: object, n_parts: int = n_parts) -> object:
            nonlocal n_begun
            if n_begun == n_parts:
                raise KeyboardInterrupt
            n_begun += 1
            return compute(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(type(task), "compute", interrupt)
            with pytest.raises(KeyboardInterrupt):
                compute_shard(task, str(root), 1, 1, limits=THREE_PARTS)
            n_begun = n_parts + 1
            receipt = compute_shard(task, str(root), 1, 1, limits=THREE_PARTS)
        assert n_begun == n_parts + 1 + 3 - n_parts
        assert receipt.files == expected.files
        assert (receipt.n_sequences, receipt.n_residues) == (len(LENGTHS), sum(LENGTHS))
        assert digests(root) == digests(in_parts)
        assert not AtlasPaths(root).parts.exists()


def test_a_finished_pass_removes_the_parts_of_passes_with_other_settings_and_no_others(
    sealed: Path, tmp_path: Path
) -> None:
    paths = AtlasPaths(shutil.copytree(sealed, tmp_path / "atlas"))
    folders = [f"links-{'0' * 16}-00001", f"head-contacts-{'0' * 16}-00001", f"contacts-{'0' * 16}-00002"]
    for folder in folders:
        (paths.parts / folder).mkdir(parents=True)
        (paths.parts / folder / "part.json").write_text("{}")

    plan = read_plan(paths)
    task = make_pass_task("links", paths.root)
    load_plan_and_model(str(paths.root), 1)
    run_pass(paths, plan, task, tables=[LINKS], shards=plan.shards, progress=lambda *_: lambda event: None, n_workers=0)
    assert sorted(path.name for path in paths.parts.iterdir()) == sorted(folders[1:])
