"""Members of clusters: read from mapping tables, sorted, and answered by their accessions wherever proteins are."""

import gzip
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.clusters_case import write_clusters
from helpers.range_server import serving
from helpers.sealed_atlas import list_files, list_problems, read_manifest, read_rows
from starlette.testclient import TestClient

from attlas.pipeline.annotate.members.adding import add_members
from attlas.queries import Atlas
from attlas.schema import MEMBERS, InputError, PlanError, QuestionError
from attlas.serve.app import make_app

CLUSTERS = [f"UniRef50_Q{i:05d}" for i in range(12)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas of clusters, with a plan beside it as a build leaves one."""
    return write_clusters(tmp_path_factory.mktemp("clusters") / "atlas", CLUSTERS)


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "atlas"))


@pytest.fixture(scope="module")
def mapped(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas with three members, one of them in two clusters; nothing here changes it."""
    root = Path(shutil.copytree(built, tmp_path_factory.mktemp("mapped") / "atlas"))
    table = root.parent / "members.tsv"
    table.write_text(f"P12345\t{CLUSTERS[3]}\nP00001\t{CLUSTERS[0]}\nP99999\t{CLUSTERS[1]}\nP99999\t{CLUSTERS[2]}\n")
    add_members(root, table)
    return root


def stored(root: Path) -> list[tuple[str, str]]:
    return [(row["member"], row["accession"]) for row in read_rows(root, "members")]


def selected_line(member: str, *, uniref50: str, uniref90: str = "UniRef90_Z") -> str:
    cells = [member, *[""] * 21]
    cells[7:10] = ["UniRef100_Z", uniref90, uniref50]
    return "\t".join(cells)


def test_every_line_is_stored_or_counted_and_each_pair_stands_once_in_order(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attlas.pipeline.annotate.members.adding.RUN_ROWS", 50)
    monkeypatch.setattr("attlas.pipeline.annotate.members.adding.FILE_GROUPS", 1)
    monkeypatch.setattr("attlas.pipeline.annotate.members.adding.GROUP_ROWS", 40)
    dice = random.Random(1)
    names = [*CLUSTERS, "UniRef50_A0", "UniRef50_ZZZ", "UniRef50_Q00003x", ""]
    lines = [(f"P{dice.randrange(150):05d}", dice.choice(names)) for _ in range(400)]
    lines += [(CLUSTERS[1], CLUSTERS[1]), ("", CLUSTERS[1])]
    table = tmp_path / "members.tsv.gz"
    table.write_bytes(gzip.compress("".join(f"{member}\t{cluster}\n" for member, cluster in lines).encode()))

    report, _ = add_members(root, table)
    expected = sorted({(m, c) for m, c in lines if m and c in CLUSTERS and m != c})
    assert stored(root) == expected
    assert len(list_files(root, "members")) == -(-len(expected) // 40)
    assert not list_problems(root)

    fitting = [(m, c) for m, c in lines if m and c in CLUSTERS and m != c]
    members = [m for m, _ in expected]
    assert report.n_lines == len(lines)
    assert report.n_members == len(set(members))
    assert report.n_clusters == len({c for _, c in expected})
    assert report.n_without_cluster == sum(not (m and c) for m, c in lines)
    assert report.n_unknown == sum(bool(m and c) and c not in CLUSTERS for m, c in lines)
    assert report.n_same == 1
    assert report.n_repeated == len(fitting) - len(expected)
    assert report.n_in_several == sum(members.count(m) > 1 for m in set(members))
    assert set(report.unknown_clusters) == {"UniRef50_A0", "UniRef50_ZZZ", "UniRef50_Q00003x"}

    with Atlas.open(root) as atlas:
        for member in {m for m, _ in lines if m} - set(CLUSTERS):
            clusters = [c for m, c in expected if m == member]
            match = atlas.match(member).of_cluster()
            answered = [atlas.protein_rows([row], ["accession"])["accession"][0].as_py() for row in match.rows]
            assert (answered if len(clusters) == 1 else list(match.candidates)) == clusters


def test_a_text_too_long_for_a_member_is_left_out_and_hides_no_other(root: Path, tmp_path: Path) -> None:
    """Of a text of 4 kB Parquet keeps no statistics, by which the members beside it are found."""
    table = tmp_path / "members.tsv"
    table.write_text(f"M1\t{CLUSTERS[0]}\n{'Z' * 255}\t{CLUSTERS[0]}\n{'Z' * 5_000}\t{CLUSTERS[0]}\n")
    report, _ = add_members(root, table)
    assert (report.n_members, report.n_without_cluster) == (2, 1)
    with Atlas.open(root) as atlas:
        assert atlas.match("M1").of_cluster().rows
        assert atlas.match("Z" * 255).of_cluster().rows


def test_the_table_of_uniprot_is_read_by_the_kind_of_clusters_of_the_atlas(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "idmapping_selected.tab"
    table.write_text(f"{selected_line('P1', uniref50=CLUSTERS[0])}\n{selected_line('P2', uniref50='UniRef50_X')}\n"
                     f"{selected_line('P3', uniref50='')}\n")  # fmt: skip
    report, _ = add_members(root, table)
    assert stored(root) == [("P1", CLUSTERS[0])]
    assert (report.format, report.n_lines, report.n_unknown, report.n_without_cluster) == (
        "idmapping_selected",
        3,
        1,
        1,
    )


@pytest.mark.parametrize("header", ["From\tTo", "#member\tcluster", "Entry\tCluster ID"])
def test_a_header_is_no_member(root: Path, tmp_path: Path, header: str) -> None:
    table = tmp_path / "members.tsv"
    table.write_bytes(f"{header}\r\nP1\t{CLUSTERS[0]}\r\n".encode())
    report, _ = add_members(root, table)
    assert (report.n_lines, stored(root)) == (1, [("P1", CLUSTERS[0])])


def test_another_table_takes_the_place_of_the_first_and_the_same_changes_nothing(root: Path, tmp_path: Path) -> None:
    table, other_table = tmp_path / "one.tsv", tmp_path / "other.tsv"
    table.write_text(f"P1\t{CLUSTERS[0]}\n")
    other_table.write_text(f"P2\t{CLUSTERS[0]}\n")
    first_manifest = add_members(root, table)[1]
    assert add_members(root, table)[1] == first_manifest
    manifest = add_members(root, other_table)[1]
    assert manifest.version == first_manifest.version + 1
    assert stored(root) == [("P2", CLUSTERS[0])]
    assert len(list((root / "members").iterdir())) == 1
    assert not list(root.glob(".tmp*"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a\tb\tc\nd\te\tf\n", "found:    3 columns; it begins with a"),
        ("P1,UniRef50_Q00000\n", "found:    1 columns"),
        ("UniRef50_Q00000\tP1\n", "awk -F"),
        (f"P1\t{CLUSTERS[0]}\nP2\nP3\t{CLUSTERS[0]}\nP4\t{CLUSTERS[0]}\n", "columns"),
        ("P1\tUniRef50_none\n", "1 of clusters that are not in the atlas"),
    ],
)
def test_a_table_of_another_shape_is_refused_with_what_was_expected(
    root: Path, tmp_path: Path, text: str, error: str
) -> None:
    table = tmp_path / "members.tsv"
    table.write_text(text)
    before = read_manifest(root)
    with pytest.raises(InputError, match=r"members\.tsv") as refusal:
        add_members(root, table)
    assert error in str(refusal.value)
    assert read_manifest(root) == before
    assert not list(root.glob(".tmp*"))


def test_a_release_stays_as_it_was(root: Path, tmp_path: Path) -> None:
    (root / "plan.json").unlink()
    (tmp_path / "members.tsv").write_text(f"P1\t{CLUSTERS[0]}\n")
    with pytest.raises(PlanError, match="plan"):
        add_members(root, tmp_path / "members.tsv")


def test_a_member_is_answered_with_its_cluster_wherever_the_answer_can_say_so(mapped: Path, attlas: Callable) -> None:
    sentence = f"P12345 is a member of {CLUSTERS[3]}"
    shown = attlas("show", mapped, "P12345", "--sequence", "none")
    assert shown.code == 0
    assert shown.out.startswith(CLUSTERS[3])
    assert sentence in shown.out
    (answer,) = json.loads(attlas("show", mapped, "P12345", "--json").out)
    assert (answer["asked"], answer["note"], answer["protein"]["accession"]) == ("P12345", sentence, CLUSTERS[3])
    answered = attlas("find", mapped, "P12345")
    assert CLUSTERS[3] in answered.out
    assert sentence in answered.err

    with Atlas.open(mapped) as atlas:
        rows = atlas.lookup(["P12345", CLUSTERS[3], "P7"]).to_pylist()
        assert {row["accession"] for row in rows if row["asked"] == "P12345"} == {CLUSTERS[3]}
        assert all(row["reason"].startswith(sentence) for row in rows if row["asked"] == "P12345")
        assert not any("member" in (row["reason"] or "") for row in rows if row["asked"] != "P12345")
        assert sentence in str(atlas.show("P12345"))


@pytest.mark.thorough
def test_the_api_answers_a_member_with_its_cluster_and_says_so(mapped: Path) -> None:
    sentence = f"P12345 is a member of {CLUSTERS[3]}"
    application = make_app(mapped)
    client = TestClient(application, base_url="http://127.0.0.1")
    protein = client.get("/api/v1/proteins/P12345").json()
    assert (protein["note"], protein["protein"]["accession"]) == (sentence, CLUSTERS[3])
    table = client.get("/api/v1/proteins/P12345?format=csv")
    assert json.loads(table.headers["Attlas-Notes"]) == [sentence]
    assert CLUSTERS[3] in table.text
    answered = client.get("/api/v1/proteins?q=P12345").json()
    assert (answered["notes"], [row["accession"] for row in answered["proteins"]]) == ([sentence], [CLUSTERS[3]])
    (answer,) = client.post("/api/v1/lookup", json={"ids": ["P12345"]}).json()["answers"]
    assert answer["reason"].startswith(sentence)
    assert client.get("/api/v1/proteins/P12345/sites").status_code == 404
    listed = client.get("/proteins?q=P12345")
    assert sentence in listed.text
    assert CLUSTERS[3] in listed.text
    application.state.service.close()


def test_where_the_answer_cannot_say_so_a_member_is_refused_with_its_cluster(mapped: Path, attlas: Callable) -> None:
    """Rows, exports and comparisons are of the sequence that was asked for, and a member's is another."""
    with Atlas.open(mapped) as atlas:
        for read in (atlas.sites, atlas.residues, atlas.protein):
            with pytest.raises(QuestionError, match=f"P12345 is a member of {CLUSTERS[3]}"):
                read("P12345")
    exported = attlas("export", mapped, "tsv", "P12345")
    assert exported.code == 1
    assert CLUSTERS[3] in exported.err


def test_a_member_of_several_clusters_is_not_guessed(mapped: Path, attlas: Callable) -> None:
    shown = attlas("show", mapped, "P99999")
    assert shown.code == 1
    assert "P99999 is a member of these clusters" in shown.err
    assert CLUSTERS[1] in shown.err
    assert CLUSTERS[2] in shown.err


def test_members_are_found_behind_a_url_and_in_sql(mapped: Path) -> None:
    with serving(mapped) as server, Atlas.open(server.url) as atlas:
        assert atlas.match("P00001").of_cluster().note == f"P00001 is a member of {CLUSTERS[0]}"
        assert sum(path.startswith("members/") for path, _ in server.requests) <= 2
        assert atlas.sql("SELECT count(*) AS n FROM members").to_pylist() == [{"n": 4}]


def test_a_word_that_is_an_option_of_another_import_is_refused(mapped: Path, tmp_path: Path, attlas: Callable) -> None:
    (tmp_path / "members.tsv").write_text(f"P1\t{CLUSTERS[0]}\n")
    run = attlas("annotate", mapped, tmp_path / "members.tsv", "--members", "--track", "x")
    assert run.code != 0
    assert "--members and --track are two imports" in run.err


def test_the_report_is_printed_or_json(root: Path, tmp_path: Path, attlas: Callable) -> None:
    table = tmp_path / "members.tsv"
    table.write_text(f"P1\t{CLUSTERS[0]}\nP1\t{CLUSTERS[0]}\nP2\tUniRef50_none\n")
    run = attlas("annotate", root, "--members", table)
    assert run.code == 0, run.err
    assert "1 member of 1 cluster from members.tsv (two columns)" in run.out
    assert "left out, cluster not in the atlas: 1 line of 3, such as UniRef50_none" in run.err
    assert "left out, given before: 1 line of 3" in run.err
    values = json.loads(attlas("annotate", root, "--members", table, "--json").out)
    assert (values["n_members"], values["n_unknown"], values["n_repeated"]) == (1, 1, 1)


def test_the_columns_are_as_declared(mapped: Path) -> None:
    (file,) = read_manifest(mapped).files.of_tables(["members"])
    assert (file.first_key, file.last_key) == ("P00001", "P99999")
    schema = pq.read_schema(mapped / file.path)
    assert schema.equals(MEMBERS.schema(0))
    assert schema.field("member").type == pa.string()
