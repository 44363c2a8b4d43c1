"""The tasks of a worker process: all that needs DuckDB or takes long; each writes one file."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class AskTask:
    """A question with its parameters."""

    question: str
    parameters: Mapping[str, object]
    """As a user typed them; an alignment is its text."""
    format: str
    """One of `queries.formats.WRITERS`."""
    max_rows: int | None = None
    """Rows after which the answer ends; None: all."""


@dataclass(frozen=True)
class SqlTask:
    """A SELECT that a user wrote."""

    query: str
    format: str
    max_rows: int | None = None


@dataclass(frozen=True)
class ExportTask:
    """An export of some proteins, or of all."""

    format: str
    """Name of the export."""
    ids: tuple[str, ...] | None
    layer: int | None = None
    head: int | None = None
    form: str | None = None
    """The form in which pairs were joined, for formats that have pairs."""
    is_safe_for_spreadsheets: bool = False


@dataclass(frozen=True)
class PairPageTask:
    """The page of a pair."""

    id: str
    partner: str
    form: str | None
    """The form in which the two were joined; None: the first that was computed."""
    place: str
    """Name of the atlas in the command lines on the page."""


@dataclass(frozen=True)
class ReportTask:
    """The report of the whole atlas."""


Task = AskTask | SqlTask | ExportTask | PairPageTask | ReportTask


@dataclass(frozen=True)
class Outcome:
    """The notes on a file, besides its bytes."""

    notes: tuple[str, ...] = ()
    """What a user should know about the answer; the command line prints the same to stderr."""
    has_more: bool = False
    """Whether there are more rows than the answer has."""
