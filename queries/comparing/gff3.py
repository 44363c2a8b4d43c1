"""Sites as GFF3 → rows: a feature of one residue is a site; positions are 1-based by the format's definition."""

from collections.abc import Iterator
from dataclasses import replace

from attlas.intake.claims import SequenceClaim
from attlas.intake.files import HandedFile
from attlas.intake.gff3 import Gff3Feature, Gff3Region, Gff3Unreadable, read_gff3
from attlas.intake.rejects import Problem, Reason
from attlas.intake.text import numbered_lines
from attlas.queries.comparing.columns import read_row
from attlas.queries.comparing.published import PublishedRow, PublishedSite

_ATTRIBUTES = ("residue", "rank", "layer", "md5")
"""Attributes that are read as columns."""


def read_gff3_sites(file: HandedFile) -> Iterator[PublishedRow]:
    """Yield a row per feature, and one per sequence region, which states the length of a protein."""
    for item in read_gff3(numbered_lines(file.text)):
        if isinstance(item, Gff3Region):
            yield PublishedRow(item.sequence, line=item.line, claim=SequenceClaim(length=item.length))
        elif isinstance(item, Gff3Unreadable):
            problem = Problem(Reason.UNREADABLE_LINE, item.detail)
            yield PublishedRow(item.sequence, line=item.line, problem=problem)
        elif isinstance(item, Gff3Feature):
            yield _row(item)


def _row(feature: Gff3Feature) -> PublishedRow:
    attributes = {name: feature.attributes.get(name) for name in _ATTRIBUTES}
    row = read_row({"accession": feature.sequence, "position": feature.begin, **attributes}, feature.line)
    if feature.begin == feature.end:
        return row
    site = PublishedSite(f"{feature.begin}..{feature.end}", None)
    return replace(row, sites=(site,), problem=Problem(Reason.NO_NUMBER, "a range"))
