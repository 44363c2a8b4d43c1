"""FASTA as people have it, good and bad: every record is accounted for, every message names record and line."""

import gzip
import hashlib
import io
import re
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attlas.pipeline.proteins.headers import parse_header
from attlas.pipeline.proteins.proteome import Protein, Proteome, read_proteome
from attlas.pipeline.proteins.records import MAX_RESIDUES
from attlas.schema import InputError

CALM = (
    "MADQLTEEQIAEFKEAFSLFDKDGDGTITTKELGTVMRSLGQNPTEAELQDMINEVDADGNGTIDFPEFLTMMARKMKDTDSEEEIREAFRVFDKDGNGYISAAELRHVMTNLGEKL"
    "TDEEVDEMIREADIDGDGQVNYEEFVQMMTAK"
)
CALM_HEADER = "sp|P0DP23|CALM1_HUMAN Calmodulin-1 OS=Homo sapiens OX=9606 GN=CALM1 PE=1 SV=1"


@pytest.fixture
def read(tmp_path: Path):
    """Return a function that reads FASTA given as text or bytes."""

    def read_text(text: str | bytes, *, name: str = "in.fasta", max_length: int | None = None) -> Proteome:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_proteome(str(path), max_length=max_length)

    return read_text


def only(proteome: Proteome) -> Protein:
    assert len(proteome.proteins) == 1
    return proteome.proteins[0]


# --- what a protein holds ---


def test_a_uniprot_record_gives_every_field_and_uniprots_checksums(read) -> None:
    protein = only(read(f">{CALM_HEADER}\n{CALM[:60]}\n{CALM[60:]}\n"))
    assert protein == Protein(
        "P0DP23",
        "CALM1_HUMAN",
        "CALM1",
        "Homo sapiens",
        9606,
        1,
        "Calmodulin-1",
        CALM,
        line=1,
        n_records=1,
        reason=None,
    )
    assert protein.length == 149
    assert protein.md5 == hashlib.md5(CALM.encode()).hexdigest()
    assert protein.n_nonstandard == 0


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "sp|P04637-2|P53_HUMAN Isoform 2 of Cellular tumor antigen p53 OS=Homo sapiens OX=9606 GN=TP53",
            ("P04637-2", "P53_HUMAN", "TP53", "Homo sapiens", 9606, None, "Isoform 2 of Cellular tumor antigen p53"),
        ),
        (
            "tr|Q1|Q1_X Protein (EC 1.1), SV= odd OS=Bacillus subtilis (strain 168) OX=224308 GN=yaaA yaaB PE=4 SV=12",
            ("Q1", "Q1_X", "yaaA yaaB", "Bacillus subtilis (strain 168)", 224308, 12, "Protein (EC 1.1), SV= odd"),
        ),
        ("sp|P1|", ("sp|P1|", None, None, None, None, None, None)),
        ("sp|P1", ("P1", None, None, None, None, None, None)),
        ("tr|P1|P1_X OX=9606x SV=99999999999", ("P1", "P1_X", None, None, None, None, None)),
        ("tr|P1|P1_X OS= OX=2147483648", ("P1", "P1_X", None, None, None, None, None)),
        (
            "WP_000001.1 nitrogenase [Mo-Fe] subunit [Escherichia coli]",
            (
                "WP_000001.1",
                None,
                None,
                "Escherichia coli",
                None,
                None,
                "nitrogenase [Mo-Fe] subunit [Escherichia coli]",
            ),
        ),
        (
            "x y [[Clostridium] scindens]",
            ("x", None, None, "[Clostridium] scindens", None, None, "y [[Clostridium] scindens]"),
        ),
        ("x unbalanced]", ("x", None, None, None, None, None, "unbalanced]")),
        ("x empty []", ("x", None, None, None, None, None, "empty []")),
        (
            "lcl|c_1 [gene=dnaA] [protein=initiator] [gbkey=CDS]",
            ("lcl|c_1", None, "dnaA", None, None, None, "[gene=dnaA] [protein=initiator] [gbkey=CDS]"),
        ),
        ("pdb|1CLL|A Calmodulin", ("pdb|1CLL|A", None, None, None, None, None, "Calmodulin")),
        ("plain", ("plain", None, None, None, None, None, None)),
        ("  spaced  out  ", ("spaced", None, None, None, None, None, "out")),
        ("a/b/../c rest", ("a/b/../c", None, None, None, None, None, "rest")),
        (
            "id\ttab\tand \"quotes\" 'single' ;=&%,\\",
            ("id", None, None, None, None, None, "tab\tand \"quotes\" 'single' ;=&%,\\"),
        ),
        ("id β-lactamase\u00a0naïve", ("id", None, None, None, None, None, "β-lactamase\u00a0naïve")),
        ("one two\x01three four", ("one", None, None, None, None, None, "two\x01three four")),
    ],
)
def test_headers_are_read_field_by_field(header: str, expected: tuple[object, ...]) -> None:
    record = parse_header(header, line=1)
    fields = (record.accession, record.entry_name, record.gene, record.organism)
    assert (*fields, record.taxon_id, record.sequence_version, record.description) == expected


@pytest.mark.parametrize("header", ["", " ", "\t "])
def test_a_record_without_a_name_is_named_after_its_line(read, header: str) -> None:
    proteins = read(f">a\nMK\n>{header}\nMKV\n").proteins
    assert [(p.accession, p.sequence, p.reason) for p in proteins] == [("a", "MK", None), ("line:3", "MKV", None)]


# --- letters ---


def test_lower_case_blanks_and_one_trailing_stop_are_cleaned(read) -> None:
    protein = only(read(">a\n mk v\t\nlA\x0b\x0c\n\n*\n"))
    assert (protein.sequence, protein.reason) == ("MKVLA", None)


def test_letters_outside_the_twenty_are_computed_and_counted(read) -> None:
    protein = only(read(">a\nMUOBZXJk\n"))
    assert (protein.sequence, protein.reason, protein.n_nonstandard) == ("MUOBZXJK", None, 6)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("MK*VL\n", "stop `*` inside the sequence at position 3 (line 4)"),
        ("MKV**\n", "stop `*` inside the sequence at position 4 (line 4)"),
        ("MKV\nLA-K\n", "gap `-`, as in an alignment, at position 6 (line 5)"),
        ("M.KV\n", "gap `.`, as in an alignment, at position 2 (line 4)"),
        ("MKV\n\n  L A\n 12 MK\n", "no amino acid: character '1' (U+0031) at position 6 (line 7)"),
        ("MKé1\n", "no amino acid: letter 'é' (U+00E9) at position 3 (line 4)"),
        ("MéKV\nM-\n", "no amino acid: letter 'é' (U+00E9) at position 2 (line 4)"),
        ("MK\u00a0V\n", "no amino acid: character '\\xa0' (U+00A0) at position 3 (line 4)"),
        ("MK\x07V\n", "no amino acid: character '\\x07' (U+0007) at position 3 (line 4)"),
        ("ß\n", "no amino acid: letter 'ß' (U+00DF) at position 1 (line 4)"),
        ("MKV>c\nMK\n", "`>` inside a line: a header must start its line; found at position 4 (line 4)"),
        ("", "no sequence"),
        ("\n \n", "no sequence"),
        ("*\n", "no sequence"),
    ],
)
def test_a_record_that_cannot_be_read_is_skipped_with_its_reason_and_the_others_go_on(
    read, body: str, reason: str
) -> None:
    proteome = read(f">a\nMK\n>b some name\n{body}>c2\nMKV\n")
    assert [p.accession for p in proteome.proteins] == ["a", "b", "c2"]
    assert [p.reason for p in proteome.proteins] == [None, reason, None]
    assert proteome.n_records == 3


def test_a_latin_1_file_keeps_its_headers_and_names_the_letter(read) -> None:
    protein, other_protein = read(">a naïve\nMKV\n>b\nMé\n".encode("latin-1")).proteins
    assert protein.description == "naïve"
    assert other_protein.reason == "no amino acid: letter 'é' (U+00E9) at position 2 (line 4)"


def test_a_file_without_any_computable_protein_is_still_an_answer(read) -> None:
    proteome = read(">a\n>b\nM1\n")
    assert [p.reason is not None for p in proteome.proteins] == [True, True]


# --- length ---


def test_one_residue_and_the_longest_human_protein_are_computed(read) -> None:
    shortest, longest = read(f">one\nM\n>titin\n{'MKV' * 11_450}\n").proteins
    assert (shortest.length, shortest.reason, longest.length, longest.reason) == (1, None, 34_350, None)


@pytest.mark.thorough
def test_longer_than_the_limit_is_skipped_with_both_numbers(read) -> None:
    at_limit, above = read(f">a\n{'K' * 1022}\n>b\n{'K' * 34_350}\n", max_length=1022).proteins
    assert (at_limit.reason, above.reason) == (None, "longer than --max-length 1022: 34,350 residues")


@pytest.mark.thorough
def test_longer_than_float16_sums_can_hold_is_skipped(read) -> None:
    at_limit, above = read(f">a\n{'K' * MAX_RESIDUES}\n>b\n{'K' * (MAX_RESIDUES + 1)}\n").proteins
    assert at_limit.reason is None
    assert above.reason == "longer than 65,504 residues, the largest sum that float16 can hold: 65,505 residues"


def test_a_limit_below_one_is_refused(read) -> None:
    with pytest.raises(InputError, match="--max-length must be at least 1"):
        read(">a\nM\n", max_length=0)


# --- repeats ---


def test_a_repeated_accession_with_the_same_sequence_is_merged_and_counted(read) -> None:
    proteome = read(">a first\nMKV\n>b\nMK\n>a second\nmk v*\n>a\nMKV\n")
    a, b = proteome.proteins
    assert (a.accession, a.description, a.n_records, a.line) == ("a", "first", 3, 1)
    assert (b.n_records, proteome.n_records) == (1, 4)


def test_a_repeated_accession_with_another_sequence_is_refused_with_both_lines(read) -> None:
    with pytest.raises(InputError, match=r"two different sequences(.|\n)*- a: lines 1 and 5 \(3 and 2 residues\)"):
        read(">a\nMKV\n>b\nMK\n>a\nMK\n")


def test_all_conflicts_are_collected_and_ten_are_shown(read) -> None:
    text = "".join(f">p{i}\nMK\n>p{i}\nMKV\n" for i in range(12))
    with pytest.raises(InputError, match=r"p9: lines 37 and 39(.|\n)*and 2 more \(12 in all\)") as caught:
        read(text)
    assert len(caught.value.offenders) == 12
    assert "p10" not in str(caught.value)


def test_of_many_conflicts_the_first_are_kept_and_all_are_counted(read) -> None:
    text = "".join(f">p{i}\nMK\n>p{i}\nMKV\n" for i in reversed(range(345)))
    with pytest.raises(InputError, match=r"p344: lines 1 and 3(.|\n)*and 335 more \(345 in all\)") as caught:
        read(text)
    assert [offender.partition(":")[0] for offender in caught.value.offenders] == [f"p{344 - i}" for i in range(100)]


def test_of_many_blank_accessions_the_first_are_kept_and_all_are_counted(read) -> None:
    with pytest.raises(InputError, match=r"345 such headers(.|\n)*and 335 more \(345 in all\)") as caught:
        read(">\u00a0\nMK\n" * 345)
    assert len(caught.value.offenders) == 100
    assert caught.value.offenders[99].startswith("line 199:")


def test_one_sequence_under_two_accessions_stays_two_proteins(read) -> None:
    assert [p.accession for p in read(">a\nMKV\n>b\nMKV\n").proteins] == ["a", "b"]


# --- files ---


def test_plain_gzip_and_standard_input_give_the_same_proteins(read, tmp_path: Path, monkeypatch) -> None:
    text = f">{CALM_HEADER}\n{CALM}\n>b\nMKV\n".encode()
    plain = read(text)
    packed = gzip.compress(text, mtime=0)
    from_gzip = read(packed, name="without_the_suffix")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    from_stdin = read_proteome("-")
    assert plain.proteins == from_gzip.proteins == from_stdin.proteins
    assert (plain.name, from_gzip.name, from_stdin.name) == ("in.fasta", "without_the_suffix", "-")
    assert plain.sha256 == hashlib.sha256(text).hexdigest()
    assert from_gzip.sha256 == from_stdin.sha256 == hashlib.sha256(packed).hexdigest()


def test_a_gzip_file_of_many_members_with_padding_is_read_whole(read) -> None:
    members = b"".join(gzip.compress(f">p{i}\nMKV{'K' * i}\n".encode(), mtime=0) for i in range(300))
    assert read(members + b"\0" * 512).n_records == 300


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_give_the_same_proteins_and_lines(read, line_end: str) -> None:
    proteome = read(line_end.join([">a x", "MK", "V", "", ">b y", "M1", ""]))
    a, b = proteome.proteins
    assert (a.sequence, a.description, b.line) == ("MKV", "x", 5)
    assert b.reason == "no amino acid: character '1' (U+0031) at position 2 (line 6)"


def test_a_byte_order_mark_is_passed_over_even_between_joined_files(read) -> None:
    mark = b"\xef\xbb\xbf"
    assert [p.sequence for p in read(mark + b">a\nMK\n" + mark + b">b\nMKV").proteins] == ["MK", "MKV"]


def test_several_byte_order_marks_before_a_header_are_passed_over(read) -> None:
    mark = b"\xef\xbb\xbf"
    assert [p.sequence for p in read(b">a\nMK\n" + 3 * mark + b">b\nMKV\n").proteins] == ["MK", "MKV"]


def test_an_indented_header_is_a_header(read) -> None:
    assert [p.accession for p in read("\n  \n >a\nMK\n\t>b\nMKV\n").proteins] == ["a", "b"]


def test_no_such_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_proteome(str(tmp_path / "absent.fasta"))


def test_a_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        read_proteome(str(tmp_path))


def test_a_path_that_cannot_be_opened_is_reported() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_proteome("a\0b")


@pytest.mark.parametrize("text", [b"", b"\n \r\n\t\n", gzip.compress(b"", mtime=0), b"\xef\xbb\xbf\n"])
def test_an_empty_file_is_reported(read, text: bytes) -> None:
    with pytest.raises(InputError, match=r"in\.fasta is empty"):
        read(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\n\n@read1\nACGT\n+\nIIII\n", r"line 3: '@read1'(.|\n)*FASTQ"),
        (b"LOCUS       SCU49845 5028 bp DNA\n", r"line 1: 'LOCUS(.|\n)*GenBank"),
        (b"ID   P53_HUMAN\n", "UniProt or EMBL"),
        (b"HEADER    OXYGEN TRANSPORT\nATOM\n", "a PDB file"),
        (b"data_1CLL\n#\n", "mmCIF"),
        (b"<!DOCTYPE html><html>\n", "XML or HTML"),
        (b"MKVLA\n>a\nMK\n", r"line 1: 'MKVLA'(.|\n)*protein sequences as FASTA"),
        (b"P04637\nP0DP23\n", "line 1: 'P04637'"),
        (b">P1;CRAB_ANAPL\nALPHA CRYSTALLIN B CHAIN\nMDITIHN*\n", r"P1;CRAB(.|\n)*PIR"),
        (b"PK\x03\x04\x14\x00\x00", "packed with zip"),
        (b"\xfd7zXZ\x00\x00", "xz file .* is damaged"),
        (
            gzip.compress(gzip.compress(b">a\nMK\n", mtime=0), mtime=0),
            r"compressed twice, with gzip inside",
        ),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1"),
        (b"\xff\xfe>\x00a", "broken UTF-16"),
        (">a\nMK\n".encode("utf-16-le"), r"NUL bytes on line 1(.|\n)*iconv"),
        (b">a\nMK\n>b\nM\0K\n", "NUL bytes on line 4"),
    ],
)
def test_what_is_no_fasta_is_refused_with_what_it_is(read, text: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text)


def many(n: int) -> bytes:
    """FASTA whose packed form is long: sequences by a fixed shuffle of letters."""
    letters = (
        hashlib.shake_256(b"seed").hexdigest(40 * n).translate(str.maketrans("0123456789abcdef", "ACDEFGHIKLMNPQRS"))
    )
    return "".join(f">p{i} protein {i}\n{letters[80 * i : 80 * i + 80]}\n" for i in range(n)).encode()


def test_a_truncated_gzip_file_names_the_record_and_line_where_it_breaks_off(read) -> None:
    whole = gzip.compress(many(1000), mtime=0)
    with pytest.raises(InputError, match=r"truncated; it breaks off near line [\d,]+, in record") as caught:
        read(whole[: len(whole) // 2])
    record = int(re.search(r"in record ([\d,]+) \(>p", str(caught.value))[1].replace(",", ""))
    assert 400 < record < 600
    with pytest.raises(InputError, match="before the first record"):
        read(whole[:12])


def test_a_gzip_file_with_a_wrong_byte_is_refused(read) -> None:
    whole = bytearray(gzip.compress(many(1000), mtime=0))
    whole[len(whole) // 2] ^= 0xFF
    with pytest.raises(InputError, match=r"gzip file in.fasta is damaged(.|\n)*near line"):
        read(bytes(whole))
    checksum = bytearray(gzip.compress(many(10), mtime=0))
    checksum[-6] ^= 0xFF
    with pytest.raises(InputError, match="incorrect data check"):
        read(bytes(checksum))


def test_other_bytes_after_a_gzip_file_are_refused_not_ignored(read) -> None:
    with pytest.raises(InputError, match="bytes after its end that are not compressed"):
        read(gzip.compress(b">a\nMK\n", mtime=0) + b">b\nMK\n")


# --- nucleotides ---


@pytest.mark.parametrize("header", ["\u00a0", "\u2003 OS=Homo sapiens", "\x0b"])
def test_an_accession_of_white_space_alone_is_refused_with_its_line(read, header: str) -> None:
    with pytest.raises(InputError, match=r"white space alone(.|\n)*- line 3: '\\"):
        read(f">a\nMK\n>{header}\nMKV\n")


def test_utf_16_with_its_mark_is_read(read) -> None:
    assert [(p.accession, p.description, p.sequence) for p in read(">a é\r\nMK\r\n".encode("utf-16")).proteins] == [
        ("a", "é", "MK")
    ]


def test_a_file_of_nothing_but_nucleotides_is_refused(read) -> None:
    with pytest.raises(InputError, match=r"looks like nucleotides(.|\n)*translate"):
        read(">a\n" + "ACGT" * 60 + "\n>b\n" + "acguN" * 30 + "\n")


@pytest.mark.parametrize(
    "text",
    [
        ">a\n" + "ACGT" * 60 + "\n>b\nMKVLAWDE\n",  # one true protein: nothing is judged record by record
        ">a\n" + "ACGT" * 60 + "\n",  # too short to tell
        ">a\n" + "GAGAAGGAAN" * 60 + "\n",  # Gly-Ala repeats: no C, no T
        ">a\n" + "A" * 2000 + "\n",
    ],
)
def test_proteins_that_resemble_nucleotides_are_computed(read, text: str) -> None:
    assert all(p.reason is None for p in read(text).proteins)


# --- nothing is lost ---

LETTERS = st.text(st.sampled_from("ACDEFGHIKLMNPQRSTVWYacdJUOBZX*-.1 \té>"), max_size=12).filter(
    lambda text: not text.strip().startswith(">")  # a line that starts with `>` is a header
)
RECORDS = st.lists(st.tuples(st.sampled_from(["", "a", "b/c", "sp|P1|X_Y n OS=z", "d\te", "é"]), st.lists(LETTERS)))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(RECORDS, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_every_record_ends_as_a_protein_once(tmp_path_factory, records, line_end: str, is_packed: bool) -> None:
    names = [
        f"{i}{name}" if name and "|" not in name else name.replace("P1", f"P{i}") for i, (name, _) in enumerate(records)
    ]
    lines = [line for name, (_, body) in zip(names, records, strict=True) for line in (f">{name}", *body)]
    text = line_end.join([">first", "MK", *lines, ">last", "MKV", ">first", "MK"]).encode()
    path = tmp_path_factory.mktemp("p") / "in.fasta"
    path.write_bytes(gzip.compress(text, mtime=0) if is_packed else text)
    proteome = read_proteome(str(path))
    assert proteome.n_records == len(records) + 3 == sum(p.n_records for p in proteome.proteins)
    assert len({p.accession for p in proteome.proteins}) == len(proteome.proteins)
    for protein in proteome.proteins:
        assert protein.reason is not None or re.fullmatch("[A-Z]+", protein.sequence)


@pytest.mark.thorough
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
@example(b"\x1f\x8b")
@example(b">\xff\n\xfe")
@example(b"\xef\xbb\xbf>")
@example(b"\xfe\xff")
def test_any_bytes_at_all_are_read_or_refused_with_a_message(tmp_path_factory, data: bytes) -> None:
    for content in (data, b">a\n" + data, gzip.compress(b">" + data, mtime=0)[:-1], b"\x1f\x8b\x08" + data):
        path = tmp_path_factory.mktemp("b") / "in.fasta"
        path.write_bytes(content)
        try:
            proteome = read_proteome(str(path))
        except InputError as error:
            assert error.found  # noqa: PT017 - whether it raises is the question
            continue
        assert proteome.n_records == sum(p.n_records for p in proteome.proteins) > 0
        for protein in proteome.proteins:
            assert protein.accession.encode()


@pytest.mark.thorough
def test_a_proteome_of_millions_of_residues_is_read_in_seconds(read) -> None:
    text = "".join(
        f">sp|P{i}|P{i}_X Protein {i} OS=Mus musculus OX=1 GN=g PE=1 SV=1\n" + f"{CALM[:60]}\n" * 9
        for i in range(5_000)
    )
    start = time.perf_counter()
    proteome = read(text)
    assert sum(p.length for p in proteome.proteins) == 2_700_000
    assert time.perf_counter() - start < 5
