"""The data of a pair's page, made by hand: two small proteins with links, contacts and a structure of two chains."""

from typing import Any

from helpers.drawn_protein import Data, as_halves, feature, helix, protein_of

N_FIRST, N_SECOND = 40, 60
N_LAYERS, N_HEADS = 3, 4
STRONGEST = (2, 1, 12, 33, 0.8)
"""Layer, head, i of the first protein, j of the second, and weight of the strongest link, in both orders."""


def small_pair(**changes: Any) -> Data:
    """Return a pair of 40 and 60 residues, 3 layers of 4 heads, links in both directions and orders."""
    first_protein = protein_of(N_FIRST, n_layers=N_LAYERS, n_heads=N_HEADS, sites=(10,))
    second_protein = protein_of(N_SECOND, n_layers=N_LAYERS, n_heads=N_HEADS, sites=(20, 50), seed=2)
    # Place, order, layer, head, i, j, weight; the strongest stands in both orders, weaker in the second.
    links = [
        (1, "forward", *STRONGEST),
        (1, "reverse", *STRONGEST[:4], 0.6),
        *((1, "forward", 2, 1, i, 33, 0.25) for i in (3, 20)),
        *((1, "reverse", 0, 3, i, i + 5, 0.4) for i in range(1, 8)),
        *((2, "forward", 1, 2, i, 7, 0.5) for i in range(30, 36)),
    ]
    names = ("place", "chain_order", "layer", "head", "i", "j", "weight")
    link_lists = dict(zip(names, map(list, zip(*links, strict=True)), strict=True))
    orders = ("forward", "mean", "reverse")
    data: Data = {
        "format": 1,
        "provenance": first_protein["provenance"],
        "model": {
            "n_layers": N_LAYERS, "n_heads": N_HEADS, "theta": 0.3,
            "statistics": {"across_share": "Attention to residues of partner."},
        },
        "pair": {
            "accession": "X40", "partner": "X60", "label": "binder", "score": 0.5, "form": "gap", "forms": ["gap"],
        },
        "proteins": [_protein(protein, n) for protein, n in ((first_protein, N_FIRST), (second_protein, N_SECOND))],
        "heads": [_heads(place, order) for place in (1, 2) for order in orders],
        "links": {"floor": 0.05, "per_residue": 1, **link_lists},
        "contacts": {"i": [5, 12], "j": [40, 33], "probability": [0.02, 0.01], "score": [None, None]},
        "known_contacts": {"i": [5], "j": [40], "distance": [6.5], "sources": ["1tst.cif"]},
        "structure": _complex(first_protein["protein"]["sequence"], second_protein["protein"]["sequence"]),
        "thinned": [],
    }  # fmt: skip
    return data | changes


def _protein(data: Data, n: int) -> Data:
    values = [(layer + 1) * (position % 7) / 10 for layer in range(N_LAYERS) for position in range(n)]
    return {
        "protein": data["protein"],
        "sites": data["sites"],
        "features": [feature("Active site", 8, 8, "Charge relay")],
        "received_across": {"encoding": "float16-base64", "data": as_halves(values)},
        "received_within": data["received"],
    }


def _heads(place: int, order: str) -> Data:
    """Return a share across that differs by direction and order."""
    shift = place / 10 + {"forward": 0.01, "mean": 0.02, "reverse": 0.03}[order]
    shares = [shift + head / 100 for head in range(N_LAYERS * N_HEADS)]
    statistics = {"across_share": shares, "n_edges_across": [head % 3 for head in range(N_LAYERS * N_HEADS)]}
    return {"place": place, "chain_order": order, "statistics": statistics}


def _complex(first_sequence: str, second_sequence: str) -> Data:
    """Return two helices beside each other: chain A of the first protein, B of the second."""
    a = helix(first_sequence, positions=range(1, N_FIRST + 1))
    b = helix(second_sequence, positions=range(1, N_SECOND + 1))
    moved = [f"{line[:21]}B{line[22:38]}{float(line[38:46]) + 12:8.3f}{line[46:]}" for line in atom_lines(b)]
    chains = [{**a["chains"][0], "place": 1}, {**b["chains"][0], "place": 2, "chain": "B"}]
    text = "\n".join([*atom_lines(a), *moved, "END", ""])
    return {**a, "text": text, "name": "1tst chains A, B", "chains": chains, "n_mapped": N_FIRST + N_SECOND}


def atom_lines(structure: Data) -> list[str]:
    """Return the lines of a structure's atoms."""
    return [line for line in structure["text"].split("\n") if line.startswith("ATOM")]
