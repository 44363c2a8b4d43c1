"""Structures in: coordinates, secondary structure and interfaces in the protein's numbering, against other readers."""

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import gemmi
import numpy as np
import pytest
from Bio.PDB import MMCIFParser
from helpers.annotated_case import CALMODULIN, FASTA, SHORT, written
from helpers.annotation_case import annotate_from
from helpers.building import build_here
from helpers.pdb_case import LIPASE, LIPASE_FILE, OFFSET, Chain, dbref, helix, pdb, sheet
from helpers.sealed_atlas import list_problems, read_keys, read_manifest, read_rows

from attlas.intake.rejects import describe_record
from attlas.pipeline.annotate import Import
from attlas.schema import AtlasPaths, InputError

pytestmark = pytest.mark.slow

ROWS = ("coordinates", "features", "families")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    folder = tmp_path_factory.mktemp("structures")
    source = folder / "in.fasta"
    source.write_text(f"{FASTA}>sp|P37957|ESTA_BACSU Lipase EstA\n{LIPASE}\n")
    build_here(source, folder / "atlas", tiny_esm)
    return folder / "atlas"


@pytest.fixture
def paths(built: Path, tmp_path: Path) -> AtlasPaths:
    shutil.copytree(built, tmp_path / "atlas")
    return AtlasPaths(tmp_path / "atlas")


def read(paths: AtlasPaths, source: Path, **options: object) -> Import:
    return annotate_from(paths.root, source, **options)


def rows(paths: AtlasPaths, table: str) -> list[dict]:
    return read_rows(paths.root, table)


def features(paths: AtlasPaths, kind: str) -> list[tuple]:
    features_of_kind = [row for row in rows(paths, "features") if row["type"] == kind]
    return [(row["accession"], row["begin"], row["end"], row["description"]) for row in features_of_kind]


def reasons(reading: Import, reason: str) -> list[str]:
    return [describe_record(r, c).replace(": ", " ") for r, c in reading.rejected.examples.get(reason, [])]


def remarks(reading: Import, kind: str) -> list[str]:
    return [describe_record(r, c).replace(": ", " ") for r, c in reading.remarks.examples.get(kind, [])]


# --- against other readers ---


@pytest.fixture(scope="module")
def lipase_atoms(tmp_path_factory: pytest.TempPathFactory) -> dict:
    plain = tmp_path_factory.mktemp("lipase") / "1r4z.cif"
    plain.write_bytes(gzip.decompress(LIPASE_FILE.read_bytes()))
    model = MMCIFParser(QUIET=True).get_structure("x", plain)[0]
    return {chain.id: [residue for residue in chain if residue.id[0] == " "] for chain in model}


def test_coordinates_are_those_that_biopython_reads(paths: AtlasPaths, lipase_atoms: dict) -> None:
    report = read(paths, LIPASE_FILE).report
    expected = {
        (chain, residue.id[1] + OFFSET): (
            residue["CA"].coord,
            residue["CB" if "CB" in residue else "CA"].coord,
        )
        for chain, residues in lipase_atoms.items()
        for residue in residues
    }
    stored = {(row["chain"], row["position"]): row for row in rows(paths, "coordinates")}
    assert stored.keys() == expected.keys()
    assert (report.n_coordinates, report.n_chains, report.n_structures, report.format) == (358, 2, 1, "mmcif")
    for key, (ca, cb) in expected.items():
        np.testing.assert_allclose([stored[key][f"ca_{axis}"] for axis in "xyz"], ca, atol=1e-3)
        np.testing.assert_allclose([stored[key][f"cb_{axis}"] for axis in "xyz"], cb, atol=1e-3)


def test_every_position_has_the_letter_of_the_protein_and_the_observed_one(paths: AtlasPaths) -> None:
    read(paths, LIPASE_FILE)
    stored = rows(paths, "coordinates")
    assert {(row["accession"], row["source"]) for row in stored} == {("P37957", "1r4z.cif.gz")}
    assert all(row["residue"] == LIPASE[row["position"] - 1] == row["observed"] for row in stored)
    assert [row["position"] for row in stored] == 2 * list(range(34, 213))


def test_helices_and_strands_are_those_written_in_the_file(paths: AtlasPaths) -> None:
    text = gzip.decompress(LIPASE_FILE.read_bytes()).decode()
    conf = r"^HELX_P +\S+ +\d+ +\w+ (\w) \d+ +\? \w+ \w \d+ +\? \w+ \w (\d+) +\w+ \w (\d+) +(\d+) "
    words = {"1": "alpha helix", "5": "3-10 helix"}
    helices = [
        ("P37957", int(begin) + OFFSET, int(end) + OFFSET, f"chain {chain}, {words[kind]}")
        for chain, begin, end, kind in re.findall(conf, text, re.MULTILINE)
    ]
    block = text[text.index("_struct_sheet_range.sheet_id") :]
    row = r"^(\w) \d+ +\w+ \w \d+ +\? \w+ \w \d+ +\? \w+ (\w) (\d+) +\w+ \w (\d+) *$"
    strands = {
        ("P37957", int(begin) + OFFSET, int(end) + OFFSET, f"chain {chain}, sheet {name}")
        for name, chain, begin, end in re.findall(row, block[: block.index("\n# \n")], re.MULTILINE)
    }
    read(paths, LIPASE_FILE)
    assert len(helices) == 20
    assert len(strands) == 12
    assert sorted(features(paths, "Helix")) == sorted(helices)
    assert sorted(features(paths, "Beta strand")) == sorted(strands)
    assert {row["evidence"] for row in rows(paths, "features")} == {"ECO:0007829"}


def heavy(residue: object) -> np.ndarray:
    return np.array([atom.coord for atom in residue if atom.element != "H"])


def brute_interface(chain: list, partner: list) -> set[int]:
    """Return the numbers of residues of the first chain with an atom nearer than 5 angstrom to the second."""
    partner_atoms = np.concatenate([heavy(residue) for residue in partner])
    near = (np.linalg.norm(heavy(residue)[:, None] - partner_atoms[None], axis=2).min() < 5.0 for residue in chain)
    return {residue.id[1] for residue, is_near in zip(chain, near, strict=True) if is_near}


def positions(ranges: list[tuple]) -> set[int]:
    return {position for _, begin, end, _ in ranges for position in range(begin, end + 1)}


def pushed_together(folder: Path) -> Path:
    """Write the two chains of 1R4Z, which do not touch, so near that they do; no assembly is stated any more."""
    structure = gemmi.read_structure(str(LIPASE_FILE))
    structure.assemblies.clear()
    chains = structure[0]
    atoms, partner_atoms = (np.array([atom.pos.tolist() for r in chain for atom in r]) for chain in chains)
    way = (atoms.mean(0) - partner_atoms.mean(0)) / np.linalg.norm(atoms.mean(0) - partner_atoms.mean(0))
    step = next(d for d in range(60) if min_distance(atoms, partner_atoms + d * way) < 1.5)
    for residue in chains[1]:
        for atom in residue:
            atom.pos = gemmi.Position(*(np.array(atom.pos.tolist()) + step * way))
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(folder / "pushed.cif"))
    return folder / "pushed.cif"


def min_distance(atoms: np.ndarray, partner_atoms: np.ndarray) -> float:
    return min(np.linalg.norm(atoms - point, axis=1).min() for point in partner_atoms)


@pytest.mark.thorough
def test_interfaces_as_deposited_are_those_of_all_pairs_of_atoms(paths: AtlasPaths, tmp_path: Path) -> None:
    source = pushed_together(tmp_path)
    read(paths, source, accessions=("P37957",))
    model = MMCIFParser(QUIET=True).get_structure("x", source)[0]
    atoms = {chain.id: [residue for residue in chain if residue.id[0] == " "] for chain in model}
    ranges = features(paths, "Interface")
    for chain, partner in (("A", "B"), ("B", "A")):
        expected = {number + OFFSET for number in brute_interface(atoms[chain], atoms[partner])}
        mine = [row for row in ranges if row[3] == f"chain {chain} with chain {partner}"]
        assert len(expected) > 5
        assert positions(mine) == expected
        ends = [(begin, end) for _, begin, end, _ in mine]
        assert all(begin - 1 not in expected and end + 1 not in expected for begin, end in ends)
    assert {row[3] for row in ranges} == {"chain A with chain B", "chain B with chain A"}


def test_monomers_of_a_crystal_have_no_interface(paths: AtlasPaths) -> None:
    # 1R4Z states two assemblies, each one chain: that the chains touch in the crystal is no interface.
    read(paths, LIPASE_FILE)
    assert features(paths, "Interface") == []


def test_symmetry_copies_make_an_interface_like_any_other_chain(paths: AtlasPaths, tmp_path: Path) -> None:
    # Turned by half a circle about an axis along z: the chain meets its copy along its second half.
    biomt = [
        "REMARK 350 BIOMOLECULE: 1",
        "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A",
        "REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000",
        "REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000",
        "REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000",
        "REMARK 350   BIOMT1   2 -1.000000  0.000000  0.000000      110.00000",
        "REMARK 350   BIOMT2   2  0.000000 -1.000000  0.000000        7.00000",
        "REMARK 350   BIOMT3   2  0.000000  0.000000  1.000000        0.00000",
    ]
    text = pdb([Chain("A", SHORT)], header=[*biomt, dbref("A", "Q00001")])
    read(paths, written(tmp_path, "dimer.pdb", text))
    atoms = [(int(line[22:26]), np.array([float(line[i : i + 8]) for i in (30, 38, 46)])) for line in _atom_lines(text)]
    copies = [np.array([110 - xyz[0], 7 - xyz[1], xyz[2]]) for _, xyz in atoms]
    expected = {number for number, xyz in atoms if min(np.linalg.norm(xyz - copy) for copy in copies) < 5}
    assert 3 < len(expected) < len(SHORT)
    assert positions(features(paths, "Interface")) == expected
    assert {row[3] for row in features(paths, "Interface")} == {"chain A with chain A (symmetry copy)"}


def _atom_lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.startswith("ATOM"))


# --- which protein ---


def test_the_files_own_accession_is_taken_first(paths: AtlasPaths, tmp_path: Path) -> None:
    # P0DP23 and P0DP24 have one sequence: what the file says decides.
    text = pdb([Chain("A", CALMODULIN)], header=[dbref("A", "P0DP24")])
    read(paths, written(tmp_path, "c.pdb", text))
    assert {row["accession"] for row in rows(paths, "coordinates")} == {"P0DP24"}


def test_a_file_that_says_nothing_is_known_by_its_sequence(paths: AtlasPaths, tmp_path: Path) -> None:
    reading = read(paths, written(tmp_path, "c.pdb", pdb([Chain("A", CALMODULIN)])))
    assert {row["accession"] for row in rows(paths, "coordinates")} == {"P0DP23", "P0DP24"}
    assert remarks(reading, "protein found by the chain's sequence") == [
        "P0DP23 chain A of c.pdb",
        "P0DP24 chain A of c.pdb",
    ]


def test_a_tag_before_a_known_sequence_is_left_out_and_counted(paths: AtlasPaths, tmp_path: Path) -> None:
    reading = read(paths, written(tmp_path, "c.pdb", pdb([Chain("A", "HHHHHH" + SHORT, begin=-5)])))
    assert [row["position"] for row in rows(paths, "coordinates")] == list(range(1, 21))
    assert remarks(reading, "residues not of the protein, left out") == ["Q00001 chain A of c.pdb 6 of the chain's 26"]


def test_a_computed_model_is_known_by_modelcif_and_has_no_experiments_evidence(
    paths: AtlasPaths, tmp_path: Path
) -> None:
    structure = gemmi.read_pdb_string(pdb([Chain("A", SHORT)]))
    structure.setup_entities()
    document = structure.make_mmcif_document()
    document[0].find_mmcif_category("_exptl.").erase()
    loop = document[0].init_loop("_ma_target_ref_db_details.", ["target_entity_id", "db_name", "db_accession"])
    loop.add_row([structure.entities[0].name, "UNP", "Q00001"])
    conf = ["conf_type_id", "beg_auth_asym_id", "beg_auth_seq_id", "end_auth_asym_id", "end_auth_seq_id"]
    loop = document[0].init_loop("_struct_conf.", conf)
    for kind, begin, end in (
        ("HELX_RH_AL_P", 2, 5), ("HELX_RH_3T_P", 6, 8), ("HELX_LH_PP_P", 9, 10),
        ("STRN", 11, 13), ("TURN_TY1_P", 14, 15), ("BEND", 16, 16),
    ):  # fmt: skip
        loop.add_row([kind, "A", str(begin), "A", str(end)])
    document.write_file(str(tmp_path / "AF-Q00001-F1.cif"))
    reading = read(paths, tmp_path / "AF-Q00001-F1.cif")
    assert [(r["type"], r["begin"], r["end"], r["description"], r["evidence"]) for r in rows(paths, "features")] == [
        ("Helix", 2, 5, "chain A, alpha helix", None),
        ("Helix", 6, 8, "chain A, 3-10 helix", None),
        ("Polyproline helix", 9, 10, "chain A, polyproline helix", None),
        ("Beta strand", 11, 13, "chain A", None),
        ("Turn", 14, 15, "chain A", None),
    ]
    assert remarks(reading, "secondary structure of other kinds, not stored") == ["AF-Q00001-F1.cif 1 of BEND"]


def test_the_caller_may_say_which_protein_and_which_chain(paths: AtlasPaths, tmp_path: Path) -> None:
    text = pdb([Chain("A", SHORT), Chain("B", SHORT, y=30), Chain("C", CALMODULIN, y=60)])
    source = written(tmp_path, "c.pdb", text)
    read(paths, source, accessions=("Q00001",), chain="B")
    assert {row["chain"] for row in rows(paths, "coordinates")} == {"B"}
    reading = read(paths, source, accessions=("Q00001",))
    assert {row["chain"] for row in rows(paths, "coordinates")} == {"A", "B"}
    assert reasons(reading, "not the sequence of the protein") == ["chain C of c.pdb not of Q00001"]
    read(paths, source, accessions=("Q00001", "P0DP24"))
    stored = {(row["accession"], row["chain"]) for row in rows(paths, "coordinates")}
    assert stored == {("Q00001", "A"), ("Q00001", "B"), ("P0DP24", "C")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accessions": ("X99999",)}, "No structure can be laid onto X99999: id not in the atlas"),
        ({"accessions": ("Q00003",)}, r"No structure can be laid onto Q00003: protein not computed(.|\n)*skipped"),
        ({"accessions": ("P37957",)}, r"c.pdb chain A: not of P37957"),
        ({"chain": "Z"}, r"has no protein chain Z(.|\n)*one of A"),
        ({"format": "mmcif"}, r"is of another format(.|\n)*expected: mmcif(.|\n)*found: +pdb"),
        ({"database": "Pfam"}, "--database goes with a table of families"),
    ],
)
def test_what_the_caller_says_and_is_not_so_is_refused(
    paths: AtlasPaths, tmp_path: Path, options: dict, message: str
) -> None:
    source = written(tmp_path, "c.pdb", pdb([Chain("A", SHORT)]))
    with pytest.raises(InputError, match=message):
        read(paths, source, **options)
    assert rows(paths, "coordinates") == []


@pytest.mark.parametrize(("option", "value"), [("--accession", "Q00001"), ("--chain", "A")])
def test_options_of_structures_do_not_go_with_tables(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable, option: str, value: str
) -> None:
    source = written(tmp_path, "t.csv", "accession,position,label\nQ00001,1,a\n")
    outcome = attlas("annotate", paths.root, source, option, value)
    assert outcome.code == 1
    assert f"{option} goes with a structure" in outcome.err


def test_chains_of_other_proteins_and_of_dna_are_named(paths: AtlasPaths, tmp_path: Path) -> None:
    dna = Chain("D", "ACGTACGT", y=90, names=dict(enumerate(["DA", "DC", "DG", "DT"] * 2)))
    chains = [Chain("A", SHORT), Chain("B", SHORT[::-1][:15], y=30), Chain("C", CALMODULIN[::-1], y=60), dna]
    text = pdb(chains, header=[dbref("A", "Q00001"), dbref("B", "X99999"), dbref("C", "P0DP23")])
    reading = read(paths, written(tmp_path, "c.pdb", text))
    assert reasons(reading, "no protein of the atlas") == ["chain B of c.pdb the file says X99999"]
    (other,) = reasons(reading, "not the sequence of the protein")
    assert re.fullmatch(r"P0DP23 chain C of c.pdb \d+ of \d+ letters the same .*", other)
    assert reasons(reading, "no protein chain") == ["chain D of c.pdb DNA, 8 residues"]
    assert {row["chain"] for row in rows(paths, "coordinates")} == {"A"}
    assert (reading.report.n_records, reading.report.n_rejected) == (4, 3)


def test_chains_of_which_the_same_is_reported_are_named_together(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable
) -> None:
    mutant = CALMODULIN[:20] + "W" + CALMODULIN[21:]
    chains = [Chain(name, mutant, y=30 * i) for i, name in enumerate("ABCDEFGHIJKL")]
    chains += [Chain("X", SHORT[::-1][:15], y=-30), Chain("Y", SHORT[::-1][:15], y=-60)]
    text = pdb(chains, header=[dbref(name, "P0DP23") for name in "ABCDEFGHIJKL"])
    outcome = attlas("annotate", paths.root, written(tmp_path, "c.pdb", text))
    assert "kept as observed: 12 chains of 1 protein" in outcome.err
    assert "- P0DP23 chains A, B, C, D, E, F, G, H, I, J, K, L of c.pdb: D21 is TRP 21\n" in outcome.err
    assert "no protein of the atlas: 2 chains\nattlas:   - chains X, Y of c.pdb: the file does not say" in outcome.err
    assert "more\n" not in outcome.err


def test_long_accessions_stand_on_two_lines_of_a_pdb_file(tmp_path: Path) -> None:
    from attlas.structures.chains import read_structure

    header = [
        "DBREF1 1TST A    1    20  UNP                  A0A0A9BL36_9BACT",
        "DBREF2 1TST A     A0A0A9BL36                          1          20",
        "DBREF1 1TST B    1    20  GB                   XYZ",
        "DBREF2 1TST B     ABC12345                            1          20",
    ]
    file = read_structure(written(tmp_path, "c.pdb", pdb([Chain("A", SHORT), Chain("B", SHORT, y=30)], header=header)))
    assert [chain.accessions for chain in file.chains] == [("A0A0A9BL36",), ()]


def test_a_fusion_is_laid_onto_both_of_its_proteins(paths: AtlasPaths, tmp_path: Path) -> None:
    text = pdb([Chain("A", CALMODULIN + SHORT)], header=[dbref("A", "P0DP23", 1, 60), dbref("A", "Q00001", 61, 80)])
    read(paths, written(tmp_path, "c.pdb", text))
    counts = [row["accession"] for row in rows(paths, "coordinates")]
    assert (counts.count("P0DP23"), counts.count("Q00001")) == (60, 20)


# --- residues as they come ---


def test_a_mutant_keeps_its_coordinates_and_says_what_it_is(paths: AtlasPaths, tmp_path: Path) -> None:
    mutant = CALMODULIN[:20] + "W" + CALMODULIN[21:]
    text = pdb([Chain("A", mutant)], header=[dbref("A", "P0DP23")])
    reading = read(paths, written(tmp_path, "c.pdb", text))
    row = rows(paths, "coordinates")[20]
    assert (row["position"], row["residue"], row["observed"], row["ca_x"]) == (21, "D", "W", 76.0)
    lines = remarks(reading, "another residue than the protein's, kept as observed")
    assert lines == ["P0DP23 chain A of c.pdb D21 is TRP 21"]


def test_numbers_insertion_codes_gaps_and_selenomethionine_do_not_shift_anything(
    paths: AtlasPaths, tmp_path: Path
) -> None:
    # 60 residues numbered 10..40, 40A..40J, 41..; the first methionine is selenomethionine; three were not seen.
    numbers = [*map(str, range(10, 41)), *(f"40{code}" for code in "ABCDEFGHIJ"), *map(str, range(41, 60))]
    chain = Chain("A", CALMODULIN, numbers=numbers, names={0: "MSE"}, missing=(5, 6, 33))
    header = [dbref("A", "P0DP23"), helix("A", "39", "40B"), sheet("A", "40D", "42")]
    read(paths, written(tmp_path, "c.pdb", pdb([chain], header=header)))
    stored = rows(paths, "coordinates")
    assert [row["position"] for row in stored] == [i + 1 for i in range(60) if i not in (5, 6, 33)]
    assert all(row["ca_x"] == pytest.approx(3.8 * (row["position"] - 1), abs=1e-3) for row in stored)
    assert stored[0]["observed"] == "M"
    # 39 is position 30, 40 is 31, 40A..40D are 32..35, of which 34 has no coordinates.
    assert features(paths, "Helix") == [("P0DP23", 30, 33, "chain A, alpha helix")]
    assert features(paths, "Beta strand") == [("P0DP23", 35, 43, "chain A, sheet S")]


def test_glycine_has_its_ca_for_a_cb_and_a_missing_cb_is_empty(paths: AtlasPaths, tmp_path: Path) -> None:
    text = pdb([Chain("A", SHORT)], header=[dbref("A", "Q00001")])
    lines = [line for line in text.splitlines() if not (line[12:16] == " CB " and line[22:26].strip() == "3")]
    read(paths, written(tmp_path, "c.pdb", "\n".join(lines) + "\n"))
    stored = rows(paths, "coordinates")
    assert SHORT[6] == "G"
    assert all(stored[6][f"ca_{axis}"] == stored[6][f"cb_{axis}"] for axis in "xyz")
    assert [stored[2][f"cb_{axis}"] for axis in "xyz"] == [None] * 3
    assert stored[2]["ca_x"] is not None


def test_of_alternative_places_the_first_is_read(paths: AtlasPaths, tmp_path: Path) -> None:
    text = pdb([Chain("A", SHORT)], header=[dbref("A", "Q00001")])
    lines = []
    for line in text.splitlines():
        if line[12:16] == " CA " and line[22:26].strip() == "4":
            lines += [line[:16] + "A" + line[17:], line[:16] + "B" + line[17:46] + f"{9.0:8.3f}" + line[54:]]
        else:
            lines.append(line)
    read(paths, written(tmp_path, "c.pdb", "\n".join(lines) + "\n"))
    assert rows(paths, "coordinates")[3]["ca_z"] == 0.0


def test_of_twenty_models_the_first_is_read_and_said(paths: AtlasPaths, tmp_path: Path) -> None:
    text = pdb([Chain("A", SHORT)], header=[dbref("A", "Q00001")], n_models=20, shift=5.0)
    reading = read(paths, written(tmp_path, "nmr.pdb", text))
    assert {row["ca_z"] for row in rows(paths, "coordinates")} == {0.0}
    assert len(rows(paths, "coordinates")) == 20
    assert remarks(reading, "several models, the first is read") == ["nmr.pdb 20 models"]


def test_an_element_is_clipped_to_residues_of_the_protein(paths: AtlasPaths, tmp_path: Path) -> None:
    header = [dbref("A", "Q00001"), helix("A", "-3", "4", 5), helix("A", "-5", "-4", serial=2), sheet("A", "18", "20")]
    read(paths, written(tmp_path, "c.pdb", pdb([Chain("A", "HHHHHH" + SHORT, begin=-5)], header=header)))
    assert features(paths, "Helix") == [("Q00001", 1, 4, "chain A, 3-10 helix")]
    assert features(paths, "Beta strand") == [("Q00001", 18, 20, "chain A, sheet S")]


def test_a_file_without_secondary_structure_says_so(paths: AtlasPaths, tmp_path: Path, attlas: Callable) -> None:
    source = written(tmp_path, "c.pdb.gz", pdb([Chain("A", SHORT)], header=[dbref("A", "Q00001")]))
    outcome = attlas("annotate", paths.root, source)
    assert outcome.code == 0
    assert "no secondary structure in the file: 1 file\nattlas:   - c.pdb.gz" in outcome.err
    assert "20 residues with coordinates of 1 protein from c.pdb.gz (pdb); 0 of 1 records left out" in outcome.out


def test_too_many_atoms_fall_back_to_what_is_deposited_and_say_so(
    paths: AtlasPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attlas.structures import interfaces
    from attlas.structures.chains import read_structure

    biomt = [
        line
        for k in range(1, 31)
        for line in (
            f"REMARK 350   BIOMT1 {k:>3}  1.000000  0.000000  0.000000        0.00000",
            f"REMARK 350   BIOMT2 {k:>3}  0.000000  1.000000  0.000000        0.00000",
            f"REMARK 350   BIOMT3 {k:>3}  0.000000  0.000000  1.000000      {5.0 * (k - 1):9.5f}",
        )
    ]
    header = ["REMARK 350 BIOMOLECULE: 1", "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A, B", *biomt]
    file = read_structure(
        written(tmp_path, "capsid.pdb", pdb([Chain("A", SHORT), Chain("B", SHORT, y=5)], header=header))
    )
    whole, cut, none = (interfaces.find_interfaces(file, max_atoms=n) for n in (10_000, 300, 100))
    assert whole.notes == ()
    assert frozenset({"A", "B"}) in whole.partners.values()
    assert {(key[0], names) for key, names in cut.partners.items()} == {
        ("A", frozenset({"B"})),
        ("B", frozenset({"A"})),
    }
    n = 60 * sum(1 for _ in _atom_lines(pdb([Chain("A", SHORT)])))
    assert cut.notes == (
        f"assembly 1 has {n:,} heavy atoms, more than 300: interfaces of the chains as deposited only",
    )
    assert (none.partners, none.notes[0].endswith("not looked for")) == ({}, True)


# --- folders, and files that are none ---


def folder(tmp_path: Path) -> Path:
    where = tmp_path / "models"
    where.mkdir()
    shutil.copy(LIPASE_FILE, where / "1r4z.cif.gz")
    written(where, "short.ENT", pdb([Chain("A", SHORT)], header=[dbref("A", "Q00001"), helix("A", "2", "9")]))
    written(where, "other.pdb", pdb([Chain("A", "MKKKLLLLDDDDEEEEFFFF")], header=[dbref("A", "X1")]))
    written(where, "notes.txt", "no structure")
    (where / "cut.cif.gz").write_bytes(LIPASE_FILE.read_bytes()[:9_000])
    written(where, "empty.cif", "data_x\n_entry.id x\n")
    written(where, "blank.pdb", "")
    return where


def test_a_folder_is_one_source_and_what_cannot_be_read_is_named(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable
) -> None:
    outcome = attlas("annotate", paths.root, folder(tmp_path), "--json", "--rejected", tmp_path / "left.tsv")
    assert outcome.code == 0
    values = json.loads(outcome.out)
    assert (values["source"], values["format"]) == ("models", "mmcif, pdb")
    assert (values["n_structures"], values["n_chains"], values["n_coordinates"]) == (2, 3, 378)
    assert values["rejected"] == {"file cannot be read": 3, "no protein of the atlas": 1}
    assert values["n_records"] == 7
    assert "left out, file cannot be read: 3 files" in outcome.err
    for name in ("cut.cif.gz", "empty.cif", "blank.pdb", "chain A of other.pdb"):
        assert f"- {name}" in outcome.err
    assert {row["source"] for row in rows(paths, "coordinates")} == {"1r4z.cif.gz", "short.ENT"}
    assert (tmp_path / "left.tsv").read_text().count("\n") == 5
    manifest = read_manifest(paths.root)
    assert (manifest.version, list_problems(paths.root)) == (2, [])
    assert len(manifest.files.of_tables(["coordinates"])) == len(manifest.files.of_tables(["features"])) == 1


def test_what_is_asked_of_a_folder_is_asked_of_each_file(paths: AtlasPaths, tmp_path: Path) -> None:
    reading = read(paths, folder(tmp_path), accessions=("P37957",), chain="B")
    assert {(row["source"], row["chain"]) for row in rows(paths, "coordinates")} == {("1r4z.cif.gz", "B")}
    assert reasons(reading, "no chain as asked for") == [
        "other.pdb other.pdb has no protein chain B",
        "short.ENT short.ENT has no protein chain B",
    ]


@pytest.mark.thorough
def test_the_same_folder_again_changes_nothing_and_a_smaller_one_takes_its_place(
    paths: AtlasPaths, tmp_path: Path
) -> None:
    where = folder(tmp_path)
    read(paths, where)
    before = paths.manifest.read_bytes()
    read(paths, where)
    assert paths.manifest.read_bytes() == before
    (where / "1r4z.cif.gz").unlink()
    read(paths, where)
    assert {row["source"] for row in rows(paths, "coordinates")} == {"short.ENT"}
    assert list_problems(paths.root) == []
    assert len(list(paths.receipts.glob("annotation-*.json"))) == 1


def test_a_file_that_a_folder_brought_is_stored_once(paths: AtlasPaths, tmp_path: Path) -> None:
    where = folder(tmp_path)
    read(paths, LIPASE_FILE)
    read(paths, where)
    keys = read_keys(paths.root, "coordinates")
    assert len(keys) == len(set(keys)) == 378
    with pytest.raises(InputError, match=r"has 1r4z.cif.gz from the folder models, with 1 others"):
        read(paths, LIPASE_FILE)
    assert len(rows(paths, "coordinates")) == 378


def test_a_folder_of_which_nothing_fits_is_refused(paths: AtlasPaths, tmp_path: Path) -> None:
    where = tmp_path / "none"
    where.mkdir()
    with pytest.raises(InputError, match=r"folder none holds no structure(.|\n)*\*\.cif(.|\n)*0 files"):
        read(paths, where)
    written(where, "cut.cif", "data_x\nloop_\n")
    with pytest.raises(InputError, match=r"Nothing of none fits(.|\n)*file cannot be read: 1 of 1"):
        read(paths, where)
    with pytest.raises(InputError, match="is a folder; a source of the format csv is a file"):
        read(paths, where, format="csv")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("cut.cif.gz", LIPASE_FILE.read_bytes()[:9_000], "is damaged"),
        ("empty.cif", b"data_x\n_entry.id x\n", "cannot be read as mmcif"),
        ("none.pdb", b"HEADER    X\nEND\n", "holds no coordinates"),
        ("other.pdb", pdb([Chain("A", "MKKKLLLLDDDDEEEEFFFF")]).encode(), r"no protein of the atlas: 1 of 1"),
    ],
)
def test_a_single_file_that_cannot_be_used_leaves_the_atlas_as_it_was(
    paths: AtlasPaths, tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        read(paths, tmp_path / name)
    assert read_manifest(paths.root).version == 1


def test_gemmi_that_is_not_installed_is_reported(
    paths: AtlasPaths, monkeypatch: pytest.MonkeyPatch, attlas: Callable
) -> None:
    import importlib

    real = importlib.import_module

    def missing(name: str, *arguments: object) -> object:
        if name == "gemmi":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(importlib, "import_module", missing)
    outcome = attlas("annotate", paths.root, LIPASE_FILE)
    assert outcome.code == 1
    assert "pip install 'attlas[structures]'" in outcome.err


# --- what a folder and a file may hold ---


def test_what_is_named_as_a_structure_but_is_no_file_is_named(paths: AtlasPaths, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner.cif").mkdir(parents=True)
    shutil.copy(LIPASE_FILE, folder / "1r4z.cif.gz")
    (folder / "loop.pdb").symlink_to("loop.pdb")
    (folder / "gone.cif.gz").symlink_to("nowhere")
    (folder / "notes.txt").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.ent")
    reading = read(paths, folder)
    assert reasons(reading, "file cannot be read") == [
        "gone.cif.gz gone.cif.gz is a link to nowhere",
        "inner.cif inner.cif is a folder",
        "loop.pdb loop.pdb is a link to nowhere",
        "pipe.ent pipe.ent is a pipe or a device",
    ]
    assert (reading.report.n_chains, reading.report.n_records) == (2, 6)


def test_a_protein_asked_for_whose_chain_is_not_there_is_named(paths: AtlasPaths) -> None:
    reading = read(paths, LIPASE_FILE, accessions=("P37957", "P0DP23"))
    (reason,) = reasons(reading, "not the sequence of the protein")
    assert reason.startswith("P0DP23 of 1r4z.cif.gz")
    assert "letters the same" in reason
    assert (reading.report.n_chains, reading.report.n_records) == (2, 3)


def test_a_coordinate_that_is_no_number_is_none(paths: AtlasPaths, tmp_path: Path) -> None:
    structure = gemmi.read_structure(str(LIPASE_FILE))
    structure[0]["A"][0].find_atom("CA", "*").pos = gemmi.Position(float("nan"), 0, 0)
    structure.make_mmcif_document().write_file(str(tmp_path / "x.cif"))
    read(paths, tmp_path / "x.cif", accessions=("P37957",), chain="A")
    row, next_row = sorted(rows(paths, "coordinates"), key=lambda row: row["position"])[:2]
    assert (row["ca_x"], row["ca_y"], row["ca_z"]) == (None, None, None)
    assert None not in (row["cb_x"], next_row["ca_x"])


def test_secondary_structure_without_the_authors_numbers_is_counted(paths: AtlasPaths, tmp_path: Path) -> None:
    text = gzip.decompress(LIPASE_FILE.read_bytes()).decode()
    lacking = text.replace("_struct_conf.beg_auth_seq_id", "_struct_conf.beg_seq_of_ours")
    reading = read(paths, written(tmp_path, "x.cif", lacking))
    (remark,) = remarks(reading, "secondary structure of other kinds, not stored")
    assert remark == "x.cif 20 of struct_conf without the author's numbers"
    assert (features(paths, "Helix"), len(features(paths, "Beta strand"))) == ([], 12)


def test_a_file_whose_chains_are_of_no_protein_says_how_to_name_it(paths: AtlasPaths, tmp_path: Path) -> None:
    lines = gzip.decompress(LIPASE_FILE.read_bytes()).decode().replace("P37957", "Q99999")
    with pytest.raises(InputError, match=r"no protein of the atlas: 2 of 2(.|\n)*--accession ID says whose"):
        read(paths, written(tmp_path, "x.cif", lines.replace("ALA", "GLY")))
