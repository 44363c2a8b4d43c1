"""Polymers that share the author's name of a chain: each stored from its own atoms, or named; nothing is lost."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import gemmi
import pytest
from helpers.annotated_case import CALMODULIN, FASTA, SHORT, written
from helpers.annotation_case import annotate_from
from helpers.building import build_here
from helpers.pdb_case import Chain, dbref, pdb
from helpers.sealed_atlas import read_rows

from attlas.intake.rejects import describe_record
from attlas.pipeline.annotate import Import
from attlas.schema import AtlasPaths, InputError
from attlas.structures.chains import read_structure

OTHER = "another polymer of the chain's name"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    folder = tmp_path_factory.mktemp("polymers")
    source = folder / "in.fasta"
    source.write_text(FASTA)
    build_here(source, folder / "atlas", tiny_esm)
    return folder / "atlas"


@pytest.fixture
def paths(built: Path, tmp_path: Path) -> AtlasPaths:
    shutil.copytree(built, tmp_path / "atlas")
    return AtlasPaths(tmp_path / "atlas")


def read(paths: AtlasPaths, source: Path, **settings: object) -> Import:
    return annotate_from(paths.root, source, **settings)


def rows(paths: AtlasPaths, table: str = "coordinates") -> list[dict]:
    return read_rows(paths.root, table)


def said(reading: Import, reason: str) -> list[str]:
    return [describe_record(r, c).replace(": ", " ") for r, c in reading.rejected.examples.get(reason, [])]


def one_name(
    folder: Path,
    chains: Sequence[Chain],
    header: Sequence[str] = (),
    *,
    keep: str = "",
    helices: Sequence[tuple[int, int]] = (),
) -> Path:
    """Write chains as mmCIF whose author calls all of them A but those in `keep`; their own names stay apart."""
    structure = gemmi.read_pdb_string(pdb(chains, header=header))
    structure.setup_entities()
    structure.assign_label_seq_id()
    document = structure.make_mmcif_document()
    column = document[0].find_values("_atom_site.auth_asym_id")
    for i, name in enumerate(column):
        column[i] = name if name in keep else "A"
    loop = document[0].init_loop(
        "_struct_conf.", ["conf_type_id", "beg_auth_asym_id", "beg_auth_seq_id", "end_auth_seq_id"]
    )
    for begin, end in helices:
        loop.add_row(["HELX_P", "A", str(begin), str(end)])
    path = folder / "x.cif"
    document.write_file(str(path))
    return path


def test_two_polymers_of_two_proteins_are_both_stored_from_their_own_atoms(paths: AtlasPaths, tmp_path: Path) -> None:
    chains = [Chain("A", CALMODULIN), Chain("B", SHORT, y=40, begin=101)]
    header = [dbref("A", "P0DP23"), dbref("B", "Q00001")]
    reading = read(paths, one_name(tmp_path, chains, header, helices=[(3, 9), (104, 108)]))
    assert (reading.report.n_chains, reading.report.n_records, reading.report.rejected) == (2, 2, {})
    expected = [("P0DP23", "A", i, 0.0) for i in range(1, 61)] + [("Q00001", "A", i, 40.0) for i in range(1, 21)]
    assert sorted((r["accession"], r["chain"], r["position"], r["ca_y"]) for r in rows(paths)) == expected
    helices = {(row["accession"], row["begin"], row["end"]) for row in rows(paths, "features")}
    assert helices == {("P0DP23", 3, 9), ("Q00001", 4, 8)}


def test_two_pieces_of_one_protein_are_stored_as_one_chain(paths: AtlasPaths, tmp_path: Path) -> None:
    chains = [Chain("A", CALMODULIN[:30]), Chain("B", CALMODULIN[30:], y=9, begin=31)]
    reading = read(paths, one_name(tmp_path, chains, [dbref("A", "P0DP23"), dbref("B", "P0DP23")]))
    assert (reading.report.n_chains, reading.report.rejected) == (2, {})
    assert [(row["position"], row["ca_y"]) for row in rows(paths)] == [
        (i, 0.0 if i <= 30 else 9.0) for i in range(1, 61)
    ]


@pytest.mark.parametrize("options", [{}, {"accessions": ("Q00001",)}, {"accessions": ("Q00001",), "chain": "A"}])
def test_of_two_copies_under_one_name_the_second_is_named(paths: AtlasPaths, tmp_path: Path, options: dict) -> None:
    chains = [Chain("A", SHORT), Chain("B", SHORT, y=40, begin=101)]
    header = [dbref("A", "Q00001"), dbref("B", "Q00001")]
    reading = read(paths, one_name(tmp_path, chains, header), **options)
    assert said(reading, OTHER) == ["Q00001 chain A of x.cif it lies on the same positions as the other"]
    assert (reading.report.n_chains, reading.report.n_records, reading.report.n_rejected) == (1, 2, 1)
    assert {row["ca_y"] for row in rows(paths)} == {0.0}
    assert len(rows(paths)) == 20


def test_polymers_whose_residues_have_the_same_numbers_cannot_be_told_apart(paths: AtlasPaths, tmp_path: Path) -> None:
    chains = [Chain("A", CALMODULIN), Chain("B", SHORT, y=40)]
    source = one_name(tmp_path, chains, [dbref("A", "P0DP23"), dbref("B", "Q00001")])
    reading = read(paths, source)
    assert said(reading, OTHER) == ["chain A of x.cif its residues have the numbers of the other's"]
    assert (reading.report.n_chains, reading.report.n_records) == (1, 2)
    assert {(row["accession"], row["ca_y"]) for row in rows(paths)} == {("P0DP23", 0.0)}
    with pytest.raises(InputError, match=r"x.cif chain A: not of Q00001"):
        read(paths, source, accessions=("Q00001",))


def test_a_polymer_that_is_not_of_the_protein_asked_for_is_named(paths: AtlasPaths, tmp_path: Path) -> None:
    source = one_name(tmp_path, [Chain("A", CALMODULIN), Chain("B", SHORT, y=40, begin=101)])
    reading = read(paths, source, accessions=("Q00001",))
    assert said(reading, "not the sequence of the protein") == ["chain A of x.cif not of Q00001"]
    assert {(row["accession"], row["ca_y"]) for row in rows(paths)} == {("Q00001", 40.0)}
    reading = read(paths, source, accessions=("Q00001", "P0DP24"))
    assert (reading.report.n_chains, reading.report.rejected) == (2, {})


def test_a_protein_named_twice_has_its_chain_once(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "c.pdb", pdb([Chain("A", SHORT)], header=[dbref("A", "Q00001")]))
    reading = read(paths, source, accessions=("Q00001", "sp|Q00001|SHORT_HUMAN"))
    assert (reading.report.n_chains, reading.report.n_records, reading.report.rejected) == (1, 1, {})
    assert len(rows(paths)) == 20


def test_dna_under_the_name_of_a_protein_chain_is_named(paths: AtlasPaths, tmp_path: Path) -> None:
    dna = Chain("D", "ACGTACGT", y=90, begin=101, names=dict(enumerate(["DA", "DC", "DG", "DT"] * 2)))
    reading = read(paths, one_name(tmp_path, [Chain("A", SHORT), dna], [dbref("A", "Q00001")]))
    assert said(reading, "no protein chain") == ["chain A of x.cif DNA, 8 residues"]
    assert (reading.report.n_chains, reading.report.n_records) == (1, 2)


def test_the_second_polymer_of_a_name_touches_other_chains_like_the_first(paths: AtlasPaths, tmp_path: Path) -> None:
    chains = [Chain("A", CALMODULIN), Chain("B", SHORT, y=40, begin=101), Chain("C", SHORT[::-1], y=45)]
    header = [dbref("A", "P0DP23"), dbref("B", "Q00001"), dbref("C", "Q00002")]
    read(paths, one_name(tmp_path, chains, header, keep="C"))
    interfaces = {
        (row["accession"], row["description"]) for row in rows(paths, "features") if row["type"] == "Interface"
    }
    assert interfaces == {("Q00001", "chain A with chain C"), ("Q00002", "chain C with chain A")}


def test_every_polymer_has_a_name_of_its_own_in_the_file(tmp_path: Path) -> None:
    file = read_structure(one_name(tmp_path, [Chain("A", SHORT), Chain("B", SHORT, y=40, begin=101)]))
    assert [chain.name for chain in file.chains] == ["A", "A"]
    assert len({chain.part for chain in file.chains}) == 2


# --- what was made of the structures before ---


def test_heads_held_against_structures_before_are_reported_to_be_of_those(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable
) -> None:
    note = "head_contacts was computed from other coordinates than the atlas has now: `attlas contacts DIR` renews it"
    structure = written(tmp_path, "one.pdb", pdb([Chain("A", SHORT)], header=[dbref("A", "Q00001")]))
    other_structure = written(tmp_path, "two.pdb", pdb([Chain("A", CALMODULIN)], header=[dbref("A", "P0DP23")]))
    assert note not in attlas("annotate", paths.root, structure).err
    assert attlas("contacts", paths.root, "--heads-only", "--workers", "0").code == 0
    assert note not in attlas("annotate", paths.root, structure).err
    families = written(tmp_path, "f.csv", "accession,family\nQ00001,PF00069\n")
    assert note not in attlas("annotate", paths.root, families).err
    assert note in attlas("annotate", paths.root, other_structure).err
    replaced = written(tmp_path, "one.pdb", pdb([Chain("B", SHORT)], header=[dbref("B", "Q00001")]))
    outcome = attlas("annotate", paths.root, replaced)
    assert "Replaced 20 residues with coordinates that an earlier import of one.pdb had added." in outcome.err
    assert note in outcome.err
