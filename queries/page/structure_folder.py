"""`StructureFolder`: structure files that are served beside an atlas, for each protein the one that is named after it.

The folder is looked at anew for each page. A file that cannot be drawn costs a page no more than the drawing: what the
atlas is annotated with stands in its place, and a sentence on the page names the file and says why.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from attlas.queries.answers.stored_rows import ProteinRow
from attlas.queries.page.drawn_structure import draw_file
from attlas.queries.page.protein_data import Drawing
from attlas.queries.text import printable
from attlas.schema import InputError
from attlas.schema.errors import describe_in_one_line
from attlas.structures.chains import require
from attlas.structures.folder import list_folder, only_structure, structures_named


@dataclass(frozen=True)
class StructureFolder:
    """A folder of structure files, and how much of them is read at a time."""

    place: Path
    max_bytes: int
    turns: threading.BoundedSemaphore

    @classmethod
    def open(cls, place: Path, *, max_bytes: int, n_files: int) -> Self:
        """Return a folder whose files can be read.

        Args:
            place: the folder.
            max_bytes: largest file that is drawn, unpacked.
            n_files: files that are read at a time; whoever asks for another one waits.

        Raises:
            InputError: it cannot be listed.
            EnvironmentFault: gemmi is not installed.
        """
        list_folder(place)
        require("gemmi")
        return cls(place, max_bytes, threading.BoundedSemaphore(n_files))

    def find(self, accession: str) -> "ProteinStructure":
        """Return the structure that is named after a protein; NO_STRUCTURE where the folder has none."""
        try:
            paths = structures_named(self.place, accession)
            if not paths:
                return NO_STRUCTURE
            path = only_structure(paths, self.place, accession)
            status = path.stat()
        except (InputError, OSError) as error:
            refusal = _sentence(error, self.place)
            return ProteinStructure(refusal=refusal, stamp=refusal)
        return ProteinStructure(self, path, stamp=(path.name, status.st_mtime_ns, status.st_size))


@dataclass(frozen=True)
class ProteinStructure:
    """The structure of a protein in a folder."""

    folder: StructureFolder | None = None
    path: Path | None = None
    """Its file; None where there is none, or nobody can tell which file it is."""
    refusal: str = ""
    """Why nobody can."""
    stamp: object = None
    """Another one where the file was replaced."""

    def draw(self, protein: ProteinRow) -> Drawing:
        """Return the structure as the page shows it, or the reason why it does not."""
        if self.refusal:
            return Drawing(notes=(self.refusal,))
        if self.folder is None or self.path is None or protein.sequence is None:
            return Drawing()

        try:
            with self.folder.turns:
                drawn = draw_file(self.path, protein.accession, protein.sequence, max_bytes=self.folder.max_bytes)
        except InputError as error:
            sentence = _sentence(error, self.folder.place)
            return Drawing(notes=(f"{printable(self.path.name)} is not drawn: {sentence}",))
        return Drawing(drawn)


NO_STRUCTURE = ProteinStructure()


def _sentence(error: Exception, folder: Path) -> str:
    """Return the message of an error, on one line.

    What to do is for whoever has the command line, and where the folder lies is nobody else's concern.
    """
    text, _, _ = describe_in_one_line(error).partition("; to do: ")
    return printable(text).replace(f"{folder}/", "").replace(str(folder), folder.name)
