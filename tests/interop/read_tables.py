"""The tables of an atlas read by one engine, without attlas: `python read_tables.py ENGINE DIR` prints them as JSON.

Each table is an object of columns, in stored order. `joined` is what a stranger wants at once: how many sites each
accession has, from `sites` joined with `proteins` by `sequence_id`. Runs in the environment of the engine.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Columns = dict[str, list[Any]]
JOIN = (
    "SELECT p.accession AS accession, count(*) AS n FROM sites s JOIN proteins p ON s.sequence_id = p.sequence_id "
    "GROUP BY p.accession ORDER BY p.accession"
)


def list_tables(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield every table with its files."""
    for folder in sorted({path.parent for path in root.glob("*/*.parquet")} - {root / "plan"}):
        yield folder.name, sorted(str(path) for path in folder.glob("*.parquet"))


def read_with_polars(tables: dict[str, list[str]]) -> dict[str, Columns]:
    """Return the tables as polars reads them."""
    import polars

    frames = {name: polars.read_parquet(paths) for name, paths in tables.items()}
    sites, proteins = frames["sites"], frames["proteins"].select("accession", "sequence_id")
    frames["joined"] = sites.join(proteins, on="sequence_id").group_by("accession").len("n").sort("accession")
    return {name: frame.to_dict(as_series=False) for name, frame in frames.items()}


def read_with_pandas(tables: dict[str, list[str]]) -> dict[str, Columns]:
    """Return the tables as pandas reads them."""
    import pandas

    frames = {name: pandas.concat([pandas.read_parquet(path) for path in paths]) for name, paths in tables.items()}
    joined = frames["sites"].merge(frames["proteins"][["accession", "sequence_id"]], on="sequence_id")
    frames["joined"] = joined.groupby("accession").size().reset_index(name="n")
    return {name: {column: list(frame[column]) for column in frame} for name, frame in frames.items()}


def read_with_datafusion(tables: dict[str, list[str]]) -> dict[str, Columns]:
    """Return the tables as DataFusion reads them."""
    import datafusion

    context = datafusion.SessionContext()
    for name, paths in tables.items():
        context.register_parquet(name, str(Path(paths[0]).parent))
    rows = {name: [row for path in paths for row in _file_rows(context, path)] for name, paths in tables.items()}
    rows["joined"] = context.sql(JOIN).to_pylist()
    return {name: _columns(table) for name, table in rows.items()}


def _file_rows(context: Any, path: str) -> list[dict[str, Any]]:
    return list(context.read_parquet(path).to_pylist())


def read_with_duckdb(tables: dict[str, list[str]]) -> dict[str, Columns]:
    """Return the tables as DuckDB reads them."""
    import duckdb

    connection = duckdb.connect()
    for name, paths in tables.items():
        connection.execute(f"CREATE VIEW {name} AS FROM read_parquet({paths!r})")
    queries = {name: f"FROM {name}" for name in tables} | {"joined": JOIN}
    return {name: connection.execute(query).fetch_arrow_table().to_pydict() for name, query in queries.items()}


def read_with_spark(tables: dict[str, list[str]]) -> dict[str, Columns]:
    """Return the tables as Spark reads them."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    try:
        rows = {}
        for name, paths in tables.items():
            # A file at a time: Spark reads large files first.
            rows[name] = [row.asDict() for path in paths for row in session.read.parquet(path).collect()]
            session.read.parquet(*paths).createOrReplaceTempView(name)
        rows["joined"] = [row.asDict() for row in session.sql(JOIN).collect()]
    finally:
        session.stop()
    return {name: _columns(table) for name, table in rows.items()}


def _columns(rows: list[dict[str, Any]]) -> Columns:
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}


def _plain(value: Any) -> Any:
    """Return a value of NumPy or pandas as JSON has it; what is missing is null in every engine."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return None if value != value else value


ENGINES: dict[str, Callable[[dict[str, list[str]]], dict[str, Columns]]] = {
    "polars": read_with_polars,
    "pandas": read_with_pandas,
    "datafusion": read_with_datafusion,
    "duckdb": read_with_duckdb,
    "spark": read_with_spark,
}


def main() -> None:
    """Read with the engine that is named and print what it reads."""
    engine, root = sys.argv[1:]
    tables = ENGINES[engine](dict(list_tables(Path(root))))
    plain = {
        name: {column: [_plain(value) for value in values] for column, values in columns.items()}
        for name, columns in tables.items()
    }
    json.dump(plain, sys.stdout)


if __name__ == "__main__":
    main()
