"""`attlas annotate`: what is stored, what is rejected and why, and an atlas that is always the old one or the new."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.annotated_case import CALMODULIN, EXPECTED, FASTA, FLAT, FORMAT_OF, SHORT, SOURCES, XML, written
from helpers.building import build_here
from helpers.sealed_atlas import list_problems, read_manifest, read_rows

from attlas.pipeline.annotate import AnnotationSource
from attlas.pipeline.annotate import write as writing
from attlas.pipeline.probe.labels import label_protein
from attlas.queries import Atlas
from attlas.schema import FEATURES, AtlasPaths, BrokenAtlasError, InputError, PlanError
from attlas.schema.publish import file_sha256

HEADER = "accession,begin,end,label\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    folder = tmp_path_factory.mktemp("annotate")
    source = folder / "in.fasta"
    source.write_text(FASTA)
    build_here(source, folder / "atlas", tiny_esm)
    return folder / "atlas"


@pytest.fixture
def paths(built: Path, tmp_path: Path) -> AtlasPaths:
    shutil.copytree(built, tmp_path / "atlas")
    return AtlasPaths(tmp_path / "atlas")


def annotate(paths: AtlasPaths, source: Path, *, format: str | None = None, rejected: Path | None = None) -> tuple:
    imported, manifest = writing.annotate(paths, AnnotationSource(source, format), rejected=rejected)
    return imported.report, imported.rejected, manifest


def rows(paths: AtlasPaths) -> list[dict]:
    return read_rows(paths.root, "features")


def contents(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(root).as_posix(): file_sha256(path) for path in files}


def table(tmp_path: Path, *lines: str, header: str = HEADER, name: str = "t.csv") -> Path:
    return written(tmp_path, name, header + "".join(f"{line}\n" for line in lines))


# --- what is stored ---


@pytest.mark.parametrize("name", SOURCES)
def test_every_format_stores_the_same_rows(paths: AtlasPaths, tmp_path: Path, name: str) -> None:
    source_import, _, manifest = annotate(paths, written(tmp_path, name, SOURCES[name]))
    names = ("accession", "type", "begin", "end", "description", "evidence")
    assert [tuple(row[column] for column in names) for row in rows(paths)] == EXPECTED
    assert {row["source"] for row in rows(paths)} == {name}
    assert (source_import.format, source_import.n_records, source_import.n_features, source_import.n_proteins) == (
        FORMAT_OF[name],
        3,
        3,
        1,
    )
    assert source_import.by_type == {"Active site": 1, "Binding site": 1, "Mutagenesis": 1}
    assert (manifest.version, list_problems(paths.root)) == (2, [])


def test_rows_carry_the_sequence_and_lie_in_the_order_of_the_table(paths: AtlasPaths, tmp_path: Path) -> None:
    lines = ["Q00001,5,9,b", "P0DP24,7,7,a", "Q00001,5,9,a", "P0DP23,60,60,a", "Q00002,1,1,z", "Q00001,4,20,a"]
    annotate(paths, table(tmp_path, *lines))
    stored = rows(paths)
    assert [tuple(row[name] for name in FEATURES.sort) for row in stored] == sorted(
        tuple(row[name] for name in FEATURES.sort) for row in stored
    )
    proteins = {row["accession"]: row for row in pq.read_table(paths.proteins).to_pylist()}
    assert len(stored) == len(lines)
    assert all(row["sequence_id"] == proteins[row["accession"]]["sequence_id"] for row in stored)
    assert proteins["P0DP23"]["sequence_id"] == proteins["P0DP24"]["sequence_id"]


def test_the_reading_room_sees_the_features(paths: AtlasPaths, tmp_path: Path) -> None:
    annotate(paths, written(tmp_path, "c.xml", XML))
    with Atlas.open(paths.root) as atlas:
        answer = atlas.sql(
            "SELECT accession, position FROM sites JOIN features USING (accession) WHERE position = begin"
        )
        assert answer.schema.names == ["accession", "position"]
        assert atlas.sql("SELECT count(*) AS n FROM features").to_pylist() == [{"n": 3}]


def test_an_accession_may_be_written_as_databases_write_it(paths: AtlasPaths, tmp_path: Path) -> None:
    names = ["sp|Q00001|SHORT_HUMAN", "UniProtKB:Q00001", "Q00001.3", " Q00001 "]
    source_import, _, _ = annotate(
        paths, table(tmp_path, *(f"{name},{i},{i},a" for i, name in enumerate(names, start=1)))
    )
    assert (source_import.n_features, {row["accession"] for row in rows(paths)}) == (4, {"Q00001"})


@pytest.mark.parametrize(
    "id",
    [
        "SHORT_HUMAN",
        "AF-Q00001-F1-model_v4",
        ">sp|Q00001|SHORT_HUMAN Short OS=Homo sapiens",
        "gi|12|sp|Q00001|SHORT_HUMAN",
        "AlphaFoldDB:Q00001",
        "UniProtKB/Swiss-Prot: Q00001",
        hashlib.md5(SHORT.encode(), usedforsecurity=False).hexdigest().upper(),
    ],
)
def test_a_protein_may_be_named_as_in_any_other_command(paths: AtlasPaths, tmp_path: Path, id: str) -> None:
    annotate(paths, table(tmp_path, f'"{id}",1,1,a'))
    assert [row["accession"] for row in rows(paths)] == ["Q00001"]


@pytest.mark.parametrize(
    ("id", "reason", "detail"),
    [
        ("AF-Q00001-F2", "position of a fragment", "model 2 of AlphaFold counts residues from 1 again"),
        (
            hashlib.md5(CALMODULIN.encode(), usedforsecurity=False).hexdigest(),
            "id names several proteins",
            "one of P0DP23, P0DP24",
        ),
        ("CALM1@9606", None, ""),
        ("CALM1@10090", "id not in the atlas", "gene CALM1 is here of taxon 9606, not of 10090"),
        ("calm1", "id not in the atlas", ""),
    ],
)
def test_an_id_that_names_no_protein_or_several_is_rejected(
    paths: AtlasPaths, tmp_path: Path, id: str, reason: str | None, detail: str
) -> None:
    report, rejected, _ = annotate(paths, table(tmp_path, "Q00001,1,1,good", f"{id},1,1,a"))
    assert report.rejected == ({reason: 1} if reason else {})
    if reason:
        assert rejected.examples[reason][0][0].detail == detail


def test_a_secondary_accession_counts_where_the_sequence_is_the_same(paths: AtlasPaths, tmp_path: Path) -> None:
    text = XML.replace(">P0DP23<", ">A0A000<").replace(">P02593<", ">P0DP23<")
    annotate(paths, written(tmp_path, "c.xml", text))
    assert {row["accession"] for row in rows(paths)} == {"P0DP23"}


# --- what is rejected ---

REASONS = {
    "X99999,1,1,a": ("id not in the atlas", "X99999 a 1 (line 3)"),
    ",1,1,a": ("id not in the atlas", "no accession"),
    "q00001,1,1,a": ("id not in the atlas", "q00001"),
    "Q00003,1,1,a": ("protein not computed", "skipped: stop `*` inside the sequence at position 4"),
    "Q00001-2,1,1,a": ("position of an isoform", "Q00001 is in the atlas, but an isoform is another sequence"),
    "Q00001,Q00001-2:3,Q00001-2:4,a": ("position of an isoform", "counted along Q00001-2"),
    "Q00001.2,1,1,a": ("another sequence version", "version 2 in the source, 3 in the atlas"),
    "Q00002.1,1,1,a": ("another sequence version", "the atlas does not know its own"),
    "Q00001,<1,5,a": ("position not exact", "`<1`"),
    "Q00001,1,>5,a": ("position not exact", "`>5`"),
    "Q00001,?12,?,a": ("position not exact", "`?12`"),
    "Q00001,?,?,a": ("position not exact", "`?`"),
    "Q00001,5,4,a": ("begin after end", "5 to 4"),
    "Q00001,0,4,a": ("position before the first residue", "0"),
    "Q00001,-3,4,a": ("position before the first residue", "-3"),
    "Q00001,20,21,a": ("position past the end", "21; the protein has 20 residues"),
    "Q00001,21,21,a": ("position past the end", "21; the protein has 20 residues"),
    "Q00001,999999999999,999999999999,a": ("position is no number", "999999999999"),
    "Q00001,1.5,2,a": ("position is not a whole number", "`1.5`"),
    "Q00001,1e0,2,a": ("position is no number", "`1e0`"),
    "Q00001,,,a": ("position is no number", "``"),
    "Q00001,\u0661,2,a": ("position is no number", "`\u0661`"),
    "Q00001,1,1,": ("no type or label", "Q00001"),
    "Q00001,1,1,residue": ("type is a label of the probe's own", "Q00001 residue 1 (line 3): `residue` and"),
    "Q00001,1,1,aa:Q": ("type is a label of the probe's own", "Q00001 aa:Q 1 (line 3): `residue` and"),
    "Q00001,1": ("line cannot be read", "2 columns where its header has 4"),
}


def test_positions_of_features_that_pandas_wrote_as_floats_are_read(paths: AtlasPaths, tmp_path: Path) -> None:
    annotate(paths, table(tmp_path, "Q00001,1.0,20.0,good"))
    (row,) = rows(paths)
    assert (row["begin"], row["end"]) == (1, 20)


@pytest.mark.parametrize("line", REASONS)
def test_a_record_that_does_not_fit_is_named_with_its_reason(
    paths: AtlasPaths, tmp_path: Path, line: str, attlas: Callable
) -> None:
    reason, detail = REASONS[line]
    source = table(tmp_path, "Q00001,1,20,good", line)
    outcome = attlas("annotate", paths.root, source, "--json")
    assert outcome.code == 0
    values = json.loads(outcome.out)
    assert values["rejected"] == {reason: 1}
    assert (values["n_records"], values["n_features"], values["n_rejected"]) == (2, 1, 1)
    assert f"left out, {reason}: 1 record{'' if line.startswith(',') else ' of 1 protein'}\n" in outcome.err
    assert detail in outcome.err
    assert [(row["begin"], row["end"], row["type"]) for row in rows(paths)] == [(1, 20, "good")]


def test_all_kinds_together_are_counted_and_none_is_lost(paths: AtlasPaths, tmp_path: Path) -> None:
    source_import, rejects, _ = annotate(
        paths, table(tmp_path, "Q00001,1,20,good", *REASONS), rejected=tmp_path / "left.tsv"
    )
    expected: dict[str, int] = {}
    for reason, _ in REASONS.values():
        expected[reason] = expected.get(reason, 0) + 1
    assert source_import.rejected == expected
    assert source_import.n_records == source_import.n_features + source_import.n_rejected == 1 + len(REASONS)
    with (tmp_path / "left.tsv").open(newline="") as file:
        left = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["reason"] for row in left] == [reason for reason, _ in REASONS.values()]
    assert [row["line"] for row in left] == [str(n) for n in range(3, 3 + len(REASONS))]
    assert rejects.counts.total() == len(left)


@pytest.mark.parametrize("name", ["c.xml", "c.txt"])
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("version {}", "9", "another sequence version"),
        (CALMODULIN[:10], CALMODULIN[:9] + "W", "another sequence"),
        (CALMODULIN[:10], CALMODULIN[:9], "another sequence"),
    ],
)
def test_another_sequence_rejects_every_feature_of_the_protein(
    paths: AtlasPaths, tmp_path: Path, name: str, old: str, new: str, reason: str
) -> None:
    text = SOURCES[name]
    if reason == "another sequence version":
        text = text.replace('version="2"', 'version="9"').replace("sequence version 2", "sequence version 9")
        text = text.replace(CALMODULIN[:10], "W" * 10)
    else:
        text = text.replace(old, new)
    with pytest.raises(
        InputError, match=rf"Nothing of {name} fits this atlas(.|\n)*{reason}: 3 of 3 records, such as P0DP23"
    ):
        annotate(paths, written(tmp_path, name, text))
    assert rows(paths) == []


def test_the_same_letters_in_another_version_are_the_same_sequence(paths: AtlasPaths, tmp_path: Path) -> None:
    annotate(paths, written(tmp_path, "c.xml", XML.replace('version="2"', 'version="7"')))
    assert len(rows(paths)) == 3


@pytest.mark.parametrize(
    ("column", "right", "wrong", "reason"),
    [
        ("sequence", SHORT, SHORT[::-1], "another sequence"),
        ("md5", "{md5}", "0" * 32, "another sequence"),
        ("crc64", "{crc64}", "0" * 16, "another sequence"),
        ("length", "20", "21", "another sequence"),
        ("sequence_version", "3", "4", "another sequence version"),
        ("residue", "M", "K", "another residue"),
    ],
)
def test_whatever_a_table_says_of_the_sequence_is_checked(
    paths: AtlasPaths, tmp_path: Path, column: str, right: str, wrong: str, reason: str
) -> None:
    (protein,) = (row for row in pq.read_table(paths.proteins).to_pylist() if row["accession"] == "Q00001")
    lines = [f"Q00001,1,right,{right.format(**protein)}", f"Q00001,1,wrong,{wrong}", "Q00001,1,silent,"]
    source_import, _, _ = annotate(paths, table(tmp_path, *lines, header=f"accession,position,label,{column}\n"))
    assert source_import.rejected == {reason: 1}
    assert [row["type"] for row in rows(paths)] == ["right", "silent"]


def test_what_is_reported_twice_is_stored_once_with_the_evidence_of_both(paths: AtlasPaths, tmp_path: Path) -> None:
    lines = ["Q00001,1,1,a,ECO:0000269", "Q00001,2,2,a,", "Q00001,1,1,a,ECO:0000255"]
    source_import, rejects, _ = annotate(paths, table(tmp_path, *lines, header="accession,begin,end,type,evidence\n"))
    assert source_import.rejected == {"given before": 1}
    assert rejects.examples["given before"][0][0].record.line == 4
    assert [(row["begin"], row["evidence"]) for row in rows(paths)] == [(1, "ECO:0000255; ECO:0000269"), (2, None)]


def test_hostile_text_cannot_reach_the_terminal_or_break_the_table(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable
) -> None:
    source = table(tmp_path, "Q00001,1,1,good", '"X\x1b[31m\t1",1,1,"a\tb"')
    outcome = attlas("annotate", paths.root, source, "--rejected", tmp_path / "left.tsv")
    assert "\x1b" not in outcome.err
    header, line = (tmp_path / "left.tsv").read_text().splitlines()
    assert len(header.split("\t")) == len(line.split("\t"))


def test_only_ten_are_shown_and_the_rest_counted(paths: AtlasPaths, tmp_path: Path, attlas: Callable) -> None:
    source = table(tmp_path, "Q00001,1,1,good", *(f"X{i},1,1,a" for i in range(25)))
    outcome = attlas("annotate", paths.root, source)
    assert outcome.err.count("  - X") == 10
    assert "id not in the atlas: 25 records of 25 proteins" in outcome.err
    assert "... and 15 more" in outcome.err
    assert "1 features of 1 proteins" not in outcome.out
    assert "25 of 26 records left out" in outcome.out


def test_the_labels_that_no_feature_may_have_are_those_that_the_probe_makes(paths: AtlasPaths, tmp_path: Path) -> None:
    made = {label.name for label in label_protein("Q00001", SHORT, [], is_by_letter=True)}
    assert len(made) == len(set(SHORT)) + 1
    lines = ["Q00001,1,1,Residue", "Q00001,1,1,AA:M", *(f"Q00001,1,1,{label}" for label in sorted(made))]
    source_import, _, _ = annotate(paths, table(tmp_path, *lines))
    assert source_import.rejected == {"type is a label of the probe's own": len(made)}
    assert {row["type"] for row in rows(paths)} == {"Residue", "AA:M"}


# --- the protocol ---


def test_the_same_source_again_changes_nothing(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "c.xml", XML)
    annotate(paths, source)
    before = contents(paths.root)
    _, _, manifest = annotate(paths, source)
    assert (contents(paths.root), manifest.version) == (before, 2)


def test_a_newer_file_of_the_same_name_takes_the_place_of_the_earlier(paths: AtlasPaths, tmp_path: Path) -> None:
    annotate(paths, table(tmp_path, "Q00001,1,1,old"))
    annotate(paths, table(tmp_path, "Q00001,1,1,other", name="t_csv"))
    annotate(paths, table(tmp_path, "Q00001,2,2,new"))
    manifest = read_manifest(paths.root)
    assert sorted(row["type"] for row in rows(paths)) == ["new", "other"]
    assert (manifest.version, list_problems(paths.root)) == (4, [])
    assert len(list(paths.receipts.glob("annotation-*.json"))) == 2


def test_what_an_earlier_source_of_the_name_had_is_reported_to_be_gone(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable
) -> None:
    folder, other_folder = tmp_path / "one", tmp_path / "other"
    folder.mkdir()
    other_folder.mkdir()
    outcome_before = attlas("annotate", paths.root, table(folder, "Q00001,1,1,a", "Q00001,2,2,a"))
    again = attlas("annotate", paths.root, folder / "t.csv")
    assert (outcome_before.err, again.err) == ("", "")
    second = attlas("annotate", paths.root, table(other_folder, "Q00001,3,3,b"), "--json")
    assert second.err == "attlas: Replaced 2 features that an earlier import of t.csv had added.\n"
    assert json.loads(second.out)["replaced"] == [{"source": "t.csv", "table": "features", "n_rows": 2}]


def test_labels_that_were_probed_before_are_reported_to_be_of_the_features_before(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable
) -> None:
    annotate(paths, table(tmp_path, "Q00001,1,1,a"))
    assert attlas("probe", paths.root, "--workers", "0").code == 0
    note = (
        "labels, head_features and head_max_sites were computed from other features than the atlas has now: "
        "`attlas probe DIR` renews them"
    )
    assert note not in attlas("annotate", paths.root, tmp_path / "t.csv").err
    assert note in attlas("annotate", paths.root, table(tmp_path, "Q00001,2,2,b")).err
    families = written(tmp_path, "f.csv", "accession,family\nQ00001,PF00069\n")
    assert note not in attlas("annotate", paths.root, families).err


def test_names_that_differ_only_in_signs_are_two_sources(paths: AtlasPaths, tmp_path: Path) -> None:
    annotate(paths, table(tmp_path, "Q00001,1,1,a", name="a b.csv"))
    annotate(paths, table(tmp_path, "Q00001,1,1,b", name="a-b.csv"))
    annotate(paths, table(tmp_path, "Q00001,1,1,b", name="a.b.csv"))  # of the same bytes, too
    assert sorted(row["source"] for row in rows(paths)) == ["a b.csv", "a-b.csv", "a.b.csv"]
    manifest = read_manifest(paths.root)
    assert len(manifest.files.of_tables(["features"])) == len(list(paths.receipts.glob("annotation-*.json"))) == 3
    assert list_problems(paths.root) == []


def test_the_receipt_tells_what_became_of_the_source(paths: AtlasPaths, tmp_path: Path) -> None:
    source = table(tmp_path, "Q00001,1,1,a", "X1,1,1,a")
    annotate(paths, source)
    (receipt,) = paths.receipts.glob("annotation-*.json")
    values = json.loads(receipt.read_text())
    (file,) = read_manifest(paths.root).files.of_tables(["features"])
    assert (values["source"], values["sha256"]) == ("t.csv", file_sha256(source))
    assert values["rejected"] == {"id not in the atlas": 1}
    assert [entry["sha256"] for entry in values["files"]] == [file.sha256]


def test_nothing_that_was_built_is_touched(built: Path, paths: AtlasPaths, tmp_path: Path) -> None:
    annotate(paths, written(tmp_path, "c.xml", XML))
    before, after = contents(built), contents(paths.root)
    assert {name for name in before if before[name] != after[name]} == {"manifest.json"}
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"features", "receipts"}
    assert read_manifest(paths.root).atlas_id == read_manifest(built).atlas_id


class Killed(BaseException):
    """What a killed process does between two steps: nothing more."""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["write_table", "describe_file", "publish_bytes", "add_files", "_clear_leftovers"])
@pytest.mark.parametrize("is_after", [False, True])
def test_a_kill_between_any_two_steps_leaves_the_old_or_the_new_atlas(
    paths: AtlasPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, is_after: bool
) -> None:
    annotate(paths, table(tmp_path, "Q00001,1,1,old"))
    source = table(tmp_path, "Q00001,2,2,new")
    real = getattr(writing, step)

    def killed(*arguments: object, **options: object) -> None:
        if is_after:
            real(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(writing, step, killed)
        with pytest.raises(Killed):
            annotate(paths, source)
    is_new = step == "add_files" and is_after
    assert [row["type"] for row in rows(paths)] == (["new"] if is_new else ["old"])
    named = [text for text in list_problems(paths.root) if "not in the manifest" not in text]
    assert named == []
    annotate(paths, source)
    assert [row["type"] for row in rows(paths)] == ["new"]
    assert list_problems(paths.root) == []
    assert len(list(paths.receipts.glob("annotation-*.json"))) == 1
    assert list(paths.root.rglob(".tmp-*")) == []


def test_a_kill_after_the_manifest_leaves_the_new_atlas(
    paths: AtlasPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate(paths, table(tmp_path, "Q00001,1,1,old"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            annotate(paths, table(tmp_path, "Q00001,2,2,new"))
    assert [row["type"] for row in rows(paths)] == ["new"]
    annotate(paths, table(tmp_path, "Q00001,2,2,new"))
    assert list_problems(paths.root) == []


# --- refusals ---


def test_a_source_of_which_nothing_fits_leaves_the_atlas_as_it_was(
    paths: AtlasPaths, tmp_path: Path, attlas: Callable
) -> None:
    annotate(paths, table(tmp_path, "Q00001,1,1,old"))
    before = contents(paths.root)
    outcome = attlas("annotate", paths.root, table(tmp_path, "X1,1,1,a"), "--rejected", tmp_path / "left.tsv")
    assert outcome.code == 1
    assert "id not in the atlas: 1 of 1 records, such as X1 a 1 (line 2)" in outcome.err
    assert contents(paths.root) == before
    assert len((tmp_path / "left.tsv").read_text().splitlines()) == 2


def test_a_source_without_features_is_refused(paths: AtlasPaths, tmp_path: Path) -> None:
    text = FLAT[: FLAT.index("FT ")] + FLAT[FLAT.index("SQ ") :]
    with pytest.raises(InputError, match="holds no feature"):
        annotate(paths, written(tmp_path, "c.txt", text))


def test_what_is_left_out_is_not_written_over_the_source_or_into_the_atlas(paths: AtlasPaths, tmp_path: Path) -> None:
    source = table(tmp_path, "Q00001,1,1,a", "X1,1,1,a")
    (tmp_path / "link.csv").symlink_to(source)
    before = contents(paths.root), source.read_text()
    for rejected, target_kind in (
        (source, "the source"),
        (tmp_path / "link.csv", "the source"),
        (paths.manifest, "a part of the atlas"),
        (tmp_path, "a folder"),
    ):
        with pytest.raises(InputError, match=rf"--rejected cannot be (.|\n)*found: +{target_kind}"):
            annotate(paths, source, rejected=rejected)
    assert (contents(paths.root), source.read_text()) == before


def test_a_message_shows_the_beginning_of_a_huge_text(paths: AtlasPaths, tmp_path: Path, attlas: Callable) -> None:
    source = table(tmp_path, "Q00001,1,1,a", f"Q00001,{'9' * 5000},{'9' * 5000},{'b' * 5000}")
    outcome = attlas("annotate", paths.root, source)
    assert "position is no number: 1 record" in outcome.err
    assert max(map(len, outcome.err.splitlines())) < 400


def test_an_atlas_that_is_not_sealed_cannot_be_annotated(paths: AtlasPaths, tmp_path: Path) -> None:
    paths.manifest.unlink()
    with pytest.raises(BrokenAtlasError, match="not whole yet"):
        annotate(paths, written(tmp_path, "c.xml", XML))


def test_a_release_stays_as_it_was_published(paths: AtlasPaths, tmp_path: Path) -> None:
    paths.plan.unlink()
    with pytest.raises(PlanError, match=r"is a release(.|\n)*publish it again"):
        annotate(paths, written(tmp_path, "c.xml", XML))


@pytest.mark.parametrize("name", ["proteins", "features"])
def test_a_damaged_atlas_is_named_by_its_file(paths: AtlasPaths, tmp_path: Path, name: str) -> None:
    annotate(paths, table(tmp_path, "Q00001,1,1,old"))
    (file,) = (paths.root / name).glob("*.parquet")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(BrokenAtlasError, match=rf"{name}/.*parquet of .* cannot be read(.|\n)*attlas verify"):
        annotate(paths, table(tmp_path, "Q00001,2,2,new"))
    file.unlink()
    with pytest.raises(BrokenAtlasError, match=rf"{name}/.*parquet of .* cannot be read"):
        annotate(paths, table(tmp_path, "Q00001,2,2,new"))


def test_two_writers_at_once_are_kept_apart(paths: AtlasPaths, tmp_path: Path) -> None:
    with writing.hold_lock(paths), pytest.raises(PlanError, match="Another attlas process is writing"):
        annotate(paths, written(tmp_path, "c.xml", XML))


def test_an_unknown_format_is_answered_with_those_there_are(paths: AtlasPaths, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such format(.|\n)*uniprot-xml(.|\n)*found: +excel"):
        annotate(paths, written(tmp_path, "c.xml", XML), format="excel")


def test_the_command_reports_in_words(paths: AtlasPaths, tmp_path: Path, attlas: Callable) -> None:
    outcome = attlas("annotate", paths.root, written(tmp_path, "c.xml", XML))
    assert (outcome.code, outcome.err) == (0, "")
    heading, *kinds = outcome.out.splitlines()
    assert heading.endswith("3 features of 1 protein from c.xml (uniprot-xml); 0 of 3 records left out")
    assert [line.split() for line in kinds] == [["Active", "site", "1"], ["Binding", "site", "1"], ["Mutagenesis", "1"]]
    assert attlas("verify", paths.root).code == 0
