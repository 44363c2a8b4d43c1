"""`croissant.json`: the release in Croissant 1.1 (docs.mlcommons.org/croissant), the metadata of machine learning.

Every file with its SHA-256, every table as a record set, every column with type and description. Croissant has no
units, which stand in the descriptions, and no keys of several columns other than a list. It writes the length of a
list as the shape of an array. The day of publication is the day the atlas was sealed, for a release has no time stamp
of its own. Where the URL is not stated, files are named relative to the metadata.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from attlas.queries.engine.views import describe_column
from attlas.queries.release.statement import Statement
from attlas.schema import TABLES, Column, Manifest, Table

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
PARQUET = "application/x-parquet"
UNSTATED_LENGTH = "-1"
"""The shape of an array whose length the metadata do not state."""
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of the specification, as it asks to be copied."""
DATA_TYPES = {
    pa.string(): "sc:Text",
    pa.bool_(): "sc:Boolean",
    pa.int16(): "cr:Int16",
    pa.int32(): "cr:Int32",
    pa.int64(): "cr:Int64",
    pa.float32(): "cr:Float32",
}
"""The Croissant type of a stored Arrow type."""


def describe_croissant(
    manifest: Manifest, statement: Statement, *, other_files: Mapping[str, tuple[int, str]]
) -> dict[str, Any]:
    """Return the metadata as JSON values; `other_files` are the files that are no table: path to bytes and SHA-256."""
    run, counts = manifest.run, manifest.counts
    description = (
        f"What the protein language model {run.model} (revision {run.revision}) attends to in {counts.n_ok:,} of "
        f"{counts.n_requested:,} proteins of {manifest.source}: high-attention sites by rule {run.rule}, attention "
        "received by every residue in each layer, statistics of every head. No site is a claim of function."
    )

    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": statement.make_title(manifest),
        "description": description,
        "dateCreated": manifest.created[:10],
        "datePublished": manifest.created[:10],
        "version": f"{manifest.format_version}.0.0+{manifest.atlas_id}",
        "keywords": ["protein language model", "attention", "proteome", run.model],
        "isLiveDataset": False,
        **_list_facts(statement),
        "distribution": [*_files(manifest, statement, other_files), *_file_sets(manifest)],
        "recordSet": [_record_set(table, run.n_layers) for table in TABLES if _is_there(manifest, table)],
    }


def _list_facts(statement: Statement) -> dict[str, Any]:
    creators = [{"@type": "sc:Organization", "name": name} for name in statement.creators]
    values: dict[str, Any] = {
        "url": statement.web_url,
        "license": statement.licence,
        "citeAs": statement.citation,
        "creator": creators,
    }
    return {name: value for name, value in values.items() if value}


def _files(
    manifest: Manifest, statement: Statement, other_files: Mapping[str, tuple[int, str]]
) -> list[dict[str, Any]]:
    tables = {file.path: (file.n_bytes, file.sha256) for file in manifest.files}
    base = f"{statement.web_url}/" if statement.web_url else ""

    return [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path,
            "contentUrl": f"{base}{path}",
            "contentSize": f"{n_bytes} B",
            "encodingFormat": PARQUET if path in tables else _format(path),
            "sha256": sha256,
        }
        for path, (n_bytes, sha256) in {**tables, **other_files}.items()
    ]


def _format(path: str) -> str:
    formats = {
        "json": "application/json",
        "md": "text/markdown",
        "duckdb": "application/vnd.duckdb.file",
        "html": "text/html",
    }
    return formats[path.rsplit(".")[-1]]


def _file_sets(manifest: Manifest) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"{table.name}-files",
            "name": f"{table.name}-files",
            "description": f"The files of the table {table.name}.",
            "encodingFormat": PARQUET,
            "includes": f"{table.name}/*.parquet",
        }
        for table in TABLES
        if _is_there(manifest, table)
    ]


def _record_set(table: Table, n_layers: int) -> dict[str, Any]:
    stored = [column.name for column in table.stored()]
    key = [{"@id": f"{table.name}/{name}"} for name in table.key if name in stored]
    values: dict[str, Any] = {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.doc,
        "field": [_field(table, column, n_layers) for column in table.stored()],
    }
    return {**values, "key": key} if len(key) == len(table.key) else values


def _field(table: Table, column: Column, n_layers: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{table.name}/{column.name}",
        "name": column.name,
        "description": describe_column(column),
        "dataType": DATA_TYPES[column.type],
        "source": {"fileSet": {"@id": f"{table.name}-files"}, "extract": {"column": column.name}},
    }

    if column.is_per_layer:
        values |= {"isArray": True, "arrayShape": str(n_layers)}
    elif column.is_list:
        values |= {"isArray": True, "arrayShape": UNSTATED_LENGTH}

    return values


def _is_there(manifest: Manifest, table: Table) -> bool:
    return bool(manifest.of_table(table))
