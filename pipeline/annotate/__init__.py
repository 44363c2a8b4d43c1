"""What is known of proteins, from files of databases and structures, as tables of a sealed atlas."""

from attlas.pipeline.annotate.formats import FORMATS
from attlas.pipeline.annotate.imports import AnnotationSource, Import, ImportReport, Series
from attlas.pipeline.annotate.write import annotate

__all__ = ["FORMATS", "AnnotationSource", "Import", "ImportReport", "Series", "annotate"]
