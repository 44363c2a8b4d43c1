"""The readers of annotation: every format gives the same records, and hostile files are named, not guessed at."""

import gzip
import io
import os
from pathlib import Path

import pytest
from Bio import SeqIO, SwissProt
from helpers.annotated_case import CALMODULIN, EXPECTED, FLAT, FORMAT_OF, OLD_FLAT, SHORT, SOURCES, XML, written

from attlas.intake.claims import SequenceClaim
from attlas.intake.rejects import Problem, Reason
from attlas.pipeline.annotate.formats import READERS, format_of
from attlas.pipeline.annotate.records import Entry, FeatureRecord
from attlas.pipeline.annotate.types import type_word
from attlas.schema import InputError


def entries(path: Path, format: str | None = None) -> list[Entry]:
    return list(READERS[format or format_of(path)](path))


def records(path: Path, format: str | None = None) -> list[FeatureRecord]:
    return [record for entry in entries(path, format) for record in entry.features]


def values(record: FeatureRecord) -> tuple[object, ...]:
    return (record.type, record.begin, record.end, record.description, record.evidence)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("packing", ["", ".gz"])
def test_every_format_says_the_same_of_the_same_protein(tmp_path: Path, name: str, packing: str) -> None:
    path = written(tmp_path, name + packing, SOURCES[name])
    assert format_of(path) == FORMAT_OF[name]
    assert {entry.accessions[0] for entry in entries(path)} == {"P0DP23"}
    expected = [(kind, str(begin), str(end), text, evidence) for _, kind, begin, end, text, evidence in EXPECTED]
    assert [values(record) for record in records(path)] == expected


def test_xml_and_flat_file_claim_the_sequence_its_checksum_and_version(tmp_path: Path) -> None:
    for name in ("c.xml", "c.txt"):
        (entry,) = entries(written(tmp_path, name, SOURCES[name]))
        assert entry.accessions == ("P0DP23", "P02593")
        assert entry.claim == SequenceClaim(CALMODULIN, None, "0" * 16, 60, 2)


def test_biopython_reads_the_same_features_out_of_the_flat_file(tmp_path: Path) -> None:
    (biopython_entry,) = SwissProt.parse(io.StringIO(FLAT))
    (entry,) = entries(written(tmp_path, "c.txt", FLAT))
    assert entry.accessions == tuple(biopython_entry.accessions)
    assert entry.claim.sequence == biopython_entry.sequence
    assert (entry.claim.length, entry.claim.crc64) == (biopython_entry.seqinfo[0], biopython_entry.seqinfo[2])
    assert entry.claim.version == biopython_entry.sequence_update[1]
    assert [(r.type, int(r.begin) - 1, int(r.end)) for r in entry.features] == [
        (type_word(f.type), f.location.start, f.location.end) for f in biopython_entry.features
    ]
    assert entry.features[0].description == biopython_entry.features[0].qualifiers["note"]


def test_biopython_reads_the_same_places_out_of_the_xml(tmp_path: Path) -> None:
    (record,) = SeqIO.parse(io.BytesIO(XML.replace("https://", "http://").encode()), "uniprot-xml")
    (entry,) = entries(written(tmp_path, "c.xml", XML))
    assert entry.claim.sequence == str(record.seq)
    assert [(r.type, int(r.begin) - 1, int(r.end)) for r in entry.features] == [
        (type_word(f.type), f.location.start, f.location.end) for f in record.features
    ]


def test_the_flat_file_of_before_2019_is_read_too(tmp_path: Path) -> None:
    features = records(written(tmp_path, "old.txt", OLD_FLAT))
    assert [values(record) for record in features] == [
        ("Active site", "21", "21", "Proton acceptor", "ECO:0000255; ECO:0000269"),
        ("Site", "<1", "5", "Cut", None),
    ]
    assert [record.line for record in features] == [3, 5]


def test_fuzzy_and_isoform_positions_keep_their_signs_in_xml_and_flat_file(tmp_path: Path) -> None:
    location = """<location {}><begin position="21"/><end position="25"/></location>"""
    text = XML.replace(
        location.replace(" {}", ""),
        '<location><begin status="unknown"/><end position="9" status="less than"/></location>',
    ).replace('<location><position position="40"/>', '<location sequence="P0DP23-2"><position position="40"/>')
    features = records(written(tmp_path, "c.xml", text))
    assert [(r.begin, r.end, r.isoform) for r in features] == [
        ("21", "21", None),
        ("?", "<9", None),
        ("40", "40", "P0DP23-2"),
    ]
    text = (
        FLAT.replace("21..25", "?12..>30")
        .replace("ACT_SITE        21", "ACT_SITE        ?")
        .replace("MUTAGEN         40", "MUTAGEN         P0DP23-2:40")
    )
    features = records(written(tmp_path, "c.txt", text))
    assert [(r.begin, r.end, r.isoform) for r in features] == [
        ("?", "?", None),
        ("?12", ">30", None),
        ("40", "40", "P0DP23-2"),
    ]


def test_a_quoted_text_of_the_flat_file_may_hold_quotes_slashes_and_hyphens(tmp_path: Path) -> None:
    text = FLAT.replace('/note="L->A: Loss of activity."', '/note="L->A: ""no"" 5-\nFT                   /x=1 phase"')
    assert records(written(tmp_path, "c.txt", text))[2].description == 'L->A: "no" 5-/x=1 phase'


def test_variants_in_xml_are_described_as_in_the_flat_file(tmp_path: Path) -> None:
    variant = '<feature type="{}" description="In dbSNP."><original>R</original><variation>H</variation>'
    place = '<location><position position="3"/></location></feature>'
    missing = f'<feature type="splice variant" description="In isoform 2.">{place}'
    body = variant.format("sequence variant") + place + missing + "<evidence"
    features = records(written(tmp_path, "c.xml", XML.replace("<evidence", body, 1)))
    assert [(r.type, r.description) for r in features[3:]] == [
        ("Natural variant", "R -> H (In dbSNP.)"),
        ("Alternative sequence", "Missing (In isoform 2.)"),
    ]


def test_gff3_of_others_is_decoded_and_its_sequences_are_claimed(tmp_path: Path) -> None:
    text = (
        "##gff-version 3\n"
        "sp%7CQ1\tx\tactive_site\t5\t5\t.\t+\t.\tID=a;Name=N%3B1\n"
        "Q2\tx\tprotein_match\t1\t9\t1e-5\t.\t.\tstart_range=.,1;signature_desc=Kinase\n"
        "Q2\tx\ttoo\tfew\n"
        "##FASTA\n>Q2 second\nMKV\nLAA\n"
    )
    entry_1, entry_2, entry_3 = entries(written(tmp_path, "o.gff3", text))
    assert (entry_1.accessions, entry_1.claim) == (("sp|Q1",), SequenceClaim())
    assert values(entry_1.features[0]) == ("Active site", "5", "5", "N;1", None)
    assert (entry_2.claim, entry_2.features[0].begin) == (SequenceClaim(sequence="MKVLAA"), "?1")
    assert (entry_2.features[0].type, entry_2.features[0].description) == ("protein_match", "Kinase")
    assert entry_3.features[0].problem == Problem(Reason.UNREADABLE_LINE, "4 columns where GFF3 has 9")
    assert entry_3.features[0].line == 4


def test_only_a_region_that_begins_at_1_tells_the_length(tmp_path: Path) -> None:
    regions = "##sequence-region P1 5 20\n##sequence-region P2 1 20\n##sequence-region P3 0 20\n"
    rows = "".join(f"P{i}\tx\tsite\t6\t6\t.\t.\t.\tID={i}\n" for i in (1, 2, 3))
    matches = entries(written(tmp_path, "r.gff3", f"##gff-version 3\n{regions}{rows}"))
    assert [entry.claim.length for entry in matches] == [None, 20, None]


def test_a_row_of_gff3_may_end_with_a_tab_as_uniprot_writes_it(tmp_path: Path) -> None:
    text = SOURCES["c.gff"].replace("\n", "\t\n").removeprefix("##gff-version 3\t\n")
    path = written(tmp_path, "c.gff", text)
    assert format_of(path) == "gff3"
    assert [record.problem for record in records(path)] == [None] * 3


INTERPROSCAN = [
    "P0DP23", "0" * 32, "60", "Pfam", "PF13499", "EF-hand domain pair", "10", "50", "1e-9", "T", "01-01-2025",
    "IPR011992", "EF-hand domain pair", "-", "-",
]  # fmt: skip


def test_interproscan_tables_claim_md5_and_length(tmp_path: Path) -> None:
    coils = [*INTERPROSCAN[:3], "Coils", "Coil", "-", "1", "9", "-", "T", "01-01-2025", "-", "-"]
    false = [*INTERPROSCAN[:9], "F", "01-01-2025"]
    text = "".join("\t".join(row) + "\n" for row in (INTERPROSCAN, coils, false, INTERPROSCAN[:5]))
    path = written(tmp_path, "i.tsv", text)
    assert format_of(path) == "interproscan"
    matches = entries(path)
    assert matches[0].claim == SequenceClaim(md5="0" * 32, length=60)
    feature_1, feature_2, feature_3, feature_4 = (entry.features[0] for entry in matches)
    described_as = "PF13499 EF-hand domain pair; IPR011992 EF-hand domain pair"
    assert values(feature_1) == ("Pfam", "10", "50", described_as, None)
    assert (feature_2.type, feature_2.description) == ("Coiled coil", "Coil")
    assert feature_3.problem == Problem(Reason.UNCONFIRMED_MATCH, "its status is F")
    assert feature_4.problem == Problem(Reason.UNREADABLE_LINE, "5 columns where InterProScan has at least 11")


@pytest.mark.parametrize(
    "text",
    [
        "accession,position,label\nP1,45,my label\n",
        "P1,45,my label\n",
        "P1,45,45,my label\n",
        "\ufeffAccession;Position;Label\r\nP1;45;my label\r\n",
        'Label,note,Start,End,Protein\n"my label",,45,45,P1\n',
        "# made by hand\naccession\tbegin\tend\ttype\n\nP1\t45\t45\tmy label\n",
    ],
)
def test_a_table_of_labels_may_be_written_in_any_usual_way(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "l.csv", text)
    (entry,) = entries(path)
    assert entry.accessions == ("P1",)
    assert values(entry.features[0]) == ("my label", "45", "45", "", None)


def test_rows_of_a_table_know_their_lines_even_behind_texts_of_several(tmp_path: Path) -> None:
    text = 'accession,position,label,note\nP1,1,a,"two\nlines"\n\nP1,2,b\nP1,3,c,\n'
    features = records(written(tmp_path, "l.csv", text))
    assert [(r.line, r.description) for r in features] == [(2, "two lines"), (5, ""), (6, "")]
    assert features[1].problem == Problem(Reason.UNREADABLE_LINE, "3 columns where its header has 4")


def test_a_table_may_claim_a_checksum_and_a_residue(tmp_path: Path) -> None:
    text = f"accession,position,label,residue,md5,length\nP1,3,x,V,{'AB' * 16},20\n"
    (entry,) = entries(written(tmp_path, "l.csv", text))
    assert (entry.claim, entry.features[0].residue) == (SequenceClaim(md5="ab" * 16, length=20), "V")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"hello world\n", "is not known"),
        (b">P1\nMKV\n", "is not known"),
        (b"\xff\xfea\xd8\x00\xd8", "broken UTF-16"),
        (b"a\0b", "NUL bytes"),
        (b"PK\x03\x04xx", "packed with zip"),
        (b"<html><body>Not found</body></html>", "is not known"),
        (b"<?xml version='1.0'?><html/>", "is no UniProt XML"),
        (XML.encode()[:900], "is no whole XML file"),
        (FLAT.encode()[:-3], "breaks off inside the entry that begins on line 1"),
        (gzip.compress(FLAT.encode() * 999)[:-30], "is damaged"),
        (b"accession,site\nP1,5\n", "is not known"),
    ],
)
def test_a_file_that_is_none_of_the_formats_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        entries(path)


def test_a_format_asked_for_by_name_is_not_guessed(tmp_path: Path) -> None:
    path = written(tmp_path, "l.csv", "accession,site\nP1,5\n")
    with pytest.raises(InputError, match="lacks a column"):
        entries(path, "csv")
    with pytest.raises(InputError, match="is no UniProt flat file"):
        entries(path, "uniprot-text")
    with pytest.raises(InputError, match="no such file"):
        entries(tmp_path / "absent.csv", "csv")


def test_text_that_is_not_utf8_keeps_every_character(tmp_path: Path) -> None:
    path = written(tmp_path, "l.csv", "accession,position,label,note\nP1,3,x,\u03b2\n".encode())
    assert records(path)[0].description == "\u03b2"
    path = written(tmp_path, "m.csv", "accession,position,label,note\nP1,3,x,\xe9t\xe9\n".encode("latin-1"))
    assert records(path)[0].description == "\xe9t\xe9"


@pytest.mark.thorough
@pytest.mark.slow
def test_xml_is_read_without_holding_the_file(tmp_path: Path) -> None:
    import tracemalloc

    entry = XML[XML.index("<entry") : XML.index("</uniprot>")].replace("</name>", "</name>" + "<x/>" * 500)
    text = XML[: XML.index("<entry")] + entry * 400 + "</uniprot>"
    path = written(tmp_path, "many.xml", text)
    tracemalloc.start()
    n = sum(1 for _ in READERS["uniprot-xml"](path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 400
    assert peak < 1_500_000, f"{peak:,} bytes for a file of {len(text):,}"


def test_the_example_proteins_are_what_the_sources_speak_of() -> None:
    assert (len(CALMODULIN), CALMODULIN[20], CALMODULIN[39], len(SHORT)) == (60, "D", "L", 20)


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_lines_may_end_in_any_way_and_in_several_ways_in_one_file(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, "l.csv", f"accession,position,label{end}P1,1,a\rP1,2,a\nP1,3,a{end}")
    assert [(r.begin, r.line) for r in records(path)] == [("1", 2), ("2", 3), ("3", 4)]
    row = "P1\tU\tActive site\t{}\t{}\t.\t.\t.\tNote=x"
    path = written(tmp_path, "l.gff3", f"##gff-version 3{end}# made here\r{row.format(5, 5)}{end}{row.format(6, 6)}\n")
    assert [r.begin for r in records(path)] == ["5", "6"]


def test_a_quote_that_is_not_closed_swallows_no_row(tmp_path: Path) -> None:
    header, rows = "accession,position,label,note\n", 'P1,1,a,x\nP1,2,a,"open\nP1,3,a,x\nP1,4,a,x\n'
    with pytest.raises(InputError, match=r"is no such table(.|\n)*line 3: unexpected end of data"):
        entries(written(tmp_path, "l.csv", header + rows))
    features = records(written(tmp_path, "l.tsv", (header + rows).replace(",", "\t")))
    assert [(r.begin, r.description) for r in features] == [("1", "x"), ("2", '"open'), ("3", "x"), ("4", "x")]


def test_quotes_of_a_table_of_tabs_are_those_that_a_writer_put_around_a_field(tmp_path: Path) -> None:
    header = "accession\tposition\tlabel\tnote\n"
    texts = {'"a ""b"" c"': 'a "b" c', '"A" chain': '"A" chain', '"': '"', '""': "", '"a" or "b"': '"a" or "b"'}
    text = header + "".join(f"P1\t{i}\tx\t{text}\n" for i, text in enumerate(texts, start=1))
    assert [r.description for r in records(written(tmp_path, "l.tsv", text))] == list(texts.values())


@pytest.mark.parametrize("name", ["c.xml", "c.txt"])
def test_a_length_of_thousands_of_digits_is_another_length(tmp_path: Path, name: str) -> None:
    text = SOURCES[name].replace('length="60"', f'length="{"9" * 5000}"').replace(" 60 AA", f" {'9' * 5000} AA")
    (entry,) = entries(written(tmp_path, name, text))
    assert entry.claim.length == 10**18 - 1
    rows = f"accession,position,label,length\nP1,1,a,{'9' * 5000}\n"
    assert entries(written(tmp_path, "l.csv", rows))[0].claim.length == 10**18 - 1


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="is a pipe or a device"):
        format_of(tmp_path / "pipe.csv")
