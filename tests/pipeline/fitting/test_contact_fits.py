"""Probes of contacts as weighted pairs, against scikit-learn on stored features and transformers' attention."""

import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.building import build_here, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.contact_fit_oracle import fit_pairs, score_pairs_in_one_piece, score_weighted, select_scores
from helpers.contact_oracles import add_coordinates, corrected, eager_layers, folded, is_contact
from helpers.contact_probe_case import choose_directions, prepare_contacts
from helpers.fit_case import StopPass
from helpers.fits_here import fit_here, load_model_of
from helpers.sealed_atlas import ask_rows, list_files, query_rows
from sklearn.metrics import average_precision_score, roc_auc_score
from transformers import EsmModel, EsmTokenizer

from attlas.pipeline.fitting.contact_pairs import SEPARATION_BEGINS, list_pairs
from attlas.pipeline.fitting.contact_probes import ContactProbes, predict_pair_shard_bytes
from attlas.pipeline.fitting.fitting import Fit
from attlas.pipeline.fitting.inputs import ProbeInput, Shape
from attlas.pipeline.fitting.pair_features import compute_pair_features, multiply_directions
from attlas.schema import InputError

pytestmark = pytest.mark.slow

N_PROTEINS, N_FOLDS, N_DIRECTIONS = 7, 3, 5
LENGTHS = range(40, 40 + N_PROTEINS)
SEEDS = (1, 2, 4, 6, 8, 9, 11)
"""Of chains that come near themselves 24 residues or more apart."""
SETTINGS = {"labels": ("Contacts",), "by": "none", "n_folds": N_FOLDS, "has_random_weights": True}
SEED = 1
"""That of a fit, unless another is given."""
SHAPE = Shape(n_layers=2, n_heads=4, width=32)


@pytest.fixture(scope="module", autouse=True)
def few_directions() -> Iterator[None]:
    """Take five directions of each layer: the 528 products of 32 take seconds to solve."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attlas.pipeline.fitting.pair_features.MOST_DIRECTIONS", N_DIRECTIONS)
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """Return an atlas of a tiny model with structures that lack a few residues, and a protein without one."""
    folder = tmp_path_factory.mktemp("contact-fits")
    proteins = random_proteins([*LENGTHS, 30], seed=3)
    build_here(write_fasta(folder / "proteins.fasta", proteins), folder / "atlas", tiny_esm)
    chains = {}
    for seed, accession in zip(SEEDS, proteins, strict=False):
        places = folded(len(proteins[accession]), seed, step=1.6)
        places[5:8] = np.nan
        chains[accession, "made.cif", "A"] = places
    add_coordinates(folder / "atlas", chains)
    return folder / "atlas"


@pytest.fixture(scope="module")
def fit(root: Path) -> Fit:
    """Return the fit of the atlas, of trained and of random weights."""
    return fit_here(root, **SETTINGS)


@pytest.fixture(scope="module")
def probes(root: Path) -> ContactProbes:
    """Return the probes of the atlas."""
    return prepare_contacts(root, **SETTINGS)


def test_rows_are_those_of_scikit_learn_on_stored_features(root: Path, fit: Fit, probes: ContactProbes) -> None:
    (encoder, _), task = load_model_of(root), probes.task
    directions = choose_directions(encoder, probes, SHAPE, seed=SEED)
    fitted = fit_pairs(encoder, task, SHAPE, directions)
    scores = score_pairs_in_one_piece(encoder, task, SHAPE, directions, fitted)
    rows = {(row["input"], row["layer"]): row for row in fit.table.to_pylist() if row["weights"] == "trained"}

    sizes = [len(sample.i) for sample in task.samples]
    folds, weights = np.repeat(task.folds, sizes), np.concatenate([sample.weights for sample in task.samples])
    labels = np.concatenate([sample.targets[0] for sample in task.samples])
    features = [
        compute_pair_features(encoder, *pair, directions) for pair in zip(task.sequences, task.samples, strict=True)
    ]
    for place, source in enumerate(SHAPE.list_pair_inputs()):
        x = np.concatenate([part.columns(source, SHAPE.n_heads) for part in features])
        expected = score_weighted(x, labels, weights, folds, fitted[source])
        fitted_scores = select_scores(scores, place)
        np.testing.assert_allclose(fitted_scores, expected, atol=1e-6, err_msg=str(source))
        row = rows[source.kind, -1 if source.layer is None else source.layer]
        rounded = expected.astype(np.float32)  # equal separations score the same
        assert row["auprc"] == pytest.approx(average_precision_score(labels, rounded, sample_weight=weights), abs=1e-6)
        assert row["auroc"] == pytest.approx(roc_auc_score(labels, rounded, sample_weight=weights), abs=1e-6)


def test_precision_is_counted_over_all_pairs_of_each_protein(root: Path, fit: Fit, probes: ContactProbes) -> None:
    """The separation scores every pair by its bin, so that what it reaches follows from rates alone."""
    (encoder, _), task = load_model_of(root), probes.task
    directions = choose_directions(encoder, probes, SHAPE, seed=SEED)
    fitted = fit_pairs(encoder, task, SHAPE, directions)[ProbeInput("separation", None)]
    weights = [fold.outer.weights[:, 0] for fold in fitted]

    precisions, averages = [], []
    for sequence, fold in zip(task.sequences, task.folds, strict=True):
        places = sequence.contacts.coordinates
        shown = [i for i in range(len(places)) if np.isfinite(places[i]).all()]
        pairs = [(i, j) for i, j in combinations(shown, 2) if j - i >= 6]
        scores = np.array([weights[fold][sum(begin <= j - i for begin in SEPARATION_BEGINS) - 1] for i, j in pairs])
        labels = np.array([is_contact(places, i, j) for i, j in pairs])
        averages.append(average_precision_score(labels, scores))

        # Of equal scores the mean over their orders: each counts by the share of contacts among them.
        is_long = np.array([j - i >= 24 for i, j in pairs])
        long_scores, long_labels, left, hits = scores[is_long], labels[is_long], len(shown) // 2, 0.0
        for score in sorted(set(long_scores), reverse=True):
            tied = long_labels[long_scores == score]
            hits += min(left, len(tied)) * tied.mean()
            left = max(left - len(tied), 0)
        precisions.append(hits / (len(shown) // 2))
    row = next(row for row in fit.table.to_pylist() if row["input"] == "separation")
    assert row["precision_l2"] == pytest.approx(np.mean(precisions), abs=1e-6)
    assert row["auprc_protein"] == pytest.approx(np.mean(averages), abs=1e-6)


def test_features_are_those_of_transformers(root: Path, tiny_esm: Path, probes: ContactProbes) -> None:
    encoder, _ = load_model_of(root)
    sequence, sample = probes.task.sequences[0], probes.task.samples[0]
    directions = choose_directions(encoder, probes, SHAPE, seed=SEED)
    features = compute_pair_features(encoder, sequence, sample, directions)

    for layer, heads in enumerate(eager_layers(tiny_esm, sequence.sequence)):
        maps = np.stack([corrected(head)[sample.i, sample.j] for head in heads], axis=1)
        columns = features.columns(ProbeInput("attention pairs", layer), SHAPE.n_heads)
        np.testing.assert_allclose(columns, maps, atol=1e-5)

    model = EsmModel.from_pretrained(tiny_esm, add_pooling_layer=False).eval().double()
    tokens = EsmTokenizer.from_pretrained(tiny_esm)(sequence.sequence, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**tokens, output_hidden_states=True).hidden_states
    for layer in range(SHAPE.n_layers):
        along = (hidden[layer + 1][0, 1:-1].numpy() - directions.means[layer]) @ directions.vectors[layer]
        # The trace of a symmetric form is the same however its products are laid out.
        products = multiply_directions(along[sample.i], along[sample.j])
        columns = features.columns(ProbeInput("embedding pairs", layer), SHAPE.n_heads)
        np.testing.assert_allclose(columns, products, atol=1e-4)
        assert columns.shape[1] == directions.n_products == N_DIRECTIONS * (N_DIRECTIONS + 1) // 2


def test_a_sample_stands_for_all_pairs_in_every_bin(probes: ContactProbes) -> None:
    for sequence, sample in zip(probes.task.sequences, probes.task.samples, strict=True):
        pairs = list_pairs(sequence.contacts)
        all_counts = np.bincount(pairs.separations, minlength=len(SEPARATION_BEGINS))
        np.testing.assert_allclose(np.bincount(sample.separations, sample.weights, len(SEPARATION_BEGINS)), all_counts)

        # Contacts and permuted contacts are as many in each bin, and each stands for itself.
        contacts = np.bincount(pairs.separations[pairs.is_contact], minlength=len(SEPARATION_BEGINS))
        for target in (sample.targets[0], sample.targets[2]):
            np.testing.assert_array_equal(np.bincount(sample.separations, target, len(SEPARATION_BEGINS)), contacts)
            assert (sample.weights[target > 0] == 1).all()
        assert all(
            is_contact(sequence.contacts.coordinates, i, j)
            for i, j in zip(pairs.i[pairs.is_contact], pairs.j[pairs.is_contact], strict=True)
        )


def test_the_table_holds_every_input_and_layer_beside_its_nulls(root: Path, fit: Fit) -> None:
    rows = fit.table.to_pylist()
    expected = {(source.kind, -1 if source.layer is None else source.layer) for source in SHAPE.list_pair_inputs()}
    for weights, inputs in (("trained", expected), ("random", expected - {("separation", -1)})):
        assert {(row["input"], row["layer"]) for row in rows if row["weights"] == weights} == inputs
    for row in rows:
        assert row["label"] == "contacts"
        assert (row["n_sequences"], row["n_groups"]) == (N_PROTEINS, N_PROTEINS)
        assert row["prevalence"] == pytest.approx(row["n_labelled"] / row["n_residues"], abs=1e-6)
        assert row["auprc_low"] < row["auprc"] < row["auprc_high"]
        assert row["r2"] is None
        assert None not in [row[name] for name in ("control", "permuted", "mcc", "f1", "precision_l2")]


@pytest.mark.thorough
def test_contacts_and_features_are_fitted_by_one_command_and_asked_together(
    root: Path, tmp_path: Path, attlas: Run
) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    table = tmp_path / "features.csv"
    accessions = [row["accession"] for row in query_rows(copy, "SELECT accession FROM proteins ORDER BY 1")]
    table.write_text("accession,position,label\n" + "".join(f"{name},3,Active site\n" for name in accessions))
    assert attlas("annotate", copy, table).code == 0
    outcome = attlas("fit", copy, "--labels", "contacts", "--labels", "active site", "--by", "none", "--folds", 3)
    assert outcome.code == 0, outcome.err
    assert "8 sequences" in outcome.err
    assert len(list_files(copy, "fits")) == 1

    answers = ask_rows(copy, "probe_layers", labels="contacts")
    assert {row["label"] for row in query_rows(copy, "FROM fits")} == {"Active site", "contacts"}
    separation = next(row for row in answers if row["input"] == "separation")
    assert {row["letter"] for row in answers} == {separation["value"]}
    assert {row["input"] for row in answers if row["is_best"]} == {"attention pairs", "embedding pairs"}


def test_an_atlas_without_structures_or_with_too_few_is_refused(root: Path, tmp_path: Path, tiny_esm: Path) -> None:
    with pytest.raises(InputError, match="structures of 10 families or more"):
        fit_here(root, labels=("contacts",), by="none")
    build_here(write_fasta(tmp_path / "one.fasta", random_proteins([30])), tmp_path / "bare", tiny_esm)
    with pytest.raises(InputError, match="no structure with contacts"):
        fit_here(tmp_path / "bare", **SETTINGS)
    with pytest.raises(InputError, match="no features to fit probes to"):
        fit_here(tmp_path / "bare")


def test_predicted_memory_grows_with_pairs_and_maps(probes: ContactProbes) -> None:
    large = Shape(33, 20, 1280)
    # 528 products of 33 layers in three folds; of a shard three covariances of 1,280 columns, too.
    products = 33 * 528**2 * 8
    assert probes.predict_bytes(large) - probes.predict_bytes(SHAPE) > 3 * products - 3 * 2 * 528**2 * 8
    whole = predict_pair_shard_bytes(probes.task, large)
    assert whole > products + 3 * 8 * 33 * 1280**2
    assert whole > predict_pair_shard_bytes(probes.task.select(slice(0, 2)), large)


@pytest.mark.thorough
def test_contacts_that_were_stopped_go_on_with_the_same_rows(root: Path, fit: Fit, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    with pytest.raises(KeyboardInterrupt):
        fit_here(copy, start=StopPass("trained weights, scores of pairs"), **SETTINGS)
    counting = StopPass("")
    again = fit_here(copy, start=counting, **SETTINGS)
    assert again.table.equals(fit.table, check_metadata=True)
    # Two shards of scores, or one, and all of the random weights: a sample and both passes.
    assert 1 + 2 * N_FOLDS < counting.n_finished < 1 + 3 * N_FOLDS
