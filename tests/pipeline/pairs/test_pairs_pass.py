"""The pass over pairs: every line of a hostile file is accounted for; resumed, repeated and refused like a build."""

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from helpers.building import assert_whole, build_here, digests, random_proteins, write_fasta
from helpers.pair_passes_here import add_pairs_here
from helpers.passes_here import refuse_to_compute
from helpers.sealed_atlas import digest_table, list_files, query_rows, read_computation, read_keys, remove_plan
from helpers.tiny_esm import save_tiny_esm

from attlas.pipeline.pairs.adding import ComputePairs
from attlas.queries import Atlas
from attlas.schema import EnvironmentFault, InputError, PlanError

pytestmark = pytest.mark.slow

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQA"
HOSTILE = """\
# two columns are enough
accession\tpartner\tlabel\tscore
A1\tB1\tbinder\t0.5
B1\tA1
A1\tB1\tagain
A1\tA1
A1\tA2
A1\tNOBODY
C1\tA1
A1
A1\tD1
LONG\tLONG
A1\tD1\tlabel\tmany
sp|D1|D_HUMAN\tB1
"""


def read_pairs_of(out: Path) -> list[dict]:
    return query_rows(out, "FROM pairs ORDER BY line")


@pytest.fixture
def small(tmp_path: Path, tiny_esm: Path) -> Path:
    """An atlas of a tiny model: two accessions of a sequence, one protein that is skipped, and one that is long."""
    proteins = {"A1": SEQUENCE, "A2": SEQUENCE, "B1": "MGDVEKGKKIFIMKCSQC" * 2, "C1": "MK*LV", "D1": "M"}
    proteins |= {"LONG": SEQUENCE * 20}
    build_here(write_fasta(tmp_path / "p.fasta", proteins), tmp_path / "atlas", tiny_esm)
    (tmp_path / "pairs.tsv").write_text(HOSTILE)
    return tmp_path / "atlas"


def test_every_line_of_a_hostile_file_ends_as_a_row(small: Path) -> None:
    added = add_pairs_here(small, max_length=1_000)
    rows = {row["line"]: row for row in read_pairs_of(small)}
    assert {line: (row["status"], row["reason"]) for line, row in rows.items()} == {
        3: ("ok", None),
        4: ("skipped", "the same pair as line 3, reversed"),
        5: ("skipped", "the same pair as line 3"),
        6: ("ok", None),
        7: ("ok", None),
        8: ("skipped", "NOBODY: id not in the atlas"),
        9: ("skipped", rows[9]["reason"]),
        10: ("skipped", "the line does not name two proteins"),
        11: ("ok", None),
        12: ("skipped", "1,360 residues, more than the 1,000 of --max-length"),
        13: ("skipped", "the score is no number: many"),
        14: ("ok", None),
    }
    assert rows[9]["reason"].startswith("C1: protein not computed (skipped: ")
    assert (added.n_lines, added.n_ok, len(added.skipped), added.failed) == (12, 5, 7, ())

    # Computed pairs are numbered by length; the others follow in order of their lines.
    assert [rows[line]["pair_id"] for line in (11, 14, 6, 7, 3)] == [0, 1, 2, 3, 4]
    assert [rows[line]["pair_id"] for line in (4, 5, 8, 9, 10, 12, 13)] == [5, 6, 7, 8, 9, 10, 11]
    assert (rows[3]["label"], rows[3]["score"], rows[3]["n_residues"], rows[3]["forms"]) == ("binder", 0.5, 70, "gap")
    assert rows[14]["accession"] == "D1"
    assert rows[8]["n_residues"] is None
    assert_whole(small)


def test_a_pair_has_a_row_for_each_direction_order_layer_and_head(small: Path) -> None:
    add_pairs_here(small, forms="gap,ends", max_length=1_000)
    counts = query_rows(
        small,
        "SELECT accession, partner, form, chain_order, count(*) AS n FROM pair_heads WHERE pair_id = 4 GROUP BY ALL",
    )
    keys = read_keys(small, "pair_heads")
    mirrored = query_rows(small, "SELECT DISTINCT pair_id FROM pair_heads WHERE mirror IS NOT NULL ORDER BY ALL")
    (received,) = query_rows(small, "SELECT count(*) AS n FROM pair_residues WHERE pair_id = 2 AND accession = 'A1'")
    assert len(counts) == 2 * 2 * 3
    assert {row["n"] for row in counts} == {2 * 4}
    assert len(keys) == len(set(keys))
    assert [row["pair_id"] for row in mirrored] == [2, 3]  # A1 with itself, and with A2 of the same sequence
    assert received["n"] == 2 * 2 * len(SEQUENCE)  # both copies, two forms


def test_one_order_has_no_mean(small: Path) -> None:
    add_pairs_here(small, order="forward", max_length=1_000)
    assert query_rows(small, "SELECT DISTINCT chain_order FROM pair_heads") == [{"chain_order": "forward"}]


def test_the_tables_say_by_which_settings_they_were_made(small: Path) -> None:
    add_pairs_here(small, forms="linker", heads="1-2,0-1", max_length=1_000)
    assert_whole(small)
    metadata = pq.read_schema(list_files(small, "pair_contacts")[0]).metadata
    assert json.loads(metadata[b"attlas.settings"]) == {
        "settings": {
            "forms": "linker",
            "orders": "forward reverse",
            "gap": None,
            "max_length": 1_000,
            "heads": "1-2 0-1",
        },
        "computed_from": {"sequences": digest_table(small, "sequences")},
    }


def test_asked_again_nothing_changes_and_other_settings_take_the_place(small: Path) -> None:
    added = add_pairs_here(small, max_length=1_000)
    before = digests(small)
    assert add_pairs_here(small, max_length=1_000, progress=refuse_to_compute) == added
    assert digests(small) == before

    add_pairs_here(small, max_length=1_000, gap=7)
    assert {path for path in before if path.startswith("pair")}.isdisjoint(digests(small))
    assert len(list((small / "plan").glob("pairs-*.parquet"))) == 1
    assert_whole(small)


def test_a_stop_before_the_last_table_leaves_no_other_pairs_beside_the_new_numbers(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_pairs_here(small)

    def stop(*_: object):
        raise KeyboardInterrupt

    (small.parent / "pairs.tsv").write_text("B1\tB1\n")
    with monkeypatch.context() as context:
        context.setattr("attlas.pipeline.pairs.adding._add_outcomes", stop)
        with pytest.raises(KeyboardInterrupt):
            add_pairs_here(small)
    assert_whole(small)
    # Pair 0 was A1 and D1.
    of_heads = query_rows(small, "SELECT DISTINCT pair_id, accession, partner FROM pair_heads")
    of_pairs = query_rows(small, "SELECT pair_id, accession, partner FROM pairs WHERE status = 'ok'")
    assert of_heads == [{"pair_id": 0, "accession": "B1", "partner": "B1"}]
    assert of_pairs == []

    assert add_pairs_here(small).n_ok == 1
    assert [row["accession"] for row in read_pairs_of(small)] == ["B1"]


def test_a_file_without_a_pair_to_compute_has_rows_all_the_same(small: Path) -> None:
    (small.parent / "pairs.tsv").write_text("A1\tNOBODY\n")
    added = add_pairs_here(small, progress=refuse_to_compute)
    assert (added.n_ok, added.skipped) == (0, ((1, "NOBODY: id not in the atlas"),))
    assert [row["status"] for row in read_pairs_of(small)] == ["skipped"]
    assert_whole(small)


def test_a_file_of_another_atlas_leaves_computed_pairs_as_they_are(small: Path) -> None:
    add_pairs_here(small, max_length=1_000)
    before = digests(small)
    (small.parent / "pairs.tsv").write_text("NOBODY\tA1\nNO\tONE\n")
    with pytest.raises(InputError, match=r"(?s)has computed pairs.*line 1 of pairs\.tsv: NOBODY: id not in the atlas"):
        add_pairs_here(small, progress=refuse_to_compute)
    assert digests(small) == before


def test_what_does_not_fit_the_memory_is_refused_by_name_before_anything_is_computed(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attlas.pipeline.pairs.adding.measure_available_bytes", lambda device: 1 << 20)
    with pytest.raises(EnvironmentFault, match=r"do(es)? not fit the memory") as refusal:
        add_pairs_here(small, progress=refuse_to_compute)
    assert "LONG and LONG: 1,360 residues" in str(refusal.value)
    assert re.search(r"--max-length \d+", str(refusal.value))
    assert list_files(small, "pairs") == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": "backward"}, "both or forward"),
        ({"floor": 0.0}, "floor"),
        ({"per_residue": 0}, "1 link or more"),
        ({"gap": -1}, "0 positions or more"),
        ({"heads": "7-0"}, "does not have"),
    ],
)
def test_settings_that_make_no_sense_are_refused(small: Path, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        add_pairs_here(small, progress=refuse_to_compute, **settings)


def test_a_release_has_no_plan(small: Path) -> None:
    remove_plan(small)
    with pytest.raises(PlanError, match=r"no plan|other files"):
        add_pairs_here(small)


def test_what_a_partner_changes_is_a_subtraction_from_the_protein_alone(small: Path) -> None:
    add_pairs_here(small, forms="linker", max_length=1_000)
    with Atlas.open(small) as atlas:
        (row,) = atlas.ask("pair_summary", proteins="B1", layers=1).filter(pc.field("partner") == "A1").to_pylist()
        pair = "accession = 'B1' AND layer = 1"
        heads = atlas.sql(f"FROM pair_heads WHERE {pair} AND partner = 'A1' AND chain_order = 'mean'").to_pylist()
        alone = atlas.sql(f"FROM heads WHERE {pair}").to_pylist()

    def average(values: Iterable[float]) -> float:
        return sum(values) / len(heads)

    special_alone = average(head["cls_share"] + head["eos_share"] for head in alone)
    expected = {
        "across": average(head["across_share"] for head in heads),
        "within": average(head["within_share"] for head in heads),
        "within_alone": 1 - special_alone,
        "within_change": average(head["within_share"] for head in heads) - 1 + special_alone,
        "special_change": average(head["special_share"] for head in heads) - special_alone,
        "linker": average(head["linker_share"] for head in heads),
        "across_evenly": 34 / 70,
        "head_across": max(head["across_share"] for head in heads),
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=6e-5)
    assert heads[row["head"]]["across_share"] == max(head["across_share"] for head in heads)


# Shards


@pytest.fixture
def larger(tmp_path: Path, tiny_esm: Path) -> Path:
    """An atlas whose pairs are cut into several shards."""
    proteins = random_proteins([330 + 10 * n for n in range(10)])
    build_here(write_fasta(tmp_path / "r.fasta", proteins), tmp_path / "larger", tiny_esm)
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairwise(proteins)))
    return tmp_path / "larger"


@pytest.mark.thorough
def test_a_pass_that_was_stopped_between_shards_goes_on_and_ends_the_same(larger: Path) -> None:
    add_pairs_here(larger)
    whole = digests(larger)
    receipts = sorted((larger / "receipts").glob("pairs-*.json"))
    assert len(receipts) > 2
    lost = json.loads(receipts[1].read_text())
    receipts[1].unlink()
    for file in lost["files"]:
        (larger / file["path"]).unlink()

    computed: list[int] = []
    add_pairs_here(
        larger, progress=lambda plan, shards: computed.extend(s.index for s in shards) or (lambda event: None)
    )
    assert computed == [lost["index"]]
    assert digests(larger) == whole
    assert_whole(larger)


@pytest.mark.thorough
def test_one_worker_and_two_give_the_same_tables(larger: Path, attlas) -> None:
    tables = []
    for n_workers in (1, 2):
        outcome = attlas("pairs", larger, larger.parent / "pairs.tsv", "--workers", n_workers, "--gap", 100 + n_workers)
        assert outcome.code == 0, outcome.err
        outcome = attlas("pairs", larger, larger.parent / "pairs.tsv", "--workers", n_workers)
        assert outcome.code == 0, outcome.err
        tables.append(digests(larger))
    assert tables[0] == tables[1]
    assert_whole(larger)


# The command


def test_the_command_accounts_for_every_line(small: Path, attlas) -> None:
    outcome = attlas("pairs", small, small.parent / "pairs.tsv", "--workers", 0, "--max-length", 1_000)
    assert outcome.code == 0, outcome.err
    added = add_pairs_here(small, max_length=1_000, progress=refuse_to_compute)
    assert outcome.out == (
        f"{small}: 12 lines of pairs: 5 ok, 7 skipped, 0 failed; joined by gap, both orders; "
        f"{added.n_links:,} links and {added.n_contacts:,} contacts across\n"
    )
    assert "line 4 skipped: the same pair as line 3, reversed" in outcome.err


def test_what_is_not_finite_fails_by_name_and_the_others_go_on(tmp_path: Path, attlas) -> None:
    model = save_tiny_esm(tmp_path / "model")
    proteins = {"A1": SEQUENCE, "B1": SEQUENCE[::-1], "W1": SEQUENCE + "K"}
    build_here(write_fasta(tmp_path / "p.fasta", proteins), tmp_path / "atlas", model)
    (tmp_path / "pairs.tsv").write_text("A1\tB1\nA1\tW1\n")
    results = ComputePairs._keep

    def spoil(self: object, inputs: list) -> object:
        is_of_w1 = any(chain.stop - chain.start == 35 for chain in inputs[0][0].joined.chains)
        return None if is_of_w1 else results(self, inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ComputePairs, "_keep", spoil)
        outcome = attlas("pairs", tmp_path / "atlas", tmp_path / "pairs.tsv", "--workers", 0)
    assert outcome.code == 3
    assert "1 ok, 0 skipped, 1 failed" in outcome.out
    assert "A1 and W1" in outcome.err
    assert [(row["status"], row["reason"]) for row in read_pairs_of(tmp_path / "atlas")] == [
        ("ok", None),
        ("failed", "the model's attention on it is not finite"),
    ]
    assert_whole(tmp_path / "atlas")


@pytest.mark.thorough
def test_a_build_computes_pairs_when_told_to(tmp_path: Path, tiny_esm: Path, attlas) -> None:
    source = write_fasta(tmp_path / "p.fasta", {"A1": SEQUENCE, "B1": SEQUENCE[::-1]})
    (tmp_path / "pairs.tsv").write_text("A1\tB1\n")
    options = (source, "--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu", "--workers", 0)
    joining = ("--join", "linker,gap", "--order", "forward", "--gap", 7)
    options = (*options, "--pairs", tmp_path / "pairs.tsv")
    foretold = attlas("build", *options, *joining, "--dry-run").out
    outcome = attlas("build", *options, *joining)
    assert outcome.code == 0, outcome.err
    assert "1 line of pairs: 1 ok" in outcome.out
    assert "2 proteins: 2 ok" in outcome.out
    assert [row["forms"] for row in read_pairs_of(tmp_path / "atlas")] == ["gap linker"]
    assert len(list_files(tmp_path / "atlas", "pair_heads")) == 1
    settings = read_computation(tmp_path / "atlas", "pair_heads").settings
    assert (settings["orders"], settings["gap"]) == ("forward", 7)

    # What was foretold without an atlas is what the pass says that has one.
    of_pass = attlas("pairs", tmp_path / "atlas", tmp_path / "pairs.tsv", *joining, "--dry-run", "--workers", 0).out
    lines = foretold.split("behind the build:\n")[1].splitlines()
    assert lines[0] == "pairs    1 pair, 2 inputs of each; 0 lines left out"
    assert lines[:4] == of_pass.splitlines()[:4]
    for option in joining[::2]:
        assert attlas("build", *options[:-2], option, joining[joining.index(option) + 1]).code == 2
