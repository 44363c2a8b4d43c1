"""The data of a pair's page kept below a size, as `thinning.py` keeps those of a protein; the page says what went.

A structure loses its side chains first; attention received and the numbers of heads lose what can be asked for by SQL,
links and contacts their weaker half.
"""

from attlas.queries.page.thinning import (
    DATA_BYTES,
    FEWEST_PAIRS,
    Data,
    Step,
    half,
    select_rows,
    select_strongest,
    thin,
    thin_structure,
)

MEAN = "mean"
"""The order whose numbers of heads stay."""
LINK_LISTS = ("place", "chain_order", "layer", "head", "i", "j", "weight")
CONTACT_LISTS = ("i", "j", "probability", "score")


def thin_pair(data: Data, *, max_bytes: int = DATA_BYTES) -> Data:
    """Return the data of a pair's page in at most `max_bytes`, gzipped, as far as thinning goes."""
    return thin(data, max_bytes=max_bytes, steps=_STEPS)


def _thin_heads(data: Data, whole: Data) -> Step | None:
    means = [block for block in data["heads"] if block["chain_order"] == MEAN]
    if not means or len(means) == len(data["heads"]):
        return None
    sentence = "Numbers of heads are here as means of both orders; the table pair_heads has those of each."
    return Step("heads", means, sentence)


def _thin_proteins(data: Data, whole: Data) -> Step | None:
    """Leave out attention received within: what the partner gives is what the page is about."""
    if data["proteins"][0]["received_within"] is None:
        return None
    proteins = [{**protein, "received_within": None} for protein in data["proteins"]]
    sentence = "Attention received within a protein is not in this page; the table pair_residues has it."
    return Step("proteins", proteins, sentence)


def _thin_links(data: Data, whole: Data) -> Step | None:
    links = data["links"]
    kept = select_strongest(links, ("place", "chain_order", "layer", "head"))
    if len(kept) == len(links["weight"]):
        return None
    n_all = len(whole["links"]["weight"])
    sentence = f"The page has the {len(kept):,} links of most attention of {n_all:,}; the table pair_links has all."
    return Step("links", select_rows(links, LINK_LISTS, kept), sentence)


def _thin_contacts(data: Data, whole: Data) -> Step | None:
    contacts = data["contacts"]
    name = "score" if any(value is not None for value in contacts["score"]) else "probability"
    best = sorted(range(len(contacts["i"])), key=lambda k: -(contacts[name][k] or 0.0))
    kept = best[: half(len(best), fewest=FEWEST_PAIRS)]
    if len(kept) == len(best):
        return None
    n_all = len(whole["contacts"]["i"])
    sentence = f"The page has the {len(kept):,} best contacts of {n_all:,} by {name}; the table pair_contacts has all."
    return Step("contacts", select_rows(contacts, CONTACT_LISTS, kept), sentence)


_STEPS = {
    "structure": thin_structure,
    "heads": _thin_heads,
    "proteins": _thin_proteins,
    "links": _thin_links,
    "contacts": _thin_contacts,
}
