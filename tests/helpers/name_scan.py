"""An oracle for searches by words: every name of every protein is read, and no index."""

import re
from collections.abc import Iterable, Mapping, Sequence

COLUMNS = ("accession", "entry_name", "gene", "description", "organism")
FITS = (
    "accession",
    "entry name",
    "gene",
    "structure",
    "whole name",
    "words of the name in order",
    "words",
    "parts of words",
)
WORD = re.compile(r"[^\W_]+")


def scan_names(
    proteins: Iterable[Mapping[str, str | None]], text: str, placed: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """Return (accession, fit) of the proteins that a text fits, the likeliest first; `placed` are on its structure."""
    words = WORD.findall(text.casefold())
    hits = []
    for protein in proteins if words else ():
        names = [protein[column] or "" for column in COLUMNS]
        together = " ".join(filter(None, names)).casefold()
        if names[0] in placed:
            hits.append((names, "structure"))
        elif all(word in together for word in words):
            hits.append((names, _fit(names, text.strip().casefold(), words)))
    hits.sort(key=lambda hit: (FITS.index(hit[1]), len(hit[0][3]), hit[0][0]))
    return [(names[0], fit) for names, fit in hits]


def _fit(names: Sequence[str], whole: str, words: Sequence[str]) -> str:
    for fit, name in zip(("accession", "entry name", "gene", "whole name"), names, strict=False):
        if name.casefold() == whole:
            return fit
    if f" {' '.join(words)} " in f" {' '.join(WORD.findall(names[3].casefold()))} ":
        return "words of the name in order"
    name_words = {word for name in names for word in WORD.findall(name.casefold())}
    return "words" if name_words.issuperset(words) else "parts of words"
