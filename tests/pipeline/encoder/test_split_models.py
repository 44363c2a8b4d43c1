"""Models whose layers multiply halves: all that a GPU reduces, and the sites of real weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.architectures import ARCHITECTURES, load, save_merging_vocabulary
from helpers.default_cases import each_nth_by_default
from helpers.verdicts import load_reference
from torch import nn

from attlas.pipeline.encoder.products import SplitLinear, join_weights
from attlas.pipeline.model.architectures import KERNELS, choose_attention
from attlas.pipeline.model.precision import SPLIT
from attlas.pipeline.plan import order_sequences
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.pipeline.sites.calling import call_sites
from attlas.schema import EnvironmentFault
from attlas.schema.run import PLAIN

pytestmark = pytest.mark.slow

HUMAN = Path(__file__).parents[2] / "data" / "human200.fasta"


DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


KERNEL_ARCHITECTURES = [
    architecture
    for architecture in ARCHITECTURES
    if architecture.refusal is None
    and choose_attention(architecture.config().model_type, "cuda") == KERNELS["cuda"]
    and architecture.save_tokenizer is not save_merging_vocabulary  # whose tokens only whole maps give to residues
]
"""Those of which a GPU multiplies halves."""


@pytest.mark.parametrize(
    "architecture", each_nth_by_default(KERNEL_ARCHITECTURES, 5), ids=lambda architecture: architecture.name
)
def test_every_architecture_that_a_gpu_reduces_runs_with_split_layers(architecture, tmp_path):
    architecture.save(tmp_path)
    plain, halves = (load(tmp_path, products=products) for products in (PLAIN, SPLIT))
    assert any(isinstance(part, SplitLinear) for part in halves.model.modules())
    (exact,), (of_halves,) = (encoder.encode(["MKWVTFISLLFLFSSAYSRGV"]) for encoder in (plain, halves))
    difference = np.abs(of_halves.received - exact.received).max() / exact.received.max()
    assert 0 < difference < 1e-3


def test_the_linear_layers_of_a_model_are_split_but_not_its_contact_head(tiny_esm):
    encoder = load(tiny_esm, products=SPLIT)
    split_names = {name for name, part in encoder.model.named_modules() if isinstance(part, SplitLinear)}
    assert len(split_names) == 6 * encoder.n_layers
    assert all(".layer." in name for name in split_names)
    assert type(encoder.model.contact_head.regression) is nn.Linear
    weights = encoder.model.encoder.layer[0].attention.self.query.weights
    assert (weights.dtype, weights.shape) == (torch.bfloat16, (32, 3 * 32))
    assert torch.equal(weights, join_weights(split_sum(weights)))


def split_sum(weights: torch.Tensor) -> torch.Tensor:
    """Return the weights that were joined: the sum of their halves, which itself has these halves."""
    high, low, _ = weights.float().chunk(3, dim=1)
    return high + low


@pytest.fixture(scope="module")
def human_sequences(is_thorough):
    sequences = order_sequences(read_proteome(str(HUMAN)).proteins)
    return sequences if is_thorough else sequences[4::50]


def test_sites_by_products_of_halves_are_those_of_plain_float32(weights, human_sequences):
    """On real weights and proteins; with `--thorough` on all 200."""
    plain, halves = (
        load(
            weights, device=DEVICE.type, products=products,
            attention="triton" if DEVICE.type == "cuda" else "tiled",
        )
        for products in (PLAIN, SPLIT)
    )  # fmt: skip
    n_moved, largest = 0, 0.0
    for sequence in human_sequences:
        (exact,), (of_halves,) = plain.encode([sequence]), halves.encode([sequence])
        sites = [set(call_sites(answer.received).positions.tolist()) for answer in (exact, of_halves)]
        n_moved += sites[0] != sites[1]
        scale = exact.received.max(1, keepdims=True)
        largest = max(largest, float((np.abs(of_halves.received - exact.received) / scale).max()))
    print(f"{len(human_sequences)} proteins: {n_moved} with other sites, profiles within {largest:.1e}")
    assert n_moved == 0
    assert largest < 1e-3


def test_a_whole_model_of_halves_is_near_its_own_attention_in_float64(weights, human_sequences):
    halves = load(weights, products=SPLIT)
    reference = load_reference(weights)
    for sequence in human_sequences[:4]:
        tokens = torch.from_numpy(halves.make_input(sequence).ids)[None]
        with torch.inference_mode():
            maps = reference(input_ids=tokens, output_attentions=True).attentions
        expected = np.stack([values[0, :, 1:-1, 1:-1].double().mean(0).sum(0).numpy() for values in maps])
        (attention,) = halves.encode([sequence])
        off = np.abs(attention.received - expected) / expected.max(1, keepdims=True)
        assert off.max() < 5e-4


def test_products_that_are_wrong_are_seen_beside_the_models_own_layers(tiny_esm, monkeypatch):
    forward = SplitLinear.forward
    monkeypatch.setattr(SplitLinear, "forward", lambda self, x: forward(self, x) * 1.2)
    with pytest.raises(EnvironmentFault, match="a difference of"):
        load(tiny_esm, products=SPLIT)
