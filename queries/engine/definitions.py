"""What SQL over an atlas may name besides its views, made in the database when a query first needs it.

The functions and comments of an atlas are some 250 statements. Made on every connection they took longer than most
queries, which name none of them.
"""

import re
from collections.abc import Iterable
from threading import Lock

import duckdb

from attlas.queries.engine.functions import Function, comment_on_function, functions, in_order, reached_from
from attlas.queries.engine.views import comment_statements
from attlas.schema import TABLES

_LISTS_DEFINITIONS = re.compile(r"\b(?:duckdb_|pg_|information_schema\b)", re.IGNORECASE)
"""How the functions and tables begin by which DuckDB lists functions and shows comments."""


class Definitions:
    """The functions and comments of one database; several threads may ask for them at once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Begin with none of them made. Nothing else may run on `connection` while they are; cursors of it may."""
        self._connection = connection
        self._made: set[Function] = set()
        self._is_complete = False
        self._lock = Lock()

    def make_named_in(self, query: str) -> None:
        """Make the functions that a query calls, and those that these call; all, with comments, if it may list them."""
        if _LISTS_DEFINITIONS.search(query):
            self.make_all()
            return
        with self._lock:
            self._make(reached_from(query))

    def make_all(self) -> bool:
        """Make every function and every comment, and return whether any had been missing."""
        with self._lock:
            if self._is_complete:
                return False
            self._make(in_order())
            for table in TABLES:
                self._execute(comment_statements(table))
            self._execute(comment_on_function(function) for function in functions())
            self._is_complete = True
            return True

    def _make(self, missing: Iterable[Function]) -> None:
        """Make functions that are not there yet, given each after those that it calls."""
        for function in missing:
            if function not in self._made:
                self._execute([function.sql])
                self._made.add(function)

    def _execute(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self._connection.execute(statement)
