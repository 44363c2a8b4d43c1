"""The pass for links: its table against the rule on eager maps; resumed, repeated, refused like a build."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.building import assert_whole, build_here, digests, random_proteins, write_fasta
from helpers.contact_oracles import eager_layers
from helpers.example_proteins import read_sequences
from helpers.link_oracle import Link, choose_by_rule, list_candidates, list_disagreements
from helpers.passes_here import add_links_here, refuse_to_compute
from helpers.sealed_atlas import digest_table, list_files, remove_plan

from attlas.pipeline.links.gathering import GatherLinks
from attlas.pipeline.links.memory import predict_link_bytes
from attlas.queries import Atlas
from attlas.schema import InputError, PlanError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
FLOOR, PER_RESIDUE, THETA = 0.1, 5, 0.3
N_DEFAULT, N_THOROUGH = 3, 50


def read_links(out: Path, accession: str) -> dict[Link, np.float32]:
    with Atlas.open(out) as atlas:
        query = "FROM links WHERE accession = $accession ORDER BY layer, head, i, j"
        rows = atlas.sql(query, {"accession": accession}).to_pylist()
    return {(row["layer"], row["head"], row["i"], row["j"]): np.float32(row["weight"]) for row in rows}


def choose_by_eager(weights: Path, sequence: str) -> dict[Link, np.float32]:
    layers = enumerate(eager_layers(weights, sequence))
    maps = {(layer, head): attention for layer, heads in layers for head, attention in enumerate(heads)}
    candidates = list_candidates(maps, FLOOR)
    return choose_by_rule(candidates, n_residues=len(sequence), per_residue=PER_RESIDUE, theta=THETA)


# Against eager maps


@pytest.fixture(scope="module")
def proteins(is_thorough: bool) -> dict[str, str]:
    sequences = read_sequences(ROOT / "examples" / "proteins.fasta")
    shortest = sorted(sequences, key=lambda accession: len(sequences[accession]))
    return {accession: sequences[accession] for accession in shortest[: N_THOROUGH if is_thorough else N_DEFAULT]}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, weights: Path, proteins: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("links")
    build_here(write_fasta(folder / "p.fasta", proteins), folder / "atlas", weights)
    add_links_here(folder / "atlas")
    return folder / "atlas"


def test_the_links_are_those_of_the_rule_on_transformers_eager_maps(real: Path, weights: Path, proteins) -> None:
    n_different = {}
    for accession, sequence in proteins.items():
        links, expected = read_links(real, accession), choose_by_eager(weights, sequence)
        assert len(links) == len(expected)
        assert len(links) == PER_RESIDUE * len(sequence) or len(sequence) < 40  # of the short, one for each head
        assert list_disagreements(links, expected) == []
        n_different[accession] = len(set(links) ^ set(expected))
    assert sum(n_different.values()) <= 2 * len(proteins)


def test_the_table_says_by_which_settings_it_was_made(real: Path) -> None:
    assert_whole(real)
    metadata = pq.read_schema(list_files(real, "links")[0]).metadata
    assert json.loads(metadata[b"attlas.settings"]) == {
        "settings": {"floor": FLOOR, "per_residue": PER_RESIDUE, "max_length": None},
        "computed_from": {"sequences": digest_table(real, "sequences")},
    }


def test_every_head_with_an_edge_has_a_link_and_no_hub_more_than_five(real: Path) -> None:
    with Atlas.open(real) as atlas:
        hubs = atlas.sql("SELECT max(n) AS n FROM (SELECT count(*) AS n FROM links GROUP BY accession, layer, head, j)")
        missing = atlas.sql(
            "SELECT count(*) AS n FROM heads ANTI JOIN links USING (accession, layer, head) WHERE max_attention >= 0.3"
            " AND self_share * (SELECT max(length) FROM proteins) < 0.3"  # then the largest weight is no residue's own
        )
    assert hubs.to_pylist() == [{"n": 5}]
    assert missing.to_pylist() == [{"n": 0}]


# The pass, on a tiny model

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQA"


@pytest.fixture
def small(tmp_path: Path, tiny_esm: Path) -> Path:
    """An atlas of a tiny model: two accessions of a sequence, proteins of 1 to 3 residues, one skipped."""
    proteins = {"A1": SEQUENCE, "A2": SEQUENCE, "B1": "MGDVEKGKKIFIMKCSQC" * 2, "C1": "MK*LV"}
    proteins |= {f"S{n}": SEQUENCE[1 : n + 1] for n in range(1, 4)}
    build_here(write_fasta(tmp_path / "p.fasta", proteins), tmp_path / "atlas", tiny_esm)
    return tmp_path / "atlas"


def test_asked_again_nothing_changes_and_other_settings_take_the_place(small: Path) -> None:
    added = add_links_here(small)
    assert (added.n_sequences, added.n_failed, added.longer) == (5, 0, ())
    assert read_links(small, "A1") == read_links(small, "A2") != {}
    assert read_links(small, "S1") == {}
    before = digests(small)
    assert add_links_here(small, progress=refuse_to_compute) == added
    assert digests(small) == before

    assert add_links_here(small, per_residue=1).n_links < added.n_links
    assert {path for path in before if path.startswith("links/")}.isdisjoint(digests(small))
    assert_whole(small)


def test_links_and_edges_are_counted(small: Path) -> None:
    added = add_links_here(small)
    distinct = {"A1", "B1", "S1", "S2", "S3"}
    links = [weight for accession in distinct for weight in read_links(small, accession).values()]
    assert (added.n_links, added.n_linked_edges) == (len(links), sum(weight >= np.float32(THETA) for weight in links))
    with Atlas.open(small) as atlas:
        (row,) = atlas.sql("SELECT sum(n_edges)::INT AS n FROM heads WHERE accession <> 'A2'").to_pylist()
    assert added.n_edges == row["n"] >= added.n_linked_edges


def test_a_pass_that_was_stopped_goes_on_and_ends_the_same(tmp_path: Path, tiny_esm: Path) -> None:
    out = tmp_path / "larger"
    build_here(write_fasta(tmp_path / "r.fasta", random_proteins([700] * 4)), out, tiny_esm)
    add_links_here(out)
    whole = digests(out)
    receipts = sorted((out / "receipts").glob("links-*.json"))
    assert len(receipts) > 1
    lost = json.loads(receipts[0].read_text())
    receipts[0].unlink()
    (out / lost["files"][0]["path"]).unlink()

    computed: list[int] = []
    add_links_here(out, progress=lambda plan, shards: computed.extend(s.index for s in shards) or (lambda event: None))
    assert computed == [lost["index"]]
    assert digests(out) == whole


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"floor": 0.0}, "floor"), ({"floor": 0.31}, "above 0, to 0.3"), ({"per_residue": 0}, "links")],
)
def test_settings_that_make_no_sense_are_refused(small: Path, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        add_links_here(small, **settings)


def test_a_release_has_no_plan(small: Path) -> None:
    remove_plan(small)
    with pytest.raises(PlanError, match=r"no plan|other files"):
        add_links_here(small)


def test_what_is_not_finite_is_named_and_the_others_go_on(small: Path, monkeypatch, attlas) -> None:
    gathered = GatherLinks.candidates

    def spoil(self: GatherLinks) -> list:
        return [None if links is not None and 34 < links.i.max(initial=0) < 40 else links for links in gathered(self)]

    monkeypatch.setattr(GatherLinks, "candidates", spoil)
    outcome = attlas("links", small, "--workers", 0)
    assert outcome.code == 3
    assert "without links; failed, because the model's attention is not finite" in outcome.err
    assert "B1 (36 residues)" in outcome.err
    assert read_links(small, "A1") != {}
    assert read_links(small, "B1") == {}
    assert_whole(small)


def test_the_command_says_what_it_kept_of_how_many_and_what_it_left_out(small: Path, attlas) -> None:
    outcome = attlas("links", small, "--workers", 0, "--max-length", 35)
    assert outcome.code == 0, outcome.err
    added = add_links_here(small, max_length=35, progress=refuse_to_compute)
    weaker = added.n_links - added.n_linked_edges
    edges = f"{added.n_linked_edges:,} of {added.n_edges:,} edges and {weaker:,} weaker"
    assert outcome.out == f"{small}: {added.n_links:,} links of 4 sequences, {edges}, floor 0.1\n"
    assert "1 longer than --max-length, left out: B1 (36 residues)" in outcome.err


def test_a_build_chooses_links_when_told_to(tmp_path: Path, tiny_esm: Path, attlas) -> None:
    source = write_fasta(tmp_path / "p.fasta", {"A1": SEQUENCE})
    options = (source, "--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu", "--workers", 0, "--links")
    assert "one more pass" in attlas("build", *options, "--dry-run").out
    outcome = attlas("build", *options)
    assert outcome.code == 0, outcome.err
    assert "links of 1 sequence" in outcome.out
    assert list_files(tmp_path / "atlas", "links") != []
    assert "1 protein: 1 ok" in attlas("build", *options).out


def test_memory_grows_with_the_length_and_not_with_its_square() -> None:
    shape = {"pack_tokens": 1024, "n_layers": 33, "n_heads": 20, "per_residue": 5}
    titin = predict_link_bytes([36_000], **shape)
    assert 2 * predict_link_bytes([18_000], **shape) == pytest.approx(titin)
    assert titin < 2 << 30
    assert predict_link_bytes([], **shape) == 0
