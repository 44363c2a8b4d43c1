"""A fit of an atlas against scikit-learn on stored features: scores, measures, controls, and what is left out."""

import io
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from helpers.annotated import annotate, assign, measure
from helpers.building import build_here, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.fit_case import StopPass, start_silently
from helpers.fit_oracle import compare_with_scikit_learn, make_task

from attlas.pipeline.directory import read_plan
from attlas.pipeline.fitting.adding import add_fits, publish_fits
from attlas.pipeline.fitting.fitting import Fit, fit_atlas
from attlas.pipeline.fitting.folds import assign_folds, count_labelled, group_sequences
from attlas.pipeline.fitting.grouping import group_labelled
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.label_sets import read_labelled
from attlas.pipeline.fitting.memory import refuse_too_large
from attlas.pipeline.fitting.saved_arrays import open_saved_arrays
from attlas.pipeline.fitting.settings import FitSettings
from attlas.pipeline.fitting.task import FitTargets
from attlas.queries import Atlas
from attlas.queries.engine.atlas_part import AtlasPart, connect_part
from attlas.queries.exports.duckdb_file import write
from attlas.queries.exports.request import Request
from attlas.schema import FITS, AtlasPaths, Computation, EnvironmentFault, InputError, Manifest

pytestmark = pytest.mark.slow

N_PROTEINS, N_FOLDS = 30, 3
SETTINGS = FitSettings(labels=("active site", "Turn", "Helix", "track:score"), n_folds=N_FOLDS, has_random_weights=True)
SHAPE = Shape(n_layers=2, n_heads=4, width=32)


def list_spans(proteins: dict[str, str]) -> Iterator[tuple[str, str, int, int]]:
    """Yield an active site at histidines and at chosen residues of 25 proteins, structure of others, a rare type."""
    choose = random.Random(7)
    for i, (accession, sequence) in enumerate(proteins.items()):
        if i < 25:
            sites = {at for at, letter in enumerate(sequence, start=1) if letter == "H"} | {choose.randint(1, 20)}
            yield from ((accession, "Active site", at, at) for at in sorted(sites))
        if i >= 10:
            yield accession, "Helix", 3, 12
            yield accession, "Turn", 20, 22
        if i < 2:
            yield accession, "Motif", 1, 4


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """Return an atlas of a tiny model with features, families of two proteins, and a track on some residues."""
    folder = tmp_path_factory.mktemp("fit")
    proteins = random_proteins([24 + i for i in range(N_PROTEINS)], seed=5)
    root = folder / "atlas"
    build_here(write_fasta(folder / "proteins.fasta", proteins), root, tiny_esm)
    annotate(root, list_spans(proteins))
    assign(root, [(accession, "Pfam", f"PF{i // 2}") for i, accession in enumerate(proteins)])
    numbers = random.Random(8)
    measure(
        root,
        {a: {at: "AVILMFW".find(s[at - 1]) + numbers.random() for at in range(2, 20)} for a, s in proteins.items()},
    )
    return root


@pytest.fixture(scope="module")
def fit(root: Path) -> Fit:
    """Return the fit of the atlas, of trained and of random weights."""
    return fit_atlas(root, SETTINGS, start=start_silently, n_workers=0)


@pytest.fixture(scope="module")
def task(root: Path) -> FitTargets:
    """Return the targets of the fit."""
    return make_task(root, SETTINGS)


def test_scores_and_measures_are_those_of_scikit_learn_on_stored_features(
    root: Path, task: FitTargets, fit: Fit
) -> None:
    names = (("Helix", "Turn"), ("Active site",), ("track:score",))
    compare_with_scikit_learn(root, task, SHAPE, names, fit.table.to_pylist())


def test_what_the_letter_decides_the_letter_tells_and_a_permuted_label_does_not_add_to_it(fit: Fit) -> None:
    rows = {(r["label"], r["input"], r["layer"]): r for r in fit.table.to_pylist() if r["weights"] == "trained"}
    letter = rows["Active site", "letter", -1]
    assert letter["auprc"] > 0.6 > 5 * letter["prevalence"]
    assert abs(letter["permuted"] - letter["auprc"]) < 0.1
    assert abs(letter["selectivity"] - (letter["auprc"] - letter["control"])) < 1e-6
    assert rows["Turn", "letter", -1]["auprc"] < 0.3
    assert rows["track:score", "letter", -1]["r2"] > 0.9
    assert rows["track:score", "letter", -1]["auprc"] is None
    assert letter["r2"] is None


def test_random_weights_are_fitted_on_the_inputs_of_the_model_alone(fit: Fit) -> None:
    rows = fit.table.to_pylist()
    inputs = {weights: {r["input"] for r in rows if r["weights"] == weights} for weights in ("trained", "random")}
    assert inputs["trained"] - inputs["random"] == {"letter", "window"}
    keys = [(r["label"], r["weights"], r["input"], r["layer"]) for r in rows]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys)


def test_the_table_says_what_it_was_made_with(fit: Fit) -> None:
    computation = Computation.parse(FITS, fit.table.schema.metadata)
    assert computation.settings == {
        "by": "family",
        "groups": "connected families of all databases",
        "folds": N_FOLDS,
        "seed": 1,
    }
    assert set(computation.computed_from) == {"sequences", "features", "families", "coordinates", "tracks"}
    assert fit.table.schema.remove_metadata() == FITS.schema(0).remove_metadata()


def test_secondary_structure_counts_from_its_first_element_to_its_last(fit: Fit, task: FitTargets) -> None:
    assert {s.sets[0].is_counted.sum() for s in task.sequences if 0 in s.sets} == {20}  # residues 3 to 22
    helix = next(r for r in fit.table.to_pylist() if r["label"] == "Helix")
    assert (helix["n_labelled"], helix["n_residues"], helix["n_sequences"], helix["n_groups"]) == (200, 400, 20, 10)


def test_families_stay_in_one_fold_and_labels_are_spread_evenly(root: Path, task: FitTargets) -> None:
    places = {name: i for i, sequence in enumerate(task.sequences) for name in sequence.accessions}
    for i in range(0, N_PROTEINS, 2):
        pair = [places[name] for name in (f"P{i:05d}", f"P{i + 1:05d}") if name in places]
        assert len({int(task.folds[place]) for place in pair}) == 1
    active = np.array([len(s.sets[1].values[0].nonzero()[0]) if 1 in s.sets else 0 for s in task.sequences])
    loads = np.bincount(task.folds, active)
    assert loads.max() < 1.5 * loads.min()


def test_sequences_of_shared_families_are_connected() -> None:
    rows = [("A", "1"), ("B", "1"), ("B", "2"), ("D", "2"), ("E", "3")]
    groups = group_sequences([("A",), ("B", "C"), ("D",), ("E",), ("F",)], rows)
    assert groups[0] == groups[1] == groups[2]
    assert len({groups[0], groups[3], groups[4]}) == 3


@pytest.mark.thorough
def test_clusters_come_from_a_file(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "clusters.tsv"
    path.write_text("".join(f"P{i:05d}\tC{i % 7}\n" for i in range(N_PROTEINS)))
    settings = FitSettings(labels=("Active site",), by="cluster40", clusters=path, n_folds=3)
    fitted = fit_atlas(root, settings, start=start_silently, n_workers=0)
    assert {row["n_groups"] for row in fitted.table.to_pylist()} == {7}
    assert fitted.grouping.method == "clusters of clusters.tsv"


def test_a_table_of_clusters_is_read_whole_or_refused(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "clusters.csv"
    settings = FitSettings(labels=("Active site",), by="cluster40", clusters=path, n_folds=3)
    for text, match in (
        ("", "is empty"),
        ("P00001\n", "1 columns in place of 2"),
        ("P00001,C1\nP00002\n", "line 2: 1 columns in place of 2"),
        ("P00001,C1\nP00002,\n", "line 2: P00002"),
        ("Q9,C1\n", r"names no protein that carries a label(.|\n)*such as P00000"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=match):
            fit_atlas(root, settings, start=start_silently, n_workers=0)


def test_clusters_are_computed_where_no_file_is_given(root: Path) -> None:
    paths, choose = AtlasPaths(root), random.Random(4)
    manifest = Manifest.read(paths)
    strangers = list(random_proteins([150] * 3, seed=6).values())

    # A relative of each, in which 3 letters of 10 are others.
    relatives = ["".join(x if choose.random() < 0.7 else choose.choice("ACDEFGHIKL") for x in s) for s in strangers]
    labelled = read_labelled(paths, manifest, ("Active site",)).sequences
    sequences = [replace(s, sequence=x) for s, x in zip(labelled, strangers + relatives, strict=False)]
    grouping = group_labelled(paths, manifest, sequences, by="cluster40", clusters=None, database=None)
    stranger_groups, relative_groups = grouping.groups[:3].tolist(), grouping.groups[3:].tolist()
    assert stranger_groups == relative_groups
    assert len(set(stranger_groups)) == 3
    assert grouping.method.startswith("single linkage at 40% identity over half of the shorter protein or more (Smith")


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (FitSettings(labels=("Knot",)), "nothing of 1 of the labels"),
        (FitSettings(labels=("Motif",)), "Motif: 1 families have it"),
        (FitSettings(by="genus"), "family, cluster40, none"),
        (FitSettings(database="InterPro"), "no families"),
        (FitSettings(n_folds=2), "3 folds or more"),
        (FitSettings(by="none", database="Pfam"), "expected: --by family"),
        (FitSettings(clusters=Path("clusters.tsv")), r"--clusters is of (.|\n)*--by cluster40"),
    ],
)
def test_what_cannot_be_fitted_is_refused(root: Path, settings: FitSettings, match: str) -> None:
    with pytest.raises(InputError, match=match):
        fit_atlas(root, settings, start=start_silently, n_workers=0)


def test_a_fit_beyond_the_memory_is_refused_with_the_numbers() -> None:
    with pytest.raises(EnvironmentFault, match=r"expected: 3\.0 GiB\n.*2\.0 GiB"):
        refuse_too_large(3 << 30, int((2 << 30) / 0.8), n_sets=4)


def test_fewer_families_than_folds_are_refused() -> None:
    with pytest.raises(InputError, match="too few families"):
        assign_folds(np.array([0, 0, 1]), np.ones((3, 1)), n_folds=3, seed=1)


def test_the_verb_adds_the_rows_and_writes_them_and_names_what_is_left_out(
    root: Path, tmp_path: Path, attlas: Run
) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    before = Manifest.read(AtlasPaths(copy))
    outcome = attlas("fit", copy, "--folds", 3, "-o", tmp_path / "fits.tsv")
    lines = (tmp_path / "fits.tsv").read_text().splitlines()
    assert lines[0].startswith("label\tweights\tinput\tlayer\tauprc\tauprc_low")
    assert {line.split("\t")[0] for line in lines[1:]} == {"Active site", "Helix", "Turn"}
    assert "left out, Motif: 1 families have it" in outcome.err

    manifest = Manifest.read(AtlasPaths(copy))
    assert (manifest.version, manifest.atlas_id) == (before.version + 1, before.atlas_id)
    assert [file.n_rows for file in manifest.of_table(FITS)] == [len(lines) - 1]
    assert attlas("verify", copy).code == 0

    # The same fit again changes nothing.
    fitted = add_fits(copy, FitSettings(n_folds=3), start=start_silently, n_workers=0)
    assert fitted.table.num_rows == len(lines) - 1
    assert Manifest.read(AtlasPaths(copy)) == manifest


def test_another_fit_replaces_the_rows_of_the_atlas(root: Path, fit: Fit, tmp_path: Path) -> None:
    paths = AtlasPaths(shutil.copytree(root, tmp_path / "atlas"))
    first_manifest = publish_fits(paths, fit.table)
    second_manifest = publish_fits(paths, fit.table.slice(0, 5))
    assert second_manifest.version == first_manifest.version + 1
    assert [path.name for path in (paths.root / "fits").iterdir()] == [
        Path(second_manifest.of_table(FITS)[0].path).name
    ]
    with Atlas.open(paths.root) as atlas:
        assert atlas.sql("FROM fits").to_pylist() == fit.table.slice(0, 5).to_pylist()


@pytest.mark.thorough
def test_a_table_without_sequences_is_in_one_part_of_an_atlas_and_in_the_file_of_some_proteins(
    root: Path, fit: Fit, tmp_path: Path
) -> None:
    paths = AtlasPaths(shutil.copytree(root, tmp_path / "atlas"))
    manifest = publish_fits(paths, fit.table)
    with Atlas.open(paths.root) as atlas:
        counts = [
            connect_part(atlas.root, manifest, part).connection.execute("SELECT count(*) FROM fits").fetchall()
            for part in (AtlasPart(None, 7), AtlasPart(7, 9), AtlasPart(9, None))
        ]
        assert counts == [[(fit.table.num_rows,)], [(0,)], [(0,)]]

        database = io.BytesIO()
        write(atlas, Request(accessions=("P00003",)), database)
    (tmp_path / "some.duckdb").write_bytes(database.getvalue())
    with duckdb.connect(str(tmp_path / "some.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM proteins").fetchall() == [(1,)]
        assert connection.sql("SELECT count(*) FROM fits").fetchall() == [(fit.table.num_rows,)]


@pytest.mark.thorough
def test_a_release_has_the_fit(root: Path, fit: Fit, tmp_path: Path, attlas: Run) -> None:
    paths = AtlasPaths(shutil.copytree(root, tmp_path / "atlas"))
    publish_fits(paths, fit.table)
    outcome = attlas("publish", paths.root, "--out", tmp_path / "release")
    assert outcome.code == 0, outcome.err
    with Atlas.open(tmp_path / "release") as release:
        assert release.sql("FROM fits").to_pylist() == fit.table.to_pylist()


@pytest.mark.thorough
def test_a_fit_that_was_stopped_goes_on_with_the_same_rows(root: Path, fit: Fit, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    with pytest.raises(KeyboardInterrupt):
        fit_atlas(copy, SETTINGS, start=StopPass("trained weights, scores"), n_workers=0)
    (folder,) = AtlasPaths(copy).parts.iterdir()
    saved = {path.name for path in folder.iterdir()}
    assert {f"trained-residues-sums-{k:05d}.npz" for k in range(1, N_FOLDS + 1)} < saved
    assert any(name.startswith("trained-residues-scores") for name in saved)

    # A file that is cut off is computed again.
    (folder / "trained-residues-sums-00002.npz").write_bytes(b"PK")
    counting = StopPass("")
    again = fit_atlas(copy, SETTINGS, start=counting, n_workers=0)
    assert again.table.equals(fit.table, check_metadata=True)
    # One shard of sums, two of scores at most, and both passes of the random weights.
    assert 1 + 2 * N_FOLDS < counting.n_finished <= 1 + 2 + 2 * N_FOLDS
    assert not AtlasPaths(copy).parts.exists()


@pytest.mark.thorough
def test_saved_sums_with_other_bytes_are_removed_and_told(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    with pytest.raises(KeyboardInterrupt):
        fit_atlas(copy, SETTINGS, start=StopPass("trained weights, sums"), n_workers=0)
    (folder,) = AtlasPaths(copy).parts.iterdir()
    path = min(folder.glob("trained-residues-sums-*.npz"))
    values = bytearray(path.read_bytes())
    values[len(values) // 2] ^= 1
    path.write_bytes(values)
    with pytest.raises(EnvironmentFault, match=rf"cannot be read: {path.name}(.|\n)*run the same command again"):
        fit_atlas(copy, SETTINGS, start=start_silently, n_workers=0)
    assert not path.exists()


def test_another_fit_removes_what_an_earlier_one_has_saved_and_a_full_disk_is_told(tmp_path: Path) -> None:
    paths = AtlasPaths(tmp_path)
    open_saved_arrays(paths, "a", n_bytes=0).write("x", {"n": np.array(1)})
    with open_saved_arrays(paths, "a", n_bytes=0).open("x") as read:
        assert read("n") == 1
    assert not open_saved_arrays(paths, "b", n_bytes=0).has("x")
    assert not open_saved_arrays(paths, "a", n_bytes=0).has("x")
    with pytest.raises(EnvironmentFault, match="do not fit the disk"):
        open_saved_arrays(paths, "a", n_bytes=1 << 62)


def test_labels_are_counted_on_the_proteins_that_carry_the_type(root: Path) -> None:
    paths = AtlasPaths(root)
    labelled = read_labelled(paths, Manifest.read(paths), None)
    assert [labels.labels for labels in labelled.sets] == [("Helix", "Turn"), ("Active site",), ("Motif",)]
    counts = count_labelled(labelled)
    assert (counts > 0).sum(0).tolist() == [20, 20, 25, 2]
    assert read_plan(paths).run.n_layers == SHAPE.n_layers
