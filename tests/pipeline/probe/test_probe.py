"""A probe against transformers' eager attention, counted and ranked; resumed, repeated and refused like a build."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.annotated import annotate
from helpers.building import assert_whole, build_here, digests, random_proteins, write_fasta
from helpers.example_proteins import read_sequences
from helpers.oracles import convergence
from helpers.probe_case import probe_here
from helpers.sealed_atlas import list_files, query_rows, read_manifest, read_rows, remove_plan
from sklearn.metrics import roc_auc_score
from transformers import EsmModel, EsmTokenizer

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.probe.probing import TABLES
from attlas.pipeline.probe.received import measure_labels
from attlas.schema import DeviceFault, EnvironmentFault, InputError, PlanError

pytestmark = pytest.mark.slow

HUMAN = Path(__file__).parents[2] / "data" / "human200.fasta"
THETA = 0.3
NEAR = 1e-5
"""How near theta a weight may be and fall on either side."""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """Return an atlas of six real proteins with features, probed."""
    folder = tmp_path_factory.mktemp("probe")
    proteins = sorted(read_sequences(HUMAN).items(), key=lambda item: len(item[1]))[10:40:5]
    source = write_fasta(folder / "six.fasta", dict(proteins))
    out = folder / "atlas"
    build_here(source, out, weights)
    spans = [(accession, "Active site", 3, 3) for accession, _ in proteins[:4]]
    spans += [(accession, "Domain", 5, len(sequence)) for accession, sequence in proteins]
    annotate(out, [*spans, (proteins[0][0], "Active site", 9, 10)])
    probe_here(out)
    return out


@dataclass
class Eager:
    """A protein of the probed atlas by transformers' eager path in float64."""

    accession: str
    sequence: str
    masks: dict[str, np.ndarray]
    """The residues that carry each label, (N,)."""
    layers: list[np.ndarray]
    """Inner attention of each layer, (H, N, N)."""


@pytest.fixture(scope="module")
def eager(real: Path, weights: Path) -> list[Eager]:
    model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager").eval().double()
    tokenizer = EsmTokenizer.from_pretrained(weights)
    proteins = query_rows(real, "SELECT accession, sequence FROM proteins")
    features = query_rows(real, 'SELECT accession, type, begin, "end" FROM features')
    maps = []
    for protein in proteins:
        accession, sequence = protein["accession"], protein["sequence"]
        masks = {"residue": np.ones(len(sequence), bool)}
        masks |= {f"aa:{letter}": np.array([other == letter for other in sequence]) for letter in set(sequence)}
        for feature in (f for f in features if f["accession"] == accession):
            where = masks.setdefault(feature["type"], np.zeros(len(sequence), bool))
            where[feature["begin"] - 1 : feature["end"]] = True
        with torch.inference_mode():
            layers = model(**tokenizer(sequence, return_tensors="pt"), output_attentions=True).attentions
        maps.append(Eager(accession, sequence, masks, [layer[0, :, 1:-1, 1:-1].numpy() for layer in layers]))
    return maps


Heads = dict[tuple[str, str, int, int], dict[str, float]]


@pytest.fixture(scope="module")
def head_rows(real: Path) -> Heads:
    rows = query_rows(real, "FROM head_features")
    return {(row["accession"], row["label"], row["layer"], row["head"]): row for row in rows}


def test_the_sums_are_those_counted_in_the_eager_attention(real: Path, head_rows: Heads, eager: list[Eager]) -> None:
    assert_whole(real)
    stored, n_compared = dict(head_rows), 0
    for protein in eager:
        for layer, attention in enumerate(protein.layers):
            for label, where in protein.masks.items():
                keys = attention[:, :, where]
                is_edge = keys >= THETA
                near = (np.abs(keys - THETA) < NEAR).sum((1, 2))
                for head in range(len(attention)):
                    row = stored.pop((protein.accession, label, layer, head))
                    assert abs(row["n_edges"] - is_edge[head].sum()) <= near[head]
                    assert row["mass"] == pytest.approx(keys[head].sum(), rel=2e-4, abs=1e-4)
                    if not near[head]:
                        assert row["edge_mass"] == pytest.approx((keys[head] * is_edge[head]).sum(), rel=2e-4, abs=1e-4)
                    n_compared += 1
    assert stored == {}
    assert n_compared > 6 * 6 * 20 * 10


@pytest.mark.thorough
def test_the_auc_is_that_of_scikit_learn_on_the_eager_attention(
    head_rows: Heads, eager: list[Eager], is_thorough: bool
) -> None:
    """Of every sixth head, others in every layer; thoroughly of every second. scikit-learn takes milliseconds each."""
    step = 2 if is_thorough else 6
    n_equal = n_compared = 0
    for protein in eager:
        for layer, attention in enumerate(protein.layers):
            received = attention.sum(1)  # (H, N)
            for label, where in protein.masks.items():
                for head in range(layer % step, len(received), step):
                    columns, auc = received[head], head_rows[protein.accession, label, layer, head]["auc"]
                    if where.all():
                        assert auc is None
                        continue
                    # A pair that float32 cannot tell apart may fall on either side.
                    apart = np.abs(columns[where][:, None] - columns[~where][None])
                    n_near = (apart < NEAR * np.abs(columns).max()).sum()
                    expected = roc_auc_score(where, columns)
                    assert abs(auc - expected) <= n_near / apart.size + 1e-6
                    n_equal += abs(auc - expected) < 1e-6
                    n_compared += 1
    print(f"{n_equal} of {n_compared} equal")
    assert n_compared > 6 * 6 * 10 * (20 // step)
    assert n_equal > 0.95 * n_compared


def test_only_labels_of_every_residue_have_no_auc(real: Path) -> None:
    query = """
    SELECT bool_and((f.auc IS NULL) = (l.n_labelled = l.length)) AS is_so, count(DISTINCT l.label) AS n_labels
    FROM head_features AS f JOIN labels AS l USING (accession, label)
    """
    (row,) = query_rows(real, query)
    assert row["is_so"]
    assert row["n_labels"] > 20


def test_head_max_sites_are_those_of_the_rule_on_the_largest_head(real: Path, eager: list[Eager]) -> None:
    rows = query_rows(real, "FROM head_max_sites ORDER BY accession, rank")
    rule, usual = read_manifest(real).run.rule, query_rows(real, "SELECT accession, position FROM sites")
    n_clear = 0
    for protein in eager:
        profile = np.stack([attention.sum(1).max(0) for attention in protein.layers])  # (L, N)
        layer, positions, ties = convergence(profile, rule=rule)
        protein_rows = [row for row in rows if row["accession"] == protein.accession]
        assert [row["rank"] for row in protein_rows] == list(range(1, len(protein_rows) + 1))
        if ties["layer"] > 1e-5 and ties["count"] > 1e-4 and ties["rounding"] > 2e-4:
            assert [row["position"] for row in protein_rows] == positions
            assert {row["layer"] for row in protein_rows} <= {layer}
            n_clear += 1
        for row in protein_rows:
            assert row["residue"] == protein.sequence[row["position"] - 1]
            received = profile[row["layer"], row["position"] - 1]
            assert row["received"] == pytest.approx(received, rel=1e-4)
            assert row["share"] == pytest.approx(received / profile[row["layer"]].max(), rel=1e-4)
    assert n_clear >= 4
    assert {(row["accession"], row["position"]) for row in rows} != {
        (row["accession"], row["position"]) for row in usual
    }


def test_every_edge_is_counted_once_by_letter_and_as_the_build_counted_it(real: Path) -> None:
    query = """
    SELECT sum(abs(f.n_edges - h.n_edges)) AS off_build, sum(abs(f.n_edges - l.n)) AS off_letters
    FROM head_features AS f JOIN heads AS h USING (accession, layer, head)
    JOIN (
        SELECT accession, layer, head, sum(n_edges) AS n FROM head_features WHERE label LIKE 'aa:%' GROUP BY ALL
    ) AS l USING (accession, layer, head)
    WHERE f.label = 'residue'
    """
    assert query_rows(real, query) == [{"off_build": 0, "off_letters": 0}]


def test_labels_tell_how_many_residues_carry_them(real: Path) -> None:
    rows = query_rows(real, "SELECT l.*, p.sequence FROM labels AS l JOIN proteins AS p USING (accession)")
    for row in rows:
        if row["label"].startswith("aa:"):
            assert row["n_labelled"] == row["sequence"].count(row["label"][3:])
        if row["label"] == "residue":
            assert row["n_labelled"] == row["length"] == len(row["sequence"])
    assert sorted(row["n_labelled"] for row in rows if row["label"] == "Active site") == [1, 1, 1, 3]


@pytest.fixture
def small(tmp_path: Path, tiny_esm: Path) -> Path:
    """Return an atlas of a tiny model: two proteins share a sequence and differ in features, one is skipped."""
    sequence = "MKTAYIAKQRQISFVKSHFSRQ"
    source = write_fasta(
        tmp_path / "p.fasta", {"A1": sequence, "A2": sequence, "B1": "MGDVEKGKKIFIMKCSQC", "C1": "MK*LV"}
    )
    out = tmp_path / "atlas"
    build_here(source, out, tiny_esm)
    annotate(out, [("A1", "Active site", 2, 2), ("A2", "Domain", 1, 5)])
    return out


def labels_in(out: Path) -> set[tuple[str, str]]:
    rows = query_rows(out, "SELECT accession, label FROM labels WHERE label NOT LIKE 'aa:%'")
    return {(row["accession"], row["label"]) for row in rows}


def test_proteins_of_one_sequence_keep_their_own_labels(small: Path) -> None:
    probe_here(small)
    everything = {(accession, "residue") for accession in ("A1", "A2", "B1")}
    assert labels_in(small) == {("A1", "Active site"), ("A2", "Domain"), *everything}


def test_a_sequence_has_its_head_max_sites_once_and_one_too_short_none(tmp_path: Path, tiny_esm: Path) -> None:
    twice, out = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSG", tmp_path / "atlas"
    build_here(write_fasta(tmp_path / "p.fasta", {"A1": twice, "A2": twice, "T1": "MKTAYIAKQ"}), out, tiny_esm)
    probe_here(out)
    rows = query_rows(out, "SELECT accession, position FROM head_max_sites")
    stored = len(read_rows(out, "head_max_sites"))
    labelled = {row["accession"] for row in query_rows(out, "FROM labels")}
    positions = [[row["position"] for row in rows if row["accession"] == accession] for accession in ("A1", "A2", "T1")]
    assert positions[0] == positions[1] != positions[2] == []
    assert stored == len(positions[0])
    assert labelled == {"A1", "A2", "T1"}


@pytest.mark.thorough
def test_a_pack_too_large_for_the_memory_goes_on_in_halves(
    tmp_path: Path, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proteins = random_proteins([30] * 7)
    source = write_fasta(tmp_path / "r.fasta", proteins)
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    build_here(source, whole, tiny_esm)
    build_here(source, halved, tiny_esm)
    probe_here(whole)
    start, sizes = Encoder.start, []

    def scarce(encoder: Encoder, sequences: list[str], **options: object) -> object:
        sizes.append(len(sequences))
        if len(sequences) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return start(encoder, sequences, **options)

    monkeypatch.setattr(Encoder, "start", scarce)
    probe_here(halved)
    assert sizes == [7, 3, 1, 2, 4, 2, 2]
    for table in ("head_features", "head_max_sites"):
        assert rows_of(whole, table) == pytest.approx(rows_of(halved, table), rel=1e-4, nan_ok=True)


def rows_of(out: Path, table: str) -> list[float]:
    rows = query_rows(out, f"FROM {table} ORDER BY ALL")
    assert rows
    return [float("nan") if x is None else x for row in rows for x in row.values() if not isinstance(x, str)]


def test_one_sequence_too_large_for_the_memory_is_named_by_its_shard(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Encoder.start

    def scarce(encoder: Encoder, sequences: list[str], **options: object) -> object:
        if "reduce" in options:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return start(encoder, sequences, **options)

    before = digests(small)
    monkeypatch.setattr(Encoder, "start", scarce)
    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        probe_here(small)
    assert digests(small) == before


def test_a_device_that_fails_ends_a_probe_and_publishes_nothing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    before = digests(small)
    monkeypatch.setattr(Encoder, "start", fail)
    with pytest.raises(DeviceFault, match=r"(?s)does not work.*illegal memory access"):
        probe_here(small)
    assert digests(small) == before
    assert list((small / "receipts").glob("probe-*")) == []


def test_attention_that_is_not_finite_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attlas.pipeline.probe.received.measure_labels", lambda *given: measure_labels(*given) * np.nan)
    with pytest.raises(EnvironmentFault, match="is not finite"):
        probe_here(small)


def test_a_probe_of_other_columns_is_another_probe(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An atlas probed before a column was there is probed again."""
    monkeypatch.setattr("attlas.pipeline.probe.probing.TABLES", TABLES[:2])
    probe_here(small)
    before = labelled_files(small)
    monkeypatch.undo()
    probe_here(small)
    assert before.isdisjoint(labelled_files(small))


def labelled_files(out: Path) -> set[Path]:
    return set(list_files(out, "head_features"))


def test_a_probe_asked_again_changes_nothing(small: Path) -> None:
    earlier = probe_here(small)
    before = digests(small)
    assert probe_here(small) == earlier
    assert digests(small) == before
    assert earlier.version == 3  # as built, with features, probed


def test_a_probe_that_was_stopped_goes_on_and_ends_the_same(tmp_path: Path, tiny_esm: Path) -> None:
    small = tmp_path / "larger"
    build_here(write_fasta(tmp_path / "r.fasta", random_proteins([700] * 8)), small, tiny_esm)
    probe_here(small)
    whole = digests(small)
    receipts = sorted((small / "receipts").glob("probe-*.json"))
    assert len(receipts) > 1
    lost = json.loads(receipts[0].read_text())
    receipts[0].unlink()
    (small / lost["files"][1]["path"]).unlink()
    computed: list[int] = []

    def progress(plan: object, shards: object):
        computed.extend(shard.index for shard in shards)
        return lambda event: None

    probe_here(small, progress=progress)
    assert computed == [lost["index"]]
    assert digests(small) == whole
    assert_whole(small)


def test_another_theta_replaces_the_probe_and_its_files(small: Path) -> None:
    probe_here(small)
    earlier = set(digests(small))
    probe_here(small, theta=0.1, types=["Domain"], is_by_letter=False)
    assert_whole(small)
    assert labels_in(small) == {("A2", "Domain"), ("A1", "residue"), ("A2", "residue"), ("B1", "residue")}
    assert {path for path in earlier if "probe" in path}.isdisjoint(digests(small))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"theta": 0.0}, "Theta is the attention"),
        ({"theta": 1.5}, "Theta is the attention"),
        ({"types": ["Active sites"]}, "holds no feature of 1 of the types"),
    ],
)
def test_what_cannot_be_probed_is_refused_before_anything_is_computed(small: Path, options: dict, message: str) -> None:
    before = digests(small)
    with pytest.raises(InputError, match=message):
        probe_here(small, **options)
    assert digests(small) == before


def test_a_release_has_no_plan_and_is_not_probed(small: Path) -> None:
    remove_plan(small)
    with pytest.raises(PlanError, match=r"no plan|other files"):
        probe_here(small)
