"""A choice of heads: read as it was written, and refused by name where it is none or of other weights."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from helpers.synthetic import synthetic_run

from attlas.pipeline.contacts.head_choice import HeadChoice, RankedHead, parse_list, read_choice
from attlas.schema import InputError, Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny_run() -> Run:
    """Return the run of a model of 2 layers and 4 heads."""
    return synthetic_run(2, 4)


def write_choice(path: Path, run: Run, **changes: object) -> str:
    """Write the choice of head 0-1 with some values changed, and return its path."""
    parse_list("0-1", run).write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return str(path)


def test_a_choice_is_read_as_it_was_written(tmp_path: Path, tiny_run: Run) -> None:
    choice = HeadChoice("attlas heads 1", "m", tiny_run.weights_sha256, 2, 4, (RankedHead(1, 3, 0.25),), seed=3)
    choice.write(tmp_path / "heads.json")
    assert read_choice(str(tmp_path / "heads.json"), tiny_run) == choice

    packed = tmp_path / "heads.json.gz"
    packed.write_bytes(gzip.compress((tmp_path / "heads.json").read_bytes()))
    assert read_choice(str(packed), tiny_run) == choice


def test_a_choice_for_other_weights_is_refused_by_both_names(tmp_path: Path, tiny_run: Run) -> None:
    digest = hashlib.sha256(b"other").hexdigest()
    path = write_choice(tmp_path / "heads.json", tiny_run, model="other-model", weights_sha256=digest)
    with pytest.raises(
        InputError, match=rf"(?s)other weights.*{tiny_run.model}.*other-model.*{digest}.*--choose-heads"
    ):
        read_choice(path, tiny_run)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-1,2-0", r"(?s)does not have.*0-0 to 1-3.*2-0"),
        ("1-4", r"(?s)does not have.*1-4"),
        ("0-1,1-2,0-1", r"(?s)twice.*0-1"),
        ("no-such-file", r"(?s)no such file: no-such-file.*5-3,4-17"),
    ],
)
def test_heads_that_are_none_are_refused(tiny_run: Run, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_choice(text, tiny_run)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "attlas heads 2"},
        {"heads": []},
        {"heads": [{"layer": 0}]},
        {"heads": [{"layer": 0, "head": "1"}]},
        {"heads": [{"layer": True, "head": 1}]},
        {"more": 1},
    ],
)
def test_a_file_of_another_kind_is_no_choice(tmp_path: Path, tiny_run: Run, changes: dict) -> None:
    with pytest.raises(InputError, match=r"(?s)no choice of heads.*attlas heads 1"):
        read_choice(write_choice(tmp_path / "heads.json", tiny_run, **changes), tiny_run)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "heads.json is empty"),
        (b"\xff\xfe\x00", "heads.json is no plain text"),
        (b"PK\x03\x04", "packed with zip"),
        (b"[1]", "no choice of heads"),
        (b"[" * 100_000, "no choice of heads"),
    ],
)
def test_a_file_that_is_no_json_object_is_no_choice(tmp_path: Path, tiny_run: Run, data: bytes, message: str) -> None:
    (tmp_path / "heads.json").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_choice(str(tmp_path / "heads.json"), tiny_run)


def test_a_negative_head_in_a_file_is_refused(tmp_path: Path, tiny_run: Run) -> None:
    path = write_choice(tmp_path / "heads.json", tiny_run, heads=[{"layer": -1, "head": 0}])
    with pytest.raises(InputError, match="does not have"):
        read_choice(path, tiny_run)
