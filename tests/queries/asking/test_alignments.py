"""Alignments of proteins of an atlas: what is read, where rows are placed, and letters that differ."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.reading_case import P53

from attlas.queries import Atlas
from attlas.queries.asking.alignments import place_rows, read_alignment
from attlas.schema import InputError, QuestionError


def placed(atlas: Atlas, source: object) -> tuple[list[tuple[str, int, str]], list[str]]:
    notes: list[str] = []
    return [tuple(row.values()) for row in place_rows(atlas, source, notes.append)], notes


def calmodulin(atlas: Atlas) -> str:
    return atlas.protein("P0DP23")["sequence"][0].as_py()


def test_fasta_is_read_by_the_first_word_of_its_headers(tmp_path: Path) -> None:
    path = tmp_path / "a.fasta"
    path.write_text(";a comment\n>sp|P1|X_Y some words\nMK-\n LV \n\n>P2/3-6\nM.~L\nV\n")
    assert read_alignment(path) == {"sp|P1|X_Y": "MK-LV", "P2/3-6": "M.~LV"}
    path.write_bytes(b"\xef\xbb\xbf>P1\r\nMK\r\n")
    assert read_alignment(str(path)) == {"P1": "MK"}


def test_a_whole_sequence_a_piece_and_a_span_are_placed(atlas: Atlas) -> None:
    cam = calmodulin(atlas)
    source = {
        "P0DP23": cam[:40] + "-" * 5,
        "sp|P04637|P53_HUMAN": "--" + P53[100:140].lower() + "...",
        "P0DP24/11-50": cam[10:50] + "~~--_",
    }
    rows, notes = placed(atlas, source)
    assert [(accession, begin) for accession, begin, _ in rows] == [("P0DP23", 1), ("P04637", 101), ("P0DP24", 11)]
    assert rows[1][2] == f"--{P53[100:140]}---"
    assert notes == []


def test_an_x_stands_for_a_letter_that_aligners_do_not_know(atlas: Atlas) -> None:
    whole = atlas.protein("Q00005")["sequence"][0].as_py()
    assert whole.endswith("UUU")
    (row,), _ = placed(atlas, {"Q00005": whole.replace("U", "X")})
    assert row[:2] == ("Q00005", 1)
    with pytest.raises(QuestionError, match="at position 1 of the atlas, X in the alignment"):
        placed(atlas, {"Q00005": "X" + whole[1:]})


def test_rows_of_other_proteins_are_left_out_by_name(atlas: Atlas) -> None:
    rows, notes = placed(atlas, {"nope": "MK", "P0DP23/1-2": calmodulin(atlas)[:2], "Q00003": "MK"})
    assert [row[0] for row in rows] == ["P0DP23"]
    assert notes == [
        "rows of the alignment that are not in this atlas, left out: nope",
        "Q00003 was not computed (skipped: inner `*`), left out",
    ]
    with pytest.raises(QuestionError, match="No row of the alignment is a computed protein") as error:
        placed(atlas, {"nope": "MK", "Q00003": "MK"})
    assert error.value.offenders == ("nope", "Q00003")


def other_than(letter: str) -> str:
    return "C" if letter == "A" else "A"


@pytest.mark.parametrize(
    ("id", "change", "found"),
    [
        ("P0DP23", lambda s: s[:6] + other_than(s[6]) + s[7:], "at position 7 of the atlas"),
        ("P0DP23/3-20", lambda s: other_than(s[2]) + s[3:20], "at position 3 of the atlas"),
        ("P0DP23/3-20", lambda s: s[2:19], "the id says 3-20, and the row holds 17 letters"),
        ("P0DP23/140-160", lambda s: s[139:], "the id says 140-160, and the row holds 10 letters"),
        ("P0DP23/140-160", lambda s: s[139:] + "A" * 11, "10 residues in the atlas, 21 in the alignment"),
        ("P0DP23/0-2", lambda s: "M" + s[:2], "the id says 0-2"),
        ("P0DP23", lambda s: s + "AAAA", "149 residues in the atlas, 153 in the alignment"),
        ("P0DP23", lambda s: "---", "the row is all gaps"),
    ],
)
def test_letters_that_differ_are_named_with_their_position(
    atlas: Atlas, id: str, change: Callable[[str], str], found: str
) -> None:
    with pytest.raises(QuestionError, match="differ from the sequences of this atlas") as error:
        placed(atlas, {id: change(calmodulin(atlas))})
    assert found in error.value.offenders[0]


def test_a_piece_that_fits_twice_has_to_say_where(atlas: Atlas) -> None:
    sequence = atlas.protein("Q00005")["sequence"][0].as_py()
    assert sequence.endswith("U" * 9)
    with pytest.raises(QuestionError, match="differ") as error:
        placed(atlas, {"Q00005": "UUUUU"})
    assert "fits at 301, 302, 303, 304, 305: say which" in error.value.offenders[0]
    assert placed(atlas, {"Q00005/303-307": "UUUUU"})[0][0][1] == 303


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (";\n", "is no alignment"),
        ("MKLV\n", "is no alignment"),
        (">P0DP23\nMK\n>P0DP23\nMK\n", "has two rows P0DP23"),
        (">P0DP23\nMKL\n>P0DP24\nMK\n", "rows of an alignment are of one length"),
        (">P0DP23\nM1K\n", "holds letters and gaps"),
    ],
)
def test_what_is_no_alignment_is_refused(atlas: Atlas, tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "a.fasta"
    path.write_text(text)
    with pytest.raises(QuestionError, match=what):
        placed(atlas, path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file: .*absent\.fasta"):
        read_alignment(tmp_path / "absent.fasta")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="binary is no plain text"):
        read_alignment(tmp_path / "binary")
    with pytest.raises(QuestionError, match="An alignment is a"):
        read_alignment(7)


@pytest.mark.thorough
def test_the_example_is_what_its_script_makes() -> None:
    examples = Path(__file__).resolve().parents[3] / "examples"
    command = [sys.executable, examples / "make_alignment.py"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert made == (examples / "gpcrs.fasta").read_text()
    rows = read_alignment(examples / "gpcrs.fasta")
    proteins = (examples / "proteins.fasta").read_text().replace("\n", "")
    assert len({len(row) for row in rows.values()}) == 1
    assert [id for id, row in rows.items() if row.replace("-", "") not in proteins] == []
    # The arginine of the DRY motif, R131 of ADRB2, stands in one column.
    at = [at for at, letter in enumerate(rows["sp|P07550|ADRB2_HUMAN"]) if letter != "-"][130]
    assert {row[at] for row in rows.values()} == {"R"}


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_an_alignment_without_end_is_refused(atlas: Atlas) -> None:
    with pytest.raises(InputError, match="/dev/zero is"):
        read_alignment("/dev/zero")
    with pytest.raises(QuestionError, match="The file of proteins cannot be read: /dev/zero"):
        atlas.ask("sites_of", proteins="@/dev/zero")


def test_lines_may_end_as_on_any_system(tmp_path: Path) -> None:
    path = tmp_path / "rows.fasta"
    path.write_text(">a\r\nMK-\r\n>b\rM-K\r")
    assert read_alignment(path) == {"a": "MK-", "b": "M-K"}
