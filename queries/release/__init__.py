"""A release: an atlas as one would upload it, with checksums, cards, metadata and a DuckDB file of views."""

from attlas.queries.release.publish import Release, publish
from attlas.queries.release.statement import Statement

__all__ = ["Release", "Statement", "publish"]
