"""The golden files of the exports of links.

    PYTHONPATH=tests python -m helpers.golden_links    # writes them; then look at what `git diff` says

The atlas and the structure are those of `structure_case.py`, with a few links.
"""

import io
import tempfile
import zipfile
from pathlib import Path

from helpers.annotated import link
from helpers.structure_case import ACCESSION, HOSTILE, exported, write_case

GOLDEN = Path(__file__).parents[1] / "queries" / "exports" / "golden" / "links"

FORMATS = {
    "bedpe": "case.bedpe",
    "chimerax-links": "case.pb",
    "pymol-links": "case.pml",
    "molviewspec": "case.mvsj",
}

LINKS = {
    ACCESSION: {
        (0, 0, 1, 2): 0.9,
        (0, 0, 2, 1): 0.25,
        (1, 1, 5, 40): 0.998,
        (1, 1, 37, 7): 0.5,
        (1, 1, 60, 1): 0.104,
        (3, 0, 10, 50): 0.3,
    },
    HOSTILE: {(0, 1, 61, 3): 0.75},
}
"""By accession; layer, head, i and j, and the attention."""


def write_link_case(folder: Path) -> tuple[Path, Path]:
    """Write an atlas with links, and a structure; return their paths."""
    atlas, structure = write_case(folder)
    link(atlas, LINKS)
    return atlas, structure


def golden_links(folder: Path) -> dict[str, bytes]:
    """Return the name and the bytes of each golden file; of an archive, its index."""
    atlas, structure = write_link_case(folder)
    files = {}
    for format, name in FORMATS.items():
        options = {"structure": structure} if format != "bedpe" else {}
        data, _ = exported(atlas, format, **options)
        files[name] = zipfile.ZipFile(io.BytesIO(data)).read("index.mvsj") if format == "molviewspec" else data
    return files


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in golden_links(Path(folder)).items():
            (GOLDEN / name).write_bytes(data)
