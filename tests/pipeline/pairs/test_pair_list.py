"""A file of pairs is read line by line, and every line is a pair or is left out with a reason."""

from pathlib import Path

import pytest

from attlas.pipeline.pairs.pair_list import LeftOutPair, ListedPair, read_pairs
from attlas.schema import InputError


def test_two_accessions_a_line_may_have_a_label_and_a_score(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("# from a screen\nP1\tP2\n\nP3\tP4\tbinder\t0.5\nP5\tP5\t0\n")
    assert read_pairs(path).pairs == (
        ListedPair("P1", "P2", None, None, "pairs.tsv", 2),
        ListedPair("P3", "P4", "binder", 0.5, "pairs.tsv", 4),
        ListedPair("P5", "P5", "0", None, "pairs.tsv", 5),
    )
    assert read_pairs(path).left_out == ()


def test_columns_of_a_header_are_taken_by_name(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("score\tProtein 1\tnote\tProtein 2\n0.9\tP1\tx\tP2\n")
    assert read_pairs(path).pairs == (ListedPair("P1", "P2", None, 0.9, "pairs.tsv", 2),)


def test_a_pair_of_short_names_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("A\tB\n")
    assert [(pair.accession, pair.partner) for pair in read_pairs(path).pairs] == [("A", "B")]


def test_a_line_that_names_no_pair_is_left_out_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("P1\nP1\t \nP1\tP2\tlabel\thigh\nP1\tP2\tlabel\tinf\n\tP2\nP3\tP4\n")
    listed = read_pairs(path)
    assert [pair.line for pair in listed.pairs] == [6]
    no_pair = "the line does not name two proteins"
    assert [(pair.line, pair.reason) for pair in listed.left_out] == [
        (1, no_pair),
        (2, no_pair),
        (3, "the score is no number: high"),
        (4, "the score is no number: inf"),
        (5, no_pair),
    ]
    assert listed.left_out[2] == LeftOutPair("P1 P2 label high", listed.left_out[2].reason, "pairs.tsv", 3)


def test_an_id_of_a_megabyte_is_left_out_and_not_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(f"P1\tP2\n{'P' * 10**6}\tP2\n")
    listed = read_pairs(path)
    assert [pair.line for pair in listed.pairs] == [1]
    (left_out,) = listed.left_out
    assert left_out.reason == "an id is too long: 1,000,000 characters, of 1,000 at most"
    assert len(left_out.text) == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# nothing\n\n", "holds no pairs"),
        (">P1 a protein\nMKTAYIAKQR\n", r"(?s)holds no pairs.*no line that names two proteins; line 1: >P1 a protein"),
    ],
)
def test_a_file_without_a_pair_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_pairs(path)
