"""Runs are sorted, and merged stably, in batches of a bounded size."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attlas.pipeline.proteins.external_sort import merge_runs, sort_run

pytestmark = pytest.mark.slow

KEYS = st.sampled_from(["", *"ABé", *("".join(pair) for pair in itertools.product("ABé", repeat=2))])


@pytest.mark.thorough
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(KEYS, min_size=1, max_size=25), max_size=4), st.integers(1, 4))
def test_merged_runs_are_sorted_stably_and_keep_equal_keys_together(keys: list[list[str]], step_batches: int) -> None:
    tables = [pa.table({"key": run, "place": [(i, j) for j in range(len(run))]}) for i, run in enumerate(keys)]
    runs = [sort_run(table, key="key", batch_bytes=200) for table in tables]
    merged = list(merge_runs(runs, key="key", step_batches=step_batches))
    rows = [(row["key"], tuple(row["place"])) for table in merged for row in table.to_pylist()]
    expected = [(key, (i, j)) for i, run in enumerate(keys) for j, key in enumerate(run)]
    assert rows == sorted(expected, key=lambda row: (row[0].encode(), row[1]))
    for before, after in itertools.pairwise(merged):
        assert before["key"][-1] != after["key"][0]


def test_all_texts_of_a_row_count_for_the_size_of_a_batch() -> None:
    rows = pa.table({"key": [f"{i:03d}" for i in range(100)], "header": ["x" * 600] * 100, "gene": [None] * 100})
    rows = rows.set_column(2, "gene", rows["gene"].cast(pa.string()))
    run = sort_run(rows, key="key", batch_bytes=6_000)
    assert max(batch.num_rows for batch in run.batches) <= 10
