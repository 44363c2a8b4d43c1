"""Opening an atlas, and its lookups; the independent answer is a filter over whole files."""

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from helpers.reading_case import PROTEINS
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.engine.views import view_schema
from attlas.schema import HEADS, RESIDUES, SITES, TABLES, BrokenAtlasError, QuestionError, Table

COMPUTED = [p.accession for p in PROTEINS if p.status == "ok"]


def whole(root: Path, table: Table) -> pa.Table:
    """Every stored row of a table, by reading every file there is."""
    return pa.concat_tables(pq.ParquetFile(path).read() for path in sorted((root / table.name).glob("*.parquet")))


@pytest.mark.parametrize("table", [SITES, RESIDUES, HEADS], ids=lambda table: table.name)
@pytest.mark.parametrize("accession", COMPUTED)
def test_a_lookup_equals_a_filter_over_all_files(atlas: Atlas, atlas_dir: Path, table: Table, accession: str) -> None:
    proteins = pq.ParquetFile(atlas_dir / "proteins" / "proteins.parquet").read()
    sequence_id = proteins.filter(pc.equal(proteins["accession"], accession))["sequence_id"][0]
    rows = whole(atlas_dir, table)
    expected = rows.filter(pc.equal(rows["sequence_id"], sequence_id))
    table_rows = getattr(atlas, table.name)(accession)
    assert table_rows.schema.equals(view_schema(table, atlas.n_layers), check_metadata=True)
    assert table_rows["accession"].to_pylist() == [accession] * expected.num_rows
    assert table_rows.drop_columns("accession").to_pylist() == expected.to_pylist()


@pytest.mark.parametrize("table", [SITES, RESIDUES, HEADS], ids=lambda table: table.name)
def test_sql_on_an_accession_equals_its_lookup(atlas: Atlas, table: Table) -> None:
    order = ", ".join(table.sort)
    table_rows = atlas.sql(f"SELECT * FROM {table.name} WHERE accession = $id ORDER BY {order}", {"id": "P04637"})
    assert table_rows.to_pylist() == getattr(atlas, table.name)("P04637").to_pylist()
    # Names and nullability of list items differ between DuckDB and Arrow; what a user computes with does not.
    kinds = [(getattr(k, "value_type", k), getattr(k, "list_size", None)) for k in table_rows.schema.types]
    declared = view_schema(table, atlas.n_layers).types
    assert kinds == [(getattr(k, "value_type", k), getattr(k, "list_size", None)) for k in declared]


def test_a_filter_on_accession_reads_one_of_many_row_groups(tmp_path: Path) -> None:
    write_atlas(tmp_path / "a", [SyntheticProtein(f"A{i:03d}", "MKV" * (100 + i)) for i in range(120)], n_shards=1)
    with Atlas.open(tmp_path / "a") as atlas:
        from attlas.queries.engine.sandbox import connect

        database = connect(atlas.root, atlas.manifest)
        database.definitions.make_views()
        query = "EXPLAIN ANALYZE SELECT * FROM residues WHERE accession = 'A007'"
        plan = " ".join(database.connection.execute(query).fetchall()[0][1].split())
        database.close()
    scanned, n_groups = map(int, re.search(r"Row Groups Scanned: (\d+) / (\d+)", plan).groups())
    assert n_groups > 4
    assert scanned <= 2  # a protein may lie across two


def test_identical_sequences_answer_under_every_accession(atlas: Atlas) -> None:
    residues, twin_residues = atlas.residues("P0DP23"), atlas.residues("P0DP24")
    assert residues.drop_columns("accession").equals(twin_residues.drop_columns("accession"))
    assert twin_residues["accession"].unique().to_pylist() == ["P0DP24"]
    counted = atlas.sql(
        "SELECT accession, count(*) AS n FROM residues WHERE accession LIKE 'P0DP2%' GROUP BY 1 ORDER BY 1"
    )
    assert counted.to_pylist() == [{"accession": "P0DP23", "n": 149}, {"accession": "P0DP24", "n": 149}]


def test_received_is_seen_as_one_float_per_layer(atlas: Atlas) -> None:
    kind = atlas.residues("P04637").schema.field("received").type
    assert (kind.value_type, kind.list_size) == (pa.float32(), 4)
    assert atlas.sql("SELECT typeof(received) AS t FROM residues LIMIT 1").to_pylist() == [{"t": "FLOAT[4]"}]


def test_no_sites_is_an_empty_table_and_not_computed_is_an_error(atlas: Atlas) -> None:
    assert atlas.sites("Q00001").num_rows == 0
    assert atlas.protein("Q00001")["n_sites"].to_pylist() == [0]
    with pytest.raises(QuestionError, match=r"Q00003 was not computed \(skipped: inner `\*`\)"):
        atlas.sites("Q00003")
    with pytest.raises(QuestionError, match=r"Q00004 was not computed \(failed: out of memory\)"):
        atlas.residues("Q00004")
    assert atlas.protein("Q00003")["status"].to_pylist() == ["skipped"]


def test_results_are_one_call_from_pandas_and_polars(atlas: Atlas) -> None:
    import polars as pl

    sites = atlas.sites("P04637")
    assert list(sites.to_pandas()["rank"]) == [1, 2, 3]
    assert pl.from_arrow(sites)["rank"].to_list() == [1, 2, 3]


@pytest.mark.thorough
def test_an_atlas_in_which_nothing_was_computed_answers_with_no_rows(tmp_path: Path) -> None:
    skipped = SyntheticProtein("A1", "MK*V", status="skipped", reason="inner `*`")
    write_atlas(tmp_path / "a", [skipped], n_shards=1)
    with Atlas.open(tmp_path / "a") as atlas:
        for table in TABLES[1:]:
            assert atlas.sql(f"SELECT * FROM {table.name}").num_rows == 0
            assert atlas.sql(f"DESCRIBE {table.name}").num_rows == len(table.columns)
        assert atlas.protein("A1").num_rows == 1


def test_a_protein_larger_than_a_row_group_is_found_whole(tmp_path: Path) -> None:
    titin = SyntheticProtein("Q8WZ42", "MKTAYIAKQR" * 3_435)
    write_atlas(
        tmp_path / "a", [SyntheticProtein("A1", "MKVA" * 5), titin, SyntheticProtein("A2", "GG" * 50)], n_shards=1
    )
    with Atlas.open(tmp_path / "a") as atlas:
        assert atlas.residues("Q8WZ42")["position"].to_pylist() == list(range(1, 34_351))


def test_an_unfinished_atlas_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(BrokenAtlasError, match="not whole yet"):
        Atlas.open(tmp_path)


def test_a_directory_that_is_no_atlas_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenAtlasError, match="is no atlas"):
        Atlas.open(tmp_path)
    with pytest.raises(BrokenAtlasError, match="There is no directory"):
        Atlas.open(tmp_path / "nothing")


def test_a_missing_file_is_named(atlas_dir: Path, tmp_path: Path) -> None:
    root = shutil.copytree(atlas_dir, tmp_path / "copy")
    (root / "sites" / "shard-00002.parquet").unlink()
    with Atlas.open(root) as atlas, pytest.raises(BrokenAtlasError, match=r"sites/shard-00002\.parquet"):
        atlas.sql("SELECT 1")
    with Atlas.open(root) as atlas, pytest.raises(BrokenAtlasError, match=r"shard-00002\.parquet cannot be read"):
        [atlas.sites(accession) for accession in COMPUTED]


def test_a_manifest_that_points_outside_the_atlas_is_refused(atlas_dir: Path, tmp_path: Path) -> None:
    root = shutil.copytree(atlas_dir, tmp_path / "copy")
    manifest = root / "manifest.json"
    manifest.write_text(manifest.read_text().replace("sites/shard", f"../{atlas_dir.name}/sites/shard"))
    with pytest.raises(BrokenAtlasError, match="no path of a file of sites inside the atlas"):
        Atlas.open(root)


def test_an_atlas_closes_and_answers_from_several_threads(atlas_dir: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with Atlas.open(atlas_dir) as atlas, ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda a: atlas.sites(a).num_rows, COMPUTED * 5))
        row_counts = pool.map(lambda a: atlas.sql("FROM sites WHERE accession = ?", [a]).num_rows, COMPUTED * 2)
        assert counts[: 2 * len(COMPUTED)] == list(row_counts)
    atlas.close()
