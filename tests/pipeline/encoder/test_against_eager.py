"""The bar: real weights, 200 human proteins, an eager float64 model and an independent rule give the same answers.

The whole of it takes minutes: `pytest --thorough`. The default suite runs every sixteenth protein by length; their
float64 answers are read from `tests/data/eager50.npz`, which holds every fourth and which the thorough suite computes
again.

Nothing of the workshop is used for the expected side but the sequences: transformers' eager path in float64, and
`oracles`, which is NumPy.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from helpers.default_cases import each_nth_by_default
from helpers.eager_oracle import PROTEINS, THETA, EagerAnswer, compute_eager, read_stored
from helpers.elbow_oracles import compare_with_pwlf
from helpers.oracles import convergence

from attlas.pipeline.attention.definitions import STATISTICS
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.files import find_model
from attlas.pipeline.plan import cut_packs
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.pipeline.sites.calling import DEFAULT_RULE, RULES, call_sites
from attlas.pipeline.sites.elbow import fit_two_segments

pytestmark = pytest.mark.slow

NEAR_TIE = {"layer": 1e-5, "count": 1e-4, "rounding": 2e-4}
"""How near a tie (degrees; steps of the grid; hundredths) float32 may answer otherwise than float64."""


@dataclass
class Compared:
    """One protein, in float32 beside float64."""

    accession: str
    received: np.ndarray  # (L, N)
    heads: np.ndarray  # (L, H, S)
    expected: EagerAnswer


@pytest.fixture(scope="module")
def proteins():
    return read_proteome(str(PROTEINS)).proteins


@pytest.fixture(scope="module")
def ordered(proteins):
    return sorted(proteins, key=lambda protein: protein.length)


@pytest.fixture(scope="module")
def compared(weights, ordered, is_thorough):
    """Proteins through the tiled path, packed, and through eager float64, one at a time."""
    files = find_model(str(weights))
    encoder = Encoder(files, device="cpu", dtype="float32", theta=THETA)
    if is_thorough:
        expected = [compute_eager(weights, protein.sequence, has_heads=True) for protein in ordered]
    else:
        stored = ordered[::4]
        expected = read_stored(files.weights_sha256(), [protein.accession for protein in stored])[::4]
        ordered = stored[::4]
    encoded = []
    for pack in cut_packs([protein.length for protein in ordered], 1024):
        encoded += encoder.encode([protein.sequence for protein in ordered[pack]])
    both = zip(ordered, encoded, expected, strict=True)
    return [Compared(protein.accession, answer.received, answer.heads, eager) for protein, answer, eager in both]


@pytest.fixture(scope="module")
def with_heads(compared):
    return [protein for protein in compared if protein.expected.heads is not None]


@pytest.mark.thorough
def test_the_stored_answers_are_those_computed_anew(weights, ordered):
    sample = ordered[::4]
    stored = read_stored(find_model(str(weights)).weights_sha256(), [protein.accession for protein in sample])
    assert sum(answer.heads is not None for answer in stored) == 25
    for protein, answer in zip(sample, stored, strict=True):
        anew = compute_eager(weights, protein.sequence, has_heads=answer.heads is not None)
        np.testing.assert_allclose(answer.received, anew.received, rtol=1e-6)
        if answer.heads is not None:
            np.testing.assert_allclose(answer.heads, anew.heads, rtol=1e-6, atol=1e-9)
            assert (answer.n_at_theta == anew.n_at_theta).all()


def test_there_are_200_proteins(proteins):
    assert len(proteins) == 200


@pytest.mark.parametrize("rule", each_nth_by_default(RULES, 2))
def test_layer_of_convergence_and_ordered_sites_equal_those_of_eager_float64(compared, with_heads, rule):
    different, ties = [], []
    comparisons = compared if rule == DEFAULT_RULE else with_heads
    for protein in comparisons:
        called = call_sites(protein.received, rule=rule)
        layer, positions, nearness = convergence(protein.expected.received, rule=rule)
        if (called.layer, called.positions.tolist()) != (layer, positions):
            is_tie = any(nearness[name] < limit for name, limit in NEAR_TIE.items())
            (ties if is_tie else different).append((protein.accession, nearness))
    print(f"{rule}: {len(comparisons) - len(different) - len(ties)} of {len(comparisons)} equal, near-ties: {ties}")
    assert not different
    assert len(ties) <= 4


def test_attention_received_as_stored_is_within_a_thousandth_of_the_layers_maximum(compared):
    worst = 0.0
    for protein in compared:
        stored = protein.received.astype(np.float16).astype(np.float64)
        difference = np.abs(stored - protein.expected.received) / protein.expected.received.max(1, keepdims=True)
        worst = max(worst, float(difference.max()))
    print(f"largest difference of stored profiles: {worst:.1e} of the layer's maximum")
    assert worst < 1e-3


@pytest.mark.parametrize("name", [name for name in STATISTICS if name != "n_edges"])
def test_head_statistics_are_within_a_ten_thousandth(with_heads, name):
    i = STATISTICS.index(name)
    worst = 0.0
    for protein in with_heads:
        expected = protein.expected.heads[:, :, i]
        difference = np.abs(protein.heads[:, :, i] - expected) / np.maximum(1, np.abs(expected))
        worst = max(worst, float(difference.max()))
    print(f"{name}: {worst:.1e}")
    assert worst < 1e-4


def test_edges_are_counted_exactly_but_for_pairs_at_the_threshold(with_heads):
    i = STATISTICS.index("n_edges")
    for protein in with_heads:
        difference = np.abs(protein.heads[:, :, i] - protein.expected.heads[:, :, i])
        assert (difference <= protein.expected.n_at_theta).all(), protein.accession


@pytest.mark.thorough
def test_the_exact_solver_is_never_worse_than_pwlf_on_real_profiles(with_heads):
    n_converged = 0
    for protein in with_heads:
        profile = protein.received[call_sites(protein.received).layer]
        comparison = compare_with_pwlf(profile, fit_two_segments)
        assert comparison.is_no_worse, protein.accession
        if comparison.is_converged:
            n_converged += 1
            assert comparison.is_same_breakpoint(len(profile)), protein.accession
    print(f"pwlf converged on {n_converged} of {len(with_heads)}")
    assert n_converged > 0.75 * len(with_heads)
