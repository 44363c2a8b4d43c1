"""Atlases whose `proteins` has a footer in parts, as those of more than 131,072 proteins have."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from attlas.queries.lookup import protein_groups
from attlas.schema import PROTEINS
from helpers.table_files import TABLES_BY_NAME


@contextmanager
def cutting_proteins(n_rows: int) -> Iterator[None]:
    """Write the `proteins` of synthetic atlases in row groups of so many rows."""
    table = replace(PROTEINS, row_group_rows=n_rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TABLES_BY_NAME, PROTEINS.name, table)
        patch.setattr("attlas.schema.parquet_file.PROTEINS", table)
        yield


@contextmanager
def reading_by_parts() -> Iterator[None]:
    """Take no footer for a small one, which is read whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protein_groups, "SMALL_TAIL_BYTES", 0)
        yield
