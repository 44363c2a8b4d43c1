"""Receipts: what is written is read, and one that cannot be read is named."""

import json
from pathlib import Path

import pytest
from helpers.smallest_atlas import ATLAS_ID

from attlas.schema import AtlasPaths, BrokenAtlasError, Manifest, Receipt


def test_a_receipt_comes_back_as_it_was_written(paths: AtlasPaths, manifest: Manifest) -> None:
    receipt = Receipt(
        index=12,
        plan_id=ATLAS_ID,
        files=tuple(manifest.files),
        n_sequences=5,
        n_failed=1,
        n_residues=745,
        wall_s=1.25,
        model_s=1.0,
        peak_bytes=2**33,
        predicted_bytes=2**34,
        host="here",
    )
    receipt.write(paths)
    assert Receipt.read(paths.receipt(12)) == receipt


@pytest.mark.parametrize("text", ["", "{", "[]", '{"index": 1, "files": []}', '{"files": [{"no": 1}]}', "\udcff"])
def test_a_receipt_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shard-00001.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BrokenAtlasError, match=r"shard-00001\.json cannot be read"):
        Receipt.read(path)


@pytest.mark.parametrize("name", ["files", "n_sequences", "wall_s", "host"])
@pytest.mark.parametrize("value", [None, "", [], {}, True])
def test_a_receipt_with_a_value_of_another_type_is_reported(
    paths: AtlasPaths, manifest: Manifest, name: str, value: object
) -> None:
    receipt = Receipt(1, ATLAS_ID, tuple(manifest.files), 5, 1, 745, 1.25, 1.0, 2**33, 2**34, "here")
    receipt.write(paths)
    values = json.loads(paths.receipt(1).read_text())
    if type(values[name]) is type(value):
        value = 5
    paths.receipt(1).write_text(json.dumps(values | {name: value}))
    with pytest.raises(BrokenAtlasError, match=rf"(?s)shard-00001\.json cannot be read.*{name}"):
        Receipt.read(paths.receipt(1))
