"""The description of an atlas for `attlas info`: provenance, counts, sizes, columns, as text or JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from attlas.queries.engine.views import docs_rows
from attlas.queries.text import Layout, counted, printable
from attlas.schema import TABLES, Manifest, Table
from attlas.schema.published_weights import describe_weights

Settings = Mapping[str, Mapping[str, Any]]
"""Settings with which the added tables were computed, by the table's name and their own."""


def to_json(manifest: Manifest, settings: Settings) -> dict[str, Any]:
    """Return provenance, counts, the size of each table and the settings of added ones as plain JSON values."""
    return {
        "atlas_id": manifest.atlas_id,
        "format_version": manifest.format_version,
        "created": manifest.created,
        "source": manifest.source,
        "source_sha256": manifest.source_sha256,
        "run": {"run_id": manifest.run.run_id, **manifest.run.to_json()},
        "weights": describe_weights(manifest.run),
        "counts": asdict(manifest.counts),
        "cost": manifest.cost,
        "tables": table_sizes(manifest),
        "settings": {name: dict(values) for name, values in settings.items()},
    }


def columns_to_json(manifest: Manifest) -> list[dict[str, str]]:
    """Return table, column, type, unit and doc of every column."""
    names = ("table", "column", "type", "unit", "doc")
    return [dict(zip(names, row, strict=True)) for row in docs_rows(manifest.run.n_layers)]


def info_lines(manifest: Manifest, settings: Settings) -> Iterator[str]:
    """Yield the provenance, the counts, a table of the tables and the settings of added ones."""
    pairs = list(_pairs(manifest))
    label = max(len(name) for name, _ in pairs)
    yield from (f"{name:<{label}}  {printable(value)}" for name, value in pairs)
    yield ""
    tables = table_sizes(manifest)
    rows = [(t["name"], f"{t['n_rows']:,}", t["n_files"], _megabytes(t["n_bytes"]), t["doc"]) for t in tables]
    yield from Layout.of(("table", "rows", "files", "MB", "a row is"), rows).lines(rows)

    if settings:
        yield ""
        texts = [
            (name, setting, _spell(value)) for name, values in settings.items() for setting, value in values.items()
        ]
        yield from Layout.of(("table", "setting", "value"), texts).lines(texts)


def column_lines(manifest: Manifest) -> Iterator[str]:
    """Yield each table with its columns: type, unit and what the column says."""
    for table in TABLES:
        rows = [row[1:] for row in docs_rows(manifest.run.n_layers) if row[0] == table.name]
        yield f"{table.name}: {table.doc}"
        yield from (f"  {line}" for line in Layout.of(("column", "type", "unit", "doc"), rows).lines(rows))
        yield ""


def _pairs(manifest: Manifest) -> Iterator[tuple[str, str]]:
    run, counts = manifest.run, manifest.counts
    yield "atlas", f"{manifest.atlas_id} (format {manifest.format_version}, sealed {manifest.created})"
    yield "input", f"{manifest.source} (sha256 {manifest.source_sha256[:16]}…)"

    shape = f"{counted(run.n_layers, 'layer')} x {counted(run.n_heads, 'head')}"
    yield "model", f"{run.model}, revision {run.revision}, {shape}"
    yield "letters", run.letters or "each has a token of its own"
    yield "weights", f"{describe_weights(run)} (sha256 {run.weights_sha256})"
    yield "computed", f"{run.arithmetic}, torch {run.torch_version}"
    yield "rule", f"{run.rule}; an edge is attention of at least {run.edge_theta}"
    yield "longest", "no limit" if run.max_length is None else f"{run.max_length:,} residues, longer ones are skipped"
    yield "written by", f"attlas {run.attlas_version}, transformers {run.transformers_version}, run {run.run_id}"

    yield (
        "proteins",
        (f"{counts.n_requested:,} = {counts.n_ok:,} ok + {counts.n_skipped:,} skipped + {counts.n_failed:,} failed"),
    )
    yield "sequences", f"{counts.n_sequences:,} distinct, {counted(counts.n_residues, 'residue')} computed"
    yield "sites", f"{counted(counts.n_sites, 'high-attention site')} on distinct sequences"


def table_sizes(manifest: Manifest) -> list[dict[str, Any]]:
    """Return name, doc, rows, files and bytes of every table, as plain JSON values."""
    return [_table(manifest, table) for table in TABLES]


def _table(manifest: Manifest, table: Table) -> dict[str, Any]:
    files = manifest.of_table(table)
    return {
        "name": table.name,
        "doc": table.doc,
        "n_rows": files.n_rows,
        "n_files": len(files),
        "n_bytes": files.n_bytes,
    }


def _spell(value: object) -> str:
    return "none" if value is None else printable(value)


def _megabytes(n_bytes: int) -> float:
    return round(n_bytes / 1e6, 1 if n_bytes > 1e6 else 3)
