"""Tables of sites as they are found in the wild: every form read alike, the base never guessed, nothing lost unsaid."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.reading_case import PROTEINS
from helpers.synthetic import SyntheticProtein, write_atlas
from typer.testing import CliRunner

from attlas.cli.main import app
from attlas.queries import Atlas, Comparison, compare
from attlas.queries.comparing.positions import read_sites
from attlas.schema import InputError

CALM = PROTEINS[2].sequence
MANY = PROTEINS[8].sequence
THEIRS = {"P0DP23": (99, 26, 62), "Q00001": (), "X00003": (5,)}
"""Positions counted from 1 that every form below says."""
SEQUENCES = {protein.accession: protein.sequence for protein in PROTEINS}


def lettered(accession: str, position: int) -> str:
    return f"{SEQUENCES[accession][position - 1]}{position}"


def write(folder: Path, text: str | bytes, name: str = "theirs.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def positions_read(comparison: Comparison) -> dict[str, tuple[int, ...]]:
    """Return the positions that were understood: of the comparison's rows, in the order of the table."""
    rows = comparison.proteins.select(["accession", "n_theirs", "n_both", "only_theirs"]).to_pylist()
    for row in rows:
        assert row["n_both"] + len(row["only_theirs"].split()) == row["n_theirs"]
    return {row["accession"]: tuple(int(site[1:]) for site in row["only_theirs"].split()) for row in rows}


def reasons(comparison: Comparison) -> list[tuple[str, str, str]]:
    return [(row["reason"], row["id"], row["position"]) for row in comparison.rejected.to_pylist()]


FORMS = {
    "a list in a cell, no header": "P0DP23\t99;26;62\nQ00001\t\nX00003\t5\n",
    "lists as Python writes them": 'accession,positions\nP0DP23,"[99, 26, 62]"\nQ00001,[]\nX00003,[5]\n',
    "lists as NumPy writes them": 'id,sites\nP0DP23,"[np.int64(99), np.int64(26), np.int64(62)]"\n'
    "Q00001,[]\nX00003,[5]\n",
    "arrays": 'id,sites\nP0DP23,"array([99, 26, 62], dtype=int64)"\nQ00001,"array([], dtype=int64)"\nX00003,[5]\n',
    "lists that are not quoted": "uniprot_id,ha_sites\nP0DP23,[99, 26, 62]\nQ00001,[]\nX00003,[5]\n",
    "lists between blanks": "P0DP23 99 26 62\nX00003 5\n",
    "lists between commas after a semicolon": "protein;sites\nP0DP23;99,26,62\nQ00001;\nX00003;5\n",
    "a number of cells that differs": "P0DP23,99,26,62\nQ00001,\nX00003,5\n",
    "a column that pandas adds": ",Protein ID,Residue Number\n0,P0DP23,99\n1,P0DP23,26\n2,P0DP23,62\n"
    "3,Q00001,\n4,X00003,5\n",
    "numbers that pandas made floats": "accession,pos\nP0DP23,99.0\nP0DP23,26.0\nP0DP23,62.\nQ00001,nan\nX00003,5.0\n",
    "a row per site, ids as in FASTA": "id,resi\nsp|P0DP23|CALM1_HUMAN,99\nP0DP23,26\n"
    "CALM1_HUMAN,62\nNONE_HUMAN,NA\nX00003,5\n",
    "Windows line ends and a mark": "\ufeffaccession\tposition\r\nP0DP23\t99\r\nP0DP23\t26\r\n"
    "P0DP23\t62\r\nQ00001\t\r\nX00003\t5\r\n",
    "old Macintosh line ends": "accession\tposition\rP0DP23\t99\rP0DP23\t26\rP0DP23\t62\rQ00001\t\rX00003\t5\r",
    "comments and blank lines": "# of a paper\n\naccession,position\nP0DP23,99 26 62\n\n# none:\nQ00001,-\nX00003,5\n",
    "JSON of protein to positions": json.dumps({"P0DP23": [99, 26, 62], "Q00001": [], "X00003": 5}),
    "JSON of objects": json.dumps([{"uniprot": "P0DP23", "sites": [99, 26, 62]}, {"uniprot": "X00003", "sites": [5]}]),
    "GFF3": "##gff-version 3\n##sequence-region P0DP23 1 149\n##sequence-region Q00001 1 80\n"
    + "".join(f"{a}\t.\tsite\t{p}\t{p}\t.\t.\t.\tID=x\n" for a, positions in THEIRS.items() for p in positions),
}  # fmt: skip
WITHOUT_NONE = {"lists between blanks", "JSON of objects"}
"""Forms that have no word for a protein without sites."""


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(atlas: Atlas, tmp_path: Path, form: str) -> None:
    comparison = compare(atlas, write(tmp_path, FORMS[form]), base=1)
    atlas_positions = {row["position"] for row in atlas.sites("P0DP23").to_pylist()}
    assert not atlas_positions & {99, 26, 62}, "the positions of this test are to be none of the atlas's"
    expected = {id: positions for id, positions in THEIRS.items() if positions or form not in WITHOUT_NONE}
    assert positions_read(comparison) == expected
    assert comparison.rejected.num_rows == 0


STRANGE = "a\u2028b\u0085c\u2029d\x0be\x0cf\x1cg"
"""Signs at which `str.splitlines` cuts, and which end no line of these formats."""


@pytest.mark.parametrize(
    "text",
    [
        "".join(
            json.dumps({"accession": id, "positions": positions, "description": STRANGE}, ensure_ascii=False) + "\n"
            for id, positions in THEIRS.items()
        ),
        "##gff-version 3\n##sequence-region Q00001 1 80\n"
        + "".join(
            f"{id}\t.\tsite\t{position}\t{position}\t.\t.\t.\tNote={STRANGE}\n"
            for id, positions in THEIRS.items()
            for position in positions
        ),
        "accession,positions,note\n"
        + "".join(f"{a},{';'.join(map(str, positions))},{STRANGE}\n" for a, positions in THEIRS.items()),
    ],
    ids=["JSON lines", "GFF3", "CSV"],
)  # fmt: skip
def test_a_line_ends_at_its_end_and_not_at_a_sign_in_a_name(atlas: Atlas, tmp_path: Path, text: str) -> None:
    comparison = compare(atlas, write(tmp_path, text), base=1)
    assert positions_read(comparison) == THEIRS
    assert comparison.rejected.num_rows == 0


@pytest.mark.thorough
def test_an_export_of_a_header_with_a_line_separator_is_read_again(tmp_path: Path) -> None:
    strange = SyntheticProtein("P00001", CALM, description=STRANGE)
    write_atlas(tmp_path / "atlas", [strange, SyntheticProtein("P00002", MANY)])
    for format in ("jsonl", "gff3", "csv", "tsv"):
        path = tmp_path / f"sites.{format}"
        done = CliRunner().invoke(app, ["export", str(tmp_path / "atlas"), format, "-o", str(path)])
        assert done.exit_code == 0
        with Atlas.open(tmp_path / "atlas") as atlas:
            comparison = compare(atlas, path)
        assert comparison.proteins["accession"].to_pylist() == ["P00001", "P00002"]
        assert all(comparison.proteins["is_same_set"].to_pylist())
        assert comparison.rejected.num_rows == 0


@pytest.mark.parametrize("packed", [gzip.compress, lambda data: data.decode().encode("utf-16")], ids=["gzip", "UTF-16"])
def test_packed_and_wide_text_is_read_like_any_other(atlas: Atlas, tmp_path: Path, packed) -> None:  # type: ignore[no-untyped-def]
    path = write(tmp_path, packed(b"accession\tposition\nP0DP23\t99\n"))
    assert positions_read(compare(atlas, path, base=1)) == {"P0DP23": (99,)}


def test_parquet_with_lists_is_read(atlas: Atlas, tmp_path: Path) -> None:
    table = pa.table({"protein": ["P0DP23", "Q00001"], "positions": [[99, 26, 62], []], "layer": [7, None]})
    pq.write_table(table, tmp_path / "sites")
    comparison = compare(atlas, tmp_path / "sites", base=1)
    assert positions_read(comparison) == {"P0DP23": (99, 26, 62), "Q00001": ()}
    assert comparison.proteins["layer_theirs"].to_pylist() == [7, None]


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("G99", [(99, "G")]),
        ("Gly99 g26", [(99, "G"), (26, "G")]),
        ("[]", []),
        ("None", []),
        ("0", [(0, None)]),
        ("{99, 26}", [(99, None), (26, None)]),
        ("('99', '26')", [(99, None), (26, None)]),
        ("99-101", [(None, None)]),
        ("-4", [(None, None)]),
        ("99.5", [(None, None)]),
        ("1e2", [(None, None)]),
        ("Xyz99", [(None, None)]),
        ("<1", [(None, None)]),
        ("99A", [(None, None)]),
        ("٣", [(None, None)]),
        ("9" * 12, [(None, None)]),
    ],
)
def test_a_cell_is_read_as_positions_or_as_none_that_can_be_used(
    cell: str, read: list[tuple[int | None, str | None]]
) -> None:
    assert [(spot.number, spot.letter) for spot in read_sites(cell)] == read


def test_letters_of_a_list_stand_beside_it_or_are_refused() -> None:
    assert [spot.letter for spot in read_sites("4;5;6", letters="GAL")] == ["G", "A", "L"]
    assert [spot.letter for spot in read_sites("4;5", letters="Gly Ala")] == ["G", "A"]
    with pytest.raises(ValueError, match="2 letters for 3 positions"):
        read_sites("4;5;6", letters="G;A")


class TestBase:
    """Where a table counts from is said, or told by evidence, or asked for."""

    def test_letters_tell_where_a_table_counts_from(self, atlas: Atlas, tmp_path: Path) -> None:
        from_1 = ";".join(lettered("P0DP23", p) for p in (99, 26, 62))
        from_0 = ";".join(f"{CALM[p - 1]}{p - 1}" for p in (99, 26, 62))
        for text, base in ((from_1, 1), (from_0, 0)):
            comparison = compare(atlas, write(tmp_path, f"P0DP23\t{text}\n"))
            assert (comparison.base, comparison.why_base) == (base, "its letters tell")
            assert positions_read(comparison) == {"P0DP23": (99, 26, 62)}
            assert any("letters agree for 3 of 3 positions" in note for note in comparison.notes)

    def test_a_position_0_is_counted_from_0(self, atlas: Atlas, tmp_path: Path) -> None:
        comparison = compare(atlas, write(tmp_path, "P0DP23\t98;0\n"))
        assert (comparison.base, comparison.why_base) == (0, "position 0 occurs 1 time")
        assert positions_read(comparison)["P0DP23"][0] == 99

    def test_a_position_at_the_length_is_counted_from_1(self, atlas: Atlas, tmp_path: Path) -> None:
        comparison = compare(atlas, write(tmp_path, f"P0DP23\t{len(CALM)};3\n"))
        assert comparison.base == 1
        assert "1 position is the last residue if counted from 1" in comparison.why_base

    @pytest.mark.parametrize(
        ("text", "seen"),
        [
            ("P0DP23\t99;26\n", "2 positions, the smallest 26; no letters; position 0 occurs 0 times"),
            ("P0DP23\t0;149\n", "position 0 occurs 1 time, the length of a protein 1 time"),
            ("P0DP23\t149\nQ00001\t81\n", "2 positions, the smallest 81"),
            ("P0DP23\tW0;W1;W2\n", "3 letters"),
        ],
        ids=["nothing tells", "0 and the last residue", "as many past the end", "letters of another sequence"],
    )
    def test_what_nothing_tells_is_asked_for_with_what_was_seen(
        self, atlas: Atlas, tmp_path: Path, text: str, seen: str
    ) -> None:
        with pytest.raises(InputError, match=r"Nothing tells whether theirs\.csv counts") as caught:
            compare(atlas, write(tmp_path, text))
        assert seen in (caught.value.found or "")
        assert "--base 0 or --base 1" in (caught.value.hint or "")

    def test_letters_that_contradict_what_was_asked_are_not_overruled(self, atlas: Atlas, tmp_path: Path) -> None:
        path = write(tmp_path, "P0DP23\t" + ";".join(lettered("P0DP23", p) for p in (99, 26, 62)))
        with pytest.raises(InputError, match="counts residues from 1, not from 0"):
            compare(atlas, path, base=0)

    def test_a_position_0_of_an_id_that_the_atlas_lacks_tells_as_well(self, atlas: Atlas, tmp_path: Path) -> None:
        """As in the released table on an atlas of some of its proteins."""
        comparison = compare(atlas, write(tmp_path, "P0DP23\t98;25\nnobody\t0;7\n"))
        assert (comparison.base, comparison.why_base) == (0, "position 0 occurs 1 time")
        assert positions_read(comparison) == {"P0DP23": (99, 26)}

    def test_gff3_is_counted_from_1_by_definition(self, atlas: Atlas, tmp_path: Path) -> None:
        comparison = compare(atlas, write(tmp_path, FORMS["GFF3"]))
        assert (comparison.base, comparison.why_base) == (1, "by the definition of the format")

    def test_a_table_that_would_agree_one_residue_on_is_warned_of(self, atlas: Atlas, tmp_path: Path) -> None:
        rows = atlas.sql("SELECT accession, position - 1 AS position FROM sites").to_pylist()
        text = "accession,position\n" + "".join(f'"{r["accession"]}",{r["position"]}\n' for r in rows if r["position"])
        text = text.replace("H;=&%,\"é'", 'H;=&%,""é\'')
        comparison = compare(atlas, write(tmp_path, text), base=1)
        assert any(note.startswith("warning") and "if the table counted from 0" in note for note in comparison.notes)
        right = compare(atlas, write(tmp_path, text), base=0)
        assert not any(note.startswith("warning") for note in right.notes)
        assert set(right.proteins["n_both"].to_pylist()) - {0} == set(right.proteins["n_theirs"].to_pylist()) - {0}


class TestChecks:
    """What does not fit leaves its protein out, by name; what only repeats does not."""

    def test_one_position_that_does_not_fit_leaves_the_whole_protein_out(self, atlas: Atlas, tmp_path: Path) -> None:
        comparison = compare(atlas, write(tmp_path, "P0DP23\t99;150\nX00003\t5\n"), base=1)
        assert positions_read(comparison) == {"X00003": (5,)}
        assert reasons(comparison) == [
            ("position past the end", "P0DP23", "150"),
            ("other site of a protein left out", "P0DP23", "99"),
        ]

    @pytest.mark.parametrize(
        ("cell", "reason"),
        [
            ("0", "position before the first residue"),
            ("-4", "position before the first residue"),
            ("150", "position past the end"),
            ("99-101", "position is no number"),
            ("about 9", "position is no number"),
            ("W" if CALM[8] != "W" else "A", "position is no number"),
        ],
    )
    def test_what_is_no_position_of_the_protein_is_named(
        self, atlas: Atlas, tmp_path: Path, cell: str, reason: str
    ) -> None:
        text = f"accession,position\nP0DP23,{cell}\nX00003,5\n"
        comparison = compare(atlas, write(tmp_path, text), base=1)
        assert positions_read(comparison) == {"X00003": (5,)}
        assert (reason, "P0DP23") in [row[:2] for row in reasons(comparison)]
        assert comparison.rejected["line"].to_pylist()[0] == 2

    def test_a_letter_of_another_sequence_leaves_its_protein_out(self, atlas: Atlas, tmp_path: Path) -> None:
        wrong = "W" if CALM[25] != "W" else "A"
        other_lines = "".join(f"Q00005,{p},{MANY[p - 1]}\n" for p in (7, 90, 200))
        comparison = compare(atlas, write(tmp_path, f"accession,position,residue\nP0DP23,26,{wrong}\n{other_lines}"))
        assert positions_read(comparison).keys() == {"Q00005"}
        assert reasons(comparison) == [("another residue", "P0DP23", "26")]
        assert comparison.rejected["detail"].to_pylist() == [f"{wrong} in the source, {CALM[25]} at 26 in the atlas"]

    @pytest.mark.parametrize(
        ("column", "value"), [("md5", "0" * 32), ("length", "148"), ("crc64", "A" * 16)], ids=["MD5", "length", "CRC64"]
    )
    def test_another_sequence_is_told_by_its_checksum_or_length(
        self, atlas: Atlas, tmp_path: Path, column: str, value: str
    ) -> None:
        text = f"accession,position,{column}\nP0DP23,99,{value}\nX00003,5,\n"
        comparison = compare(atlas, write(tmp_path, text), base=1)
        assert positions_read(comparison) == {"X00003": (5,)}
        assert reasons(comparison) == [("another sequence", "P0DP23", "99")]

    def test_ids_that_name_no_protein_or_one_not_computed_are_named(self, atlas: Atlas, tmp_path: Path) -> None:
        text = "nobody\t3\nTP53\t3\nP0DP23-7\t3\nQ00003\t3\nQ00004\t\nX00003\t5\n"
        comparison = compare(atlas, write(tmp_path, text), base=1)
        assert positions_read(comparison) == {"X00003": (5,)}
        assert reasons(comparison) == [
            ("id not in the atlas", "nobody", "3"),
            ("id names several proteins", "TP53", "3"),
            ("id not in the atlas", "P0DP23-7", "3"),
            ("protein not computed", "Q00003", "3"),
            ("protein not computed", "Q00004", ""),
        ]
        assert "failed: out of memory" in comparison.rejected["detail"].to_pylist()

    def test_a_site_said_twice_counts_once_and_is_noted(self, atlas: Atlas, tmp_path: Path) -> None:
        text = "accession,position\nP0DP23,99\nP0DP23,26\nP0DP23,99\nX00003,5\n"
        comparison = compare(atlas, write(tmp_path, text), base=1)
        assert positions_read(comparison) == {"P0DP23": (99, 26), "X00003": (5,)}
        assert reasons(comparison) == [("site given before", "P0DP23", "99")]

    def test_two_lists_of_one_protein_are_no_answer_unless_they_agree(self, atlas: Atlas, tmp_path: Path) -> None:
        comparison = compare(atlas, write(tmp_path, "P0DP23\t99;26\nCALM1_HUMAN\t62\nX00003\t5\n"), base=1)
        assert positions_read(comparison) == {"X00003": (5,)}
        assert ("protein given twice, with different sites", "CALM1_HUMAN", "") in reasons(comparison)
        again = compare(atlas, write(tmp_path, "P0DP23\t99;26\nCALM1_HUMAN\t26;99\nX00003\t5\n"), base=1)
        assert positions_read(again) == {"P0DP23": (99, 26), "X00003": (5,)}

    def test_a_line_with_other_columns_leaves_its_protein_out(self, atlas: Atlas, tmp_path: Path) -> None:
        text = "accession,position,layer\nP0DP23,99\nX00003,5,2,8\nQ00005,7,3\n"
        comparison = compare(atlas, write(tmp_path, text), base=1)
        assert positions_read(comparison).keys() == {"Q00005"}
        assert comparison.rejected["detail"].to_pylist() == ["2 columns instead of 3", "4 columns instead of 3"]

    @pytest.mark.thorough
    def test_thousands_of_unknown_ids_are_counted_and_ten_named(self, atlas: Atlas, tmp_path: Path) -> None:
        text = "accession,position\nX00003,5\n" + "".join(f"U{i:06d},{i}\n" for i in range(1, 3001))
        comparison = compare(atlas, write(tmp_path, text), base=1)
        at = comparison.notes.index("left out, id not in the atlas: 3,000 records of 3,000 proteins")
        assert [note[:4] for note in comparison.notes[at + 1 : at + 11]] == ["  - "] * 10
        assert comparison.notes[at + 11] == "  ... and 2,990 more"
        assert comparison.rejected.num_rows == 3000

    def test_a_hostile_id_is_printed_without_its_control_characters(self, atlas: Atlas, tmp_path: Path) -> None:
        comparison = compare(atlas, write(tmp_path, "\x1b[31mbad\t3\nX00003\t5\n"), base=1)
        assert not any("\x1b" in note for note in comparison.notes)

    def test_where_nothing_can_be_compared_the_reasons_are_told(self, atlas: Atlas, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"Nothing of theirs\.csv can be compared") as caught:
            compare(atlas, write(tmp_path, "nobody\t3\nsomebody\t4\n"))
        assert caught.value.offenders == ("id not in the atlas: 2 records, such as nobody 3 (line 1)",)


class TestOrderAndLayer:
    """Ranks and layers, where the table has them."""

    def atlas_positions(self, atlas: Atlas) -> list[int]:
        return atlas.sites("Q00005")["position"].to_pylist()

    def test_a_column_of_ranks_orders_the_sites(self, atlas: Atlas, tmp_path: Path) -> None:
        positions = self.atlas_positions(atlas)
        for ranks, is_same in ((range(len(positions)), True), (range(len(positions), 0, -1), False)):
            rows = sorted(zip(positions, ranks, strict=True))
            text = "accession,position,rank\n" + "".join(f"Q00005,{p},{rank}\n" for p, rank in rows)
            row = compare(atlas, write(tmp_path, text), base=1).proteins.to_pylist()[0]
            assert (row["is_same_set"], row["is_same_order"]) == (True, is_same)

    def test_without_ranks_the_order_of_the_table_counts_unless_it_is_by_position(
        self, atlas: Atlas, tmp_path: Path
    ) -> None:
        positions = self.atlas_positions(atlas)
        for order, is_same in ((positions, True), (positions[::-1], False), (sorted(positions), None)):
            row = compare(atlas, write(tmp_path, f"Q00005\t{order}\n"), base=1).proteins.to_pylist()[0]
            assert (row["is_same_set"], row["is_same_order"]) == (True, is_same)

    def test_layers_come_from_a_column_or_from_a_file_of_their_own(self, atlas: Atlas, tmp_path: Path) -> None:
        layer_of = {id: atlas.protein(id)["layer"][0].as_py() for id in ("P0DP23", "X00003")}
        column = f"accession,position,layer\nP0DP23,99,{layer_of['P0DP23']}\nX00003,5,{layer_of['X00003']}.0\n"
        comparison = compare(atlas, write(tmp_path, column), base=1)
        assert comparison.proteins["is_same_layer"].to_pylist() == [True, True]
        layers = write(
            tmp_path, f"P0DP23,{layer_of['P0DP23']}\nX00003,{layer_of['X00003'] + 1}\nnobody,3\nP0DP23,x\n", "layers"
        )
        comparison = compare(atlas, write(tmp_path, "P0DP23\t99\nX00003\t5\n"), base=1, layers=layers)
        assert comparison.proteins["is_same_layer"].to_pylist() == [True, False]
        assert reasons(comparison) == [
            ("layer of a protein that the table lacks", "nobody", ""),
            ("layer is no number", "P0DP23", ""),
        ]

    def test_a_protein_with_two_layers_has_none(self, atlas: Atlas, tmp_path: Path) -> None:
        text = "accession,position,layer\nP0DP23,99,1\nP0DP23,26,2\nX00003,5,1\n"
        comparison = compare(atlas, write(tmp_path, text), base=1)
        assert comparison.proteins["layer_theirs"].to_pylist() == [None, 1]
        assert reasons(comparison) == [("protein with several layers", "P0DP23", "")]

    def test_layers_counted_from_1_are_warned_of(self, atlas: Atlas, tmp_path: Path) -> None:
        rows = atlas.sql("SELECT accession, layer + 1 AS layer FROM proteins WHERE accession LIKE 'X%'").to_pylist()
        text = "accession,position,layer\n" + "".join(f"{r['accession']},5,{r['layer']}\n" for r in rows)
        comparison = compare(atlas, write(tmp_path, text), base=1)
        assert any("12 are ours plus 1: does the table count them from 1?" in note for note in comparison.notes)

    def test_one_layer_of_many_is_no_reason_to_warn(self, atlas: Atlas, tmp_path: Path) -> None:
        rows = atlas.sql(
            "SELECT accession, layer FROM proteins WHERE accession LIKE 'X%' ORDER BY accession"
        ).to_pylist()
        layers = [rows[0]["layer"] + 1, *(row["layer"] + 2 for row in rows[1:])]
        lines = [f"{row['accession']},5,{layer}\n" for row, layer in zip(rows, layers, strict=True)]
        for n in (1, 4, len(lines)):  # all of too few, and few of many
            text = "accession,position,layer\n" + "".join(lines[:n])
            comparison = compare(atlas, write(tmp_path, text), base=1)
            assert not any("count them from 1" in note for note in comparison.notes)

    def test_layers_of_another_model_are_reported_to_be_so_and_nothing_more(self, atlas: Atlas, tmp_path: Path) -> None:
        computed = [protein for protein in PROTEINS if protein.status == "ok"]
        write_atlas(tmp_path / "deeper", computed, n_layers=33, seed=5)
        comparison = compare(atlas, tmp_path / "deeper")
        assert [note for note in comparison.notes if "layers are" in note or "warning" in note] == [
            "layers are of models of 4 and 33 layers: that two are the same says little"
        ]
        rows = atlas.sql("SELECT accession FROM proteins WHERE accession LIKE 'X%'").to_pylist()
        text = "accession,position,layer\n" + "".join(f"{row['accession']},5,{i}\n" for i, row in enumerate(rows))
        warned = compare(atlas, write(tmp_path, text), base=1)
        assert [note for note in warned.notes if note.startswith("warning")] == [
            "warning: the table has a layer 11, and this model 4 layers: it is of another model"
        ]


HOSTILE = {
    "an empty file": (b"", r"is empty"),
    "blank lines": (b"\n \n", r"is empty"),
    "only comments": (b"# nothing\n", r"holds no row"),
    "only a header": (b"accession,position\n", r"header line and no row"),
    "binary": (bytes(range(256)) * 3, r"no plain text"),
    "a broken gzip": (gzip.compress(b"accession,position\nP0DP23,99\n" * 99)[:60], r"gzip file .* is damaged"),
    "a zip": (b"PK\x03\x04rest", r"packed with zip"),
    "broken UTF-16": (b"\xff\xfea", r"no plain text"),
    "no column that is known": (b"foo,bar\nx,y\n", r"lacks a column"),
    "one column": (b"P0DP23\nX00003\n", r"lacks a column"),
    "numbers without names": (b"P0DP23,99,1,10\nX00003,5,1,3\n", r"columns .* have no names"),
    "broken JSON": (b'{"P0DP23": [1,', r"is no JSON"),
    "JSON of other things": (b'[{"a": {"b": 1}}]', r"no JSON of sites"),
    "broken Parquet": (b"PAR1 and then nothing of it", r"no Parquet that can be read"),
    "a cell of megabytes": (b'accession,position\nP0DP23,"' + b"1;" * 200_000 + b'"\n', r"no such table"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_table_of_sites_is_refused_by_name(atlas: Atlas, tmp_path: Path, what: str) -> None:
    data, message = HOSTILE[what]
    with pytest.raises(InputError, match=message):
        compare(atlas, write(tmp_path, data), base=1)


def test_parquet_of_other_columns_is_refused(atlas: Atlas, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="lacks a column"):
        compare(atlas, tmp_path / "other.parquet")


def test_a_file_that_is_not_there_is_refused_by_the_verb_without_a_traceback(atlas_dir: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["compare", str(atlas_dir), str(tmp_path / "nowhere.csv")])
    assert isinstance(done.exception, InputError)
    assert "no such file" in str(done.exception)


@pytest.mark.parametrize("sign", [",", "\t", ";"])
def test_a_quote_that_is_not_closed_swallows_no_row(tmp_path: Path, atlas: Atlas, sign: str) -> None:
    text = f'accession{sign}positions\nP0DP23{sign}99\nX00003{sign}"5\nQ00001{sign}1\n'
    with pytest.raises(InputError, match=r"is no such table(.|\n)*line 3: unexpected end of data(.|\n)*quotes closed"):
        compare(atlas, write(tmp_path, text), base=1)
