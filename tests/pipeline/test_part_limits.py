"""A part takes packs, or sequences, until it is full or its time is over."""

import pytest

from attlas.pipeline.part_limits import PartLimits, cut_parts, fill_part

pytestmark = pytest.mark.slow


def test_a_part_takes_packs_until_it_is_full_or_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    packs, lengths = [slice(0, 2), slice(2, 4), slice(4, 5), slice(5, 9)], [10] * 9
    times = iter([0.0, 10.0, 50.0, 70.0])
    monkeypatch.setattr("attlas.pipeline.part_limits.time.perf_counter", lambda: next(times))
    assert list(fill_part(packs, lengths, PartLimits(1_000, 1_000, seconds=45))) == packs[:2]
    monkeypatch.undo()
    assert list(fill_part(packs, lengths, PartLimits(40, 1_000))) == packs[:2]
    assert list(fill_part(packs, lengths, PartLimits(1_000, 5))) == packs[:3]
    assert list(fill_part(packs, lengths, PartLimits(1, 1))) == packs[:1]
    assert list(fill_part(packs, lengths, PartLimits(90, 9))) == packs


def test_parts_of_a_pass_hold_every_sequence_once_within_both_limits() -> None:
    lengths = [3, 3, 3, 4, 5, 20, 1]
    assert list(cut_parts(lengths, PartLimits(9, 2))) == [
        slice(0, 2), slice(2, 4), slice(4, 5), slice(5, 6), slice(6, 7),
    ]  # fmt: skip
