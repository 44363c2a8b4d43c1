"""Contacts between proteins: from structures of several chains, against Biopython's distances, and from tables."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from Bio.PDB import MMCIFParser, PDBParser
from Bio.PDB.Chain import Chain as BioChain
from helpers.annotated_case import CALMODULIN, FASTA, SHORT, written
from helpers.building import build_here
from helpers.pdb_case import LIPASE, LIPASE_FILE, OFFSET, Chain, dbref, pdb

from attlas.intake.rejects import describe_record
from attlas.pipeline.annotate import AnnotationSource, Import, annotate
from attlas.schema import PARTNER_CONTACTS, AtlasPaths, InputError, Manifest
from attlas.schema.verify import find_problems

CALMODULIN_ID, COPY_ID, SHORT_ID, LIPASE_ID = "P0DP23", "P0DP24", "Q00001", "P37957"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    folder = tmp_path_factory.mktemp("partners")
    source = folder / "in.fasta"
    source.write_text(f"{FASTA}>sp|P37957|ESTA_BACSU Lipase EstA\n{LIPASE}\n")
    build_here(source, folder / "atlas", tiny_esm)
    return folder / "atlas"


@pytest.fixture
def paths(built: Path, tmp_path: Path) -> AtlasPaths:
    shutil.copytree(built, tmp_path / "atlas")
    return AtlasPaths(tmp_path / "atlas")


def read(paths: AtlasPaths, source: Path, **options: object) -> Import:
    return annotate(paths, AnnotationSource(source, **options))[0]


def contacts(paths: AtlasPaths) -> list[dict]:
    files = Manifest.read(paths).of_table(PARTNER_CONTACTS)
    return [row for file in files for row in pq.read_table(paths.root / file.path).to_pylist()]


def biopython_contacts(chain: BioChain, partner: BioChain) -> dict[tuple[int, int], float]:
    """Return the distance of each two residues nearer than 8 angstrom, by the numbers of the file."""

    def atoms(of: BioChain) -> list:
        residues = [residue for residue in of if residue.id[0] == " "]
        return [(residue.id[1], residue["CA" if residue.resname == "GLY" else "CB"]) for residue in residues]

    distances = {(i, j): float(atom - other) for i, atom in atoms(chain) for j, other in atoms(partner)}
    return {pair: distance for pair, distance in distances.items() if distance < 8}


@pytest.mark.thorough
def test_two_copies_of_a_protein_touch_as_biopython_measures(paths: AtlasPaths, tmp_path: Path) -> None:
    plain = written(tmp_path, "1r4z.cif", gzip.decompress(LIPASE_FILE.read_bytes()))
    model = MMCIFParser(QUIET=True).get_structure("x", plain)[0]
    expected = {(i + OFFSET, j + OFFSET): d for (i, j), d in biopython_contacts(model["A"], model["B"]).items()}

    report = read(paths, LIPASE_FILE).report
    rows = contacts(paths)
    assert len(expected) == 1
    assert report.n_partner_contacts == len(rows) == len(expected)
    assert {(row["i"], row["j"]): row["distance"] for row in rows} == pytest.approx(expected, abs=1e-3)
    places = {(row["accession"], row["partner"], row["chain"], row["partner_chain"], row["source"]) for row in rows}
    assert places == {(LIPASE_ID, LIPASE_ID, "A", "B", "1r4z.cif.gz")}
    assert find_problems(paths, Manifest.read(paths)) == []


def complex_text() -> str:
    """Return calmodulin in chain B, before its partner in chain A, and a copy of the partner far away in chain C."""
    return pdb(
        [
            Chain("B", CALMODULIN, begin=101),
            Chain("A", SHORT, y=5.0, z=3.0, missing=[4], names={7: "GLY"}),
            Chain("C", SHORT, y=100.0),
        ],
        header=[dbref("B", CALMODULIN_ID), dbref("A", SHORT_ID), dbref("C", SHORT_ID)],
    )


def test_chains_of_two_proteins_touch_in_the_order_of_the_file(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "complex.pdb", complex_text())
    model = PDBParser(QUIET=True).get_structure("x", source)[0]
    expected = {(i - 100, j): d for (i, j), d in biopython_contacts(model["B"], model["A"]).items()}

    read(paths, source)
    rows = contacts(paths)
    assert {(row["i"], row["j"]): row["distance"] for row in rows} == pytest.approx(expected, abs=1e-3)
    assert {(row["accession"], row["partner"], row["chain"], row["partner_chain"]) for row in rows} == {
        (CALMODULIN_ID, SHORT_ID, "B", "A")
    }
    assert 5 not in {row["j"] for row in rows}, "a residue without coordinates has no contact"


def test_a_chain_of_two_proteins_of_one_sequence_touches_as_each_of_them(paths: AtlasPaths, tmp_path: Path) -> None:
    text = pdb([Chain("B", CALMODULIN), Chain("A", SHORT, y=5.0)])
    read(paths, written(tmp_path, "complex.pdb", text))
    pairs: dict[tuple[str, str], int] = {}
    for row in contacts(paths):
        pair = row["accession"], row["partner"]
        pairs[pair] = pairs.get(pair, 0) + 1
    assert set(pairs) == {(CALMODULIN_ID, SHORT_ID), (COPY_ID, SHORT_ID)}
    assert len(set(pairs.values())) == 1


def test_parts_of_one_protein_are_no_partners_and_copies_of_a_part_are(paths: AtlasPaths, tmp_path: Path) -> None:
    begin, end = CALMODULIN[:30], CALMODULIN[30:]
    chains = [Chain("A", begin), Chain("B", end, begin=31, y=5.0), Chain("C", begin, y=-5.0)]
    header = [dbref(chain.name, CALMODULIN_ID) for chain in chains]
    reading = read(paths, written(tmp_path, "cut.pdb", pdb(chains, header=header)))

    assert {(row["chain"], row["partner_chain"]) for row in contacts(paths)} == {("A", "C")}
    remarks = reading.remarks.examples["parts of one protein, contacts between them not stored"]
    assert [describe_record(remark, chains) for remark, chains in remarks] == [
        f"{CALMODULIN_ID} chain A of cut.pdb: other residues than chain B",
        f"{CALMODULIN_ID} chain B of cut.pdb: other residues than chains A, C",
        f"{CALMODULIN_ID} chain C of cut.pdb: other residues than chain B",
    ]


def test_one_chain_alone_has_no_partner(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "complex.pdb", complex_text())
    assert read(paths, source, chain="B").report.n_partner_contacts == 0
    assert contacts(paths) == []


def test_contacts_of_a_structure_are_replaced_when_it_is_read_again(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "complex.pdb", complex_text())
    read(paths, source)
    before = contacts(paths)
    source.write_text(pdb([Chain("B", CALMODULIN), Chain("A", SHORT, y=50.0)]))
    report = read(paths, source).report
    assert before
    assert contacts(paths) == []
    assert PARTNER_CONTACTS.name in {file.table for file in report.replaced}


# --- PDB files that readers disagree on ---


def test_numbers_of_lines_in_the_columns_of_the_charge_are_not_read(paths: AtlasPaths, tmp_path: Path) -> None:
    lines = complex_text().splitlines()
    atoms = [at for at, line in enumerate(lines) if line.startswith("ATOM")]
    for at in atoms:
        lines[at] = f"{lines[at][:72]:<72}{lines[at][21]:<4}{at:>4}"
    old = written(tmp_path, "old.pdb", "\n".join(lines))
    reading = read(paths, old)
    rows = contacts(paths)
    shutil.rmtree(paths.root / PARTNER_CONTACTS.name)

    remark = describe_record(reading.remarks.examples["a part of the file is not read"][0][0])
    assert remark == f"old.pdb: columns 77 to 80 of {len(atoms):,} atoms hold no element and charge; not read"
    model = PDBParser(QUIET=True).get_structure("x", old)[0]
    expected = {(i - 100, j) for i, j in biopython_contacts(model["B"], model["A"])}
    assert {(row["i"], row["j"]) for row in rows} == expected


def test_a_chain_behind_the_end_is_refused_by_the_line(paths: AtlasPaths, tmp_path: Path) -> None:
    first_text = pdb([Chain("B", CALMODULIN)], header=[dbref("B", CALMODULIN_ID)])
    second_text = pdb([Chain("A", SHORT, y=5.0)]).split("\n", 2)[2]
    source = written(tmp_path, "complex.pdb", first_text + second_text)
    line = first_text.splitlines().index("END") + 1
    with pytest.raises(InputError, match=rf"(?s)behind its END.*END on line {line}, .* of chains A.*sed {line}d"):
        read(paths, source)

    lines = source.read_text().splitlines()
    del lines[line - 1]
    source.write_text("\n".join(lines))
    assert read(paths, source).report.n_partner_contacts > 0


def test_frames_behind_the_end_are_noted_and_the_first_is_read(paths: AtlasPaths, tmp_path: Path) -> None:
    frames = [pdb([Chain("B", CALMODULIN, z=z)], header=[dbref("B", CALMODULIN_ID)]) for z in (0.0, 9.0)]
    reading = read(paths, written(tmp_path, "frames.pdb", "".join(frames)))
    (remark, _), *others = reading.remarks.examples["a part of the file is not read"]
    assert not others
    assert "repeat those before it; not read" in remark.detail
    assert reading.report.n_coordinates == len(CALMODULIN)


# --- tables ---

TABLE = f"""# measured by cross-linking
accession\tpartner\ti\tj\tresidue\tpartner_residue\tdistance
{CALMODULIN_ID}\t{SHORT_ID}\t1\t20\tM\tQ\t7.5
{SHORT_ID}\t{CALMODULIN_ID}\t20\t1\tQ\tM\t7.5
{CALMODULIN_ID}\tSHORT_HUMAN\t2\t3\t\tv\t
{CALMODULIN_ID}\t{SHORT_ID}\t1\t19\tM\tQ\t
{CALMODULIN_ID}\t{SHORT_ID}\t61\t1\t\t\t
{CALMODULIN_ID}\t{SHORT_ID}\t0\t1\t\t\t
{CALMODULIN_ID}\tQ99999\t1\t1\t\t\t
{CALMODULIN_ID}\tQ00003\t1\t1\t\t\t
{CALMODULIN_ID}\t{SHORT_ID}\t3\t3\t\t\tfar
{CALMODULIN_ID}\t{SHORT_ID}\t3
{SHORT_ID}\t{SHORT_ID}\t4\t5\t\t\t
{SHORT_ID}\t{SHORT_ID}\t5\t4\t\t\t
"""


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_a_table_of_contacts_is_checked_line_by_line(paths: AtlasPaths, tmp_path: Path, delimiter: str) -> None:
    reading = read(paths, written(tmp_path, "contacts.txt", TABLE.replace("\t", delimiter)))
    rows = [tuple(row[name] for name in ("accession", "partner", "i", "j", "distance")) for row in contacts(paths)]
    assert sorted(rows, key=str) == [
        (CALMODULIN_ID, SHORT_ID, 1, 20, 7.5),
        (CALMODULIN_ID, SHORT_ID, 2, 3, None),
        (SHORT_ID, SHORT_ID, 4, 5, None),
    ]
    assert {row["chain"] for row in contacts(paths)} == {""}
    assert reading.report.format == "contacts"
    assert (reading.report.n_records, reading.report.n_rejected) == (12, 9)
    left_out = {reason: [item.record.line for item, _ in items] for reason, items in reading.rejected.examples.items()}
    assert left_out == {
        "given before": [4, 14],
        "another residue": [6],
        "position past the end": [7],
        "position before the first residue": [8],
        "id not in the atlas": [9],
        "protein not computed": [10],
        "value is no number": [11],
        "line cannot be read": [12],
    }


def test_a_table_without_a_column_of_contacts_is_no_such_table(paths: AtlasPaths, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)format of contacts.tsv is not known.*accession,partner,i,j"):
        read(paths, written(tmp_path, "contacts.tsv", "accession\tpartner\ti\n1\t2\t3\n"))


def test_the_command_reports_contacts(paths: AtlasPaths, tmp_path: Path, attlas) -> None:
    run = attlas("annotate", paths.root, written(tmp_path, "contacts.tsv", TABLE))
    assert run.code == 0, run.err
    assert "3 contacts of two chains of 2 proteins from contacts.tsv (contacts); 9 of 12 records left out" in run.out
    assert "partner_contacts" in attlas("info", paths.root).out


def test_distances_of_large_chains_are_measured_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from attlas.pipeline.annotate.structures import partners

    random = np.random.default_rng(0)
    first_chain, second_chain = (
        partners.PlacedChain(None, np.arange(1, 41, dtype=np.int32), random.uniform(0, 30, (40, 3))) for _ in range(2)
    )
    whole = list(partners.find_contacts(first_chain, second_chain))
    monkeypatch.setattr(partners, "_CELLS", 100)
    assert list(partners.find_contacts(first_chain, second_chain)) == whole
    assert len(whole) > 20
