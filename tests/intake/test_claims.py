"""What a source claims of a sequence and its positions is checked against the protein that the atlas has."""

import hashlib
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
from attlas.intake.rejects import Reason

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


@pytest.mark.parametrize(("text", "plain"), [("12.0", "12"), ("12.", "12"), ("12.5", "12.5"), ("x.0", "x.0"), ("", "")])
def test_a_fraction_that_is_nothing_is_left_out_of_a_position(text: str, plain: str) -> None:
    assert plain_position(text) == plain
