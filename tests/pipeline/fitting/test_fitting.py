"""A fit of an atlas against scikit-learn on stored features: scores, measures, controls, and what is left out."""

import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest
from helpers.command_line import Run
from helpers.fit_case import StopPass
from helpers.fit_oracle import compare_with_scikit_learn
from helpers.fits_here import add_fits_here, fit_here, prepare_targets
from helpers.sealed_atlas import query_rows, read_manifest
from helpers.selected_rows import count_in_part, write_duckdb

from attlas.pipeline.fitting.adding import publish_fits
from attlas.pipeline.fitting.fitting import Fit
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.task import FitTargets
from attlas.schema import FITS, AtlasPaths, EnvironmentFault, InputError

pytestmark = pytest.mark.slow

N_PROTEINS, N_FOLDS = 30, 3
LABELS = ("active site", "Turn", "Helix", "track:score")
SETTINGS = {"labels": LABELS, "n_folds": N_FOLDS, "has_random_weights": True}
SHAPE = Shape(n_layers=2, n_heads=4, width=32)


@pytest.fixture(scope="module")
def root(labelled_root: Path) -> Path:
    """Return an atlas with features, families and a track."""
    return labelled_root


@pytest.fixture(scope="module")
def fit(root: Path) -> Fit:
    """Return the fit of the atlas, of trained and of random weights."""
    return fit_here(root, **SETTINGS)


@pytest.fixture(scope="module")
def task(root: Path) -> FitTargets:
    """Return the targets of the fit."""
    return prepare_targets(root, **SETTINGS)


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
    computation = json.loads(fit.table.schema.metadata[b"attlas.settings"])
    groups = "connected families of all databases, with relatives by single linkage at 40% identity"
    assert computation["settings"].pop("groups").startswith(groups)
    assert computation["settings"] == {"by": "family", "folds": N_FOLDS, "seed": 1}
    assert set(computation["computed_from"]) == {"sequences", "features", "families", "coordinates", "tracks"}
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


@pytest.mark.thorough
def test_clusters_come_from_a_file(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "clusters.tsv"
    path.write_text("".join(f"P{i:05d}\tC{i % 7}\n" for i in range(N_PROTEINS)))
    settings = {"labels": ("Active site",), "by": "cluster40", "clusters": path, "n_folds": 3}
    fitted = fit_here(root, **settings)
    assert {row["n_groups"] for row in fitted.table.to_pylist()} == {7}
    assert fitted.grouping.method == "clusters of clusters.tsv"


def test_a_table_of_clusters_is_read_whole_or_refused(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "clusters.csv"
    settings = {"labels": ("Active site",), "by": "cluster40", "clusters": path, "n_folds": 3}
    for text, match in (
        ("", "is empty"),
        ("P00001\n", "1 columns in place of 2"),
        ("P00001,C1\nP00002\n", "line 2: 1 columns in place of 2"),
        ("P00001,C1\nP00002,\n", "line 2: P00002"),
        ("Q9,C1\n", r"names no protein that carries a label(.|\n)*such as P00000"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=match):
            fit_here(root, **settings)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"labels": ("Knot",)}, "nothing of 1 of the labels"),
        ({"labels": ("Motif",)}, "Motif: 1 families have it"),
        ({"by": "genus"}, "family, cluster40, none"),
        ({"database": "InterPro"}, "no families"),
        ({"n_folds": 2}, "3 folds or more"),
        ({"by": "none", "database": "Pfam"}, "expected: --by family"),
        ({"clusters": Path("clusters.tsv")}, r"--clusters is of (.|\n)*--by cluster40"),
    ],
)
def test_what_cannot_be_fitted_is_refused(root: Path, settings: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        fit_here(root, **settings)


def test_the_verb_adds_the_rows_and_writes_them_and_names_what_is_left_out(
    root: Path, tmp_path: Path, attlas: Run
) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    before = read_manifest(copy)
    outcome = attlas("fit", copy, "--folds", 3, "-o", tmp_path / "fits.tsv")
    lines = (tmp_path / "fits.tsv").read_text().splitlines()
    assert lines[0].startswith("label\tweights\tinput\tlayer\tauprc\tauprc_low")
    assert {line.split("\t")[0] for line in lines[1:]} == {"Active site", "Helix", "Turn"}
    assert "left out, Motif: 1 families have it" in outcome.err

    manifest = read_manifest(copy)
    assert (manifest.version, manifest.atlas_id) == (before.version + 1, before.atlas_id)
    assert [file.n_rows for file in manifest.of_table(FITS)] == [len(lines) - 1]
    assert attlas("verify", copy).code == 0

    # The same fit again changes nothing.
    fitted = add_fits_here(copy, n_folds=3)
    assert fitted.table.num_rows == len(lines) - 1
    assert read_manifest(copy) == manifest


def test_another_fit_replaces_the_rows_of_the_atlas(root: Path, fit: Fit, tmp_path: Path) -> None:
    paths = AtlasPaths(shutil.copytree(root, tmp_path / "atlas"))
    first_manifest = publish_fits(paths, fit.table)
    second_manifest = publish_fits(paths, fit.table.slice(0, 5))
    assert second_manifest.version == first_manifest.version + 1
    assert [path.name for path in (paths.root / "fits").iterdir()] == [
        Path(second_manifest.of_table(FITS)[0].path).name
    ]
    assert query_rows(paths.root, "FROM fits") == fit.table.slice(0, 5).to_pylist()


@pytest.mark.thorough
def test_a_table_without_sequences_is_in_one_part_of_an_atlas_and_in_the_file_of_some_proteins(
    root: Path, fit: Fit, tmp_path: Path
) -> None:
    paths = AtlasPaths(shutil.copytree(root, tmp_path / "atlas"))
    publish_fits(paths, fit.table)
    counts = [count_in_part(paths.root, "fits", begin, end) for begin, end in ((None, 7), (7, 9), (9, None))]
    assert counts == [fit.table.num_rows, 0, 0]

    write_duckdb(paths.root, tmp_path / "some.duckdb", accessions=("P00003",))
    with duckdb.connect(str(tmp_path / "some.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM proteins").fetchall() == [(1,)]
        assert connection.sql("SELECT count(*) FROM fits").fetchall() == [(fit.table.num_rows,)]


@pytest.mark.thorough
def test_a_release_has_the_fit(root: Path, fit: Fit, tmp_path: Path, attlas: Run) -> None:
    paths = AtlasPaths(shutil.copytree(root, tmp_path / "atlas"))
    publish_fits(paths, fit.table)
    outcome = attlas("publish", paths.root, "--out", tmp_path / "release")
    assert outcome.code == 0, outcome.err
    assert query_rows(tmp_path / "release", "FROM fits") == fit.table.to_pylist()


@pytest.mark.thorough
def test_a_fit_that_was_stopped_goes_on_with_the_same_rows(root: Path, fit: Fit, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    with pytest.raises(KeyboardInterrupt):
        fit_here(copy, start=StopPass("trained weights, scores"), **SETTINGS)
    (folder,) = AtlasPaths(copy).parts.iterdir()
    saved = {path.name for path in folder.iterdir()}
    assert {f"trained-residues-sums-{k:05d}.npz" for k in range(1, N_FOLDS + 1)} < saved
    assert any(name.startswith("trained-residues-scores") for name in saved)

    # A file that is cut off is computed again.
    (folder / "trained-residues-sums-00002.npz").write_bytes(b"PK")
    counting = StopPass("")
    again = fit_here(copy, start=counting, **SETTINGS)
    assert again.table.equals(fit.table, check_metadata=True)
    # One shard of sums, two of scores at most, and both passes of the random weights.
    assert 1 + 2 * N_FOLDS < counting.n_finished <= 1 + 2 + 2 * N_FOLDS
    assert not AtlasPaths(copy).parts.exists()


@pytest.mark.thorough
def test_saved_sums_with_other_bytes_are_removed_and_told(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    with pytest.raises(KeyboardInterrupt):
        fit_here(copy, start=StopPass("trained weights, sums"), **SETTINGS)
    (folder,) = AtlasPaths(copy).parts.iterdir()
    path = min(folder.glob("trained-residues-sums-*.npz"))
    values = bytearray(path.read_bytes())
    values[len(values) // 2] ^= 1
    path.write_bytes(values)
    with pytest.raises(EnvironmentFault, match=rf"cannot be read: {path.name}(.|\n)*run the same command again"):
        fit_here(copy, **SETTINGS)
    assert not path.exists()
