"""Compiled layers compute what uncompiled ones do."""

import numpy as np
import pytest
import torch
from helpers.architectures import ARCHITECTURES, load

from attlas.pipeline.encoder.compiled_layers import compile_layers
from attlas.pipeline.model.precision import SPLIT
from attlas.schema.run import PLAIN

pytestmark = pytest.mark.slow


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
