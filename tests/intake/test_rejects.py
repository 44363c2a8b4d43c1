"""What was left out is counted by its reason, shown in part, and written whole."""

import io

from attlas.intake.rejects import Account, Reason, Record, Rejected, Remark


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
