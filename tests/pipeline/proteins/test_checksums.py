"""CRC64 of many sequences at once: the definition, and Biopython's."""

import random

import numpy as np
import pyarrow as pa
import pytest
from Bio.SeqUtils.CheckSum import crc64

from attlas.pipeline.proteins import checksums
from attlas.pipeline.proteins.checksums import compute_crc64, format_crc64, format_hexadecimal


def crc64_bit_by_bit(sequence: str) -> str:
    """The CRC64 of ISO 3309 that UniProt uses, without tables: x^64 + x^4 + x^3 + x + 1, reflected, from zero."""
    crc = 0
    for byte in sequence.encode():
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xD800000000000000 if crc & 1 else 0)
    return f"{crc:016X}"


@pytest.fixture(params=["compiled", "together"])
def crc64_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """Return a function that computes checksums in one of the two ways, as texts."""
    monkeypatch.setattr(checksums, "COMPILED_FROM", 0 if request.param == "compiled" else 1 << 40)
    return lambda sequences: format_crc64(compute_crc64(pa.array(sequences, pa.string()))).to_pylist()


def test_the_crc64_is_that_of_its_definition(crc64_of) -> None:
    sequences = ["M" * n for n in range(60)]
    assert crc64_of(sequences) == [crc64_bit_by_bit(sequence) for sequence in sequences]


def test_sequences_of_any_length_and_letters_keep_their_order(crc64_of) -> None:
    choose = random.Random(1).choices
    sequences = ["".join(choose("ACDEFGHIKLMNPQRSTVWYXUBZ", k=n)) for n in [7, 300, 1, 0, 299, 41, 300]]
    sequences += ["MKV\u00e9L", "M\u0394"]  # of proteins that are skipped
    assert crc64_of(sequences) == [crc64(sequence).removeprefix("CRC-") for sequence in sequences]


def test_no_sequences_have_no_checksums(crc64_of) -> None:
    assert crc64_of([]) == []


def test_a_part_of_an_array_has_the_checksums_of_its_own_sequences() -> None:
    sequences = pa.array(["MKV", "A", "WWW", "MK"])
    assert compute_crc64(sequences.slice(1, 2)).tolist() == compute_crc64(pa.array(["A", "WWW"])).tolist()


def test_bytes_are_written_in_hexadecimal_digits() -> None:
    values = np.array([[0, 255], [16, 10]], np.uint8)
    assert format_hexadecimal(values).to_pylist() == ["00ff", "100a"]
