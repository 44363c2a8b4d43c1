"""Real proteins by transformers' eager path in float64: computed, which takes minutes, or read from `tests/data`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import EsmModel, EsmTokenizer

from helpers.oracles import received, statistics

DATA = Path(__file__).parents[1] / "data"
STORED = DATA / "eager50.npz"
PROTEINS = DATA / "human200.fasta"

THETA, NEAR_THETA = 0.3, 3e-5
"""Threshold of an edge, and how near it float32 may answer otherwise than float64."""


@dataclass(frozen=True)
class EagerAnswer:
    """What a protein's eager attention gives, by NumPy."""

    received: np.ndarray
    """Attention received, (L, N)."""
    heads: np.ndarray | None
    """Statistics of heads, (L, H, S)."""
    n_at_theta: np.ndarray | None
    """Pairs within a rounding error of the threshold, (L, H)."""


def compute_eager(weights: Path, sequence: str, *, has_heads: bool) -> EagerAnswer:
    """Return the answer of one protein, in float64."""
    eager, tokenizer = _load(weights)
    with torch.inference_mode():
        attentions = eager(**tokenizer(sequence, return_tensors="pt"), output_attentions=True).attentions
    layers = [layer[0].numpy() for layer in attentions]
    if not has_heads:
        return EagerAnswer(np.stack([received(layer) for layer in layers]), None, None)
    near = [(np.abs(layer[:, 1:-1, 1:-1] - THETA) < NEAR_THETA).sum((1, 2)) for layer in layers]
    return EagerAnswer(
        received=np.stack([received(layer) for layer in layers]),
        heads=np.stack([statistics(layer, THETA) for layer in layers]),
        n_at_theta=np.stack(near),
    )


_loaded: dict[Path, tuple[EsmModel, EsmTokenizer]] = {}


def _load(weights: Path) -> tuple[EsmModel, EsmTokenizer]:
    if weights not in _loaded:
        model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager")
        _loaded[weights] = model.double().eval(), EsmTokenizer.from_pretrained(weights)
    return _loaded[weights]


def write_stored(answers: dict[str, EagerAnswer], weights_sha256: str, path: Path = STORED) -> None:
    """Write answers by accession, as float32: a hundred times as exact as what is compared with them."""
    with_heads = [name for name, answer in answers.items() if answer.heads is not None]
    np.savez_compressed(
        path,
        weights_sha256=weights_sha256,
        accessions=list(answers),
        with_heads=with_heads,
        ends=np.cumsum([answer.received.shape[1] for answer in answers.values()]),
        received=np.concatenate([answer.received for answer in answers.values()], axis=1).astype(np.float32),
        heads=np.stack([answers[name].heads for name in with_heads]).astype(np.float32),
        n_at_theta=np.stack([answers[name].n_at_theta for name in with_heads]).astype(np.int32),
    )


def read_stored(weights_sha256: str, accessions: Sequence[str]) -> list[EagerAnswer]:
    """Return the stored answers of these proteins, all that are stored, which must be of these weights."""
    with np.load(STORED) as stored:
        assert str(stored["weights_sha256"]) == weights_sha256, "other weights: python tests/data/make_eager50.py"
        assert stored["accessions"].tolist() == list(accessions), "other proteins: python tests/data/make_eager50.py"
        profiles = np.split(stored["received"].astype(np.float64), stored["ends"][:-1], axis=1)
        numbers = {name: i for i, name in enumerate(stored["with_heads"].tolist())}
        heads, near = stored["heads"].astype(np.float64), stored["n_at_theta"]
    answers = []
    for accession, profile in zip(accessions, profiles, strict=True):
        i = numbers.get(accession)
        answers.append(EagerAnswer(profile, None if i is None else heads[i], None if i is None else near[i]))
    return answers
