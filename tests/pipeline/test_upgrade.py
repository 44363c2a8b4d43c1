"""An atlas of format 2 is written anew: the same numbers and id, in types that every engine reads."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.older_atlas import write_older
from helpers.reading_case import PROTEINS
from helpers.sealed_atlas import list_problems
from helpers.synthetic import write_atlas

from attlas.pipeline.upgrade import upgrade
from attlas.queries import Atlas
from attlas.schema import RESIDUES, BrokenAtlasError, InputError


@pytest.fixture(scope="module")
def old(new: Path) -> Path:
    """The same atlas as format 2 had it."""
    return write_older(new, new.with_name("old"))


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("upgrade") / "new"
    write_atlas(root, PROTEINS)
    return root


def test_an_upgraded_atlas_has_the_same_id_and_the_same_rows(
    new: Path, old: Path, tmp_path: Path, attlas: Callable
) -> None:
    run = attlas("show", old, "P04637")
    assert run.code == 1
    assert f"`attlas upgrade {old} -o NEW` writes the same atlas in the format of today" in run.err

    run = attlas("upgrade", old, "-o", tmp_path / "upgraded")
    assert run.code == 0, run.err
    with Atlas.open(new) as expected, Atlas.open(tmp_path / "upgraded") as upgraded:
        assert upgraded.manifest.atlas_id == expected.manifest.atlas_id
        assert upgraded.manifest.run == expected.manifest.run
        assert list_problems(tmp_path / "upgraded") == []
        for table in ("proteins", "sites", "residues", "heads", "sequences"):
            query = f"FROM {table} ORDER BY ALL"
            assert upgraded.sql(query).to_pylist() == expected.sql(query).to_pylist(), table
        assert upgraded.match("TP53") == expected.match("TP53")
        for file in upgraded.manifest.of_table(RESIDUES):
            schema = pq.read_schema(tmp_path / "upgraded" / file.path)
            assert schema.equals(RESIDUES.schema(upgraded.n_layers))
            assert b"attlas" in (schema.metadata or {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["upgraded"]


def test_what_cannot_be_upgraded_is_refused_and_leaves_nothing(new: Path, old: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is of format 3 already"):
        upgrade(new, tmp_path / "x")
    with pytest.raises(InputError, match="is there already"):
        upgrade(old, new)

    damaged = shutil.copytree(old, tmp_path / "damaged")
    path = damaged / "sites" / "shard-00001.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(BrokenAtlasError, match=r"sites.shard-00001\.parquet is not as its manifest says"):
        upgrade(damaged, tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged"]
