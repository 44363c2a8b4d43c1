"""The golden files of the exports onto structures.

    PYTHONPATH=tests python -m helpers.golden_structures    # writes them; then look at what `git diff` says

The atlas and the structure are those of `structure_case.py`; a golden file is what an export of them was when someone
last read it through.
"""

import io
import tempfile
import zipfile
from pathlib import Path

from helpers.structure_case import exported, write_case

GOLDEN = Path(__file__).parents[1] / "queries" / "exports" / "golden" / "structures"

FORMATS = {
    "chimerax": "case.defattr",
    "chimerax-script": "case.cxc",
    "pymol": "case.pml",
    "pdb": "case.b.pdb",
    "mmcif": "case.b.cif",
    "molviewspec": "case.mvsj",
    "funpdbe": "case.json",
}


def golden_structures(folder: Path) -> dict[str, bytes]:
    """Return the name and the bytes of each golden file; of an archive, its index."""
    atlas, structure = write_case(folder)
    files = {}
    for format, name in FORMATS.items():
        options = {"structure": structure, "file_names": {"chimerax": "case.defattr"}}
        data, _ = exported(atlas, format, **options, **({"pdb_id": "1abc"} if format == "funpdbe" else {}))
        files[name] = zipfile.ZipFile(io.BytesIO(data)).read("index.mvsj") if format == "molviewspec" else data
    files["model.pml"] = exported(atlas, "pymol")[0]
    files["model.defattr"] = exported(atlas, "chimerax")[0]
    return files


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name, data in golden_structures(Path(folder)).items():
            (GOLDEN / name).write_bytes(data)
