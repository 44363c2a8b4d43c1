"""Annotation of an atlas from a file, in this process."""

from pathlib import Path

from attlas.pipeline.annotate import AnnotationSource, Import, Series, annotate
from attlas.schema import TRACKS, VARIANTS, AtlasPaths


def annotate_from(root: Path, source: Path, *, rejected: Path | None = None, **options: object) -> Import:
    """Add what a source says, and return what became of it."""
    return annotate(AtlasPaths(root), AnnotationSource(source, **options), rejected=rejected)[0]


def add_track(
    root: Path, source: Path, name: str = "score", column: str | None = None, unit: str = "", **options: object
) -> Import:
    """Add numbers of residues."""
    return annotate_from(root, source, series=Series(TRACKS, name, column, unit), **options)


def add_variants(root: Path, source: Path, name: str = "score", **options: object) -> Import:
    """Add numbers of variants."""
    return annotate_from(root, source, series=Series(VARIANTS, name), **options)
