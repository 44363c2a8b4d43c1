"""Ids of an atlas similar to an unknown one: in other letter case, of the same entry or gene, or misspelt."""

import re
from collections.abc import Sequence
from operator import itemgetter

from attlas.queries.lookup.name_index import Name, ProteinNames
from attlas.schema.index_tables import name_key

N_CLOSE = 5
"""Similar ids offered for an unknown one."""
N_COMPARED = 3_000
"""Names compared letter by letter: more of them cost a second."""
N_MISSPELT = 10
"""Unknown ids, the first of many, for which misspellings are looked for."""
N_GENES = 100
"""Proteins of a gene whose entry names are looked at."""
LONGEST_COMPARED = 100
"""Characters of an id that is still compared; a longer one is no misspelling."""
SIMILARITY = 0.75
"""Least ratio of matching letters of a misspelling."""
ENTRY = re.compile(r"(.+?)(?:[-.]\d+)?")
"""An accession with, maybe, the number of an isoform or of a version."""


def similar_ids(names: ProteinNames, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return, for each id that is not in the atlas, at most five similar ids that are, the likeliest first.

    Those that differ in letter case, isoform or version, or are named by the gene, are found for all; for the first
    ten ids, which a message names, also those that are spelt nearly so.
    """
    misspelt = [text for text in ids if 2 < len(text) <= LONGEST_COMPARED][:N_MISSPELT]

    similar = {}
    for text in sorted(ids, key=name_key):  # neighbours in the index are read together
        close = [*_same_but_for_case(names, text), *_same_entry(names, text)]
        close += _spelt_nearly_so(names, text) if text in misspelt else []
        similar[text] = tuple(dict.fromkeys(close))[:N_CLOSE]
    return similar


def _same_but_for_case(names: ProteinNames, text: str) -> list[str]:
    """Return the accessions, then the entry names and genes, that a text is but for letter case, by row.

    People write the gene for an entry name: P53 for P53_HUMAN, and TP53_HUMAN, with the organism's mnemonic.
    """
    key = name_key(text)
    same = names.index.named(key)
    accessions = [name.accession for name in same if name.kind == "accession"]

    others = [(name.row, name.name) for name in same if name.kind in ("entry_name", "gene")]
    entries = [name for name in names.index.beginning_with(f"{key}_") if name.kind == "entry_name" and name.name]
    others += [(entry.row, entry.name) for entry in entries if name_key(str(entry.name).partition("_")[0]) == key]

    gene, _, mnemonic = key.rpartition("_")
    genes = [name for name in names.index.named(gene) if name.kind == "gene"] if gene else []
    for row in [name.row for name in genes[:N_GENES]]:
        entry_name = names.value(row, "entry_name")
        if entry_name and name_key(entry_name.rpartition("_")[2]) == mnemonic:
            others.append((row, entry_name))
    return [*accessions, *(name for _, name in sorted(others, key=itemgetter(0)) if name)]


def _same_entry(names: ProteinNames, text: str) -> list[str]:
    """Return the accessions of the entry that a text names with, maybe, the number of an isoform or a version."""
    entry = ENTRY.fullmatch(text.upper())
    if not entry:
        return []
    key = name_key(entry[1])
    index = names.index
    near = [*index.named(key), *index.beginning_with(f"{key}-"), *index.beginning_with(f"{key}.")]
    accessions = {name.row: name.accession for name in near if name.kind == "accession"}
    entries = {row: ENTRY.fullmatch(accession.upper()) for row, accession in accessions.items()}
    return [accessions[row] for row, match in sorted(entries.items()) if match and match[1] == entry[1]]


def _spelt_nearly_so(names: ProteinNames, text: str) -> list[str]:
    """Return the entry names and genes with a similar spelling."""
    from difflib import get_close_matches  # only an unknown id needs it

    return get_close_matches(text, _alike(names, text), n=N_CLOSE, cutoff=SIMILARITY)


def _alike(names: ProteinNames, text: str) -> list[str]:
    """Return names with the same beginning as `text`, of two letters or of as many more as keep the names few.

    Where that leaves none of very many names, they are the neighbours of `text` in the index.
    """
    for n in range(2, len(text)):
        start = name_key(text[:n])
        if names.index.are_few(start):
            alike = _spellings(names.index.beginning_with(start))
            if alike and len(alike) <= N_COMPARED:
                return alike
            if not alike:
                break
    return _spellings(names.index.around(name_key(text)))[:N_COMPARED]


def _spellings(names: Sequence[Name]) -> list[str]:
    """Return the entry names and genes among names, each once."""
    return list(dict.fromkeys(name.name for name in names if name.name and name.kind in ("entry_name", "gene")))
