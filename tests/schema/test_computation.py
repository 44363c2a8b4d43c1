"""Settings of added tables: declared once, written as JSON, read back as declared; notes on outdated tables."""

import json
import math

import pytest

from attlas.schema import ADDED_TABLES, HEAD_CONTACTS, SITES, Computation, Setting
from attlas.schema.settings import SETTINGS_KEY

SETTINGS = {"theta": 0.3, "atom": "ca", "max_length": None}
DIGESTS = {"sequences": "0a", "coordinates": "0b"}


def test_what_a_pass_writes_is_what_a_reader_gets() -> None:
    written = Computation(SETTINGS, DIGESTS)
    assert Computation.parse(HEAD_CONTACTS, written.metadata(HEAD_CONTACTS)) == written


def test_the_metadata_are_json_under_one_key() -> None:
    ((key, value),) = Computation(SETTINGS, DIGESTS).metadata(HEAD_CONTACTS).items()
    assert key == b"attlas.settings" == SETTINGS_KEY
    assert json.loads(value) == {"settings": SETTINGS, "computed_from": DIGESTS}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"theta": 0.3, "atom": "ca"}, "declares the settings"),
        (SETTINGS | {"floor": 0.3}, "declares the settings"),
        (SETTINGS | {"theta": None}, r"not of their type: \['theta'\]"),
        (SETTINGS | {"theta": math.nan, "atom": 7}, r"not of their type: \['theta', 'atom'\]"),
        (SETTINGS | {"max_length": True}, r"not of their type: \['max_length'\]"),
    ],
)
def test_a_pass_cannot_write_settings_that_its_table_does_not_declare(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Computation(settings, DIGESTS).metadata(HEAD_CONTACTS)


def test_a_pass_cannot_leave_out_a_table_that_it_has_read() -> None:
    with pytest.raises(ValueError, match=r"computed from \['coordinates', 'sequences'\]: got \['sequences'\]"):
        Computation(SETTINGS, {"sequences": "0a"}).metadata(HEAD_CONTACTS)


@pytest.mark.parametrize(
    "value",
    [b"", b"theta 0.3", b"\xff", b"[]", b"1", b'{"settings": 7, "computed_from": []}'],
)
def test_metadata_that_say_nothing_give_no_settings(value: bytes) -> None:
    assert Computation.parse(HEAD_CONTACTS, {SETTINGS_KEY: value}) == Computation()
    assert Computation.parse(HEAD_CONTACTS, None) == Computation()


def test_only_declared_settings_of_the_declared_type_are_read() -> None:
    values = {
        "settings": {"theta": "0.3", "atom": "cb", "floor": 1},
        "computed_from": {"sequences": "0a", "sites": "0"},
    }
    computation = Computation.parse(HEAD_CONTACTS, {SETTINGS_KEY: json.dumps(values).encode()})
    assert computation == Computation({"atom": "cb"}, {"sequences": "0a"})


@pytest.mark.parametrize(
    ("kind", "allowed", "refused"),
    [
        (float, [0.5, 1, -2.0], ["1", True, math.inf, None]),
        (int, [3], [3.5, "3", False, None]),
        (str, ["ca", ""], [1, None]),
    ],
)
def test_a_setting_allows_values_of_its_type_only(kind: type, allowed: list, refused: list) -> None:
    setting = Setting("name", kind, "What it sets.")
    assert [setting.allows(value) for value in allowed] == [True] * len(allowed)
    assert [setting.allows(value) for value in refused] == [False] * len(refused)
    assert Setting("name", kind, "What it sets.", is_optional=True).allows(None)


def test_a_table_is_either_read_from_sources_or_computed_from_tables_with_settings() -> None:
    for table in ADDED_TABLES:
        assert table.added_by is not None
        assert bool(table.computed_from) == (not table.is_by_source)
        assert table.computed_from or not table.settings
    assert not SITES.is_by_source
