"""What SQL over an atlas may name, made in the database when a query first needs it.

The functions, views and comments of an atlas are some 300 statements. Made on every connection they took longer than
most queries, which name few of them; a view reads the footer of a file, too, and where its files are listed in parts,
these.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from threading import Lock

import duckdb

from attlas.queries.engine.functions import Function, comment_on_function, functions, in_order, reached_from
from attlas.queries.engine.views import comment_statements
from attlas.schema import PROTEINS, TABLES, Fault

_LISTS_DEFINITIONS = re.compile(r"\b(?:duckdb_|pg_|information_schema\b)", re.IGNORECASE)
"""How the functions and tables begin by which DuckDB lists functions and shows comments."""


_LISTS_VIEWS = re.compile(r"\b(?:show|sqlite_\w+)\b", re.IGNORECASE)
"""What else a query lists tables with."""


class Definitions:
    """The functions, comments and late views of one database; several threads may ask for them at once."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        late_views: Mapping[str, Callable[[], str]] | None = None,
        explain: Callable[[duckdb.Error], Fault] | None = None,
    ) -> None:
        """Begin with none of them made.

        Args:
            connection: the connection of the database. Nothing else may run on it meanwhile; cursors of it may.
            late_views: return the CREATE VIEW of tables that have none yet, by the name of the table.
            explain: returns the error of attlas for a view that cannot be made.
        """
        self._connection = connection
        self._late_views = dict(late_views or {})
        self._explain = explain
        self._made: set[Function] = set()
        self._is_complete = False
        self._lock = Lock()

    def make_named_in(self, query: str, *, own_views: Mapping[str, str], own_tables: Collection[str]) -> None:
        """Make the functions that a query calls, those that these call, and the views that it and they may read.

        All are made, with comments, if it may list them.

        Args:
            query: the query.
            own_views: views that this query alone has, by the table that each stands for: the CREATE VIEW.
            own_tables: names of the caller's tables.
        """
        if _LISTS_DEFINITIONS.search(query) or (self._late_views and _LISTS_VIEWS.search(query)):
            self.make_all()
            return
        with self._lock:
            called = list(reached_from(query))
            text = "\n".join([query, *(function.sql for function in called)])
            named = [name for name in self._late_views if re.search(rf"\b{name}\b", text, re.IGNORECASE)]
            self._make_views(name for name in named if name not in own_views and name not in own_tables)
            self._make_views(PROTEINS.name for statement in own_views.values() if PROTEINS.name in statement)
            self._make(called)

    def make_all(self) -> bool:
        """Make every view, function and comment, and return whether any had been missing."""
        with self._lock:
            if self._is_complete:
                return False
            self._make_views(list(self._late_views))
            self._make(in_order())
            for table in TABLES:
                self._execute(comment_statements(table))
            self._execute(comment_on_function(function) for function in functions())
            self._is_complete = True
            return True

    def make_views(self) -> None:
        """Make every view."""
        with self._lock:
            self._make_views(list(self._late_views))

    def _make_views(self, names: Iterable[str]) -> None:
        """Make views that are not there yet, and `proteins` before those that are joined to it."""
        for name in names:
            if name not in self._late_views:
                continue
            statement = self._late_views[name]()
            if name != PROTEINS.name and PROTEINS.name in statement:
                self._make_views([PROTEINS.name])
            try:
                self._execute([statement])
            except duckdb.Error as error:
                raise self._explain(error) if self._explain else error from error
            del self._late_views[name]

    def _make(self, missing: Iterable[Function]) -> None:
        """Make functions that are not there yet, given each after those that it calls."""
        for function in missing:
            if function not in self._made:
                self._execute([function.sql])
                self._made.add(function)

    def _execute(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self._connection.execute(statement)
