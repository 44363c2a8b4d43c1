"""The indexes by which proteins are found: of their names, and of the words of these."""

from collections.abc import Sequence
from pathlib import Path

from attlas.pipeline.indexes.names import write_name_index
from attlas.pipeline.indexes.words import write_word_index
from attlas.schema import AtlasPaths, TableFile


def write_indexes(paths: AtlasPaths, protein_files: Sequence[Path], *, metadata: dict[bytes, bytes]) -> list[TableFile]:
    """Write both indexes of the published files of `proteins`, and return the manifest's entries for them.

    Raises:
        EnvironmentFault: a file cannot be written.
    """
    names = write_name_index(paths, protein_files, metadata=metadata)
    return [*names, *write_word_index(paths, protein_files, metadata=metadata)]
