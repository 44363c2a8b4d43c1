"""The structure of a protein in a folder of many: found by the accession in its name, or refused with the reason."""

from pathlib import Path

import pytest

from attlas.schema import InputError
from attlas.structures.folder import find_structure


def folder_of(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("accession", "name"),
    [
        ("P07550", "AF-P07550-F1-model_v6.cif.gz"),  # and not the PDB file of the same model
        ("P07550-2", "AF-P07550-2-F1-model_v6.cif.gz"),
        ("p0dp23", "calmodulin_P0DP23.ent"),
        ("A0A024", "A0A024.pdb"),
    ],
)
def test_the_structure_named_after_a_protein_is_found_among_others(tmp_path: Path, accession: str, name: str) -> None:
    folder = folder_of(
        tmp_path,
        *("AF-P07550-F1-model_v6.cif.gz", "AF-P07550-F1-model_v6.pdb.gz", "AF-P07550-2-F1-model_v6.cif.gz"),
        *("calmodulin_P0DP23.ent", "P0DP23.fasta", "A0A024.pdb", "A0A0245.pdb", "XP07550.pdb"),
    )
    assert find_structure(folder, accession) == folder / name


def test_a_file_is_the_structure_whatever_its_name(tmp_path: Path) -> None:
    assert find_structure(tmp_path / "model.pdb", "P07550") == tmp_path / "model.pdb"


def test_a_folder_without_the_protein_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "1abc.cif", "notes.txt")
    with pytest.raises(
        InputError, match=r"(?s)no structure named after P07550.*AF-P07550-F1.*1 structures, such as 1abc"
    ):
        find_structure(folder, "P07550")


def test_several_structures_of_a_protein_are_named_and_none_is_taken(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "AF-P07550-F1-model_v6.cif", "AF-P07550-F2-model_v6.cif")
    with pytest.raises(InputError, match=r"(?s)several structures named after P07550.*-F1-.*-F2-"):
        find_structure(folder, "P07550")
