"""Ids of an atlas similar to an unknown one: in other letter case, of the same entry or gene, or misspelt."""

import re
from collections.abc import Iterator, Sequence

from attlas.queries.lookup.parquet_rows import ProteinRows

N_CLOSE = 5
"""Similar ids offered for an unknown one."""
N_COMPARED = 3_000
"""Names compared letter by letter: more of them cost a second."""
N_MISSPELT = 10
"""Unknown ids, the first of many, for which misspellings are looked for."""
LONGEST_COMPARED = 100
"""Characters of an id that is still compared; a longer one is no misspelling."""
SIMILARITY = 0.75
"""Least ratio of matching letters of a misspelling."""
ENTRY = re.compile(r"(.+?)(?:[-.]\d+)?")
"""An accession with, maybe, the number of an isoform or of a version."""


def similar_ids(proteins: ProteinRows, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return, for each id that is not in the atlas, at most five similar ids that are, the likeliest first.

    Those that differ in letter case, isoform or version, or are named by the gene, are found in one pass; for the
    first ten ids, which a message names, also those that are spelt nearly so.
    """
    if not ids:
        return {}

    keys = {text: list(_keys(text.upper())) for text in ids}
    all_keys = {key for text_keys in keys.values() for key in text_keys}

    names_by_key: dict[str, list[str]] = {}
    for key, name in _keyed_names(proteins):
        if key in all_keys:
            names_by_key.setdefault(key, []).append(name)

    misspelt = _misspelt(proteins, [text for text in keys if 2 < len(text) <= LONGEST_COMPARED][:N_MISSPELT])
    certain = {
        text: [name for key in text_keys for name in names_by_key.get(key, ())] for text, text_keys in keys.items()
    }
    return {text: tuple(dict.fromkeys([*certain[text], *misspelt.get(text, ())]))[:N_CLOSE] for text in keys}


def _keys(upper: str) -> Iterator[str]:
    """Yield the keys under which an id in upper case is searched for, the likeliest first."""
    yield upper
    if entry := ENTRY.fullmatch(upper):
        yield f"{entry[1]} entry"


def _keyed_names(proteins: ProteinRows) -> Iterator[tuple[str, str]]:
    """Yield every name of the atlas with each key under which it is found."""
    for accession in proteins.column("accession"):
        upper = accession.upper()
        yield upper, accession
        if entry := ENTRY.fullmatch(upper):
            yield f"{entry[1]} entry", accession

    for entry_name, gene in zip(proteins.column("entry_name"), proteins.column("gene"), strict=True):
        if entry_name:
            yield entry_name.upper(), entry_name
            yield entry_name.partition("_")[0].upper(), entry_name  # often the gene, where headers name none
        if gene:
            yield gene.upper(), gene
        if entry_name and gene:
            # People write TP53_HUMAN for P53_HUMAN: the gene with the organism's mnemonic.
            yield f"{gene}_{entry_name.rpartition('_')[2]}".upper(), entry_name


def _misspelt(proteins: ProteinRows, ids: Sequence[str]) -> dict[str, list[str]]:
    """Return, for each of a few ids, the entry names and genes with a similar spelling."""
    from difflib import get_close_matches  # only an unknown id needs it

    names = [name for column in ("entry_name", "gene") for name in proteins.column(column) if name] if ids else []
    return {text: get_close_matches(text, _alike(names, text), n=N_CLOSE, cutoff=SIMILARITY) for text in ids}


def _alike(names: list[str], id: str) -> list[str]:
    """Return names with the same beginning as `id`, of two letters or of as many more as keep the names few."""
    for n in range(2, len(id)):
        beginning = id[:n].upper()
        names = [name for name in names if name[:n].upper() == beginning]
        if len(names) <= N_COMPARED:
            return names
    return names[:N_COMPARED]
