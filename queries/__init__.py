"""The reading room: an atlas opened, its views, lookups, SQL and exports. Needs pyarrow and duckdb, never torch."""

from typing import TYPE_CHECKING

from attlas.queries.atlas import Atlas

if TYPE_CHECKING:
    from attlas.queries.comparing.comparison import Comparison, compare

__all__ = ["Atlas", "Comparison", "compare"]


def __getattr__(name: str) -> object:
    # Only who compares waits for it: `attlas show` would start 30 ms later.
    if name not in ("Comparison", "compare"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from attlas.queries.comparing import comparison

    return getattr(comparison, name)
