"""Compiled layers compute what uncompiled ones do."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.architectures import ARCHITECTURES, load

from attlas.pipeline.encoder.compiled_layers import compile_layers
from attlas.pipeline.model.precision import SPLIT
from attlas.pipeline.plan import order_sequences
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.pipeline.sites.calling import call_sites
from attlas.schema.run import PLAIN

pytestmark = pytest.mark.slow

HUMAN = Path(__file__).parents[2] / "data" / "human200.fasta"


@pytest.mark.thorough
def test_a_compiled_model_has_the_profiles_of_the_uncompiled_one(tiny_esm):
    plain, uncompiled, compiled = (load(tiny_esm, products=products) for products in (PLAIN, SPLIT, SPLIT))
    torch._dynamo.reset()
    compile_layers(compiled.model, compiled.n_layers, backend="aot_eager")
    for pack in (["MKWVTFISLLFLFSSAYS", "MK"], ["ACDEFGHIKLMNPQRSTVWY" * 4]):
        for exact, of_uncompiled, of_compiled in zip(
            *(of.encode(pack) for of in (plain, uncompiled, compiled)), strict=True
        ):
            np.testing.assert_allclose(of_compiled.received, of_uncompiled.received, rtol=1e-4, atol=1e-5)
            difference = np.abs(of_uncompiled.received - exact.received).max() / exact.received.max()
            assert 0 < difference < 1e-3


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["T5", "UMT5", "ModernBERT", "EuroBERT with key heads shared"])
def test_compiled_layers_add_to_scores_what_uncompiled_ones_do(name, tmp_path):
    architecture = next(architecture for architecture in ARCHITECTURES if architecture.name == name)
    architecture.save(tmp_path)
    uncompiled, compiled = load(tmp_path), load(tmp_path, products=SPLIT)
    torch._dynamo.reset()
    compile_layers(compiled.model, compiled.n_layers, backend="aot_eager")
    for pack in (["MKWVTFISLLFLFSSAYS", "MK"], ["ACDEFGHIKLMNPQRSTVWY" * 4]):
        for exact, of_compiled in zip(*(encoder.encode(pack) for encoder in (uncompiled, compiled)), strict=True):
            difference = np.abs(of_compiled.received - exact.received).max() / exact.received.max()
            assert 0 < difference < 1e-3


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # torch's own
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler on a CPU")
def test_sites_of_compiled_layers_of_halves_are_those_of_plain_float32(weights):
    """A compiler may leave out the rounding that makes the halves: sites move then as those of bfloat16 do."""
    plain, compiled = load(weights), load(weights, products=SPLIT)
    torch._dynamo.reset()
    compile_layers(compiled.model, compiled.n_layers)
    for sequence in order_sequences(read_proteome(str(HUMAN)).proteins)[4::50]:
        (exact,), (of_compiled,) = plain.encode([sequence]), compiled.encode([sequence])
        sites = [call_sites(answer.received).positions.tolist() for answer in (exact, of_compiled)]
        assert set(sites[0]) == set(sites[1])
