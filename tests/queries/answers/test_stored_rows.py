"""Rows of tables as answers hold them."""

from dataclasses import fields

from attlas.queries.answers.stored_rows import FamilyRow, FeatureRow, ProteinRow, SiteRow
from attlas.schema import FAMILIES, FEATURES, PROTEINS, SITES


def test_the_rows_of_an_answer_have_the_columns_of_their_tables() -> None:
    columns = {table: [column.name for column in table.stored()] for table in (PROTEINS, SITES, FEATURES, FAMILIES)}
    names = {row: [field.name for field in fields(row)] for row in (ProteinRow, SiteRow, FeatureRow, FamilyRow)}
    assert names[ProteinRow] == columns[PROTEINS]
    assert names[SiteRow] == [name for name in columns[SITES] if name != "sequence_id"]
    for row, table in ((FeatureRow, FEATURES), (FamilyRow, FAMILIES)):
        assert names[row] == [name for name in columns[table] if name not in ("accession", "sequence_id")]
