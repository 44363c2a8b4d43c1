"""Proteins as an atlas has them, in memory, and numbers of a file that are read for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from attlas.intake.rejects import Account
from attlas.pipeline.annotate import AnnotationSource, Series
from attlas.pipeline.annotate.check import COLUMNS, Proteins
from attlas.pipeline.annotate.values.read import import_series
from attlas.pipeline.scratch import open_scratch
from attlas.schema import Table


def make_proteins(rows: Sequence[Mapping[str, Any]]) -> Proteins:
    """Return proteins by their columns; what a row does not name is null."""
    types = {"length": pa.int32(), "sequence_version": pa.int32(), "sequence_id": pa.int32()}
    return Proteins.of(
        pa.table({name: pa.array([row.get(name) for row in rows], types.get(name, pa.string())) for name in COLUMNS})
    )


def import_numbers(
    path: Path, format: str, table: Table, proteins: Proteins, *, accession: str | None = None
) -> dict[str, Any]:
    """Return the rows stored of a file of tracks or variants, those left out, and the words on both."""
    accessions = () if accession is None else (accession,)
    source = AnnotationSource(path, format=format, accessions=accessions, series=Series(table, "score"))
    rejected = Account()
    with open_scratch(path.parent / "scratch", purpose="values") as scratch:
        imported = import_series(source, source.series, proteins, rejected, scratch)

    shown = {kind: [item for item, _ in examples] for kind, examples in rejected.examples.items()}
    rows = getattr(imported.rows, table.name).to_pylist()
    return {"rows": rows, "counts": dict(rejected.counts), "proteins": rejected.proteins, "shown": shown,
            "report": imported.report, "remarks": list(imported.remarks.lines())}  # fmt: skip
