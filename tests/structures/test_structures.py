"""Structures laid onto proteins: numbering, gaps, tags, mutants, refusals; against what each entry itself records."""

import gzip
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import gemmi
import pytest
from helpers.model_structures import Atoms, chain_of, components, pdb_text, random_letters, write_mmcif, write_pdb

from attlas.schema import EnvironmentFault, InputError
from attlas.structures.chains import letter_of, read_structure
from attlas.structures.mapping import StructureMatch, match_structure

PROTEIN = random_letters(120, 11)
CUTS = Path(__file__).parent / "cuts"

both_formats = pytest.mark.parametrize("write", [write_pdb, write_mmcif])


def matched(path: Path, sequence: str = PROTEIN, *, chain: str | None = None) -> StructureMatch:
    return match_structure(read_structure(path), "P1", sequence, chain=chain)


def mapping(match: StructureMatch, chain: int = 0) -> dict[int, str]:
    return {placed.position: placed.residue.numbered for placed in match.chains[chain].placed}


@both_formats
@pytest.mark.parametrize("begin", [1, 101, -7, 900])
def test_letters_decide_and_numbers_do_not(tmp_path: Path, write: object, begin: int) -> None:
    match = matched(write(tmp_path / "s", chain_of(PROTEIN[20:80], begin=begin)))  # type: ignore[operator]
    assert mapping(match) == {21 + i: str(begin + i) for i in range(60)}
    assert match.chains[0].mismatches == ()
    assert all(p.letter == PROTEIN[p.position - 1] == p.structure_letter for p in match.chains[0].placed)


@both_formats
def test_insertion_codes_and_jumps_in_numbering_are_kept(tmp_path: Path, write: object) -> None:
    residues = chain_of(PROTEIN[:30], numbers=[*range(1, 11), *[10] * 3, *range(50, 67)])
    residues = [Atoms(r.chain, r.number, r.name, "ABC"[i - 10] if 10 <= i < 13 else "") for i, r in enumerate(residues)]
    assert mapping(matched(write(tmp_path / "s", residues))) == {  # type: ignore[operator]
        **{i: str(i) for i in range(1, 11)},
        **{11: "10A", 12: "10B", 13: "10C"},
        **{14 + i: str(50 + i) for i in range(17)},
    }


@both_formats
def test_where_the_sequence_is_stated_missing_residues_are_told_by_it(tmp_path: Path, write: object) -> None:
    protein = PROTEIN[:40] + "KKKKKKKK" + PROTEIN[40:80]
    # Lysines 3 to 6 of 8 have no coordinates: the letters alone could not say which.
    seen = protein[:42] + protein[46:]
    residues = chain_of(seen, gaps=[42], numbers=[*range(1, 43), *range(47, 89)])
    match = matched(write(tmp_path / "s", residues, sequences={"A": components(protein)}), protein)  # type: ignore[operator]
    assert mapping(match) == {i: str(i) for i in range(1, 89) if not 43 <= i <= 46}
    assert match.chains[0].unresolved == {43, 44, 45, 46}
    assert "4 without coordinates" in "\n".join(match.lines())


def test_where_the_sequence_is_not_stated_broken_bonds_tell(tmp_path: Path) -> None:
    protein = PROTEIN[:40] + "KKKKKKKK" + PROTEIN[40:80]
    residues = chain_of(protein[:42] + protein[46:], gaps=[42])
    match = matched(write_pdb(tmp_path / "s.pdb", residues), protein)
    assert sorted(mapping(match)) == [i for i in range(1, 89) if not 43 <= i <= 46]


@pytest.mark.parametrize(("before", "after"), [("GSHM", ""), ("", "LEHHHHHH"), ("MGSSHHHHHHSSGLVPRGSH", "GGS")])
def test_tags_are_outside_and_no_mismatches(tmp_path: Path, before: str, after: str) -> None:
    match = matched(write_pdb(tmp_path / "s.pdb", chain_of(before + PROTEIN[30:90] + after)))
    # A tag's letter next to the protein may by chance be the protein's.
    assert set(range(31, 91)) <= set(mapping(match)) <= set(range(27, 95))
    assert match.chains[0].mismatches == ()
    assert all(p.residue.number == p.position - 30 + len(before) for p in match.chains[0].placed)


def test_a_mutant_is_named_and_has_no_value(tmp_path: Path) -> None:
    letters = PROTEIN[:49] + ("A" if PROTEIN[49] != "A" else "G") + PROTEIN[50:]
    match = matched(write_pdb(tmp_path / "s.pdb", chain_of(letters, begin=201)))
    (mismatch,) = match.chains[0].mismatches
    assert (mismatch.position, mismatch.letter, mismatch.structure_letter) == (50, PROTEIN[49], letters[49])
    assert mismatch.residue.numbered == "250"
    assert len(match.chains[0].same) == 119
    line = f"1 mismatch (without values): {PROTEIN[49]}50 is {components(letters[49])[0]} 250"
    assert line in "\n".join(match.lines())


@pytest.mark.parametrize("n_cut", [0, 5, 35])
def test_another_protein_inside_a_loop_is_an_insertion_and_shifts_nothing(tmp_path: Path, n_cut: int) -> None:
    inserted = random_letters(160, 5)
    letters = PROTEIN[:60] + inserted + PROTEIN[60 + n_cut :]
    match = matched(write_pdb(tmp_path / "s.pdb", chain_of(letters)))
    expected = {i: i for i in range(1, 61)} | {i: i + 160 - n_cut for i in range(61 + n_cut, 121)}
    numbers = {p.position: p.residue.number for p in match.chains[0].placed}
    # Where the insertion begins with the letter that it pushes away, either residue may stand for it.
    assert len(numbers.items() ^ expected.items()) <= 6
    assert all(PROTEIN[p.position - 1] == p.structure_letter for p in match.chains[0].placed)


def test_modified_residues_have_their_parents_letter(tmp_path: Path) -> None:
    protein = "M" + PROTEIN[:30] + "STYMK" + PROTEIN[30:60]
    residues = chain_of(protein)
    for i, name in ((0, "MSE"), (31, "SEP"), (32, "TPO"), (33, "PTR"), (34, "MSE"), (35, "M3L")):
        residues[i] = Atoms("A", i + 1, name, is_hetero=True)
    match = matched(write_pdb(tmp_path / "s.pdb", residues), protein)
    assert match.chains[0].mismatches == ()
    assert len(match.chains[0].same) == len(protein)


def test_the_file_may_name_the_parent_of_a_residue_of_its_own(tmp_path: Path) -> None:
    residues = chain_of(PROTEIN[:20] + "K" + PROTEIN[21:60])
    residues[20] = Atoms("A", 21, "ZQ9", is_hetero=True)
    protein = PROTEIN[:20] + "K" + PROTEIN[21:60]
    header = ["MODRES 1ABC ZQ9 A   21  LYS  A LYSINE OF OUR OWN"]
    with_parent = matched(write_pdb(tmp_path / "a.pdb", residues, header=header), protein)
    assert with_parent.chains[0].mismatches == ()
    unknown = matched(write_pdb(tmp_path / "b.pdb", residues), protein)
    assert [p.structure_letter for p in unknown.chains[0].mismatches] == ["X"]
    assert letter_of("ZQ9") == "X"


@both_formats
def test_of_several_residues_at_one_place_the_proteins_own_counts(tmp_path: Path, write: object) -> None:
    residues = chain_of(PROTEIN[:60])
    other = "GLY" if residues[29].name != "GLY" else "ALA"
    residues[29:30] = [Atoms("A", 30, other, alternative="A"), Atoms("A", 30, residues[29].name, alternative="B")]
    match = matched(write(tmp_path / "s", residues))  # type: ignore[operator]
    (placed,) = [p for p in match.chains[0].placed if p.position == 30]
    assert placed.is_same
    assert placed.residue.names == (components(PROTEIN[29])[0],)


def test_every_copy_is_taken_other_chains_ligands_and_waters_are_not(tmp_path: Path) -> None:
    other = random_letters(70, 99)
    residues = [
        *chain_of(PROTEIN, chain="A"),
        *chain_of(other, chain="B"),
        *chain_of(PROTEIN[10:100], chain="C", begin=11),
        *(Atoms("D", i, name) for i, name in enumerate(["DA", "DG", "DC", "DT"] * 3, start=1)),
        Atoms("A", 301, "ATP", is_hetero=True),
        Atoms("A", 401, "HOH", is_hetero=True),
    ]
    match = matched(write_pdb(tmp_path / "s.pdb", residues))
    assert [(chain.chain, len(chain.placed)) for chain in match.chains] == [("A", 120), ("C", 90)]
    assert match.other_chains == ("B",)
    assert list(match.lines())[-1] == "s.pdb chain B: not of P1, without values"
    alone = matched(tmp_path / "s.pdb", chain="C")
    assert [chain.chain for chain in alone.chains] == ["C"]


def test_equal_chains_share_a_line(tmp_path: Path) -> None:
    residues = [residue for name in "ABCD" for residue in chain_of(PROTEIN, chain=name)]
    lines = list(matched(write_pdb(tmp_path / "s.pdb", residues)).lines())
    assert lines == ["s.pdb chains A, B, C, D: 120 residues onto 1-120 of P1 (100% of 120)"]


def test_of_an_ensemble_the_first_model_tells(tmp_path: Path) -> None:
    match = matched(write_pdb(tmp_path / "s.pdb", chain_of(PROTEIN[:50]), n_models=5))
    assert [len(chain.placed) for chain in match.chains] == [50]


def test_another_protein_is_refused_with_position_and_letters(tmp_path: Path) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(random_letters(120, 77), begin=5))
    with pytest.raises(InputError, match=r"s.pdb chain A: not of P1\.") as caught:
        matched(path)
    message = str(caught.value)
    assert "90% or more of the aligned letters the same" in message
    letters = caught.value.found or ""
    name, letter, position = letters.split()[0], letters.split()[-1][0], int(letters.split()[-1][1:])
    assert PROTEIN[position - 1] == letter
    assert name in gemmi.expand_one_letter_sequence("ARNDCQEGHILKMFPSTWYV", gemmi.ResidueKind.AA)
    assert "of 120 in the chain and 120 in P1" in message


@pytest.mark.parametrize(("n_changed", "fits"), [(0, True), (10, True), (20, False), (50, False)])
def test_relatives_are_told_from_mutants_by_nine_letters_in_ten(tmp_path: Path, n_changed: int, fits: bool) -> None:
    rng = random.Random(n_changed)
    letters = list(PROTEIN)
    for i in rng.sample(range(12, 108), n_changed):
        letters[i] = rng.choice([c for c in "ACDEFGHIKLMNPQRSTVWY" if c != letters[i]])
    path = write_pdb(tmp_path / "s.pdb", chain_of("".join(letters)))
    if fits:
        assert len(matched(path).chains[0].mismatches) == n_changed
    else:
        with pytest.raises(InputError, match="not of P1"):
            matched(path)


def test_a_small_part_on_a_large_carrier_is_taken_only_when_named(tmp_path: Path) -> None:
    letters = random_letters(369, 3) + "W" + PROTEIN[40:80]
    assert PROTEIN[39] != "W"
    path = write_pdb(tmp_path / "s.pdb", chain_of(letters))
    with pytest.raises(InputError, match="not of P1") as caught:
        matched(path)
    assert "--chain" in str(caught.value)
    match = matched(path, chain="A")
    assert mapping(match) == {41 + i: str(371 + i) for i in range(40)}
    assert "370 of the chain's 410 letters not of the protein" in "\n".join(match.lines())


def test_chance_agreement_of_a_few_letters_is_no_match_even_when_named(tmp_path: Path) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(PROTEIN[10:16]))
    with pytest.raises(InputError, match="not of P1"):
        matched(path, chain="A")


def test_a_chain_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = write_pdb(tmp_path / "s.pdb", [*chain_of(PROTEIN), *chain_of(PROTEIN, chain="B")])
    with pytest.raises(InputError, match="no protein chain Z") as caught:
        matched(path, chain="Z")
    assert "A, B" in str(caught.value)


@pytest.mark.parametrize("seed", range(25))
def test_constructs_cut_tagged_and_mutated_at_random_come_out_as_they_were_made(tmp_path: Path, seed: int) -> None:
    """The truth is known: each residue of the construct is made from a position, or from none."""
    rng = random.Random(seed)
    protein = random_letters(rng.randint(80, 400), 1000 + seed)
    start, end = rng.randint(0, 20), len(protein) - rng.randint(0, 20)
    cut = rng.randint(start + 25, end - 40)
    gap = rng.choice([0, 6, 12])
    made = [*[(None, letter) for letter in random_letters(rng.choice([0, 4, 12]), seed)]]
    made += [(i + 1, protein[i]) for i in range(start, end) if not cut <= i < cut + gap]
    middle = [i for i, (at, _) in enumerate(made) if at and start + 6 < at < end - 6 and abs(at - cut - gap) > 15]
    for i in rng.sample(middle, 2):
        made[i] = (made[i][0], rng.choice([c for c in "ACDEFGHIKLMNPQRSTVWY" if c != made[i][1]]))
    lowest = rng.choice([-5, 1, 300])
    path = write_pdb(tmp_path / "s.pdb", chain_of("".join(letter for _, letter in made), begin=lowest))
    numbers = {p.position: p.residue.number for p in matched(path, protein).chains[0].placed}
    truth = {at: lowest + i for i, (at, _) in enumerate(made) if at is not None}
    differing = {at for at in numbers.keys() | truth.keys() if numbers.get(at) != truth.get(at)}
    # Letters cannot tell which of two equal ones at the edge of a cut or of a tag is the protein's.
    edges = [start, cut, cut + gap, end]
    assert all(min(abs(at - edge) for edge in edges) <= 4 for at in differing)
    assert len(differing) <= 4


def test_packed_and_plain_crlf_and_mmcif_give_the_same(tmp_path: Path) -> None:
    residues = chain_of(PROTEIN[5:100], begin=77)
    plain = write_pdb(tmp_path / "a.pdb", residues)
    (tmp_path / "b.pdb.gz").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    (tmp_path / "c.ent").write_bytes(plain.read_bytes().replace(b"\n", b"\r\n"))
    cif = write_mmcif(tmp_path / "d.cif", residues)
    (tmp_path / "e.txt").write_bytes(b"# a comment first\n\n" + cif.read_bytes())
    maps = [mapping(matched(path)) for path in sorted(tmp_path.iterdir())]
    assert len(maps) == 5
    assert all(numbers == maps[0] for numbers in maps)
    assert read_structure(tmp_path / "b.pdb.gz").name == "b.pdb"


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is empty"),
        (b"<html><body>404 Not Found</body></html>", "holds no coordinates"),
        (b"data_x\n_cell.length_a 1\n", "cannot be read as mmcif"),
        (b"data_x\nloop_\n_atom_site.id\n1 2 'unclosed\n", "cannot be read as mmcif"),
        (b"\x1f\x8b\x08broken", "is damaged"),
        (gzip.compress(b"ATOM  " * 500, mtime=0)[:-9], "is damaged"),
        (pdb_text([Atoms("A", 1, "HOH", is_hetero=True)]).encode(), "holds no protein chain"),
        (pdb_text([Atoms("D", i, "DA") for i in range(1, 9)]).encode(), "holds no protein chain"),
    ],
)
def test_what_is_no_structure_of_a_protein_is_refused(tmp_path: Path, data: bytes, match: str) -> None:
    (tmp_path / "s").write_bytes(data)
    with pytest.raises(InputError, match=match):
        read_structure(tmp_path / "s")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file: .*nowhere\.cif"):
        read_structure(tmp_path / "nowhere.cif")
    with pytest.raises(InputError, match="is a folder"):
        read_structure(tmp_path)


def test_without_gemmi_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(PROTEIN))
    monkeypatch.setitem(sys.modules, "gemmi", None)
    with pytest.raises(EnvironmentFault, match="gemmi") as caught:
        read_structure(path)
    assert "pip install 'attlas[structures]'" in str(caught.value)


def test_a_file_says_which_entry_it_is(tmp_path: Path) -> None:
    header = ["HEADER    HYDROLASE                               01-JAN-00   1ABC              "]
    assert read_structure(write_pdb(tmp_path / "a.pdb", chain_of(PROTEIN), header=header)).entry == "1ABC"
    assert read_structure(write_pdb(tmp_path / "b.pdb", chain_of(PROTEIN))).entry == ""
    assert read_structure(CUTS / "2hdh.cif").entry == "2HDH"


def _recorded(path: Path) -> dict[tuple[str, str], int]:
    """Return the entry's own record: (chain, author's number) to UniProt position, from `_struct_ref_seq`."""
    block = gemmi.cif.read(str(path)).sole_block()
    scheme = block.find("_pdbx_poly_seq_scheme.", ["pdb_strand_id", "seq_id", "pdb_seq_num", "pdb_ins_code"])
    names = {(row[0], int(row[1])): row[2] + row[3].strip(".") for row in scheme}
    tags = ["pdbx_strand_id", "seq_align_beg", "seq_align_end", "db_align_beg"]
    recorded = {}
    for chain, begin, end, at in (list(row) for row in block.find("_struct_ref_seq.", tags)):
        for i in range(int(begin), int(end) + 1):
            recorded[chain, names[chain, i]] = int(at) + i - int(begin)
    return recorded


def _sequences() -> dict[str, str]:
    records = (CUTS / "proteins.fasta").read_text().split(">")[1:]
    return {record.split("|")[1]: "".join(record.splitlines()[1:]) for record in records}


@pytest.mark.parametrize(
    ("entry", "accession", "chains", "n_mismatches"),
    [("2hdh", "Q16836", ["A"], 3), ("1apy", "P20933", ["A", "B"], 1)],
)
def test_entries_of_the_pdb_map_as_they_themselves_record(
    entry: str, accession: str, chains: Sequence[str], n_mismatches: int
) -> None:
    """2HDH is numbered 12 off and carries mutations; 1APY is one precursor cut into two chains, 23 off."""
    path = CUTS / f"{entry}.cif"
    match = match_structure(read_structure(path), accession, _sequences()[accession])
    assert [chain.chain for chain in match.chains] == chains
    recorded = _recorded(path)
    placed = [p for chain in match.chains for p in chain.placed]
    assert len(placed) > 280
    assert all(recorded[p.residue.chain, p.residue.numbered] == p.position for p in placed)
    assert sum(not p.is_same for p in placed) == n_mismatches
    assert all(p.residue.number != p.position for p in placed)


def test_a_mutation_at_the_very_end_is_trimmed_but_known(tmp_path: Path) -> None:
    letters = PROTEIN[:119] + ("A" if PROTEIN[119] != "A" else "G")
    match = matched(write_pdb(tmp_path / "s.pdb", chain_of(letters)))
    assert sorted(mapping(match)) == list(range(1, 120))
    assert [(p.position, p.structure_letter) for p in match.chains[0].trimmed] == [(120, letters[119])]
    assert "1 of the chain's 120 letters not of the protein" in "\n".join(match.lines())
