"""What SQL over an atlas may name, made in the database when a query first needs it.

The functions and comments of an atlas are some 250 statements. Made on every connection they took longer than most
queries, which name none of them. A view is made as late where its files are listed in parts: then these are read.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from threading import Lock

import duckdb

from attlas.queries.engine.functions import Function, comment_on_function, functions, in_order, reached_from
from attlas.queries.engine.views import comment_statements
from attlas.schema import TABLES

_LISTS_DEFINITIONS = re.compile(r"\b(?:duckdb_|pg_|information_schema\b)", re.IGNORECASE)
"""How the functions and tables begin by which DuckDB lists functions and shows comments."""


_LISTS_VIEWS = re.compile(r"\b(?:show|sqlite_\w+)\b", re.IGNORECASE)
"""What else a query lists tables with."""


class Definitions:
    """The functions, comments and late views of one database; several threads may ask for them at once."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, late_views: Mapping[str, Callable[[], str]] | None = None
    ) -> None:
        """Begin with none of them made. Nothing else may run on `connection` while they are; cursors of it may.

        `late_views` return the CREATE VIEW of tables that have none yet, by the name of the table.
        """
        self._connection = connection
        self._late_views = dict(late_views or {})
        self._made: set[Function] = set()
        self._is_complete = False
        self._lock = Lock()

    def make_named_in(self, query: str, *, with_views: Collection[str] = ()) -> None:
        """Make the functions that a query calls, those that these call, and the views that it and they may read.

        All are made, with comments, if it may list them. The query has views of its own of the tables `with_views`.
        """
        if _LISTS_DEFINITIONS.search(query) or (self._late_views and _LISTS_VIEWS.search(query)):
            self.make_all()
            return
        with self._lock:
            called = list(reached_from(query))
            text = "\n".join([query, *(function.sql for function in called)])
            self._make_views(
                [
                    name
                    for name in self._late_views
                    if name not in with_views and re.search(rf"\b{name}\b", text, re.IGNORECASE)
                ]
            )
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

    def _make_views(self, names: Iterable[str]) -> None:
        for name in names:
            self._execute([self._late_views[name]()])
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
