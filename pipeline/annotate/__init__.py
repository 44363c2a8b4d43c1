"""What is known of proteins, from files of databases and structures, as tables of a sealed atlas."""

from attlas.pipeline.annotate.formats import FORMATS
from attlas.pipeline.annotate.read import AnnotationSource, Import, ImportReport
from attlas.pipeline.annotate.write import annotate

__all__ = ["FORMATS", "AnnotationSource", "Import", "ImportReport", "annotate"]
