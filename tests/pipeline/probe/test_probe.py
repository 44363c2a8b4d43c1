"""A probe against transformers' eager attention, counted and ranked; resumed, repeated and refused like a build."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from helpers.building import assert_whole, build_here, digests, random_proteins, write_fasta
from helpers.oracles import convergence
from sklearn.metrics import roc_auc_score
from transformers import EsmModel, EsmTokenizer

from attlas.pipeline.adding import add_files
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.probe import probing, received
from attlas.pipeline.probe.adding import add_probe
from attlas.pipeline.probe.labels import label_protein
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.queries import Atlas
from attlas.schema import (
    FEATURES,
    HEAD_FEATURES,
    HEAD_MAX_SITES,
    AtlasPaths,
    DeviceFault,
    EnvironmentFault,
    InputError,
    Manifest,
    PlanError,
    Table,
)
from attlas.schema.parquet_file import describe_file, write_table
from attlas.schema.publish import publishing

pytestmark = pytest.mark.slow

HUMAN = Path(__file__).parents[2] / "data" / "human200.fasta"
THETA = 0.3
NEAR = 1e-5
"""How near theta a weight may be and fall on either side."""


def feature(accession: str, type_: str, begin: int, end: int, sequence_id: int) -> dict[str, object]:
    return {
        "accession": accession, "sequence_id": sequence_id, "type": type_, "begin": begin, "end": end,
        "description": "", "evidence": None, "source": "hand",
    }  # fmt: skip


def add_features(out: Path, rows: list[dict[str, object]], name: str = "hand") -> None:
    paths = AtlasPaths(out)
    ordered = sorted(rows, key=lambda row: [row[column] for column in FEATURES.sort])
    path = paths.added(FEATURES, name)
    with publishing(path) as beside:
        table = pa.Table.from_pylist(ordered, FEATURES.schema(1))
        write_table(beside, table=FEATURES, rows=table, metadata={b"attlas": b"{}"})
    add_files(paths, [describe_file(paths, path, FEATURES)], is_replaced=lambda file: file.path == paths.relative(path))


def quietly(*_: object):
    return lambda event: None


def run(out: Path, **options: object) -> Manifest:
    settings = {"theta": THETA, "types": None, "is_by_letter": True, "n_workers": 0} | options
    return add_probe(out, progress=quietly, **settings)


def ids(out: Path) -> dict[str, int]:
    rows = pq.read_table(AtlasPaths(out).proteins, columns=["accession", "sequence_id"]).to_pydict()
    return dict(zip(rows["accession"], rows["sequence_id"], strict=True))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """Return an atlas of six real proteins with features, probed."""
    folder = tmp_path_factory.mktemp("probe")
    proteins = sorted(read_proteome(str(HUMAN)).proteins, key=lambda protein: protein.length)[10:40:5]
    source = write_fasta(folder / "six.fasta", {protein.accession: protein.sequence for protein in proteins})
    out = folder / "atlas"
    build_here(source, out, weights)
    sequence_ids = ids(out)
    rows = [feature(p.accession, "Active site", 3, 3, sequence_ids[p.accession]) for p in proteins[:4]]
    rows += [feature(p.accession, "Domain", 5, p.length, sequence_ids[p.accession]) for p in proteins]
    rows += [feature(proteins[0].accession, "Active site", 9, 10, sequence_ids[proteins[0].accession])]
    add_features(out, rows)
    run(out)
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
    with Atlas.open(real) as atlas:
        proteins = atlas.sql("SELECT accession, sequence FROM proteins").to_pylist()
        features = atlas.sql('SELECT accession, type, begin, "end" FROM features').to_pylist()
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
    with Atlas.open(real) as atlas:
        rows = atlas.sql("FROM head_features").to_pylist()
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
    with Atlas.open(real) as atlas:
        (row,) = atlas.sql(query).to_pylist()
    assert row["is_so"]
    assert row["n_labels"] > 20


def test_head_max_sites_are_those_of_the_rule_on_the_largest_head(real: Path, eager: list[Eager]) -> None:
    with Atlas.open(real) as atlas:
        rows = atlas.sql("FROM head_max_sites ORDER BY accession, rank").to_pylist()
        rule, usual = atlas.manifest.run.rule, atlas.sql("SELECT accession, position FROM sites").to_pylist()
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
    with Atlas.open(real) as atlas:
        assert atlas.sql(query).to_pylist() == [{"off_build": 0, "off_letters": 0}]


def test_labels_tell_how_many_residues_carry_them(real: Path) -> None:
    with Atlas.open(real) as atlas:
        rows = atlas.sql("SELECT l.*, p.sequence FROM labels AS l JOIN proteins AS p USING (accession)").to_pylist()
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
    add_features(
        out, [feature("A1", "Active site", 2, 2, ids(out)["A1"]), feature("A2", "Domain", 1, 5, ids(out)["A2"])]
    )
    return out


def labels_in(out: Path) -> set[tuple[str, str]]:
    with Atlas.open(out) as atlas:
        rows = atlas.sql("SELECT accession, label FROM labels WHERE label NOT LIKE 'aa:%'").to_pylist()
    return {(row["accession"], row["label"]) for row in rows}


def test_proteins_of_one_sequence_keep_their_own_labels(small: Path) -> None:
    run(small)
    everything = {(accession, "residue") for accession in ("A1", "A2", "B1")}
    assert labels_in(small) == {("A1", "Active site"), ("A2", "Domain"), *everything}


def test_a_sequence_has_its_head_max_sites_once_and_one_too_short_none(tmp_path: Path, tiny_esm: Path) -> None:
    twice, out = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSG", tmp_path / "atlas"
    build_here(write_fasta(tmp_path / "p.fasta", {"A1": twice, "A2": twice, "T1": "MKTAYIAKQ"}), out, tiny_esm)
    run(out)
    with Atlas.open(out) as atlas:
        rows = atlas.sql("SELECT accession, position FROM head_max_sites").to_pylist()
        stored = sum(file.n_rows for file in atlas.manifest.of_table(HEAD_MAX_SITES))
        labelled = {row["accession"] for row in atlas.sql("FROM labels").to_pylist()}
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
    run(whole)
    start, sizes = Encoder.start, []

    def scarce(encoder: Encoder, sequences: list[str], **options: object) -> object:
        sizes.append(len(sequences))
        if len(sequences) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return start(encoder, sequences, **options)

    monkeypatch.setattr(Encoder, "start", scarce)
    run(halved)
    assert sizes == [7, 3, 1, 2, 4, 2, 2]
    for table in (HEAD_FEATURES, HEAD_MAX_SITES):
        assert rows_of(whole, table) == pytest.approx(rows_of(halved, table), rel=1e-4, nan_ok=True)


def rows_of(out: Path, table: Table) -> list[float]:
    with Atlas.open(out) as atlas:
        rows = atlas.sql(f"FROM {table.name} ORDER BY ALL").to_pylist()
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
        run(small)
    assert digests(small) == before


def test_a_device_that_fails_ends_a_probe_and_publishes_nothing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    before = digests(small)
    monkeypatch.setattr(Encoder, "start", fail)
    with pytest.raises(DeviceFault, match=r"(?s)does not work.*illegal memory access"):
        run(small)
    assert digests(small) == before
    assert list((small / "receipts").glob("probe-*")) == []


def test_attention_that_is_not_finite_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = received.measure_labels
    monkeypatch.setattr(received, "measure_labels", lambda *given: measure(*given) * np.nan)
    with pytest.raises(EnvironmentFault, match="is not finite"):
        run(small)


def test_a_probe_of_other_columns_is_another_probe(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An atlas probed before a column was there is probed again."""
    monkeypatch.setattr(probing, "TABLES", probing.TABLES[:2])
    run(small)
    before = labelled_files(small)
    monkeypatch.undo()
    run(small)
    assert before.isdisjoint(labelled_files(small))


def labelled_files(out: Path) -> set[str]:
    return {file.path for file in Manifest.read(AtlasPaths(out)).of_table(HEAD_FEATURES)}


def test_a_probe_asked_again_changes_nothing(small: Path) -> None:
    earlier = run(small)
    before = digests(small)
    assert run(small) == earlier
    assert digests(small) == before
    assert earlier.version == 3  # as built, with features, probed


def test_a_probe_that_was_stopped_goes_on_and_ends_the_same(tmp_path: Path, tiny_esm: Path) -> None:
    small = tmp_path / "larger"
    build_here(write_fasta(tmp_path / "r.fasta", random_proteins([700] * 8)), small, tiny_esm)
    run(small)
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

    add_probe(small, theta=THETA, types=None, is_by_letter=True, progress=progress, n_workers=0)
    assert computed == [lost["index"]]
    assert digests(small) == whole
    assert_whole(small)


def test_another_theta_replaces_the_probe_and_its_files(small: Path) -> None:
    run(small)
    earlier = set(digests(small))
    run(small, theta=0.1, types=["Domain"], is_by_letter=False)
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
        run(small, **options)
    assert digests(small) == before


def test_a_release_has_no_plan_and_is_not_probed(small: Path) -> None:
    AtlasPaths(small).plan.unlink()
    with pytest.raises(PlanError, match=r"no plan|other files"):
        run(small)


def test_overlapping_features_of_a_type_label_a_residue_once() -> None:
    masks = {
        label.name: label.mask for label in label_protein("A", "MKTAY", [("X", 1, 3), ("X", 2, 4)], is_by_letter=False)
    }
    assert masks["X"].tolist() == [True, True, True, True, False]
    assert list(masks) == ["residue", "X"]


def test_a_bond_labels_its_two_ends() -> None:
    features = [("Disulfide bond", 2, 5), ("Disulfide bond", 3, 3), ("Domain", 2, 4)]
    masks = {label.name: label.mask for label in label_protein("A", "MKTAY", features, is_by_letter=False)}
    assert masks["Disulfide bond"].tolist() == [False, True, True, False, True]
    assert masks["Domain"].tolist() == [False, True, True, True, False]
