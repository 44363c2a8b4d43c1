"""CRC64 of many sequences at once: the definition, and Biopython's."""

import random

from Bio.SeqUtils.CheckSum import crc64

from attlas.pipeline.proteins.checksums import compute_crc64


def crc64_bit_by_bit(sequence: str) -> str:
    """The CRC64 of ISO 3309 that UniProt uses, without tables: x^64 + x^4 + x^3 + x + 1, reflected, from zero."""
    crc = 0
    for byte in sequence.encode():
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xD800000000000000 if crc & 1 else 0)
    return f"{crc:016X}"


def test_the_crc64_is_that_of_its_definition() -> None:
    sequences = ["M" * n for n in range(60)]
    assert compute_crc64(sequences) == [crc64_bit_by_bit(sequence) for sequence in sequences]


def test_sequences_of_any_length_and_letters_keep_their_order() -> None:
    choose = random.Random(1).choices
    sequences = ["".join(choose("ACDEFGHIKLMNPQRSTVWYXUBZ", k=n)) for n in [7, 300, 1, 0, 299, 41, 300]]
    sequences += ["MKV\u00e9L", "M\u0394", "\udcffA"]  # of proteins that are skipped
    assert compute_crc64(sequences) == [crc64(sequence).removeprefix("CRC-") for sequence in sequences]


def test_no_sequences_have_no_checksums() -> None:
    assert compute_crc64([]) == []
