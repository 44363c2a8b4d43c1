"""The reading room: an atlas opened, its views, lookups, SQL and exports. Needs pyarrow and duckdb, never torch."""

from attlas.queries.atlas import Atlas

__all__ = ["Atlas"]
