"""The format of an answer: by `?format=`, else by the header Accept; its media type and the end of its file's name."""

from collections.abc import Iterator
from typing import Literal

from attlas.schema import QuestionError
from attlas.serve.problems import HttpProblem

Format = Literal["json", "csv", "tsv", "arrow", "arrows", "parquet"]

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "arrow": "application/vnd.apache.arrow.file",
    "arrows": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
"""The formats, called as their files end, with their media types; who takes anything gets the first."""
N_RANGES = 50
"""Media ranges of a header Accept that are read."""


def choose_format(format: Format | None, accept: str | None) -> Format:
    """Return the format of an answer: the one named, else the one that the client likes best.

    Raises:
        HttpProblem: 406, the client takes none of them.
    """
    if format is not None:
        return format

    ranges = list(_media_ranges(accept or "*/*"))
    best_quality, best = 0.0, None
    for name, media_type in MEDIA_TYPES.items():
        quality = _quality(media_type, ranges)
        if quality > best_quality:
            best_quality, best = quality, name
    if best is None:
        expected = ", ".join(MEDIA_TYPES.values())
        fault = QuestionError("No format of this answer is acceptable to you.", expected=expected, found=accept)
        raise HttpProblem(406, fault)
    return best


def content_type(format: Format) -> str:
    """Return the value of the header Content-Type."""
    media_type = MEDIA_TYPES[format]
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def _media_ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Yield each media range of a header Accept with its quality, 0 to 1."""
    for text in accept.split(",")[:N_RANGES]:
        media_range, *parameters = (part.strip().lower() for part in text.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    quality = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        yield media_range, quality


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """Return how much a client likes a media type: what its most special range says."""
    kind = media_type.partition("/")[0]
    for media_range in (media_type, f"{kind}/*", "*/*"):
        qualities = [quality for name, quality in ranges if name == media_range]
        if qualities:
            return qualities[0]
    return 0.0
