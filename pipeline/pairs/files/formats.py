"""The format of a file of pairs, which follows from its content, never from its name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from attlas.pipeline.pairs.files.lines import read_head
from attlas.pipeline.pairs.files.mitab import is_mitab, read_mitab
from attlas.pipeline.pairs.files.plain import read_plain
from attlas.pipeline.pairs.files.rows import PairRow
from attlas.pipeline.pairs.files.string_links import is_string_links, read_string_links

PairFormat = Literal["plain", "string", "mitab"]
"""A table of accessions, STRING's protein.links, or PSI-MITAB."""


def format_of(path: Path) -> PairFormat:
    """Return the format of a file of pairs. Raises InputError as `read_head`."""
    head = read_head(path)
    first_line = next((line for line in head if not line.startswith("#")), "")
    if is_mitab(head[0]) or is_mitab(first_line):
        return "mitab"
    return "string" if is_string_links(first_line) else "plain"


def read_rows(path: Path, format: PairFormat) -> Iterator[PairRow]:
    """Yield the rows of a file of pairs in a format. Raises InputError as the reader of the format."""
    if format == "mitab":
        return read_mitab(path)
    return read_string_links(path) if format == "string" else read_plain(path)
