"""Ids of every form, against names held in memory."""

import pyarrow as pa
import pytest

from attlas.intake.identifiers import NAME_COLUMNS, NameTable, Resolution, read_id, resolve_id

ROWS = [
    ("P04637", "P53_HUMAN", "TP53", "a" * 32, "A" * 16, "Homo sapiens", 9606, 4),
    ("P04637-2", "P53_HUMAN", "TP53", "b" * 32, "B" * 16, "Homo sapiens", 9606, None),
    ("P02340", "P53_MOUSE", "TP53", "c" * 32, "C" * 16, "Mus musculus", 10090, 4),
    ("P0DP23", "CALM1_HUMAN", "CALM1", "d" * 32, "D" * 16, "Homo sapiens", 9606, 1),
    ("P0DP24", "CALM2_HUMAN", "CALM2", "d" * 32, "D" * 16, "Homo sapiens", 9606, 1),
    ("WP_012345.1", None, None, "e" * 32, "E" * 16, None, None, None),
]
NAMES = NameTable(pa.table(dict(zip(NAME_COLUMNS, map(list, zip(*ROWS, strict=True)), strict=True))))


@pytest.mark.parametrize(
    ("id", "rows"),
    [
        ("P04637", (0,)),
        (" P04637\n", (0,)),
        ("P04637.4", (0,)),
        ("P04637-2", (1,)),
        ("sp|P04637|P53_HUMAN", (0,)),
        (">tr|P02340|X Cellular tumour antigen", (2,)),
        ("UniProtKB: P02340", (2,)),
        ("AF-P04637-F1-model_v4.cif.gz", (0,)),
        ("P53_HUMAN", (0,)),  # isoforms have the entry name of their entry
        ("CALM1", (3,)),
        ("CALM1@9606", (3,)),
        ("CALM1@homo sapiens", (3,)),
        ("TP53@10090", (2,)),
        ("md5:" + "D" * 32, (3, 4)),  # two accessions of one sequence
        ("crc64=" + "c" * 16, (2,)),
        ("WP_012345.1", (5,)),
    ],
)
def test_an_id_names_its_protein(id: str, rows: tuple[int, ...]) -> None:
    assert resolve_id(NAMES, id) == Resolution(rows)


@pytest.mark.parametrize(
    ("id", "why"),
    [
        ("P04637.3", "P04637 is here in sequence version 4, which is another sequence"),
        ("P04637-2.1", "P04637-2 is here without a sequence version"),
        ("AF-P04637-F2", "its fragment 2 counts residues from 1 again"),
        ("TP53@4932", "gene TP53 is here of taxon 10090, taxon 9606, not of 4932"),
        ("P02340-7", "P02340 is here, but an isoform may be another sequence"),
    ],
)
def test_an_id_of_another_sequence_names_none_and_says_why(id: str, why: str) -> None:
    resolution = resolve_id(NAMES, id)
    assert resolution.rows == ()
    assert why in (resolution.why or "")
    assert resolution.is_isoform == id.startswith("P02340-")


@pytest.mark.parametrize("id", ["", "p04637", "nobody", "sp|CALM1|X", "AF-CALM1-F1"])
def test_an_id_that_is_not_there_names_none(id: str) -> None:
    assert resolve_id(NAMES, id) == Resolution()
    assert read_id(id).pasted == id


def test_a_gene_of_several_proteins_names_them_with_their_taxa() -> None:
    resolution = resolve_id(NAMES, "TP53")
    assert (resolution.rows, resolution.candidates) == ((), ("P04637", "P04637-2", "P02340"))
    assert resolution.in_taxa == ("TP53@10090",)
    assert resolve_id(NAMES, "TP53", taxon="Mus musculus").rows == (2,)
