"""A folder of structures beside a served atlas: drawn as `attlas page --structure` draws, refused by name, bounded."""

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import structure_case
from helpers.command_line import Run
from helpers.structure_case import ACCESSION
from starlette.testclient import TestClient

from attlas.queries import Atlas
from attlas.schema import EnvironmentFault
from attlas.serve.app import make_app
from attlas.serve.limits import Limits

pytestmark = pytest.mark.slow

Case = tuple[Path, Path]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Return an atlas and a structure of one of its proteins."""
    return structure_case.write_case(tmp_path_factory.mktemp("case"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder."""
    path = tmp_path / "models of mine"
    path.mkdir()
    return path


@pytest.fixture
def client(case: Case, folder: Path) -> Iterator[TestClient]:
    """Return a client of the atlas served with the folder."""
    app = make_app(case[0], structures=folder, limits=Limits(structure_bytes=100_000))
    yield TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    app.state.service.close()


def data_of(html: str) -> dict[str, Any]:
    """Return the data of a page."""
    element = re.search(r'<script type="application/json" id="attlas-data">(.*?)</script>', html, re.DOTALL)
    assert element
    data: dict[str, Any] = json.loads(element[1])
    return data


def test_the_file_named_after_a_protein_is_drawn_as_by_the_command_page(
    client: TestClient, folder: Path, case: Case
) -> None:
    with gzip.open(folder / f"AF-{ACCESSION}-F1-model_v6.pdb.gz", "wb") as file:
        file.write(case[1].read_bytes())
    with Atlas.open(case[0]) as atlas:
        page = atlas.page(ACCESSION, structure=folder)

    response = client.get(f"/protein/{ACCESSION}")
    data = data_of(response.text)
    assert data == json.loads(json.dumps(page.data))
    assert data["structure"]["kind"] == "file"
    assert client.get(f"/api/v1/proteins/{ACCESSION}/page").json() == data
    # The viewer is there, and the policy of the page allows it.
    assert response.text.count("sha256-") == page.html.count("sha256-")
    assert "$3Dmol" in response.text


def test_a_protein_without_a_file_has_the_page_that_it_has_without_a_folder(
    client: TestClient, folder: Path, case: Case
) -> None:
    shutil.copy(case[1], folder / f"{ACCESSION}.pdb")
    data = data_of(client.get("/protein/Q99999").text)
    assert data["structure"] is None
    assert data["thinned"] == []
    assert client.get("/protein/Q00003").status_code == 200  # skipped: no sequence, nothing drawn


def make_foreign(folder: Path, structure: Path) -> str:
    """Name the structure after another protein."""
    shutil.copy(structure, folder / "Q00001.pdb")
    return r"^Q00001\.pdb is not drawn: .*Q00001.*chain"


def make_binary(folder: Path, structure: Path) -> str:
    """Write a file that holds no structure."""
    (folder / "Q00001.cif").write_bytes(bytes(range(256)) * 9)
    return r"^Q00001\.cif is not drawn: "


def make_large(folder: Path, structure: Path) -> str:
    """Write a small file that unpacks to more than the server reads."""
    (folder / "Q00001.pdb.gz").write_bytes(gzip.compress(b"REMARK\n" * 20_000))
    return r"^Q00001\.pdb\.gz is not drawn: .*100,000"


def make_several(folder: Path, structure: Path) -> str:
    """Write two structures of one protein."""
    for name in ("Q00001-a.pdb", "Q00001-b.pdb"):
        shutil.copy(structure, folder / name)
    return r"several structures named after Q00001"


def remove_folder(folder: Path, structure: Path) -> str:
    """Take the folder away while the server runs."""
    folder.rmdir()
    return r"folder models of mine cannot be read"


@pytest.mark.parametrize("spoil", [make_foreign, make_binary, make_large, make_several, remove_folder])
def test_a_file_that_cannot_be_drawn_is_named_on_the_page_and_costs_nothing_else(
    client: TestClient, folder: Path, case: Case, spoil: Any
) -> None:
    expected = spoil(folder, case[1])
    response = client.get("/protein/Q00001")
    assert response.status_code == 200
    data = data_of(response.text)
    assert data["structure"] is None
    (note,) = data["thinned"]
    assert re.search(expected, note), note
    assert str(folder) not in response.text  # where it lies is nobody's concern
    assert "--chain" not in note  # which a visitor cannot give
    assert len(data["received"]["data"]) > 0


def test_the_etag_of_a_page_changes_with_its_structure_alone(client: TestClient, folder: Path, case: Case) -> None:
    def etags() -> list[str]:
        paths = (f"/protein/{ACCESSION}", f"/api/v1/proteins/{ACCESSION}/page", "/protein/Q99999")
        return [client.get(path).headers["ETag"] for path in paths]

    before = etags()
    shutil.copy(case[1], folder / f"{ACCESSION}.pdb")
    after = etags()
    assert [new == old for new, old in zip(after, before, strict=True)] == [False, False, True]
    assert client.get(f"/protein/{ACCESSION}", headers={"If-None-Match": after[0]}).status_code == 304


def test_a_folder_that_is_none_and_a_missing_package_stop_the_server_before_it_begins(
    case: Case, folder: Path, attlas: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = attlas("serve", case[0], "--structure", case[1], "--port", "0")
    assert refused.code != 0
    assert "cannot be read" in refused.err
    monkeypatch.setitem(__import__("sys").modules, "gemmi", None)
    with pytest.raises(EnvironmentFault, match=r"attlas\[structures\]"):
        make_app(case[0], structures=folder)
