"""Rows of one protein in a table that was added to the atlas, read from Parquet; DuckDB would scan the whole table."""

import pyarrow as pa

from attlas.queries.engine.views import view_schema
from attlas.queries.store import Store, lacks_table, not_computed
from attlas.schema import Table


def read_added_rows(atlas: Store, table: Table, id: str) -> pa.Table:
    """Return the rows of a protein, with the columns of the view; those of every accession that a digest names.

    They are in the order of the table, or the highest first if the table ranks them (`Table.ranked_by`).

    Raises:
        QuestionError: the id is not in the atlas, the protein was not computed, or the atlas has no such table.
    """
    proteins = atlas.protein(id).select(["accession", "sequence_id", "status", "reason"]).to_pylist()
    if not atlas.manifest.of_table(table):
        raise lacks_table(table)

    parts = []
    for protein in proteins:
        if protein["status"] != "ok":
            raise not_computed(protein["accession"], protein["status"], protein["reason"])
        parts.append(_read_protein(atlas, table, protein["accession"], protein["sequence_id"]))

    # Several sources may have written the table, each in its order.
    names = [name for name in table.sort if name not in ("sequence_id", "accession")]
    ranking = [] if table.ranked_by is None else [(table.ranked_by, "descending")]
    order = [("accession", "ascending"), *ranking, *((name, "ascending") for name in names)]
    return pa.concat_tables(parts).sort_by(order)


def _read_protein(atlas: Store, table: Table, accession: str, sequence_id: int) -> pa.Table:
    schema = view_schema(table, atlas.n_layers)
    stored_names = [column.name for column in table.stored()]
    rows = atlas.sequence_rows(table, sequence_id, stored_names)

    if "accession" in stored_names:
        # Proteins of one sequence may have different rows.
        is_of_protein = [stored == accession for stored in rows.column("accession").to_pylist()]
        rows = rows.filter(pa.array(is_of_protein, pa.bool_()))
    else:
        rows = rows.append_column("accession", pa.array([accession] * rows.num_rows, pa.string()))

    return rows.select(schema.names).cast(schema)
