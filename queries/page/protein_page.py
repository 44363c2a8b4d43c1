"""`ProteinPage`: the page of a protein, to be written as a file or shown in a notebook."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from attlas.queries.output_file import open_output
from attlas.queries.page.html import page_html
from attlas.queries.page.thinning import COMPRESSION

FRAME_HEIGHT_PX = 900
SANDBOX = "allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox"
"""What a page in a notebook may do; pages that its links open are as free as any other."""


@dataclass(frozen=True)
class ProteinPage:
    """The page of a protein: one HTML file, whole in itself, which makes no request."""

    data: Mapping[str, Any]
    """What it shows, as `protein_data.py` describes it."""

    @cached_property
    def html(self) -> str:
        """The page as an HTML document."""
        return page_html(self.data)

    @property
    def name(self) -> str:
        """What the page is of: the accession."""
        return str(self.data["protein"]["accession"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out to keep the page small, as sentences."""
        return tuple(self.data["thinned"])

    @property
    def n_bytes_zipped(self) -> int:
        """Bytes of the document, gzipped."""
        return len(gzip.compress(self.html.encode(), COMPRESSION))

    def write(self, path: str | Path) -> Path:
        """Write the page as a file, whole or not at all, and return its path.

        Raises:
            QuestionError: the path is a directory, its folder does not exist, or it lies in the directory of an atlas.
            EnvironmentFault: the disk is full, or cannot be written to.
        """
        with open_output(Path(path)) as file:
            file.write(self.html.encode())
        return Path(path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}; write('FILE.html') writes it>"

    def _repr_html_(self) -> str:
        """Return the page for a notebook: a frame of its own, which reaches nothing of the notebook."""
        return (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="{SANDBOX}" '
            f'style="width:100%;height:{FRAME_HEIGHT_PX}px;border:0" '
            f'title="{escape(self.name)}"></iframe>'
        )
