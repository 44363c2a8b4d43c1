"""Candidates for links of models that are not like ESM-2, against the maps of the models themselves."""

from pathlib import Path

import numpy as np
import pytest
from helpers.architectures import ARCHITECTURES, LETTERS, load
from helpers.link_oracle import list_candidates
from helpers.verdicts import load_reference, reference_maps, tokenize

from attlas.pipeline.links.gathering import GatherLinks
from attlas.pipeline.model.architectures import HOOKED

pytestmark = pytest.mark.slow

FLOOR = 0.1


@pytest.mark.parametrize(("name", "attention"), [("T5", "tiled"), ("MegatronBERT", HOOKED), ("XLNet", HOOKED)])
def test_the_candidates_are_those_of_the_models_own_maps(name: str, attention: str, tmp_path: Path) -> None:
    """T5 has a bias and no begin token; hooks take the maps of MegatronBERT, and of XLNet with its order of tokens."""
    model = next(architecture for architecture in ARCHITECTURES if architecture.name == name).save(tmp_path)
    sequence = LETTERS * 3
    encoder = load(model, attention=attention)
    gather = GatherLinks(floor=FLOOR, per_residue=5, n_layers=encoder.n_layers)
    encoder.start([sequence], reduce=gather, theta=0.3)
    (links,) = gather.candidates()

    maps = {
        (layer, head): attention_map[1:-1, 1:-1]
        for layer, heads in enumerate(reference_maps(load_reference(model), tokenize(model, sequence), len(sequence)))
        for head, attention_map in enumerate(np.asarray(heads))
    }
    expected = list_candidates(maps, FLOOR)
    n_heads = encoder.n_heads
    places = (links.head_index // n_heads, links.head_index % n_heads, links.i, links.j)
    weights = dict(zip(zip(*(column.tolist() for column in places), strict=True), links.weight, strict=True))

    assert len(weights) > 20
    # A weight next to the floor, or to the weakest that is kept of a hub, may be on either side of it.
    assert len(set(weights) ^ set(expected)) <= 2
    shared = sorted(set(weights) & set(expected))
    assert [weights[link] for link in shared] == pytest.approx([expected[link] for link in shared], abs=1e-4)
