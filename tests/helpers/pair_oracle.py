"""Pairs by the definitions, from transformers' eager maps in float64: what the tables of pairs are held against."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from transformers import EsmModel, EsmTokenizer

from helpers.contact_oracles import corrected

GAP, N_LINKER = 100, 25


@dataclass(frozen=True)
class EagerPair:
    """The whole maps of a joined input, and where its two chains and its linker are."""

    maps: np.ndarray
    """(L, H, T, T), float64."""
    tokens: list[int]
    partner_tokens: list[int]
    linker: list[int]

    def chain(self, n: int) -> list[int]:
        return (self.tokens, self.partner_tokens)[n]

    def block(self, query: int, key: int) -> np.ndarray:
        """Attention of one chain to one, (L, H, A, B)."""
        return self.maps[:, :, self.chain(query)][:, :, :, self.chain(key)]


@lru_cache
def load(weights: Path) -> tuple[EsmModel, EsmTokenizer]:
    model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager")
    return model.double().eval(), EsmTokenizer.from_pretrained(weights)


def read_eagerly(weights: Path, sequence: str, partner: str, form: str) -> EagerPair:
    """Join two sequences by hand, token by token, and run them through transformers' own attention."""
    model, tokenizer = load(weights)
    between = {"gap": [], "linker": ["G"] * N_LINKER, "ends": ["<eos>", "<cls>"], "separators": ["<eos>", "<eos>"]}
    words = ["<cls>", *sequence, *between[form], *partner, "<eos>"]
    begin = 1 + len(sequence) + len(between[form])
    positions = [n + (GAP if form == "gap" and n >= begin else 0) for n in range(len(words))]

    ids = torch.tensor([tokenizer.convert_tokens_to_ids(words)])
    with torch.inference_mode():
        attentions = model(ids, position_ids=torch.tensor([positions]), output_attentions=True).attentions
    return EagerPair(
        maps=np.stack([layer[0].numpy() for layer in attentions]),
        tokens=list(range(1, 1 + len(sequence))),
        partner_tokens=list(range(begin, begin + len(partner))),
        linker=list(range(1 + len(sequence), begin)) if form == "linker" else [],
    )


def count_head_numbers(pair: EagerPair, query: int, *, is_mirrored: bool, theta: float) -> dict[str, np.ndarray]:
    """Return each number of `pair_heads` of one direction, (L, H)."""
    within, across = pair.block(query, query), pair.block(query, 1 - query)
    rows = pair.maps[:, :, pair.chain(query)]
    specials = sorted(set(range(pair.maps.shape[2])) - {*pair.tokens, *pair.partner_tokens, *pair.linker})
    numbers = {
        "within_share": within.sum(3).mean(2),
        "across_share": across.sum(3).mean(2),
        "special_share": rows[:, :, :, specials].sum(3).mean(2),
        "linker_share": rows[:, :, :, pair.linker].sum(3).mean(2),
        "entropy_within": _entropy(within).mean(2),
        "entropy_across": _entropy(across).mean(2),
        "max_across": across.max((2, 3)),
        "n_edges_across": (across >= theta).sum((2, 3)).astype(float),
    }
    if is_mirrored:
        numbers["mirror"] = np.array(
            [
                [np.corrcoef(w.ravel(), a.ravel())[0, 1] for w, a in zip(*layer, strict=True)]
                for layer in zip(within, across, strict=True)
            ]
        )
    return numbers


def sum_received(pair: EagerPair, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the attention that the residues of a chain receive within and across, (N, L) each."""
    within, across = (pair.block(query, key).sum(2).mean(1).T for query in (key, 1 - key))
    return within, across


def predict_contacts(weights: Path, pair: EagerPair, heads: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of the contact head and the fused scores of the block across, (A, B)."""
    residues = [*pair.tokens, *pair.partner_tokens]
    inner = pair.maps[:, :, residues][:, :, :, residues]
    n = len(pair.tokens)
    maps = np.array([[corrected(head)[:n, n:] for head in layer] for layer in inner])  # (L, H, A, B)

    regression = load(weights)[0].contact_head.regression
    logits = np.tensordot(regression.weight.detach().numpy()[0], maps.reshape(-1, *maps.shape[2:]), 1)
    probability = 1 / (1 + np.exp(-(logits + regression.bias.item())))
    return probability, np.mean([maps[head] for head in heads], axis=0)


def _entropy(block: np.ndarray) -> np.ndarray:
    share = block / block.sum(3, keepdims=True)
    return -(share * np.log(share, where=share > 0, out=np.zeros_like(share))).sum(3)
