"""Files of pairs in the formats that databases write: told by their content, every line accounted for."""

import bz2
import gzip
import itertools
import lzma
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from attlas.intake.identifiers import NAME_COLUMNS, NameTable
from attlas.pipeline.pairs import pair_list
from attlas.pipeline.pairs.files.all_pairs import count_all_pairs
from attlas.pipeline.pairs.files.formats import format_of
from attlas.pipeline.pairs.files.rows import PairFileOptions
from attlas.pipeline.pairs.pair_list import PairList, read_pairs
from attlas.schema import InputError

ACCESSIONS = ("P04637", "Q00987", "P62158", "P0DP23", "P68871-2")
ENTRY_NAMES = ("P53_HUMAN", "MDM2_HUMAN", None, "CALM1_HUMAN", None)


def atlas_names() -> NameTable:
    columns: dict[str, list[object]] = {name: [None] * len(ACCESSIONS) for name in NAME_COLUMNS}
    return NameTable(pa.table({**columns, "accession": list(ACCESSIONS), "entry_name": list(ENTRY_NAMES)}))


NAMES = atlas_names()


def written(folder: Path, text: str | bytes, name: str = "pairs.txt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def pairs_of(listed: PairList) -> list[tuple[object, ...]]:
    return [(pair.accession, pair.partner, pair.label, pair.score, pair.line) for pair in listed.pairs]


def reasons_of(listed: PairList) -> dict[int, str]:
    return {pair.line: pair.reason for pair in listed.left_out}


# --- tables of accessions ---


@pytest.mark.parametrize(
    "text",
    [
        b"P1\tP2\tbinder\t0.5\r\nP3\tP4\r\n",
        b"\xef\xbb\xbfP1\tP2\tbinder\t0.5\nP3\tP4\n",
        b"P1,P2,binder,0.5\nP3,P4\n",
        b'"P1"\t"P2"\tbinder\t0.5\nP3\tP4',
        "P1\tP2\tbinder\t0.5\nP3\tP4\n".encode("utf-16"),
    ],
)
def test_a_table_is_read_whatever_program_wrote_it(tmp_path: Path, text: bytes) -> None:
    listed = read_pairs(written(tmp_path, text))
    assert pairs_of(listed) == [("P1", "P2", "binder", 0.5, 1), ("P3", "P4", None, None, 2)]
    assert listed.left_out == ()


def zstandard(data: bytes) -> bytes:
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(data)
    return packed.getvalue().to_pybytes()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard])
def test_a_compressed_file_is_told_by_its_bytes(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = written(tmp_path, pack(b"P1\tP2\n"), "pairs.tsv")
    assert pairs_of(read_pairs(path)) == [("P1", "P2", None, None, 1)]


def test_a_nul_is_refused_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)no plain text.*NUL bytes on line 3"):
        read_pairs(written(tmp_path, b"P1\tP2\nP3\tP4\nP5\tP\0\n"))


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    random.seed(0)
    text = "".join(f"P{random.random()}\tP{random.random()}\n" for _ in range(2_000))
    with pytest.raises(InputError, match="truncated"):
        read_pairs(written(tmp_path, gzip.compress(text.encode())[:-2_000]))


def test_lines_of_rubbish_are_left_out_and_the_others_read(tmp_path: Path) -> None:
    text = "accession\tpartner\tscore\nP1\tP2\t1\nrubbish\n\n# comment\nP1\tP2\tmuch\n\tP2\t1\nP\x1b[31m1\tP3\t2\n"
    listed = read_pairs(written(tmp_path, text))
    assert pairs_of(listed) == [("P1", "P2", None, 1.0, 2), ("P\\x1b[31m1", "P3", None, 2.0, 8)]
    assert reasons_of(listed) == {
        3: "the line does not name two proteins",
        6: "the score is no number: much",
        7: "the line does not name two proteins",
    }
    assert listed.n_left_out == {"the line does not name two proteins": 2, "the score is no number": 1}


def test_pairs_of_low_score_or_of_none_are_left_out_where_a_score_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "P1\tP2\t\t0.9\nP1\tP3\t\t0.1\nP1\tP4\n")
    listed = read_pairs(path, PairFileOptions(min_score=0.5))
    assert [pair.line for pair in listed.pairs] == [1]
    assert reasons_of(listed) == {2: "score below the one asked for: 0.1", 3: "without a score"}


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ("\n \n", "is empty"), ("accession\tpartner\n", "holds no pairs")]
)
def test_a_file_without_pairs_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_pairs(written(tmp_path, text))


def test_more_pairs_than_are_run_are_refused_with_the_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_list, "MAX_PAIRS", 2)
    assert len(read_pairs(written(tmp_path, "P1\tP2\n" * 2)).pairs) == 2
    with pytest.raises(InputError, match=r"(?s)more pairs than are run.*at most 2 pairs.*--min-score"):
        read_pairs(written(tmp_path, "P1\tP2\n" * 3))


def test_lines_left_out_are_counted_beyond_those_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_list, "MAX_LEFT_OUT", 3)
    listed = read_pairs(written(tmp_path, "P1\tP2\n" + "rubbish\n" * 7))
    assert [pair.line for pair in listed.left_out] == [2, 3, 4]
    assert listed.n_left_out == {"the line does not name two proteins": 7}


# --- STRING ---

LINKS = """protein1 protein2 combined_score
9606.A 9606.B 999
9606.A 9606.C 400
9606.B 9606.A 999
9606.A 9606.Z 700
9606.A 9606.D 700
9606.A 9606.A
9606.A 9606.B high
9606.C 9606.B 150
"""
ALIASES = """#string_protein_id\talias\tsource
9606.A\tP04637\tUniProt_AC
9606.A\tP53\tUniProt_GN_Name
9606.A\tP04637\tEnsembl_UniProt_AC
9606.A\tQ15086\tUniProt_AC
9606.B\tQ00987\tBLAST_UniProt_AC Ensembl_UniProt_AC
9606.C\tP0DP23\tUniProt_AC
9606.D\tP0DP23\tUniProt_AC
9606.D\tP62158\tUniProt_AC
9606.Z\tQ99999\tUniProt_AC
"""


def test_links_of_string_are_found_by_its_aliases(tmp_path: Path) -> None:
    links, aliases = written(tmp_path, LINKS), written(tmp_path, gzip.compress(ALIASES.encode()), "aliases.txt.gz")
    listed = read_pairs(links, PairFileOptions(aliases=aliases, min_score=300), names=NAMES)
    assert pairs_of(listed) == [("P04637", "Q00987", None, 999.0, 2), ("P04637", "P0DP23", None, 400.0, 3)]
    assert reasons_of(listed) == {
        4: "given before: on line 2",
        5: "not in the atlas: 9606.Z",
        6: "the id names several proteins of the atlas: 9606.D is P0DP23, P62158",
        7: "another number of columns: 2 where the first line has 3",
        8: "the score is no number: high",
        9: "score below the one asked for: 150",
    }


def test_string_is_told_by_its_content_with_a_header_or_without_and_detailed(tmp_path: Path) -> None:
    detailed = "protein1 protein2 neighborhood fusion combined_score\n9606.A 9606.B 0 0 999\n"
    aliases = written(tmp_path, ALIASES, "aliases")
    for text in (detailed, "9606.A 9606.B 999\n", "9606.A\t9606.B\t999\n"):
        path = written(tmp_path, text, "mitab.csv")
        assert format_of(path) == "string"
        assert [pair.score for pair in read_pairs(path, PairFileOptions(aliases=aliases), names=NAMES).pairs] == [999]
    assert format_of(written(tmp_path, "P1\tP2\t0\n", "protein.links.txt")) == "plain"


def test_links_without_aliases_are_refused_unless_the_atlas_has_these_ids(tmp_path: Path) -> None:
    path = written(tmp_path, LINKS)
    with pytest.raises(InputError, match=r"(?s)STRING's own identifiers.*line 2: 9606.A 9606.B 999.*--aliases FILE"):
        read_pairs(path, names=NAMES)
    columns: dict[str, list[object]] = {name: [None, None] for name in NAME_COLUMNS}
    protein_names = NameTable(pa.table({**columns, "accession": ["9606.A", "9606.B"]}))
    assert [pair.accession for pair in read_pairs(path, names=protein_names).pairs] == ["9606.A"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("P04637\tQ00987\n", "line 1: 'P04637"), (ALIASES + "9606.A P04637\n", "line 11: '9606.A P04637'")],
)
def test_a_file_that_is_no_file_of_aliases_is_refused_by_its_line(tmp_path: Path, text: str, found: str) -> None:
    aliases = written(tmp_path, text, "aliases")
    with pytest.raises(InputError, match=f"(?s)no file of STRING's aliases.*{found}"):
        read_pairs(written(tmp_path, LINKS), PairFileOptions(aliases=aliases), names=NAMES)


@pytest.mark.parametrize("text", ["P1\tP2\n", "uniprotkb:P04637\tuniprotkb:Q00987" + "\t-" * 13])
def test_aliases_go_with_string_alone(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="--aliases does not go with"):
        read_pairs(written(tmp_path, text), PairFileOptions(aliases=tmp_path / "x"), names=NAMES)


@pytest.mark.thorough
def test_a_file_of_string_costs_memory_for_the_pairs_of_the_atlas_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_list, "MAX_LEFT_OUT", 100)
    aliases = written(tmp_path, ALIASES, "aliases")
    strangers = itertools.islice(((i, j) for i in range(200) for j in range(200)), 30_000)
    text = "9606.A 9606.B 999\n" + "".join(f"9606.ENSP{i:011} 9606.ENSP{j:011} 500\n" for i, j in strangers)
    path = written(tmp_path, text)
    tracemalloc.start()
    try:
        listed = read_pairs(path, PairFileOptions(aliases=aliases, min_score=900), names=NAMES)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(listed.pairs) == 1
    assert sum(listed.n_left_out.values()) == 30_000
    assert peak < path.stat().st_size


# --- PSI-MITAB ---

HEADER = "#ID(s) interactor A\tID(s) interactor B\t" + "\t".join(f"column {i}" for i in range(3, 16))


def mitab(a: str, b: str, *, alternative: tuple[str, str] = ("-", "-"), score: str = "-", **more: str) -> str:
    """A line of 15 columns, or with `types` or `negative` of 36, or with `n` of as many."""
    cells = ["-"] * (int(more.get("n", 0)) or (36 if more else 15))
    cells[0], cells[1], cells[2], cells[3], cells[14] = a, b, *alternative, score
    if "types" in more:
        cells[20], cells[21] = more["types"].split("|")
    if more:
        cells[35] = more.get("negative", "false")
    return "\t".join(cells) + "\n"


PROTEIN, RNA = 'psi-mi:"MI:0326"(protein)', 'psi-mi:"MI:0320"(ribonucleic acid)'
INTERACTIONS = [
    mitab("uniprotkb:P04637", "uniprotkb:Q00987", score="author score:high|intact-miscore:0.98"),
    mitab("uniprotkb:Q00987", "uniprotkb:P04637", score="intact-miscore:0.40"),
    mitab("uniprotkb:P04637", "uniprotkb:Q00987-2"),
    mitab("uniprotkb:P04637", "uniprotkb:P68871-2"),
    mitab("uniprotkb:P04637", 'chebi:"CHEBI:15422"(ATP)'),
    mitab("intact:EBI-1", "rnacentral:URS000001"),
    mitab("uniprotkb:P04637", "-"),
    mitab("uniprotkb:P04637", "uniprotkb:P04637"),
    mitab("uniprotkb:Q99999", "uniprotkb:P04637"),
    mitab("uniprotkb:P62158-PRO_0000198223", "uniprotkb:P04637"),
    "uniprotkb:P04637\tuniprotkb:Q00987\n",
]


def test_every_participant_of_mitab_is_a_protein_or_accounted_for(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "\n" + "".join(INTERACTIONS), "string.csv")
    listed = read_pairs(path, names=NAMES)
    assert format_of(path) == "mitab"
    assert pairs_of(listed) == [
        ("P04637", "Q00987", None, 0.98, 2),
        ("P04637", "P68871-2", None, None, 5),
        ("P04637", "P04637", None, None, 9),
    ]
    isoform = "an isoform that is not in the atlas: Q00987-2; Q00987 is here, but an isoform may be another sequence"
    assert reasons_of(listed) == {
        3: "given before: on line 2",
        4: isoform,
        6: 'no protein of UniProt (chebi): chebi:"CHEBI:15422"(ATP)',
        7: "no protein of UniProt (intact): intact:EBI-1",
        8: "one participant alone",
        10: "not in the atlas: Q99999",
        11: "a part cut out of a protein: P62158-PRO_0000198223 of P62158",
        12: "another number of columns: 2 where 15, 36, 42 or 46 belong",
    }
    assert len(listed.pairs) + sum(listed.n_left_out.values()) == len(INTERACTIONS)


@pytest.mark.parametrize("n", [36, 42, 46])
def test_longer_versions_of_mitab_say_types_and_negatives(tmp_path: Path, n: int) -> None:
    text = "".join(
        [
            mitab("uniprotkb:P04637", "uniprotkb:Q00987", types=f"{PROTEIN}|{PROTEIN}", n=str(n)),
            mitab("uniprotkb:P04637", "uniprotkb:P0DP23", types=f"{PROTEIN}|{PROTEIN}", negative="true", n=str(n)),
            mitab("uniprotkb:P04637", "uniprotkb:P62158", types=f"{PROTEIN}|{RNA}", n=str(n)),
            mitab("uniprotkb:P0DP23", "uniprotkb:P04637", types=f"{PROTEIN}|{PROTEIN}", n=str(n)),
        ]
    )
    listed = read_pairs(written(tmp_path, text), names=NAMES)
    assert [(pair.partner, pair.label) for pair in listed.pairs] == [("Q00987", "positive"), ("P0DP23", "negative")]
    assert reasons_of(listed) == {
        3: "not a protein (ribonucleic acid): uniprotkb:P62158",
        4: "given before with another label: positive, and negative on line 2",
    }


def test_an_accession_may_stand_among_the_alternative_ids(tmp_path: Path) -> None:
    # So BioGRID writes it; the accession that was reviewed is meant.
    alternative = "biogrid:113010|uniprot/swiss-prot:P04637|uniprot/trembl:P62158|refseq:NP_000537"
    line = mitab("entrez gene/locuslink:7157", "uniprotkb:Q00987", alternative=(alternative, "-"))
    listed = read_pairs(written(tmp_path, line), names=NAMES)
    assert [(pair.accession, pair.partner) for pair in listed.pairs] == [("P04637", "Q00987")]


# --- all pairs of two lists ---


@pytest.mark.parametrize(
    ("ids", "partner_ids"), [("ABC", "XY"), ("ABC", "ABC"), ("ABCD", "CDE"), ("CAB", "BXC"), ("A", "A")]
)
def test_every_two_proteins_of_two_lists_are_a_pair_once(tmp_path: Path, ids: str, partner_ids: str) -> None:
    path, against = written(tmp_path, "\n".join(ids)), written(tmp_path, "\n".join(partner_ids), "other")
    pairs = [(pair.accession, pair.partner) for pair in read_pairs(path, PairFileOptions(against=against)).pairs]
    expected = {frozenset(pair) for pair in itertools.product(ids, partner_ids)}
    assert Counter(map(frozenset, pairs)) == Counter(expected)
    assert len(pairs) == count_all_pairs(list(ids), list(partner_ids))
    assert all(accession in ids and partner in partner_ids for accession, partner in pairs)


def test_too_many_pairs_of_two_lists_are_refused_before_they_are_made(tmp_path: Path) -> None:
    path = written(tmp_path, "".join(f"P{i}\n" for i in range(2_000)))
    with pytest.raises(InputError, match=r"(?s)at most 500,000 pairs.*2,001,000: 2,000 proteins against 2,000.*250 "):
        read_pairs(path, PairFileOptions(against=path))


def test_lists_account_for_repeats_and_refuse_tables(tmp_path: Path) -> None:
    path, against = written(tmp_path, "A\nB\nA\n"), written(tmp_path, "X\nX\n", "other")
    listed = read_pairs(path, PairFileOptions(against=against))
    assert pairs_of(listed) == [("A", "X", None, None, 1), ("B", "X", None, None, 2)]
    assert [(pair.source, pair.line, pair.reason) for pair in listed.left_out] == [
        ("pairs.txt", 3, "given before: on line 1"),
        ("other", 2, "given before: on line 1"),
    ]
    with pytest.raises(InputError, match=r"(?s)no list of proteins.*line 2: B\\tC"):
        read_pairs(written(tmp_path, "A\nB\tC\n"), PairFileOptions(against=against))
    with pytest.raises(InputError, match="--min-score does not go with a list"):
        read_pairs(path, PairFileOptions(against=against, min_score=1))
