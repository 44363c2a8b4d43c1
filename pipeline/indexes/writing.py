"""The indexes by which proteins are found: of their names, and of the words of these."""

from collections.abc import Sequence
from pathlib import Path

from attlas.pipeline.indexes.names import write_name_index
from attlas.pipeline.indexes.words import write_word_index
from attlas.schema import AtlasPaths, TableFile
from attlas.schema.footer_parts import read_footer_parts


def write_indexes(paths: AtlasPaths, protein_files: Sequence[Path], *, metadata: dict[bytes, bytes]) -> list[TableFile]:
    """Write both indexes of the published files of `proteins`, and return the manifest's entries for them.

    Their metadata tell where the parts of the footer of a large `proteins` are.

    Raises:
        EnvironmentFault: a file cannot be written.
    """
    for path in protein_files:
        footer_parts = read_footer_parts(path)
        metadata = metadata | (footer_parts.to_metadata() if footer_parts else {})
    names = write_name_index(paths, protein_files, metadata=metadata)
    return [*names, *write_word_index(paths, protein_files, metadata=metadata)]
