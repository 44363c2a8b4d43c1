"""The data of pages, made by hand: a small protein with everything that a page can show, and odd proteins."""

import base64
import math
import random
import struct
from typing import Any

Data = dict[str, Any]

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
THREE_LETTERS = (  # in the order of LETTERS
    "ALA CYS ASP GLU PHE GLY HIS ILE LYS LEU MET ASN PRO GLN ARG SER THR VAL TRP TYR"
)
SITES = (24, 7, 41)
"""Positions of the sites of the small protein, rank 1 at the start."""
HUB = 24
"""The residue that head 2-1 looks at."""
EVIL = "</script><img src=x onerror=alert(1)>\"'&amp;<b>"


def small_protein(**changes: Any) -> Data:
    """Return 60 residues, 4 layers of 5 heads, sites, links, features, contacts, tracks, variants and a structure."""
    data = protein_of(60, n_layers=4, n_heads=5, sites=SITES)
    data["protein"] |= {"accession": "P07550", "entry_name": "SMALL_TEST", "gene": "sma", "organism": "Homo sapiens"}
    data["links"] = links_of(
        [(2, 1, i, HUB, 0.9 - i / 100) for i in range(30, 50)] + [(0, 3, i, i + 1, 0.4) for i in range(1, 40)]
    )
    data["features"] = [
        feature("Active site", 26, 26, "Charge relay system"),
        feature("Disulfide bond", 10, 50),
        feature("Domain", 5, 30, "Ig-like"),
        *(feature(f"Kind {k}", 2 * k, 2 * k + 3) for k in range(1, 9)),
    ]
    data["families"] = [{"database": "Pfam", "family": "PF00001", "name": "Rhodopsin", "source": "hand"}]
    data["contacts"] = {"i": [3, 8, 20], "j": [40, 55, 48], "probability": [0.9, 0.5, 0.7]}
    data["tracks"] = [
        {"name": "pLDDT", "unit": "", "source": "hand", "positions": list(range(10, 50)), "values": list(range(40))}
    ]
    data["variants"] = [
        {
            "source": "hand",
            "name": "effect",
            "position": 24,
            "from": data["protein"]["sequence"][23],
            "to": "A",
            "value": 1.5,
        }
    ]
    data["structure"] = helix(data["protein"]["sequence"], positions=range(3, 61))
    return data | changes


def protein_of(length: int, *, n_layers: int, n_heads: int, sites: tuple[int, ...], seed: int = 1) -> Data:
    """Return a protein at random, without annotation and links; received attention is largest at its sites."""
    chance = random.Random(seed)
    sequence = "".join(chance.choices(LETTERS, k=length))
    layer = n_layers // 2
    received = [[chance.random() for _ in range(length)] for _ in range(n_layers)]
    for rank, position in enumerate(sites, 1):
        received[layer][position - 1] = 32.0 / rank
    statistics = {
        name: [chance.random() for _ in range(n_layers * n_heads)] for name in ("entropy", "beyond24_share")
    } | {"n_edges": [chance.randrange(40, 90) for _ in range(n_layers * n_heads)]}
    return {
        "format": 1,
        "provenance": {"model": "m", "weights": "random", "rule": "nayar-2025-05", "atlas_id": "0" * 16},
        "model": {"n_layers": n_layers, "n_heads": n_heads, "theta": 0.3},
        "protein": {
            "accession": f"X{length}", "entry_name": None, "gene": None, "organism": None, "taxon_id": None,
            "description": f"Protein of {length} residues", "sequence": sequence, "length": length, "md5": "0",
            "crc64": "0", "status": "ok", "reason": None, "layer": layer, "n_sites": len(sites), "sites_note": None,
        },
        "sites": [
            {
                "position": position, "residue": sequence[position - 1], "rank": rank, "layer": layer,
                "received": 32.0 / rank, "share": 1 / rank, "is_nonstandard": False, "is_initiator_methionine": False,
            }
            for rank, position in enumerate(sites, 1)
        ],
        "received": {"encoding": "float16-base64", "data": as_halves([v for row in received for v in row])},
        "heads": {"statistics": statistics},
        "links": None, "features": None, "families": None, "contacts": None, "tracks": None, "variants": None,
        "structure": None, "thinned": [],
    }  # fmt: skip


def skipped_protein() -> Data:
    """Return a protein that was not computed."""
    data = protein_of(80, n_layers=4, n_heads=5, sites=())
    data["protein"] |= {"status": "skipped", "reason": "longer than 50 residues", "layer": None, "n_sites": None}
    return data | {"sites": None, "received": None, "heads": None}


def protein_without_sites() -> Data:
    """Return a protein that was computed, and has no layer of convergence."""
    data = protein_of(30, n_layers=4, n_heads=5, sites=())
    data["protein"] |= {"layer": None, "sites_note": "too few residues to fit"}
    return data


def hostile_protein() -> Data:
    """Return a protein whose every text would do harm if it were taken for HTML, SQL or a shell's words."""
    data = small_protein()
    data["protein"] |= dict.fromkeys(("accession", "entry_name", "gene", "organism", "description"), EVIL)
    data["provenance"] = dict.fromkeys(data["provenance"], EVIL)
    data["features"] = [feature(EVIL, 5, 9, EVIL), feature("Active site", 26, 26, EVIL)]
    data["families"] = [{"database": EVIL, "family": EVIL, "name": EVIL, "source": EVIL}]
    data["tracks"] = [{"name": EVIL, "unit": EVIL, "source": EVIL, "positions": [1, 2], "values": [1, 2]}]
    data["variants"] = [{"source": EVIL, "name": EVIL, "position": 3, "from": EVIL, "to": EVIL, "value": 1}]
    data["thinned"] = [EVIL]
    data["structure"] |= {"name": EVIL, "source": EVIL, "notes": [EVIL]}
    return data


def feature(kind: str, begin: int, end: int, description: str = "") -> dict[str, Any]:
    """Return a row of features."""
    return {"type": kind, "begin": begin, "end": end, "description": description, "evidence": "", "source": "hand"}


def links_of(rows: list[tuple[int, int, int, int, float]]) -> dict[str, Any]:
    """Return links from rows of layer, head, i, j, weight."""
    columns = dict(zip(("layer", "head", "i", "j", "weight"), map(list, zip(*rows, strict=True)), strict=True))
    return {"floor": 0.1, "per_residue": 5, **columns}


def helix(sequence: str, *, positions: range) -> dict[str, Any]:
    """Return the C-alpha atoms of an ideal helix of some of the residues, numbered from 101."""
    lines = []
    for position in positions:
        name = THREE_LETTERS.split()[LETTERS.index(sequence[position - 1])]
        angle = math.radians(100 * position)
        point = (1.5 * position, 2.3 * math.cos(angle), 2.3 * math.sin(angle))
        x, y, z = (f"{value:8.3f}" for value in point)
        lines.append(f"ATOM  {position:5d}  CA  {name} A{position + 100:4d}    {x}{y}{z}  1.00  0.00           C")
    chain = {"chain": "A", "positions": list(positions), "residues": [str(position + 100) for position in positions]}
    return {
        "kind": "trace", "format": "pdb", "text": "\n".join([*lines, "END", ""]), "name": "helix chain A",
        "source": "hand", "chains": [chain], "n_mapped": len(positions), "notes": [],
    }  # fmt: skip


def as_halves(values: list[float]) -> str:
    """Return numbers as float16, little endian, base64."""
    return base64.b64encode(struct.pack(f"<{len(values)}e", *values)).decode()
