"""Values as they come from a source → rows as they are stored.

Where a residue or a variant has two different values, neither is stored.
"""

from collections.abc import Iterator
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from attlas.intake.rejects import Reason, Record, Rejected, Remark
from attlas.pipeline.annotate.imports import Series
from attlas.pipeline.annotate.rows import as_stored
from attlas.pipeline.annotate.values.records import ValueRow
from attlas.pipeline.annotate.values.spill import KEY

N_SUBSTITUTES = 19
"""Amino acids that may stand in place of another one."""
FEW_VARIANTS = f"mean of fewer than {N_SUBSTITUTES} variants"
"""Kind of the remark on a residue of a track whose value is a mean of variants."""

_N_VALUES_SHOWN = 3


def without_repeats(rows: pa.Table, series: Series) -> tuple[pa.Table, list[Rejected]]:
    """Return sorted values by residue or variant, each once, and what was left out.

    What is given again with the same value is a repeat; with another value none can be told to be right.
    """
    places, rejected = _repeats(rows, series.name)
    if rejected:
        is_kept = pa.array([place not in places for place in range(rows.num_rows)], pa.bool_())
        rows = rows.filter(is_kept)
    return rows, rejected


def mean_over_variants(rows: pa.Table, name: str) -> tuple[pa.Table, list[Remark]]:
    """Return the mean value of the variants of each residue, and a remark on each residue that lacks some of them."""
    groups = rows.group_by(["sequence_id", "accession", "position", "residue"])
    means = groups.aggregate([("value", "mean"), ("value", "count"), ("line", "min")])
    incomplete_means = means.filter(pc.less(means["value_count"], N_SUBSTITUTES)).sort_by(
        [(column, "ascending") for column in ("sequence_id", "accession", "position")]
    )
    remarks = [
        Remark(FEW_VARIANTS, Record(row["accession"], name, position := str(row["position"]), position),
               f"{row['value_count']:,} of {N_SUBSTITUTES}")
        for row in incomplete_means.to_pylist()
    ]  # fmt: skip
    return means.rename_columns({"value_mean": "value"}), remarks


def series_rows(rows: pa.Table, series: Series, *, source: str) -> pa.Table:
    """Return values as rows of the table of their series, sorted."""
    table = rows.append_column("name", pa.repeat(series.name, rows.num_rows))
    table = table.append_column("unit", pa.repeat(series.unit, rows.num_rows))
    return as_stored(series.table, table, source=source)


def _repeats(rows: pa.Table, name: str) -> tuple[set[int], list[Rejected]]:
    """Return the places, in sorted rows, of values that are left out, and the same as rejected records."""
    places: set[int] = set()
    rejected: list[Rejected] = []
    for begin, end in _runs_of_same_key(rows):
        same = [ValueRow(**row) for row in rows.slice(begin, end - begin).to_pylist()]
        values = list(dict.fromkeys(row.value for row in same))
        if len(values) == 1:
            places.update(range(begin + 1, end))
            rejected += [_reject(Reason.REPEATED, row, name, "the same value") for row in same[1:]]
        else:
            places.update(range(begin, end))
            texts = [f"{value:g}" for value in values]
            detail = ", ".join(texts[:_N_VALUES_SHOWN]) + (" and more" if len(texts) > _N_VALUES_SHOWN else "")
            rejected += [_reject(Reason.OTHER_VALUE, row, name, detail) for row in same]

    return places, rejected


def _runs_of_same_key(rows: pa.Table) -> Iterator[tuple[int, int]]:
    """Yield begin and end, exclusive, of each run of two or more sorted rows with the same key."""
    if rows.num_rows < 2:
        return
    is_same = None
    for column in (rows[name].combine_chunks() for name in KEY):
        is_equal = pc.equal(column.slice(1), column.slice(0, len(column) - 1))
        is_same = is_equal if is_same is None else pc.and_(is_same, is_equal)

    # Places that have the key of the place before them; a run of such places, and the place before it, is a group.
    repeats = pc.indices_nonzero(is_same).to_pylist()
    for _, run in groupby(enumerate(repeats), key=lambda item: item[1] - item[0]):
        places = [place for _, place in run]
        yield places[0], places[-1] + 2


def _reject(reason: Reason, row: ValueRow, name: str, detail: str) -> Rejected:
    position = str(row.position)
    return Rejected(reason, Record(row.accession, name, position, position, row.substitute, row.line), detail)
