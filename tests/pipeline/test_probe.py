"""A probe against edges counted in transformers' eager attention; resumed, repeated and refused like a build."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from building import assert_whole, build_here, digests, random_proteins, write_fasta
from transformers import EsmModel, EsmTokenizer

from attlas.pipeline.adding import add_files
from attlas.pipeline.probe.labels import labels_of
from attlas.pipeline.probe.probe import probe
from attlas.pipeline.proteins import read_proteome
from attlas.queries import Atlas
from attlas.schema import FEATURES, AtlasPaths, InputError, Manifest, PlanError
from attlas.schema.manifest import describe_file, write_table
from attlas.schema.publish import publishing

HUMAN = Path(__file__).parent.parent / "data" / "human200.fasta"
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
    return lambda shard, receipt: None


def run(out: Path, **options: object) -> Manifest:
    asked = {"theta": THETA, "types": None, "is_by_letter": True, "n_workers": 0} | options
    return probe(out, progress=quietly, **asked)


def ids(out: Path) -> dict[str, int]:
    rows = pq.read_table(AtlasPaths(out).proteins, columns=["accession", "sequence_id"]).to_pydict()
    return dict(zip(rows["accession"], rows["sequence_id"], strict=True))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """Return an atlas of six real proteins with features, probed."""
    folder = tmp_path_factory.mktemp("probe")
    chosen = sorted(read_proteome(str(HUMAN)).proteins, key=lambda protein: protein.length)[10:40:5]
    source = write_fasta(folder / "six.fasta", {protein.accession: protein.sequence for protein in chosen})
    out = folder / "atlas"
    build_here(source, out, weights)
    sequence_ids = ids(out)
    rows = [feature(p.accession, "Active site", 3, 3, sequence_ids[p.accession]) for p in chosen[:4]]
    rows += [feature(p.accession, "Domain", 5, p.length, sequence_ids[p.accession]) for p in chosen]
    rows += [feature(chosen[0].accession, "Active site", 9, 10, sequence_ids[chosen[0].accession])]
    add_features(out, rows)
    run(out)
    return out


def eager(weights: Path, sequence: str) -> Iterator[np.ndarray]:
    """Yield the inner attention of each layer, (H, N, N), float64, by transformers' eager path."""
    model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager").eval().double()
    tokens = EsmTokenizer.from_pretrained(weights)(sequence, return_tensors="pt")
    with torch.inference_mode():
        for layer in model(**tokens, output_attentions=True).attentions:
            yield layer[0, :, 1:-1, 1:-1].numpy()


def test_the_sums_are_those_counted_in_the_eager_attention(real: Path, weights: Path) -> None:
    assert_whole(real)
    with Atlas.open(real) as atlas:
        found = {
            (row["accession"], row["label"], row["layer"], row["head"]): row
            for row in atlas.sql("FROM head_features").to_pylist()
        }
        proteins = atlas.sql("SELECT accession, sequence FROM proteins").to_pylist()
        features = atlas.sql('SELECT accession, type, begin, "end" FROM features').to_pylist()
    n_compared = 0
    for protein in proteins:
        accession, sequence = protein["accession"], protein["sequence"]
        own = [(f["type"], f["begin"], f["end"]) for f in features if f["accession"] == accession]
        masks = {"residue": np.ones(len(sequence), bool)}
        masks |= {f"aa:{letter}": np.array([other == letter for other in sequence]) for letter in set(sequence)}
        for type_, begin, end in own:
            masks.setdefault(type_, np.zeros(len(sequence), bool))[begin - 1 : end] = True
        for layer, attention in enumerate(eager(weights, sequence)):
            for label, where in masks.items():
                keys = attention[:, :, where]
                is_edge = keys >= THETA
                near = (np.abs(keys - THETA) < NEAR).sum((1, 2))
                for head in range(len(attention)):
                    row = found.pop((accession, label, layer, head))
                    assert abs(row["n_edges"] - is_edge[head].sum()) <= near[head]
                    assert row["mass"] == pytest.approx(keys[head].sum(), rel=2e-4, abs=1e-4)
                    if not near[head]:
                        assert row["edge_mass"] == pytest.approx((keys[head] * is_edge[head]).sum(), rel=2e-4, abs=1e-4)
                    n_compared += 1
    assert found == {}
    assert n_compared > 6 * 6 * 20 * 10


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


def test_a_probe_asked_again_changes_nothing(small: Path) -> None:
    first = run(small)
    before = digests(small)
    assert run(small) == first
    assert digests(small) == before
    assert first.version == 3  # as built, with features, probed


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

    def progress(*_: object):
        return lambda shard, receipt: computed.append(shard.index)

    probe(small, theta=THETA, types=None, is_by_letter=True, progress=progress, n_workers=0)
    assert computed == [lost["index"]]
    assert digests(small) == whole
    assert_whole(small)


def test_another_theta_replaces_the_probe_and_its_files(small: Path) -> None:
    run(small)
    first = set(digests(small))
    run(small, theta=0.1, types=["Domain"], is_by_letter=False)
    assert_whole(small)
    assert labels_in(small) == {("A2", "Domain"), ("A1", "residue"), ("A2", "residue"), ("B1", "residue")}
    assert {path for path in first if "probe" in path}.isdisjoint(digests(small))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"theta": 0.0}, "Theta is the attention"),
        ({"theta": 1.5}, "Theta is the attention"),
        ({"types": ["Active sites"]}, "holds no feature of 1 of the types"),
    ],
)
def test_what_cannot_be_probed_is_refused_before_anything_is_computed(small: Path, options: dict, said: str) -> None:
    before = digests(small)
    with pytest.raises(InputError, match=said):
        run(small, **options)
    assert digests(small) == before


def test_a_release_has_no_plan_and_is_not_probed(small: Path) -> None:
    AtlasPaths(small).plan.unlink()
    with pytest.raises(PlanError, match=r"no plan|other files"):
        run(small)


def test_overlapping_features_of_a_type_label_a_residue_once() -> None:
    found = {one.label: one.where for one in labels_of("A", "MKTAY", [("X", 1, 3), ("X", 2, 4)], is_by_letter=False)}
    assert found["X"].tolist() == [True, True, True, True, False]
    assert list(found) == ["residue", "X"]


def test_a_bond_labels_its_two_ends() -> None:
    features = [("Disulfide bond", 2, 5), ("Disulfide bond", 3, 3), ("Domain", 2, 4)]
    found = {one.label: one.where for one in labels_of("A", "MKTAY", features, is_by_letter=False)}
    assert found["Disulfide bond"].tolist() == [False, True, True, False, True]
    assert found["Domain"].tolist() == [False, True, True, True, False]
