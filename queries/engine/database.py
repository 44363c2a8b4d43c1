"""The locked database of an atlas: its connection, its functions, and the views that a query needs of it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import duckdb

from attlas.queries.engine.definitions import Definitions
from attlas.queries.engine.narrowing import Narrowing, find_narrowing, list_tables, read_statements
from attlas.queries.engine.views import asks_for_accession

Parameters = Sequence[object] | Mapping[str, object] | None


@dataclass(frozen=True)
class Database:
    """The locked database of one atlas, in memory: its views, and its functions as queries name them."""

    connection: duckdb.DuckDBPyConnection
    definitions: Definitions
    find_unjoined: Callable[[str], str | None] = field(default=lambda _: None)
    """Return the CREATE VIEW for a query that asks for no accession, of a table that is joined to `proteins` otherwise.

    None for any other table, and where several accessions share a sequence, which have a row each."""

    narrow: Callable[[Narrowing], str | None] = field(default=lambda _: None)
    """Return the CREATE VIEW of the files of a table that can hold some proteins; None where all are to be read."""

    def views_for(self, query: str, tree: str, parameters: Parameters) -> dict[str, str]:
        """Return the CREATE VIEW of tables of which a query needs not all, by name: few files, or no `proteins`."""
        statements = read_statements(tree)
        narrowing = find_narrowing(statements, parameters)
        view = self.narrow(narrowing) if narrowing is not None else None
        if narrowing and view:
            return {narrowing.table: view}
        if asks_for_accession(query):
            return {}
        views = {name: self.find_unjoined(name) for name in sorted(list_tables(statements))}
        return {name: statement for name, statement in views.items() if statement is not None}

    def close(self) -> None:
        """Close it, or leave it to the end of the process if a query works on that no interrupt reaches."""
        with suppress(duckdb.ResourceInUseException):
            self.connection.close()
