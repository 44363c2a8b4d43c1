"""Trials of joined pairs on a tiny model, against the whole eager map of transformers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.architectures import load
from helpers.building import random_proteins
from sklearn.metrics import average_precision_score, roc_auc_score
from transformers import EsmModel

from attlas.pipeline.contacts.head_choice import Head
from attlas.pipeline.contacts.single_heads import score_pairs
from attlas.pipeline.interfaces.known_interface import make_known_interface
from attlas.pipeline.interfaces.measures import MEASURES
from attlas.pipeline.interfaces.trials import MeasureFusedHeads, MeasureHeads, Trial, measure_trials
from attlas.pipeline.pairs.joining import FORMS, join_sequences

CONTACTS = [(3, 2), (4, 9), (4, 10), (17, 5), (20, 21)]


@pytest.fixture(scope="module")
def encoder(tiny_esm: Path):
    return load(tiny_esm, attention="plain")


@pytest.fixture(scope="module")
def eager(tiny_esm: Path) -> EsmModel:
    return EsmModel.from_pretrained(tiny_esm, add_pooling_layer=False, attn_implementation="eager").eval()


def make_trial(form: str) -> Trial:
    sequence, partner = random_proteins([20, 24]).values()
    interface = make_known_interface(CONTACTS, lengths=(20, 24))
    return Trial(0, form, "given", sequence, partner, "P00001", interface)


def read_maps(eager: EsmModel, encoder, trial: Trial) -> np.ndarray:
    """Return the mean over both orders of the joined inner maps, protein before partner, (L, H, N + M, N + M)."""
    maps = []
    for is_reverse in (False, True):
        sequences = (trial.sequence, trial.partner_sequence)
        joined = join_sequences(
            sequences[::-1] if is_reverse else sequences, trial.form, vocabulary=encoder.vocabulary, filler=1
        )
        with torch.inference_mode():
            layers = eager(
                input_ids=torch.from_numpy(joined.tokens.ids)[None],
                position_ids=torch.from_numpy(joined.tokens.positions)[None],
                output_attentions=True,
            ).attentions
        protein, partner = joined.chains[::-1] if is_reverse else joined.chains
        places = [*range(protein.start, protein.stop), *range(partner.start, partner.stop)]
        maps.append(np.stack([layer[0].numpy() for layer in layers])[:, :, places][..., places])
    return np.mean(maps, axis=0)


def measure_plainly(whole: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return measures of a joined inner map, (44, 44), and the scores across, (20, 24)."""
    labels = np.zeros((20, 24), bool)
    labels[tuple(np.array(CONTACTS).T - 1)] = True
    best = labels.ravel()[np.argsort(-scores.ravel())]
    return {
        "auroc": roc_auc_score(labels.ravel(), scores.ravel()),
        "auprc": average_precision_score(labels.ravel(), scores.ravel()),
        "hits_10": best[:10].sum(),
        "interface_auroc": roc_auc_score(labels.any(1), whole[20:, :20].sum(0)),
        "partner_interface_auprc": average_precision_score(labels.any(0), whole[:20, 20:].sum(0)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_head_and_the_mean_of_a_layer_are_measured_on_both_orders(encoder, eager: EsmModel, form: str) -> None:
    trial = make_trial(form)
    maps = read_maps(eager, encoder, trial)
    (measures,) = measure_trials(
        encoder, [trial], gap=100, begin_trial=lambda trial: MeasureHeads(trial, apc="joined"), is_both_orders=True
    )

    assert measures is not None
    assert measures.shape == (2, 5, len(MEASURES))
    for layer in range(2):
        for head, whole in enumerate([*maps[layer], maps[layer].mean(0)]):
            plain = measure_plainly(whole, score_pairs(whole)[:20, 20:])
            measured = dict(zip(MEASURES, measures[layer, head], strict=True))
            assert {name: measured[name] for name in plain} == pytest.approx(plain, abs=1e-9), (layer, head)


def test_fused_heads_are_the_mean_of_corrected_maps(encoder, eager: EsmModel) -> None:
    trial, choices = make_trial("gap"), [(Head(0, 1),), (Head(1, 2), Head(0, 1), Head(1, 0))]
    maps = read_maps(eager, encoder, trial)
    (measures,) = measure_trials(
        encoder,
        [trial],
        gap=100,
        begin_trial=lambda trial: MeasureFusedHeads(trial, apc="joined", choices=choices),
        is_both_orders=True,
    )

    assert measures is not None
    for heads, of_choice in zip(choices, measures, strict=True):
        fused = [maps[head.layer, head.head] for head in heads]
        scores = np.mean([score_pairs(whole)[:20, 20:] for whole in fused], axis=0)
        plain = measure_plainly(np.mean(fused, axis=0), scores)
        measured = dict(zip(MEASURES, of_choice, strict=True))
        assert {name: measured[name] for name in plain} == pytest.approx(plain, abs=1e-9)


def test_one_order_is_another_map_than_the_mean_of_both(encoder) -> None:
    both, forward = (
        measure_trials(
            encoder,
            [make_trial("gap")],
            gap=100,
            begin_trial=lambda trial: MeasureHeads(trial, apc="joined"),
            is_both_orders=is_both_orders,
        )[0]
        for is_both_orders in (True, False)
    )
    assert both is not None
    assert forward is not None
    assert np.abs(both - forward)[:, :, 0].max() > 0.01
