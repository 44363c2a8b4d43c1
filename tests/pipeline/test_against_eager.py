"""The bar: real weights, 200 human proteins, an eager float64 model and an independent rule give the same answers.

The whole of it takes minutes: `pytest --thorough`. The default suite runs sites by the first rule and profiles of every
fourth protein by length, and the head statistics and the second rule of every eighth.

Nothing of the workshop is used for the expected side but the sequences: transformers' eager path in float64, and
`oracles`, which is NumPy.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.elbow_oracles import compare_with_pwlf
from helpers.oracles import convergence, received, statistics
from transformers import EsmModel, EsmTokenizer

from attlas.pipeline.attention import STATISTICS
from attlas.pipeline.elbow import fit_two_segments
from attlas.pipeline.encoder import Encoder
from attlas.pipeline.model import find_model
from attlas.pipeline.plan import cut_packs
from attlas.pipeline.proteins import read_proteome
from attlas.pipeline.sites import DEFAULT_RULE, RULES, call_sites

pytestmark = pytest.mark.slow

PROTEINS = Path(__file__).parent.parent / "data" / "human200.fasta"

NEAR_TIE = {"layer": 1e-5, "count": 1e-4, "rounding": 2e-4}
"""How near a tie (degrees; steps of the grid; hundredths) float32 may answer otherwise than float64."""


@dataclass
class Compared:
    """One protein, ours beside float64."""

    accession: str
    ours: np.ndarray  # (L, N)
    theirs: np.ndarray  # (L, N)
    heads: np.ndarray  # (L, H, S)
    expected_heads: np.ndarray | None  # (L, H, S)
    n_at_theta: np.ndarray | None  # (L, H) pairs within a rounding error of the threshold


@pytest.fixture(scope="module")
def proteins():
    return read_proteome(str(PROTEINS)).proteins


@pytest.fixture(scope="module")
def compared(weights, proteins, is_thorough):
    """Proteins through the tiled path, packed, and through eager float64, one at a time."""
    encoder = Encoder(find_model(str(weights)), device="cpu", dtype="float32", theta=0.3)
    eager = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager").double().eval()
    tokenizer = EsmTokenizer.from_pretrained(weights)
    ordered = sorted(proteins, key=lambda protein: protein.length)[:: 1 if is_thorough else 4]
    ours = []
    for pack in cut_packs([protein.length for protein in ordered], 1024):
        ours += encoder.encode([protein.sequence for protein in ordered[pack]])
    both = zip(ordered, ours, strict=True)
    return [
        _compare(protein, answer, eager, tokenizer, has_heads=is_thorough or i % 2 == 0)
        for i, (protein, answer) in enumerate(both)
    ]


@pytest.fixture(scope="module")
def with_heads(compared):
    return [protein for protein in compared if protein.expected_heads is not None]


def _compare(protein, answer, eager, tokenizer, *, has_heads):
    tokens = tokenizer(protein.sequence, return_tensors="pt")
    with torch.inference_mode():
        layers = [layer[0].numpy() for layer in eager(**tokens, output_attentions=True).attentions]
    near = [(np.abs(layer[:, 1:-1, 1:-1] - 0.3) < 3e-5).sum((1, 2)) for layer in layers] if has_heads else None
    return Compared(
        accession=protein.accession,
        ours=answer.received,
        theirs=np.stack([received(layer) for layer in layers]),
        heads=answer.heads,
        expected_heads=np.stack([statistics(layer) for layer in layers]) if has_heads else None,
        n_at_theta=np.stack(near) if has_heads else None,
    )


def test_there_are_200_proteins(proteins):
    assert len(proteins) == 200


@pytest.mark.parametrize("rule", list(RULES))
def test_layer_of_convergence_and_ordered_sites_equal_those_of_eager_float64(compared, with_heads, rule):
    different, ties = [], []
    some = compared if rule == DEFAULT_RULE else with_heads
    for protein in some:
        called = call_sites(protein.ours, rule=rule)
        layer, positions, nearness = convergence(protein.theirs, rule=rule)
        if (called.layer, called.positions.tolist()) != (layer, positions):
            is_tie = any(nearness[name] < limit for name, limit in NEAR_TIE.items())
            (ties if is_tie else different).append((protein.accession, nearness))
    print(f"{rule}: {len(some) - len(different) - len(ties)} of {len(some)} equal, near-ties: {ties}")
    assert not different
    assert len(ties) <= 4


def test_attention_received_as_stored_is_within_a_thousandth_of_the_layers_maximum(compared):
    worst = 0.0
    for protein in compared:
        stored = protein.ours.astype(np.float16).astype(np.float64)
        difference = np.abs(stored - protein.theirs) / protein.theirs.max(1, keepdims=True)
        worst = max(worst, float(difference.max()))
    print(f"largest difference of stored profiles: {worst:.1e} of the layer's maximum")
    assert worst < 1e-3


@pytest.mark.parametrize("name", [name for name in STATISTICS if name != "n_edges"])
def test_head_statistics_are_within_a_ten_thousandth(with_heads, name):
    i = STATISTICS.index(name)
    worst = 0.0
    for protein in with_heads:
        expected = protein.expected_heads[:, :, i]
        difference = np.abs(protein.heads[:, :, i] - expected) / np.maximum(1, np.abs(expected))
        worst = max(worst, float(difference.max()))
    print(f"{name}: {worst:.1e}")
    assert worst < 1e-4


def test_edges_are_counted_exactly_but_for_pairs_at_the_threshold(with_heads):
    i = STATISTICS.index("n_edges")
    for protein in with_heads:
        difference = np.abs(protein.heads[:, :, i] - protein.expected_heads[:, :, i])
        assert (difference <= protein.n_at_theta).all(), protein.accession


def test_the_exact_solver_is_never_worse_than_pwlf_on_real_profiles(compared):
    n_converged = 0
    for protein in compared:
        profile = protein.ours[call_sites(protein.ours).layer]
        comparison = compare_with_pwlf(profile, fit_two_segments)
        assert comparison.is_no_worse, protein.accession
        if comparison.is_converged:
            n_converged += 1
            assert comparison.is_same_breakpoint(len(profile)), protein.accession
    print(f"pwlf converged on {n_converged} of {len(compared)}")
    assert n_converged > 0.75 * len(compared)
