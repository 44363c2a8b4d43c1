"""Known features of proteins, from the files of databases, as the table `features` of a sealed atlas."""

from attlas.pipeline.annotate.formats import FORMATS
from attlas.pipeline.annotate.write import Annotation, annotate

__all__ = ["FORMATS", "Annotation", "annotate"]
