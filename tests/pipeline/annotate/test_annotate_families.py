"""Families in: from tables of two columns, UniProt's cross-references and InterProScan, each row checked."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from Bio import SwissProt
from helpers.annotated_case import CALMODULIN, FASTA, FLAT, XML, written
from helpers.building import build_here
from helpers.sealed_atlas import list_problems, read_manifest, read_rows

from attlas.pipeline.annotate import AnnotationSource, Import
from attlas.pipeline.annotate import write as writing
from attlas.pipeline.annotate.formats import format_of
from attlas.pipeline.annotate.readers import family_table
from attlas.queries import Atlas
from attlas.schema import AtlasPaths, InputError

pytestmark = pytest.mark.slow


REFERENCES = """  <dbReference type="Pfam" id="PF13499"><property type="entry name" value="EF-hand_7"/></dbReference>
  <dbReference type="InterPro" id="IPR011992"><property type="entry name" value="EF-hand-dom_pair"/></dbReference>
  <dbReference type="Gene3D" id="G3DSA:1.10.238.10"/>
  <dbReference type="GO" id="GO:0005509"><property type="term" value="F:calcium ion binding"/></dbReference>
  <dbReference type="DisProt" id="DP00344"/>
"""
LINES = """DR   GO; GO:0005509; F:calcium ion binding; IEA:InterPro.
DR   Gene3D; 1.10.238.10; -; 1.
DR   InterPro; IPR011992; EF-hand-dom_pair.
DR   Pfam; PF13499; EF-hand_7; 1.
DR   DisProt; DP00344; -.
"""
OF_CALMODULIN = [
    ("P0DP23", "Gene3D", "1.10.238.10", None),
    ("P0DP23", "InterPro", "IPR011992", "EF-hand-dom_pair"),
    ("P0DP23", "Pfam", "PF13499", "EF-hand_7"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    folder = tmp_path_factory.mktemp("families")
    source = folder / "in.fasta"
    source.write_text(FASTA)
    build_here(source, folder / "atlas", tiny_esm)
    return folder / "atlas"


@pytest.fixture
def paths(built: Path, tmp_path: Path) -> AtlasPaths:
    shutil.copytree(built, tmp_path / "atlas")
    return AtlasPaths(tmp_path / "atlas")


def read(paths: AtlasPaths, source: Path, **options: object) -> Import:
    return writing.annotate(paths, AnnotationSource(source, **options))[0]


def rows(paths: AtlasPaths, table: str = "families") -> list[dict]:
    return read_rows(paths.root, table)


def families(paths: AtlasPaths) -> list[tuple]:
    return [tuple(row[name] for name in ("accession", "database", "family", "name")) for row in rows(paths)]


# --- tables ---


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.tsv", "P0DP23\tPF00069\n", ("Pfam", "PF00069", None)),
        ("t.csv", "P0DP23,PF00069,Protein kinase\n", ("Pfam", "PF00069", "Protein kinase")),
        ("t.csv", "P0DP23;PF00069;Protein kinase\n", ("Pfam", "PF00069", "Protein kinase")),
        ("t.tsv", "Entry\tPfam\nP0DP23\tPF00069;\n", ("Pfam", "PF00069", None)),
        ("t.tsv", "Entry\tEntry Name\tPfam\nP0DP23\tCALM1_HUMAN\tPF00069;\n", ("Pfam", "PF00069", None)),
        ("t.tsv", "accession\tfamily\nP0DP23\tIPR000719\n", ("InterPro", "IPR000719", None)),
        ("ef_hands.tsv.gz", "accession\tfamily\nP0DP23\tEF1\n", ("ef_hands", "EF1", None)),
        ("pfam.tsv", "accession\tfamily\nP0DP23\tEF1\n", ("Pfam", "EF1", None)),
        ("t.csv", "protein,kinase_group,name\nP0DP23,AGC,the group\n", ("kinase_group", "AGC", "the group")),
        ("t.csv", "accession,database,family,name\nP0DP23,superfamily,SSF47473,EF\n", ("SUPFAM", "SSF47473", "EF")),
        ("t.csv", "\ufeffAccession,Family\r\nP0DP23,PF00069\r\n", ("Pfam", "PF00069", None)),
        ("t.csv", '# a note\naccession,family,name\nP0DP23,PF00069,"A, b"\n', ("Pfam", "PF00069", "A, b")),
        ("t.tsv", "sp|P0DP23|CALM1_HUMAN\tG3DSA:1.10.238.10\t5'-\"x\n", ("Gene3D", "1.10.238.10", "5'-\"x")),
    ],
)  # fmt: skip
def test_a_table_of_families_may_be_written_in_any_usual_way(
    paths: AtlasPaths, tmp_path: Path, name: str, text: str, expected: tuple
) -> None:
    source = written(tmp_path, name, text)
    assert format_of(source) == "families"
    report = read(paths, source).report
    assert families(paths) == [("P0DP23", *expected)]
    assert (report.format, report.n_families, report.n_features, report.n_records) == ("families", 1, 0, 1)
    assert report.by_database == {expected[0]: 1}
    assert {row["source"] for row in rows(paths)} == {name}


def test_several_families_in_one_field_are_several_rows(paths: AtlasPaths, tmp_path: Path) -> None:
    text = "Entry\tPfam\tInterPro\nP0DP23\tPF00069;PF07714;\tIPR000719;\nP0DP24\tPF00069;\t\n"
    read(paths, written(tmp_path, "t.tsv", text))
    assert families(paths) == [
        ("P0DP23", "InterPro", "IPR000719", None),
        ("P0DP23", "Pfam", "PF00069", None),
        ("P0DP23", "Pfam", "PF07714", None),
        ("P0DP24", "Pfam", "PF00069", None),
    ]


def test_the_caller_may_say_whose_families_they_are(paths: AtlasPaths, tmp_path: Path, attlas: Callable) -> None:
    source = written(tmp_path, "t.tsv", "P0DP23\tPF00069\n")
    assert attlas("annotate", paths.root, source, "--database", "mine").code == 0
    assert families(paths) == [("P0DP23", "mine", "PF00069", None)]
    assert attlas("annotate", paths.root, source, "--database", "superfamily").code == 0
    assert families(paths) == [("P0DP23", "SUPFAM", "PF00069", None)]
    for option in ("--database", "--chain"):
        refused = attlas("annotate", paths.root, source, option, " ")
        assert (refused.code, f"{option} is empty" in refused.err) == (1, True)


@pytest.mark.parametrize(
    "text",
    [
        "P0DP23;PF00069;PF07714\n",
        "P0DP23,PF00069,PF07714,\n",
        "P0DP23\tPF00069\tPF07714\n",
        "P0DP23\tPF00069;\tPF07714;\t\n",
    ],
)
def test_without_a_header_columns_of_identifiers_are_families(paths: AtlasPaths, tmp_path: Path, text: str) -> None:
    report = read(paths, written(tmp_path, "t.txt", text)).report
    assert families(paths) == [("P0DP23", "Pfam", "PF00069", None), ("P0DP23", "Pfam", "PF07714", None)]
    assert (report.n_records, report.rejected) == (2, {})


def test_rows_without_a_header_may_differ_in_their_columns_and_none_is_dropped(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable
) -> None:
    lines = [
        "P0DP23;PF00001",
        "P0DP24;PF00002;Protein kinase",
        "Q00001;PF00003;PF00004;IPR000719;PF00005",
        "Q00002;PF00006;Protein kinase;PF00007",
        "Q00002;PF00008;PF00009;Protein kinase",
        "Q00002",
    ]
    outcome = attlas("annotate", paths.root, written(tmp_path, "t.csv", "\n".join(lines) + "\n"), "--json")
    assert json.loads(outcome.out)["rejected"] == {"line cannot be read": 3}
    detail = "4 columns where there should be an accession, then identifiers, or a family and its name"
    assert f"- Q00002 (line 4): {detail}" in outcome.err
    assert f"- Q00002 (line 5): {detail}" in outcome.err
    assert sorted(families(paths)) == [
        ("P0DP23", "Pfam", "PF00001", None),
        ("P0DP24", "Pfam", "PF00002", "Protein kinase"),
        ("Q00001", "InterPro", "IPR000719", None),
        ("Q00001", "Pfam", "PF00003", None),
        ("Q00001", "Pfam", "PF00004", None),
        ("Q00001", "Pfam", "PF00005", None),
    ]


def test_a_row_that_ends_before_its_accession_is_named(paths: AtlasPaths, tmp_path: Path) -> None:
    report = read(paths, written(tmp_path, "t.tsv", "Pfam\tEntry\nPF00001\tP0DP23\nPF00002\n"))
    assert families(paths) == [("P0DP23", "Pfam", "PF00001", None)]
    assert report.report.rejected == {"line cannot be read": 1}


def test_words_that_no_database_has_need_a_header_or_the_name_of_the_format(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "groups.csv", "P0DP23,AGC\nQ00001,CMGC\n")
    with pytest.raises(InputError, match=r"format of groups.csv is not known(.|\n)*families"):
        read(paths, source)
    read(paths, source, format="families")
    assert families(paths) == [("Q00001", "groups", "CMGC", None), ("P0DP23", "groups", "AGC", None)]


def test_each_row_that_does_not_fit_is_named_with_its_reason(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable
) -> None:
    text = "accession\tfamily\r\n" + "\r\n".join(
        (
            "P0DP23\tPF00001",
            "X99999\tPF00001",
            "Q00003\tPF00001",
            "Q00001.2\tPF00001",
            "Q00001-2\tPF00001",
            "P0DP24\t",
            "P0DP24\t;;",
            "P0DP23\tPF00001",
            "P0DP24",
            "P0DP24\tPF00001\tname\tmore",
            "\tPF00001",
            "",
        )
    )
    outcome = attlas("annotate", paths.root, written(tmp_path, "t.tsv", text), "--json")
    values = json.loads(outcome.out)
    assert families(paths) == [("P0DP23", "Pfam", "PF00001", None)]
    assert values["rejected"] == {
        "id not in the atlas": 2,
        "no family named": 2,
        "line cannot be read": 2,
        "protein not computed": 1,
        "another sequence version": 1,
        "position of an isoform": 1,
        "given before": 1,
    }
    assert (values["n_records"], values["n_families"]) == (11, 1)
    for reason in (
        "- X99999 Pfam PF00001 (line 3)",
        "- Q00003 Pfam PF00001 (line 4): skipped: stop `*` inside the sequence",
        "- Q00001 Pfam PF00001 (line 5): version 2 in the source, 3 in the atlas",
        "- P0DP24 (line 7)",
        "- P0DP23 Pfam PF00001 (line 9): same protein, database and family",
        "- P0DP24 (line 10): 1 column where there should be 2",
        "- P0DP24 (line 11): 4 columns where there should be 2",
        "- Pfam PF00001 (line 12): the record has no accession",
    ):
        assert reason in outcome.err


def test_a_table_of_one_column_is_no_table_of_families(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "t.txt", "P0DP23\nQ00001\n")
    with pytest.raises(InputError, match="is not known"):
        read(paths, source)
    with pytest.raises(InputError, match=r"is no table of families(.|\n)*accession and family"):
        read(paths, source, format="families")


def test_an_atlas_own_table_of_families_can_be_read_back(paths: AtlasPaths, tmp_path: Path, attlas: Callable) -> None:
    read(paths, written(tmp_path, "c.xml", with_references(XML)))
    before = families(paths)
    assert attlas("sql", paths.root, "FROM families", "-o", tmp_path / "out.csv").code == 0
    read(paths, tmp_path / "out.csv")
    assert len(families(paths)) == 2 * len(before)
    assert sorted(set(families(paths)), key=str) == sorted(before, key=str)


# --- cross-references ---


def with_references(text: str) -> str:
    return text.replace('  <feature type="active site"', REFERENCES + '  <feature type="active site"', 1)


def with_lines(text: str) -> str:
    return text.replace("PE   1:", LINES + "PE   1:", 1)


@pytest.mark.parametrize(("name", "text"), [("c.xml", with_references(XML)), ("c.txt", with_lines(FLAT))])
def test_xml_and_flat_file_give_the_same_families_beside_the_features(
    paths: AtlasPaths, tmp_path: Path, name: str, text: str
) -> None:
    report = read(paths, written(tmp_path, name, text)).report
    assert families(paths) == OF_CALMODULIN
    assert (report.n_features, report.n_families, report.n_records, report.n_rejected) == (3, 3, 6, 0)
    manifest = read_manifest(paths.root)
    assert (manifest.version, list_problems(paths.root)) == (2, [])


def test_biopython_finds_the_same_references_in_the_flat_file(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "c.txt", with_lines(FLAT))
    read(paths, source)
    with source.open() as handle:
        (entry,) = SwissProt.parse(handle)
    biopython_references = {
        (row[0], row[1]) for row in entry.cross_references if row[0] in ("Pfam", "InterPro", "Gene3D")
    }
    assert {(database, family) for _, database, family, _ in families(paths)} == biopython_references


def test_rows_of_xml_are_as_many_as_a_regular_expression_finds(paths: AtlasPaths, tmp_path: Path) -> None:
    proteins = {"P0DP23": ("PF00001", "PF00002"), "P0DP24": ("PF00001",)}
    entry = XML[XML.index("<entry") : XML.index("</uniprot>")]
    body = ""
    for accession, named in proteins.items():
        references = "".join(f'  <dbReference type="Pfam" id="{id}"/>\n' for id in named)
        text = entry.replace("P0DP23", accession).replace("P02593", "X1")
        body += text.replace('  <feature type="active site"', references + '  <feature type="active site"', 1)
    text = XML[: XML.index("<entry")] + body + "</uniprot>"
    report = read(paths, written(tmp_path, "two.xml", text)).report
    pattern = r'^  <dbReference type="(Pfam|InterPro|PROSITE)" id='
    assert report.by_database == dict(Counter(re.findall(pattern, text, re.MULTILINE))) == {"Pfam": 3}


def test_references_of_evidence_and_ligands_are_not_the_proteins(paths: AtlasPaths, tmp_path: Path) -> None:
    text = XML.replace('<dbReference type="PubMed" id="1"/>', '<dbReference type="Pfam" id="PF00001"/>')
    assert text != XML
    read(paths, written(tmp_path, "c.xml", text))
    assert families(paths) == []


@pytest.mark.parametrize(("name", "text"), [("c.xml", with_references(XML)), ("c.txt", with_lines(FLAT))])
def test_families_of_another_sequence_are_rejected_with_the_features(
    paths: AtlasPaths, tmp_path: Path, name: str, text: str
) -> None:
    text = text.replace(CALMODULIN[:10], "W" * 10).replace('length="60"', 'length="60"')
    with pytest.raises(InputError, match=r"another sequence: 6 of 6 records, such as P0DP23 Active site 21"):
        read(paths, written(tmp_path, name, text))


def test_a_source_of_families_alone_is_welcome(paths: AtlasPaths, tmp_path: Path) -> None:
    text = with_lines(FLAT)
    text = "".join(line + "\n" for line in text.splitlines() if not line.startswith("FT"))
    report = read(paths, written(tmp_path, "c.txt", text)).report
    assert (report.n_features, report.n_families) == (0, 3)
    assert [file.table for file in read_manifest(paths.root).files if file.table in ("features", "families")] == [
        "families"
    ]


# --- InterProScan ---

MATCH = [
    "P0DP23", "0" * 32, "60", "Pfam", "PF13499", "EF-hand domain pair", "10", "20", "1e-9", "T", "01-01-2025",
    "IPR011992", "EF-hand domain pair", "-", "-",
]  # fmt: skip


def interproscan(paths: AtlasPaths, folder: Path, *matches: dict[int, str]) -> Path:
    (md5,) = (row["md5"] for row in pq.read_table(paths.proteins).to_pylist() if row["accession"] == "P0DP23")
    lines = ["\t".join(match.get(i, md5 if i == 1 else text) for i, text in enumerate(MATCH)) for match in matches]
    return written(folder, "i.tsv", "".join(f"{line}\n" for line in lines))


def test_matches_of_interproscan_are_features_and_families(paths: AtlasPaths, tmp_path: Path) -> None:
    matches = (
        {},
        {6: "30", 7: "50"},
        {3: "SUPERFAMILY", 4: "SSF47473", 5: "EF-hand"},
        {3: "Gene3D", 4: "G3DSA:1.10.238.10", 5: "-", 11: "-", 12: "-"},
        {3: "ProSiteProfiles", 4: "PS50222", 5: "EF_HAND_2", 11: "IPR002048", 12: "EF_hand_dom"},
        {3: "Coils", 4: "Coil", 5: "Coil", 11: "-", 12: "-"},
    )
    report = read(paths, interproscan(paths, tmp_path, *matches)).report
    assert families(paths) == [
        ("P0DP23", "Gene3D", "1.10.238.10", None),
        ("P0DP23", "InterPro", "IPR002048", "EF_hand_dom"),
        ("P0DP23", "InterPro", "IPR011992", "EF-hand domain pair"),
        ("P0DP23", "PROSITE", "PS50222", "EF_HAND_2"),
        ("P0DP23", "Pfam", "PF13499", "EF-hand domain pair"),
        ("P0DP23", "SUPFAM", "SSF47473", "EF-hand"),
    ]
    assert (report.n_records, report.n_features, report.n_families, report.n_rejected) == (6, 6, 6, 0)


def test_a_match_that_is_rejected_assigns_no_family(paths: AtlasPaths, tmp_path: Path) -> None:
    matches = ({}, {4: "PF00002", 7: "99"}, {4: "PF00003", 9: "F"}, {0: "X1", 4: "PF00004"})
    report = read(paths, interproscan(paths, tmp_path, *matches)).report
    assert [family for _, database, family, _ in families(paths) if database == "Pfam"] == ["PF13499"]
    assert (report.n_records, report.n_features, report.n_rejected) == (4, 1, 3)


# --- the tables together ---


class Killed(BaseException):
    """What a killed process does between two steps: nothing more."""


@pytest.mark.parametrize("n_done", [1, 2])
@pytest.mark.parametrize("step", ["write_table", "describe_file"])
def test_a_kill_between_the_tables_of_a_source_leaves_the_atlas_as_it_was(
    paths: AtlasPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, n_done: int
) -> None:
    read(paths, written(tmp_path, "c.xml", with_references(XML)))
    old = families(paths), rows(paths, "features")
    changed = with_references(XML).replace("PF13499", "PF00036").replace("Proton acceptor", "Other")
    real, calls = getattr(writing, step), []

    def killed(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) > n_done - 1:
            raise Killed
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(writing, step, killed)
        with pytest.raises(Killed):
            read(paths, written(tmp_path, "c.xml", changed))
    assert (families(paths), rows(paths, "features")) == old
    read(paths, written(tmp_path, "c.xml", changed))
    assert ("P0DP23", "Pfam", "PF00036", "EF-hand_7") in families(paths)
    assert list_problems(paths.root) == []
    assert len(list(paths.receipts.glob("annotation-*.json"))) == 1


@pytest.mark.parametrize("step", ["publish_bytes", "add_files"])
def test_a_kill_with_other_options_on_the_same_source_leaves_every_file_as_the_manifest_has_it(
    paths: AtlasPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    source = written(tmp_path, "t.tsv", "P0DP23\tPF00069\n")
    read(paths, source, database="mine")
    old = families(paths)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(writing, step, killed)
        with pytest.raises(Killed):
            read(paths, source, database="theirs")
    assert families(paths) == old
    assert [text for text in list_problems(paths.root) if "not in the manifest" not in text] == []
    report = read(paths, source, database="theirs").report
    assert [tuple(file) for file in report.replaced] == [("t.tsv", "families", 1)]
    assert families(paths) == [("P0DP23", "theirs", "PF00069", None)]
    before = paths.manifest.read_bytes()
    assert read(paths, source, database="theirs").report.replaced == ()
    assert paths.manifest.read_bytes() == before
    assert list_problems(paths.root) == []
    assert len(list(paths.receipts.glob("annotation-*.json"))) == 1


def test_a_newer_source_without_families_takes_those_of_the_older_away(paths: AtlasPaths, tmp_path: Path) -> None:
    read(paths, written(tmp_path, "c.xml", with_references(XML)))
    read(paths, written(tmp_path, "c.xml", XML))
    assert families(paths) == []
    assert len(rows(paths, "features")) == 3
    assert list_problems(paths.root) == []


def test_the_receipt_lists_the_files_of_every_table(paths: AtlasPaths, tmp_path: Path) -> None:
    read(paths, written(tmp_path, "c.xml", with_references(XML)))
    (receipt,) = paths.receipts.glob("annotation-*.json")
    values = json.loads(receipt.read_text())
    assert [file["table"] for file in values["files"]] == ["features", "families"]
    assert values["by_database"] == {"Gene3D": 1, "InterPro": 1, "Pfam": 1}


def test_a_receipt_of_the_time_of_features_alone_is_cleared_with_its_file(paths: AtlasPaths, tmp_path: Path) -> None:
    read(paths, written(tmp_path, "c.xml", XML))
    (receipt,) = paths.receipts.glob("annotation-*.json")
    receipt.rename(receipt.with_name(receipt.name.replace("annotation-", "features-")))
    read(paths, written(tmp_path, "c.xml", XML.replace("Proton acceptor", "Other")))
    assert [path.name.split("-")[0] for path in paths.receipts.glob("*-c-xml-*.json")] == ["annotation"]


def test_the_command_prints_the_rows_of_each_table(paths: AtlasPaths, tmp_path: Path, attlas: Callable) -> None:
    outcome = attlas("annotate", paths.root, written(tmp_path, "c.xml", with_references(XML)))
    heading, *lines = outcome.out.splitlines()
    assert heading.endswith(
        "3 features and 3 family assignments of 1 protein from c.xml (uniprot-xml); 0 of 6 records left out"
    )
    assert [line.split() for line in lines] == [
        ["features"], ["Active", "site", "1"], ["Binding", "site", "1"], ["Mutagenesis", "1"],
        ["families"], ["Gene3D", "1"], ["InterPro", "1"], ["Pfam", "1"],
    ]  # fmt: skip


def test_the_reading_room_sees_the_families(paths: AtlasPaths, tmp_path: Path) -> None:
    read(paths, written(tmp_path, "c.xml", with_references(XML)))
    with Atlas.open(paths.root) as atlas:
        answer = atlas.sql("SELECT family FROM families JOIN proteins USING (accession) WHERE database = 'Pfam'")
        assert answer.to_pylist() == [{"family": "PF13499"}]


# --- words ---


def test_a_csv_of_families_may_quote_names_over_lines_and_a_huge_field_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "f.csv", 'accession,family,name\nP1,PF00080,"Copper, zinc\nSOD"\nP2,PF00069,x\n')
    report = [
        (entry.accessions[0], family.name, family.line)
        for entry in family_table.read(path)
        for family in entry.families
    ]
    assert report == [("P1", "Copper, zinc SOD", 2), ("P2", "x", 4)]
    path = written(tmp_path, "g.csv", f"accession,family\nP1,PF00080\nP2,{'a' * 200_000}\n")
    with pytest.raises(InputError, match=r"g.csv is no such table(.|\n)*line 3: field larger"):
        list(family_table.read(path))
