"""Vectors of models that are not like ESM-2, against the hidden states that the models return themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.architectures import ARCHITECTURES, LETTERS, load
from helpers.verdicts import load_reference, tokenize

from attlas.pipeline.encoder.guard import check_known_protein
from attlas.pipeline.encoder.reductions import reduce_nothing
from attlas.pipeline.model.architectures import choose_attention
from attlas.pipeline.model.files import find_model
from attlas.pipeline.vectors.kinds import SEGMENTS
from attlas.pipeline.vectors.pooling import PoolHidden

pytestmark = pytest.mark.slow

SEQUENCE = LETTERS * 2 + "MKW"
NAMES = ("T5", "XLNet", "Longformer", "MegatronBERT", "ESM-C", "DistilBERT", "RoBERTa", "EuroBERT", "NomicBERT")
FIRST = ("T5", "XLNet", "Longformer")


@pytest.mark.parametrize(
    "name", [name if name in FIRST else pytest.param(name, marks=pytest.mark.thorough) for name in NAMES]
)
def test_vectors_are_those_of_the_models_own_hidden_states(name: str, tmp_path: Path) -> None:
    """T5 has a bias and no begin token; XLNet its own order of tokens, and of axes; Longformer a band of attention."""
    model = next(architecture for architecture in ARCHITECTURES if architecture.name == name).save(tmp_path)
    encoder = load(model, attention=choose_attention(find_model(str(model)).shape.architecture, "cpu"))
    places = encoder.vocabulary.find_places(SEQUENCE)
    ends = {"cls": places[0], "eos": places[-1]}
    kinds = (*(kind for kind, place in ends.items() if place is not None), "mean", *SEGMENTS)
    layers = tuple(range(encoder.n_layers))

    pool = PoolHidden(encoder, [SEQUENCE], kinds=kinds, layers=layers)
    encoder.start([SEQUENCE], reduce=reduce_nothing(encoder.kernels.attend), add_hidden=pool.add)
    (vectors,) = pool.stack_vectors()

    reference = load_reference(model)
    with torch.inference_mode():
        outputs = reference(input_ids=torch.tensor([tokenize(model, SEQUENCE)]), output_hidden_states=True)
    hidden = [*outputs.hidden_states[1 : encoder.n_layers], outputs[0]]  # of the last after the final norm
    assert len(hidden) == len(vectors) == encoder.n_layers

    for layer, (states, of_layer) in enumerate(zip(hidden, vectors, strict=True)):
        states = states[0].numpy()
        residues = states[places[1:-1]]
        expected = [states[place] for place in ends.values() if place is not None] + [residues.mean(axis=0)]
        expected += [part.mean(axis=0) for part in np.array_split(residues, 10)]
        assert np.abs(of_layer - np.array(expected)).max() < 2e-5 * max(1, np.abs(states).max()), layer

    check_known_protein(encoder)  # a device that works passes with its hidden states, too
