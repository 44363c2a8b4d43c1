"""The commands take pairs from STRING, PSI-MITAB and lists, from the file to the attention of the right sequences."""

import shutil
import subprocess
import sys
from itertools import combinations_with_replacement
from pathlib import Path

import pytest
from helpers.building import build_here, write_fasta

from attlas.pipeline.pairs import adding, pair_list
from attlas.pipeline.workers.scheduler_workers import SchedulerWorkers, ask_scheduler
from attlas.queries import Atlas
from attlas.schema import AtlasPaths, EnvironmentFault

pytestmark = pytest.mark.slow

PROTEINS = {"P04637": "MKTAYIAKQRQISFVKSH", "Q00987": "MGDVEKGKKIF", "P0DP23": "MADQLTEEQIAEF"}
LINKS = "protein1 protein2 combined_score\n9606.A 9606.B 999\n9606.B 9606.A 999\n9606.A 9606.C 10\n9606.A 9606.Z 999\n"
ALIASES = "#string_protein_id\talias\tsource\n9606.A\tP04637\tUniProt_AC\n9606.B\tQ00987\tUniProt_AC\n"
MITAB = "uniprotkb:P04637\tuniprotkb:P0DP23" + "\t-" * 13 + "\nuniprotkb:P04637\tchebi:CHEBI:1" + "\t-" * 13 + "\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    folder = tmp_path_factory.mktemp("atlas")
    build_here(write_fasta(folder / "p.fasta", PROTEINS), folder / "atlas", tiny_esm)
    return folder / "atlas"


@pytest.fixture
def atlas_dir(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "atlas")
    for name, text in {"links": LINKS, "aliases": ALIASES, "mitab": MITAB, "list": "P04637\nQ00987\n"}.items():
        (tmp_path / name).write_text(text)
    return tmp_path / "atlas"


def pairs_of(atlas_dir: Path) -> list[tuple]:
    with Atlas.open(atlas_dir) as atlas:
        rows = atlas.sql("SELECT accession, partner, status, reason FROM pairs ORDER BY line, pair_id").to_pylist()
    return [tuple(row.values()) for row in rows]


def test_pairs_of_string_are_run_by_its_aliases(atlas_dir: Path, attlas) -> None:
    options = ("--aliases", atlas_dir.parent / "aliases", "--min-score", 500, "--workers", 0)
    run = attlas("pairs", atlas_dir, atlas_dir.parent / "links", *options)
    assert run.code == 0, run.err
    assert pairs_of(atlas_dir) == [
        ("P04637", "Q00987", "ok", None),
        ("9606.B 9606.A 999", "", "skipped", "given before: on line 2"),
        ("9606.A 9606.C 10", "", "skipped", "score below the one asked for: 10"),
        ("9606.A 9606.Z 999", "", "skipped", "not in the atlas: 9606.Z"),
    ]


def test_lines_beyond_those_that_have_a_row_are_counted(
    atlas_dir: Path, attlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_list, "MAX_LEFT_OUT", 5)
    strangers = "".join(f"9606.A 9606.X{i} 999\n" for i in range(20))
    (atlas_dir.parent / "links").write_text(LINKS + strangers)
    options = ("--aliases", atlas_dir.parent / "aliases", "--workers", 0)
    run = attlas("pairs", atlas_dir, atlas_dir.parent / "links", *options)
    assert run.code == 0, run.err
    assert "22 lines skipped: not in the atlas" in run.err
    assert "18 of these lines are counted here alone" in run.err
    assert len(pairs_of(atlas_dir)) == 6


def test_all_pairs_of_two_lists_have_their_own_sequences(atlas_dir: Path, attlas) -> None:
    everything = atlas_dir.parent / "everything"
    everything.write_text("\n".join(PROTEINS))
    run = attlas("pairs", atlas_dir, everything, "--all-against", everything, "--join", "ends", "--workers", 0)
    assert run.code == 0, run.err
    n_residues = 2 * sum(map(sum, combinations_with_replacement(map(len, PROTEINS.values()), 2)))
    foretold = [line.split() for line in run.err.splitlines()]
    assert ["attlas:", "pairs", "6", "pairs,", "2", "inputs", "of", "each;", "0", "lines", "left", "out"] in foretold
    assert f"attlas: model {n_residues} residues to run through it, in 1 shard".split() in foretold
    assert [words[1] for words in foretold[2:5]] == ["memory", "disk", "time"]
    with Atlas.open(atlas_dir) as atlas:
        lengths = atlas.sql(
            "SELECT accession, partner, n_residues, count(*) FILTER (r.place = 1) AS n, count(*) AS n_both"
            " FROM pairs JOIN (SELECT pair_id, place FROM pair_residues) AS r USING (pair_id) GROUP BY ALL"
        ).to_pylist()
    assert len(lengths) == 6
    for row in lengths:
        length = len(PROTEINS[row["accession"]])
        assert (row["n"], row["n_both"]) == (length, length + len(PROTEINS[row["partner"]]))
        assert row["n_residues"] == row["n_both"]


def test_a_dry_run_of_pairs_says_what_they_cost_and_writes_nothing(atlas_dir: Path, attlas) -> None:
    before = {path: path.stat().st_mtime_ns for path in atlas_dir.rglob("*")}
    (atlas_dir.parent / "pairs.tsv").write_text("P04637\tQ00987\nP04637\tNOBODY\n")
    run = attlas("pairs", atlas_dir, atlas_dir.parent / "pairs.tsv", "--join", "gap,linker", "--dry-run")
    assert run.code == 0, run.err
    told = dict(line.split(maxsplit=1) for line in run.out.splitlines())
    assert told["pairs"] == "1 pair, 4 inputs of each; 1 line left out"
    n_residues = 4 * (len(PROTEINS["P04637"]) + len(PROTEINS["Q00987"]))
    assert told["model"] == f"{n_residues} residues to run through it, in 1 shard"
    assert told["memory"].endswith(" GiB in this process")
    assert set(told) == {"pairs", "model", "memory", "disk", "time"}
    assert {path: path.stat().st_mtime_ns for path in atlas_dir.rglob("*")} == before


@pytest.mark.parametrize("verb", ["pairs", "embed", "interfaces", "binders", "links", "probe", "contacts"])
def test_a_release_is_named_before_anything_else_is_read(atlas_dir: Path, attlas, verb: str) -> None:
    AtlasPaths(atlas_dir).plan.unlink()
    run = attlas(verb, atlas_dir, *(["no-such-file"] if verb == "pairs" else []))
    assert run.code == 1
    assert f"{atlas_dir} is a release of an atlas" in run.err


@pytest.mark.thorough
def test_what_is_foretold_or_refused_loads_no_torch(atlas_dir: Path) -> None:
    script = (
        "import sys; from attlas.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    words = ["pairs", atlas_dir, atlas_dir.parent / "list", "--all-against", atlas_dir.parent / "list", "--dry-run"]
    command = [sys.executable, "-c", script, *map(str, words)]
    foretold = subprocess.run(command, capture_output=True, text=True, check=False)
    assert foretold.returncode == 0, foretold.stderr
    assert foretold.stdout.startswith("pairs    3 pairs")
    AtlasPaths(atlas_dir).plan.unlink()
    refused = subprocess.run(command[:-1], capture_output=True, text=True, check=False)
    assert "is a release of an atlas" in refused.stderr
    assert [result.stdout.splitlines()[-1] for result in (foretold, refused)] == ["[]", "[]"]


def test_a_build_takes_pairs_of_a_database(tiny_esm: Path, tmp_path: Path, attlas) -> None:
    source = write_fasta(tmp_path / "p.fasta", PROTEINS)
    (tmp_path / "mitab").write_text(MITAB)
    words = ("build", source, "--model", tiny_esm, "--out", tmp_path / "out", "--workers", 0, "--device", "cpu")
    run = attlas(*words, "--pairs", tmp_path / "mitab", "--dry-run")
    assert run.code == 0, run.err
    n_residues = 2 * sum(map(len, (PROTEINS["P04637"], PROTEINS["P0DP23"])))
    assert f"{n_residues} residues to run through it" in run.out.split("behind the build:")[1]
    assert not (tmp_path / "out").exists()

    run = attlas(*words, "--pairs", tmp_path / "mitab")
    assert run.code == 0, run.err
    assert pairs_of(tmp_path / "out")[0][:3] == ("P04637", "P0DP23", "ok")
    assert pairs_of(tmp_path / "out")[1][3] == "no protein of UniProt (chebi): chebi:CHEBI:1"


def test_options_of_pairs_need_pairs(tiny_esm: Path, tmp_path: Path, attlas) -> None:
    source = write_fasta(tmp_path / "p.fasta", PROTEINS)
    run = attlas("build", source, "--model", tiny_esm, "--out", tmp_path / "out", "--min-score", 1)
    assert run.code == 2
    assert "--pairs" in run.err


def test_pairs_that_no_worker_of_a_scheduler_takes_are_refused_before_one_is_sent(
    atlas_dir: Path, attlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "ask_scheduler", lambda address: SchedulerWorkers({"a": 1}, {"a": 1 << 20}))
    monkeypatch.setattr(adding, "run_pass", lambda *_, **__: pytest.fail("a shard was sent"))
    (atlas_dir.parent / "pairs.tsv").write_text("P04637\tQ00987\nP04637\tP0DP23\n")
    run = attlas("pairs", atlas_dir, atlas_dir.parent / "pairs.tsv", "--scheduler", "tcp://nobody:1")
    assert run.code == 1
    assert "P04637 and P0DP23: 31 residues" in run.err


@pytest.mark.thorough
def test_a_scheduler_that_does_not_answer_is_named_before_a_dry_run_says_anything(
    atlas_dir: Path, attlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attlas.pipeline.workers.cluster.CONNECTION_TIMEOUT_S", 0.2)
    (atlas_dir.parent / "pairs.tsv").write_text("P04637\tQ00987\n")
    run = attlas("pairs", atlas_dir, atlas_dir.parent / "pairs.tsv", "--scheduler", "tcp://127.0.0.1:9", "--dry-run")
    assert (run.code, run.out) == (1, "")
    assert "The Dask scheduler tcp://127.0.0.1:9 does not answer." in run.err
    with pytest.raises(EnvironmentFault, match="does not answer"):
        ask_scheduler("tcp://127.0.0.1:9")
