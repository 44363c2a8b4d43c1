"""The notebooks of `examples/`: committed without outputs, and every cell of them runs."""

import os
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from helpers.annotated import link
from helpers.synthetic import SyntheticProtein, write_atlas
from nbclient import NotebookClient

from attlas.schema import AtlasPaths

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
PUBLISHED_MODEL = "facebook/esm2_t6_8M_UR50D"
"""What the notebooks build with; the tests may not fetch it."""
CELL_S = 120
"""Seconds that a cell may take."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def gpcr_atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an atlas of the four receptors as the notebooks build it, with random numbers instead of a model's."""
    records = (ROOT / "examples" / "gpcrs.fasta").read_text().removeprefix(">").split("\n>")
    proteins = []
    for record in records:
        id, *rows = record.split("\n")
        _, accession, entry_name = id.split("|")
        proteins.append(SyntheticProtein(accession, "".join(rows).replace("-", ""), entry_name, n_sites=4))

    root = tmp_path_factory.mktemp("gpcrs") / "gpcr-atlas"
    write_atlas(root, proteins)
    AtlasPaths(root).plan.write_text("{}")  # it was built here: a release would not be annotated
    link(root, {"P07550": {(0, 0, 131, 284): 0.5, (1, 1, 80, 131): 0.4}})
    return root


def _execute(path: Path, folder: Path, *, model: str) -> list[dict]:
    """Run a notebook in a folder, and return its code cells; an error in one is an error here."""
    shutil.copy(ROOT / "examples" / "gpcrs.fasta", folder)
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace(PUBLISHED_MODEL, model)
    NotebookClient(notebook, timeout=CELL_S, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _printed(cells: list[dict]) -> str:
    return "".join(output.get("text", "") for cell in cells for output in cell.outputs)


@pytest.fixture(autouse=True)
def _command_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@each_notebook
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in cells] == [[]] * len(cells)
    assert {cell.execution_count for cell in cells} == {None}


def test_a_gpcr_family_takes_ten_cells() -> None:
    notebook = nbformat.read(ROOT / "examples" / "gpcr_family.ipynb", as_version=4)
    assert sum(cell.cell_type == "code" for cell in notebook.cells) == 10


@pytest.mark.thorough
@pytest.mark.slow
@each_notebook
def test_every_cell_of_a_notebook_runs(path: Path, gpcr_atlas: Path, tmp_path: Path) -> None:
    shutil.copytree(gpcr_atlas, tmp_path / "gpcr-atlas")
    cells = _execute(path, tmp_path, model="no/model")
    assert "attlas: " not in _printed(cells)  # no command had anything to complain of
    pages = [output for output in cells[-1 if path.stem == "variants" else -2].outputs if "data" in output]
    assert "srcdoc" in pages[0].data["text/html"]
    assert all(cell.outputs for cell in cells[2:])


@pytest.mark.thorough
@each_notebook
def test_a_notebook_builds_its_own_atlas(path: Path, weights: Path, tmp_path: Path) -> None:
    cells = _execute(path, tmp_path, model=str(weights))
    assert "4 proteins: 4 ok" in _printed(cells)
    assert (tmp_path / "gpcr-atlas" / "manifest.json").is_file()
