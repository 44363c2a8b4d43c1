"""Every line of a truth is used or accounted for."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from attlas.intake.claims import COLUMNS as CHECKED_COLUMNS
from attlas.intake.identifiers import NAME_COLUMNS
from attlas.intake.rejects import Problem, Reason
from attlas.pipeline.annotate.check import Proteins
from attlas.pipeline.evaluating.rivals import read_rival
from attlas.pipeline.evaluating.truth import Truth, parse_positions, read_truth
from attlas.schema import InputError


@pytest.fixture(scope="module")
def proteins() -> Proteins:
    """Return five proteins, of which one was not computed and two have one sequence."""
    sequences = {"P1": "MKHDE", "P2": "MKHDEF", "P3": "MAAAA", "P4": "MAAAA", "P5": "MKKKK"}
    ids = {"P1": 0, "P2": 1, "P3": 2, "P4": 2, "P5": None}
    rows = [
        {
            **dict.fromkeys((*CHECKED_COLUMNS, *NAME_COLUMNS)),
            "accession": accession,
            "sequence": sequence,
            "md5": accession.rjust(32, "0"),
            "crc64": accession.rjust(16, "0"),
            "length": len(sequence),
            "sequence_id": ids[accession],
            "status": "skipped" if accession == "P5" else "ok",
            "reason": "too long" if accession == "P5" else None,
        }
        for accession, sequence in sequences.items()
    ]
    return Proteins.of(pa.Table.from_pylist(rows))


def read(text: str, proteins: Proteins, folder: Path) -> Truth:
    path = folder / "truth.tsv"
    path.write_text(text)
    return read_truth(path, proteins)


def test_positions_with_and_without_letters_are_read_and_lines_of_one_protein_put_together(
    proteins: Proteins, tmp_path: Path
) -> None:
    truth = read("accession\tpositions\n# a comment\n\nP1\tH3; 4\nsp|P1|NAME\t5\nP2\tf6;\n", proteins, tmp_path)
    assert [(protein.accession, protein.positions) for protein in truth.proteins] == [("P1", (3, 4, 5)), ("P2", (6,))]
    assert truth.proteins[0].labels.tolist() == [False, False, True, True, True]
    assert not truth.account.counts
    assert truth.n_lines == 3


def test_a_table_of_commas_is_read(proteins: Proteins, tmp_path: Path) -> None:
    assert read("P1,3;4\nP2,1\n", proteins, tmp_path).proteins[0].positions == (3, 4)


def test_a_protein_with_one_wrong_position_is_left_out_whole(proteins: Proteins, tmp_path: Path) -> None:
    truth = read("P1\t3;C4\nP1\t5\nP2\t1\n", proteins, tmp_path)
    assert [protein.accession for protein in truth.proteins] == ["P2"]
    assert truth.account.counts == {Reason.OTHER_RESIDUE.value: 1, Reason.SITE_OF_REJECTED.value: 1}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("P9\t3", Reason.UNKNOWN_ID),
        ("P5\t3", Reason.NOT_COMPUTED),
        ("P1\t0", Reason.BEFORE_START),
        ("P1\t6", Reason.PAST_END),
        ("P1\t", Reason.NO_NUMBER),
        ("P1\t3,4", Reason.NO_NUMBER),
        ("P1\tH3-5", Reason.NO_NUMBER),
        ("P1\t²", Reason.NO_NUMBER),
        ("P1\t99999999999", Reason.NO_NUMBER),
        ("P1", Reason.UNREADABLE_LINE),
        ("\t3", Reason.UNREADABLE_LINE),
        ("P1\t3\t4", Reason.UNREADABLE_LINE),
    ],
)
def test_a_line_that_cannot_be_used_has_its_reason(
    line: str, reason: Reason, proteins: Proteins, tmp_path: Path
) -> None:
    truth = read(f"P2\t1\n{line}\n", proteins, tmp_path)
    assert [protein.accession for protein in truth.proteins] == ["P2"]
    assert truth.account.counts[reason.value] == 1


@pytest.mark.parametrize(("sites", "reason"), [("2", Reason.REPEATED), ("3", Reason.OTHER_SITES)])
def test_a_sequence_is_judged_once(sites: str, reason: Reason, proteins: Proteins, tmp_path: Path) -> None:
    truth = read(f"P3\t2\nP4\t{sites}\n", proteins, tmp_path)
    assert [protein.accession for protein in truth.proteins] == ["P3"]
    assert truth.account.counts == {reason.value: 1}


def test_a_table_of_which_nothing_can_be_used_is_refused(proteins: Proteins, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No line of .* names residues of a protein that the atlas computed"):
        read("P9\t1\n", proteins, tmp_path)
    with pytest.raises(InputError, match=r"has no line that can be used(.|\n)*a header alone: accession"):
        read("accession\tpositions\n", proteins, tmp_path)
    with pytest.raises(InputError, match=r"found:    P1,3,4\n(.|\n)*3 columns in place of 2"):
        read("P1,3,4\n", proteins, tmp_path)


def test_a_mixture_of_good_and_bad_positions_tells_each(proteins: Proteins) -> None:
    parsed = list(parse_positions("H3; x; D3", "MKHDE"))
    assert parsed[0] == 3
    assert [item.reason for item in parsed if isinstance(item, Problem)] == [Reason.NO_NUMBER, Reason.OTHER_RESIDUE]


def test_a_rival_is_read_with_and_without_probabilities(proteins: Proteins, tmp_path: Path) -> None:
    path, training = tmp_path / "rival.csv", tmp_path / "training.txt"
    path.write_text("accession,position,probability\nP1,3,0.9\nP1,9,0.5\nP2,1,1.5\nP2,2,0.25\n")
    training.write_text("P1\nQ9\n")
    rival = read_rival("other", path, proteins, training=training)
    assert rival.probabilities == {0: {3: 0.9}, 1: {2: 0.25}}
    assert rival.training == {0}
    assert rival.account.counts == {Reason.PAST_END.value: 1, Reason.NO_VALUE.value: 1}

    path.write_text("P1\t3\nP1\t4\n")
    rival = read_rival("other", path, proteins)
    assert rival.probabilities == {0: {3: 1.0, 4: 1.0}}
    assert rival.training is None
    assert not rival.has_probabilities


@pytest.mark.parametrize(("row", "empty"), [("P1\t3", "P2\t"), ("P1\t3\t0.5", "P2\t\t")])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_rival_may_predict_nothing_in_a_protein_that_it_names(
    row: str, empty: str, is_first: bool, proteins: Proteins, tmp_path: Path
) -> None:
    path = tmp_path / "rival.tsv"
    path.write_text(f"{empty}\n{row}\n" if is_first else f"{row}\n{empty}\n")
    rival = read_rival("other", path, proteins)
    assert {id: list(of_protein) for id, of_protein in rival.probabilities.items()} == {0: [3], 1: []}
    assert not rival.account.counts


def test_a_first_row_of_a_rival_that_cannot_be_used_is_no_header(proteins: Proteins, tmp_path: Path) -> None:
    path = tmp_path / "rival.tsv"
    path.write_text("P1\tx\nP2\t1\n")
    rival = read_rival("other", path, proteins)
    assert rival.probabilities == {1: {1: 1.0}}
    assert rival.account.counts == {Reason.NO_NUMBER.value: 1}


def test_a_rival_with_probabilities_in_some_rows_is_refused(proteins: Proteins, tmp_path: Path) -> None:
    path = tmp_path / "rival.tsv"
    path.write_text("P1\t3\t0.5\nP2\t1\n")
    with pytest.raises(InputError, match="cannot be laid beside the others"):
        read_rival("other", path, proteins)


def test_a_rival_with_two_probabilities_of_one_residue_is_refused_and_a_repeated_row_is_not(
    proteins: Proteins, tmp_path: Path
) -> None:
    path = tmp_path / "rival.tsv"
    path.write_text("P1\t3\t0.5\nP1\t3\t0.5\n")
    assert read_rival("other", path, proteins).probabilities == {0: {3: 0.5}}
    path.write_text("P1\t3\t0.5\nsp|P1|NAME\t3\t0.9\n")
    with pytest.raises(InputError, match=r"two probabilities(.|\n)*3 \(line 2\): 0.9, and 0.5 on an earlier line"):
        read_rival("other", path, proteins)


@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "1.01", "high"])
def test_a_probability_is_a_number_from_0_to_1(value: str, proteins: Proteins, tmp_path: Path) -> None:
    path = tmp_path / "rival.tsv"
    path.write_text(f"P1\t3\t0.5\nP2\t1\t{value}\n")
    rival = read_rival("other", path, proteins)
    assert rival.probabilities == {0: {3: 0.5}}
    assert rival.account.counts == {Reason.NO_VALUE.value: 1}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_table_as_spreadsheets_write_it_is_read(encoding: str, proteins: Proteins, tmp_path: Path) -> None:
    text = "Accession\tpositions\r\nP1\tH3;4\r\nP2\t1\r\n".encode(encoding)
    for name, written in (("truth.tsv", text), ("truth.tsv.gz", gzip.compress(text))):
        (tmp_path / name).write_bytes(written)
        truth = read_truth(tmp_path / name, proteins)
        assert [(protein.accession, protein.positions) for protein in truth.proteins] == [("P1", (3, 4)), ("P2", (1,))]
        assert not truth.account.counts
