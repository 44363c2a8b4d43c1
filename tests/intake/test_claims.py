"""Rows, GFF3, claims and the account: what both importers share, each by itself."""

import csv
import hashlib
import io
from dataclasses import replace

import pytest
from Bio.SeqUtils.CheckSum import crc64
from hypothesis import given
from hypothesis import strategies as st

from attlas.intake.claims import (
    NO_CLAIM,
    SequenceClaim,
    StoredProtein,
    check_computed,
    check_position,
    check_sequence,
    plain_position,
    reject_position,
    whole_number,
)
from attlas.intake.gff3 import Gff3Feature, Gff3Region, Gff3Sequence, Gff3Unreadable, read_gff3
from attlas.intake.rejects import Account, Reason, Record, Rejected, Remark
from attlas.intake.rows import column_key, find_columns, read_quoted_rows, read_tab_rows
from attlas.intake.text import numbered_lines
from attlas.schema import InputError

SEQUENCE = "MKVLAAGIVCHHEDKLMNPQ"
PROTEIN = StoredProtein(
    accession="Q00001",
    sequence=SEQUENCE,
    md5=hashlib.md5(SEQUENCE.encode(), usedforsecurity=False).hexdigest(),
    crc64=crc64(SEQUENCE).removeprefix("CRC-"),
    length=20,
    sequence_version=3,
    sequence_id=0,
    status="ok",
    reason=None,
)

# --- rows ---


def test_rows_know_the_line_they_begin_on() -> None:
    text = '# a comment\na,"b\nstill b",c\n\nd, "e",f\n'
    assert list(read_quoted_rows(numbered_lines(text), ",", name="t")) == [
        (2, ["a", "b\nstill b", "c"]),
        (5, ["d", "e", "f"]),
    ]
    assert list(read_tab_rows(numbered_lines('5"-end\t"x ""y"""\n#\n\n"open\tz\n'))) == [
        (1, ['5"-end', 'x "y"']),
        (4, ['"open', "z"]),
    ]


def test_a_quote_that_is_not_closed_is_named_with_its_line() -> None:
    with pytest.raises(InputError, match=r"t is no such table(.|\n)*line 2: "):
        list(read_quoted_rows(numbered_lines('a,b\nc,"d\ne,f\n'), ",", name="t"))


@pytest.mark.thorough
@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"])), min_size=2)))
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert [row for _, row in read_quoted_rows(numbered_lines(out.getvalue()), ",", name="t")] == rows


def test_columns_are_found_by_the_first_of_their_names_whatever_the_letter_case() -> None:
    synonyms = {"accession": ("accession", "protein_id"), "position": ("position", "pos")}
    assert column_key(" Protein-ID ") == "protein_id"
    assert find_columns(["Pos", "x", "Protein ID", "POSITION"], synonyms) == {"accession": 2, "position": 3}


# --- GFF3 ---


def test_gff3_gives_features_regions_and_sequences_with_their_lines() -> None:
    text = (
        "##gff-version 3\n##sequence-region sp%7CQ1 1 149\n##sequence-region Q2 5 80\n##sequence-region Q3\n# x\n"
        "sp%7CQ1\tx\tActive%20site\t5\t6\t.\t+\t.\tNote=a%3Bb;ID=1\t\nQ2\ttoo\tfew\n##FASTA\n>Q2 words\nMK V\nLA\n"
    )
    items = list(read_gff3(numbered_lines(text)))
    assert items == [
        Gff3Region(2, "sp|Q1", "1", "149"),
        Gff3Region(3, "Q2", "5", "80"),
        Gff3Unreadable(4, "Q3", "##sequence-region Q3", is_region=True),
        Gff3Feature(6, "sp|Q1", "Active site", "5", "6", {"note": "a;b", "id": "1"}),
        Gff3Unreadable(7, "Q2", "3 columns where GFF3 has 9"),
        Gff3Sequence("Q2", "MKV"),
        Gff3Sequence("Q2", "LA"),
    ]
    assert [item.length for item in items if isinstance(item, Gff3Region)] == [149, None]


# --- claims ---


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (NO_CLAIM, None),
        (SequenceClaim(sequence=SEQUENCE.lower() + "*"), None),
        (SequenceClaim(sequence=SEQUENCE[::-1]), Reason.OTHER_SEQUENCE),
        (SequenceClaim(md5=PROTEIN.md5), None),
        (SequenceClaim(md5="0" * 32), Reason.OTHER_SEQUENCE),
        (SequenceClaim(md5=PROTEIN.md5, crc64="0" * 16), Reason.OTHER_SEQUENCE),
        (SequenceClaim(md5=PROTEIN.md5, crc64=PROTEIN.crc64, length=99, version=9), None),  # letters are the same
        (SequenceClaim(sequence=SEQUENCE, version=9), None),
        (SequenceClaim(length=20), None),
        (SequenceClaim(length=21), Reason.OTHER_SEQUENCE),
        (SequenceClaim(version=3), None),
        (SequenceClaim(version=4), Reason.OTHER_VERSION),
        (SequenceClaim(length=21, version=4), Reason.OTHER_VERSION),
    ],
)
def test_the_best_that_a_source_says_of_its_sequence_decides(claim: SequenceClaim, reason: Reason | None) -> None:
    problem = check_sequence(claim, PROTEIN)
    assert (problem and problem.reason) == reason


def test_a_version_cannot_be_checked_where_the_atlas_has_none() -> None:
    problem = check_sequence(SequenceClaim(version=1), replace(PROTEIN, sequence_version=None))
    assert problem is not None
    assert (problem.reason, "does not know its own" in problem.detail) == (Reason.OTHER_VERSION, True)


def test_a_protein_that_was_not_computed_is_reported_with_its_reason() -> None:
    problem = check_computed(replace(PROTEIN, status="skipped", reason="too long"))
    assert problem is not None
    assert (problem.reason, problem.detail) == (Reason.NOT_COMPUTED, "skipped: too long")
    assert check_computed(PROTEIN) is None


@given(st.integers(-3, 25), st.integers(-3, 25), st.sampled_from([0, 1]), st.sampled_from([None, "M", "KV", "mk"]))
def test_positions_are_usable_where_the_sequence_has_them_and_their_letters(
    begin: int, end: int, first_position: int, letters: str | None
) -> None:
    problem = check_position(begin, end, letters, SEQUENCE, first_position=first_position)
    numbered = dict(enumerate(SEQUENCE, start=first_position))
    is_usable = begin <= end and begin in numbered and end in numbered
    if is_usable and letters is not None:
        stored = "".join(numbered.get(begin + i, "") for i in range(len(letters)))
        is_usable = stored == letters.upper()
    assert (problem is None) == is_usable


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<1", Reason.FUZZY_POSITION),
        ("?", Reason.FUZZY_POSITION),
        ("-4", Reason.BEFORE_START),
        ("x", Reason.NO_NUMBER),
        ("1.5", Reason.NO_WHOLE_NUMBER),
        ("1e3", Reason.NO_NUMBER),
        ("1.5.1", Reason.NO_NUMBER),
    ],
)
def test_what_is_no_position_is_told_apart(text: str, reason: Reason) -> None:
    assert reject_position(text).reason == reason


def test_a_whole_number_of_many_digits_is_cut() -> None:
    assert [whole_number(text) for text in ("12", "", None, "-1", "1.5", "٣")] == [12, None, None, None, None, None]
    assert whole_number("9" * 5000) == 10**18 - 1


# --- the account ---


def rejected(id: str, **record: object) -> Rejected:
    return Rejected(Reason.UNKNOWN_ID, Record(id, **record))  # type: ignore[arg-type]


def test_records_are_counted_by_reason_and_ten_are_shown() -> None:
    account = Account()
    for i in range(25):
        account.add(rejected(f"X{i}", begin=str(i), end=str(i), line=i + 2))
    account.add(Rejected(Reason.REVERSED, Record("Q1", "Domain", "9", "5"), "9 to 5"))
    lines = list(account.lines(prefix="left out, "))
    assert lines[0] == "left out, id not in the atlas: 25 records of 25 proteins"
    assert lines[1:3] == ["  - X0 0 (line 2)", "  - X1 1 (line 3)"]
    assert lines[11:] == [
        "  ... and 15 more",
        "left out, begin after end: 1 record of 1 protein",
        "  - Q1 Domain 9..5: 9 to 5",
    ]
    assert account.first_record("begin after end") == "Q1 Domain 9..5"
    assert list(account.lines(only_counted={"id not in the atlas", "begin after end"})) == [
        "id not in the atlas: 25 records of 25 proteins",
        "begin after end: 1 record of 1 protein",
    ]


def test_chains_of_which_the_same_is_reported_are_one_line_and_count_each() -> None:
    account = Account()
    for chain in ("A", "B", "", "C"):
        detail = "of another protein" if chain == "C" else ""
        account.add(Rejected(Reason.NO_PROTEIN, Record(file="x.cif", chain=chain), detail))
    assert list(account.lines()) == [
        "no protein of the atlas: 4 chains",
        "  - chains A, B, '' of x.cif",
        "  - chain C of x.cif: of another protein",
    ]


def test_a_remark_on_a_file_is_counted_as_a_file() -> None:
    account = Account()
    account.add(Remark("several models, the first is read", Record(file="nmr.pdb"), "20 models"))
    assert list(account.lines()) == ["several models, the first is read: 1 file", "  - nmr.pdb: 20 models"]


def test_all_records_are_written_as_a_table_that_tabs_cannot_break() -> None:
    out = io.StringIO()
    account = Account(out=out)
    account.add(rejected("X\t1\x1b", type="a\nb", begin="1", end="2", line=7))
    account.add(Rejected(Reason.NO_PROTEIN, Record(file="x.cif", chain="A")))
    header, *rows = (line.split("\t") for line in out.getvalue().splitlines())
    assert header == ["reason", "detail", "accession", "type", "begin", "end", "description", "line", "file"]
    assert rows == [
        ["id not in the atlas", "", "X 1\x1b", "a b", "1", "2", "", "7", ""],
        ["no protein of the atlas", "", "", "chain A", "", "", "", "", "x.cif"],
    ]
    assert not any("\x1b" in line for line in account.lines())


def test_every_reason_has_a_wording_of_its_own() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason)


@pytest.mark.parametrize(("text", "plain"), [("12.0", "12"), ("12.", "12"), ("12.5", "12.5"), ("x.0", "x.0"), ("", "")])
def test_a_fraction_that_is_nothing_is_left_out_of_a_position(text: str, plain: str) -> None:
    assert plain_position(text) == plain
