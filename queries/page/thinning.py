"""The data of a page kept below a size: what is drawn least well at full size goes at the start, and the page says so.

A structure loses its side chains, then all but its C-alpha atoms, then chains, and is left out at last; attention
received loses every other layer; links and contacts lose the weaker half, variants the middle half, tracks the last.
The largest of these is thinned until all fits. The atlas itself has everything, and the sentences name the table.
"""

import base64
import gzip
import json
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attlas.queries.page.structure_text import BACKBONE, StructureText, keep_chains, keep_polymer_atoms
from attlas.queries.text import counted

DATA_BYTES = 750_000
"""Bytes of a page's data, gzipped; scripts and styles take the rest of a megabyte."""
COMPRESSION = 6
FLOAT16_NAN_BYTES = b"\x00\x7e"
"""Not a number as a float16, little endian: a value of a layer that was left out."""
ALPHA_CARBON = frozenset({"CA"})

FEWEST_PAIRS = 1_000
"""Links, or contacts, that are always kept."""

Data = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A part of the data made smaller."""

    name: str
    value: Any
    sentence: str
    """What the page lacks of it."""


MakeStep = Callable[[Data, Data], Step | None]
"""Makes a part of the data smaller, given the data as they are now and whole; None where it is as small as it gets."""


def thin(data: Data, *, max_bytes: int = DATA_BYTES, steps: Mapping[str, MakeStep] | None = None) -> Data:
    """Return the data of a page in at most `max_bytes`, gzipped, as far as thinning goes; `thinned` says what is left.

    Data that are small enough are returned as they are.

    Args:
        steps: by part of the data, the function that makes it smaller; default: those of a protein's page.
    """
    steps = _STEPS if steps is None else steps
    if len(as_json(data)) <= max_bytes:  # gzipped they are smaller still
        return data

    thinned = dict(data)
    sizes = {name: zipped_bytes(value) for name, value in data.items()}
    sentences: dict[str, str] = {}
    while sum(sizes.values()) > max_bytes:
        by_size = sorted(steps, key=lambda name: sizes[name], reverse=True)
        step = next((step for name in by_size if (step := steps[name](thinned, data)) is not None), None)
        if step is None:
            break
        thinned[step.name], sentences[step.name] = step.value, step.sentence
        sizes[step.name] = zipped_bytes(step.value)

    thinned["thinned"] = [*data["thinned"], *sentences.values()]
    return thinned


def as_json(value: object) -> str:
    """Return a value as JSON in ASCII without spaces, the form a page holds it in."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def zipped_bytes(value: object) -> int:
    """Return the bytes of a value as gzipped JSON."""
    return len(gzip.compress(as_json(value).encode(), COMPRESSION))


def thin_structure(data: Data, whole: Data) -> Step | None:
    """Leave out side chains, then all but C-alpha atoms, then half of the chains, at last the structure."""
    structure = data["structure"]
    if structure is None:
        return None

    drawn = StructureText(structure["format"], structure["text"])
    backbone = keep_polymer_atoms(drawn, BACKBONE)
    if len(backbone.text) < len(drawn.text):
        sentence = "The structure is drawn without the atoms of side chains."
        return Step("structure", {**structure, "text": backbone.text}, sentence)

    trace = keep_polymer_atoms(drawn, ALPHA_CARBON)
    if len(trace.text) < len(drawn.text):
        sentence = "The structure is drawn by its C-alpha atoms only."
        return Step("structure", {**structure, "kind": "trace", "text": trace.text}, sentence)

    chains = structure["chains"][: len(structure["chains"]) // 2]
    if not chains:
        return Step("structure", None, "The structure is too large for a page and is not drawn.")
    kept = keep_chains(drawn, frozenset(chain["chain"] for chain in chains))
    n_mapped = len({position for chain in chains for position in chain["positions"]})
    n_chains = counted(len(whole["structure"]["chains"]), "chain")
    sentence = f"The structure is drawn by the C-alpha atoms of {len(chains):,} of its {n_chains}."
    return Step("structure", {**structure, "text": kept.text, "chains": chains, "n_mapped": n_mapped}, sentence)


def _thin_received(data: Data, whole: Data) -> Step | None:
    if data["received"] is None:
        return None

    # Whatever the machine, the bytes of NaN are told apart as they are stored.
    values = array("H", base64.b64decode(data["received"]["data"]))
    n_layers = data["model"]["n_layers"]
    length = len(values) // n_layers
    nan = array("H", FLOAT16_NAN_BYTES)
    layers = [layer for layer in range(n_layers) if values[layer * length] != nan[0]]
    convergence = data["protein"]["layer"]
    kept = sorted({*layers[::2], *([] if convergence is None else [convergence])})
    if len(kept) == len(layers):
        return None

    for layer in set(layers) - set(kept):
        values[layer * length : (layer + 1) * length] = nan * length
    sentence = (
        f"Attention received is here of {len(kept)} of {n_layers} layers ({', '.join(map(str, kept))}); "
        f"the table residues has all."
    )
    received = {**data["received"], "data": base64.b64encode(values.tobytes()).decode()}
    return Step("received", received, sentence)


def _thin_links(data: Data, whole: Data) -> Step | None:
    links = data["links"]
    if links is None:
        return None

    kept = select_strongest(links, ("layer", "head"))
    if len(kept) == len(links["weight"]):
        return None
    n_all = len(whole["links"]["weight"])
    sentence = (
        f"The page has the {len(kept):,} links of most attention of {n_all:,}, one or more for each head that has any; "
        "the table links has all."
    )
    return Step("links", select_rows(links, ("layer", "head", "i", "j", "weight"), kept), sentence)


def _thin_contacts(data: Data, whole: Data) -> Step | None:
    contacts = data["contacts"]
    if contacts is None:
        return None
    probabilities = contacts["probability"]
    likeliest = sorted(range(len(probabilities)), key=lambda i: -probabilities[i])
    kept = likeliest[: half(len(likeliest), fewest=FEWEST_PAIRS)]
    if len(kept) == len(likeliest):
        return None
    n_all = len(whole["contacts"]["probability"])
    sentence = f"The page has the {len(kept):,} likeliest contacts of {n_all:,}; the table contacts has all."
    return Step("contacts", select_rows(contacts, ("i", "j", "probability"), kept), sentence)


def _thin_variants(data: Data, whole: Data) -> Step | None:
    variants = data["variants"]
    if variants is None:
        return None

    # Of most scores one end is harmful, of some the low one and of some the high one: both ends stay.
    with_value = [i for i, variant in enumerate(variants) if variant["value"] is not None]
    by_value = sorted(with_value, key=lambda i: variants[i]["value"])
    n_kept = half(len(variants), fewest=FEWEST_PAIRS)
    if n_kept >= len(variants):
        return None
    kept = sorted({*by_value[: n_kept // 2], *by_value[len(by_value) - n_kept // 2 :]})
    sentence = (
        f"The page has the {len(kept):,} variants of lowest and highest value of {len(whole['variants']):,}; "
        "the table variants has all."
    )
    return Step("variants", [variants[i] for i in kept], sentence)


def _thin_tracks(data: Data, whole: Data) -> Step | None:
    tracks = data["tracks"]
    if tracks is None or len(tracks) < 2:
        return None
    kept = tracks[: (len(tracks) + 1) // 2]
    sentence = f"The page has {len(kept):,} of {len(whole['tracks']):,} tracks; the table tracks has all."
    return Step("tracks", kept, sentence)


def select_strongest(links: Data, group: Sequence[str]) -> list[int]:
    """Return the places of the half of links with most attention, one at least for each group, such as a head.

    A head without a link would look like one without attention.

    Args:
        links: lists that stand beside each other, `weight` among them.
        group: names of the lists whose values tell one group from another.
    """
    by_weight = sorted(range(len(links["weight"])), key=lambda i: -links["weight"][i])
    strongest: dict[tuple[Any, ...], int] = {}
    for i in by_weight:
        strongest.setdefault(tuple(links[name][i] for name in group), i)

    of_groups = set(strongest.values())
    weaker = [i for i in by_weight if i not in of_groups]
    n_kept = half(len(by_weight), fewest=max(FEWEST_PAIRS, len(strongest)))
    return [*strongest.values(), *weaker][:n_kept]


def half(n: int, *, fewest: int) -> int:
    """Return half of a number of rows, but no fewer than `fewest` of them."""
    return min(n, max(n // 2, fewest))


def select_rows(lists: Data, names: Sequence[str], kept: Sequence[int]) -> Data:
    """Return lists that stand beside each other with some of their elements, in the order they had."""
    ordered = sorted(kept)
    return {**lists, **{name: [lists[name][i] for i in ordered] for name in names}}


_STEPS: dict[str, MakeStep] = {
    "structure": thin_structure,
    "received": _thin_received,
    "links": _thin_links,
    "contacts": _thin_contacts,
    "variants": _thin_variants,
    "tracks": _thin_tracks,
}
"""By part of the data, the function that makes it smaller; None where it is as small as it gets."""
