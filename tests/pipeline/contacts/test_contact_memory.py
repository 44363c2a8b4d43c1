"""The memory that maps of pairs take is foretold, and packs are cut so that it is there."""

import pytest

from attlas.pipeline.contacts import memory
from attlas.pipeline.contacts.memory import cut_map_packs, predict_contact_bytes, predict_head_contact_bytes

pytestmark = pytest.mark.slow


def test_packs_hold_few_pairs(monkeypatch) -> None:
    monkeypatch.setattr(memory, "PACK_PAIRS", 1000)
    parts = list(cut_map_packs([10, 20, 20, 22, 40, 5], 60))
    assert [(part.start, part.stop) for part in parts] == [(0, 3), (3, 4), (4, 5), (5, 6)]
    assert list(cut_map_packs([], 60)) == []


def test_titin_is_foretold_in_gigabytes() -> None:
    titin = 34_350
    assert predict_contact_bytes([titin], 1024, floor=0.3) == 10 * titin**2
    assert predict_contact_bytes([titin], 1024, floor=0.01) == 32 * titin**2  # nearly every pair may be kept
    assert predict_head_contact_bytes([400, titin]) == 16 * titin**2
