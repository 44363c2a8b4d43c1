"""Proteins by their names: words of a name, in any letter case, and PDB ids of annotated structures.

`identifiers` takes a text for an id and answers with that protein or none. Here a text is what somebody remembers:
`dna polymerase`, `ftsz`, `esta_bacsu`, `1r4z`. Every protein that fits is a hit, the likeliest first.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePath

from attlas.queries.lookup import storage
from attlas.queries.lookup.parquet_rows import ProteinRows
from attlas.queries.lookup.storage import Root
from attlas.schema import COORDINATES, Manifest

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
"""How a protein fits a text, the surest first; the last fits a beginning such as `polym`."""
SURE_FITS = FITS[: FITS.index("structure")]
"""Fits of an identifier as a whole: a hit of these is meant, whatever else mentions it."""
NAME_COLUMNS = ("accession", "entry_name", "gene", "description", "organism")
"""The columns that are looked through."""
STRUCTURE = re.compile(r"[1-9][a-z0-9]{3}|pdb_[a-z0-9]{8}|\S+\.\S+|af-\S+")
"""What may name a structure, in lower case: a PDB id, the name of its file, an AlphaFold model."""
SHORTEST_MISSPELT = 4
"""Letters of a word for which misspellings are looked for: shorter ones are like many others."""
MOST_LETTERS_MISSED = 2
"""Letters that a misspelt word may be longer or shorter."""
N_SIMILAR = 3
"""Words suggested for a misspelt one."""
SIMILARITY = 0.75
"""Least ratio of matching letters of a misspelling."""
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Hit:
    """A protein that fits a text."""

    row: int
    """Row of `proteins`."""
    accession: str
    entry_name: str
    gene: str
    description: str
    organism: str
    fit: str
    """One of `FITS`."""

    @property
    def is_sure(self) -> bool:
        """The text is an identifier of the protein, but for letter case."""
        return self.fit in SURE_FITS

    @property
    def is_of_whole_words(self) -> bool:
        """The text consists of whole words of the protein's names."""
        return self.fit != FITS[-1]


def find_proteins(
    proteins: ProteinRows, text: str, *, structures: Mapping[str, Sequence[str]] | None = None
) -> list[Hit]:
    """Return the proteins that fit a text, the likeliest first: by how they fit, then short names first.

    `structures` are the files of structures that the text names, by accession, as `find_structures` returns them.
    """
    words = _words(text)
    if not words:
        return []

    whole_text, phrase = text.strip().casefold(), " ".join(words)
    placed_proteins = structures or {}
    columns = [proteins.column(name) for name in NAME_COLUMNS]

    hits = []
    for row, values in enumerate(zip(*columns, strict=True)):
        # Nearly every protein is left out here, before its words are told apart: in a proteome this line takes longest.
        together = " ".join(filter(None, values)).casefold()
        if words[0] not in together and not placed_proteins:
            continue

        names = [value or "" for value in values]
        accession, entry_name, gene, description, organism = names
        has_structure = accession in placed_proteins
        if has_structure or all(word in together for word in words):
            fit = "structure" if has_structure else _fit(names, whole_text, phrase, words)
            hits.append(Hit(row, accession, entry_name, gene, description, organism, fit=fit))

    return sorted(hits, key=lambda hit: (FITS.index(hit.fit), len(hit.description), hit.accession))


def similar_words(proteins: ProteinRows, text: str) -> dict[str, list[str]]:
    """Return the words of a text that stand in no name of the atlas, each with words of names that are spelt nearly so.

    A word without such neighbours is left out.
    """
    texts = {value for name in NAME_COLUMNS for value in proteins.column(name) if value}
    known_words = {word for value in texts for word in _words(value)}

    similar = {}
    for word in dict.fromkeys(_words(text)):
        if len(word) < SHORTEST_MISSPELT or any(word in known_word for known_word in known_words):
            continue
        candidates = sorted(
            known_word for known_word in known_words if abs(len(known_word) - len(word)) <= MOST_LETTERS_MISSED
        )
        if neighbours := get_close_matches(word, candidates, N_SIMILAR, SIMILARITY):
            similar[word] = neighbours
    return similar


def choose_protein(hits: Sequence[Hit]) -> Hit | None:
    """Return the protein that a text means: the only one it is an identifier of, else its only hit of whole words."""
    sure = [hit for hit in hits if hit.is_sure]
    if sure:
        return sure[0] if len(sure) == 1 else None
    of_whole_words = [hit for hit in hits if hit.is_of_whole_words]
    return of_whole_words[0] if len(of_whole_words) == 1 else None


def find_structures(root: Root, manifest: Manifest, text: str) -> dict[str, list[str]]:
    """Return the files of structures that a text names, such as a PDB id, by the accessions that are on them."""
    folded_text = text.strip().casefold()
    if not STRUCTURE.fullmatch(folded_text):
        return {}  # the table is large, and most words are no name of a structure

    sources_of_protein: dict[str, set[str]] = {}
    for accession, source in _read_placed(root, manifest):
        if folded_text in (source.casefold(), _stem(source)):
            sources_of_protein.setdefault(accession, set()).add(source)
    return {accession: sorted(sources) for accession, sources in sources_of_protein.items()}


def _read_placed(root: Root, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield each accession with each structure that it has coordinates in."""
    for file in manifest.of_table(COORDINATES):
        if file.n_rows:
            with storage.open_parquet(root, file) as parquet:
                rows = parquet.read(columns=["accession", "source"], use_threads=False)
            pairs = rows.group_by(["accession", "source"], use_threads=False).aggregate([])
            yield from zip(pairs["accession"].to_pylist(), pairs["source"].to_pylist(), strict=True)


def _stem(source: str) -> str:
    """Return the name of a file without its endings: `1r4z` of `1R4Z.cif.gz`."""
    return PurePath(source).name.casefold().partition(".")[0]


def _words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def _fit(names: Sequence[str], whole_text: str, phrase: str, wanted_words: Sequence[str]) -> str:
    for fit, name in zip(("accession", "entry name", "gene", "whole name"), names, strict=False):
        if name.casefold() == whole_text:
            return fit

    description = " ".join(_words(names[NAME_COLUMNS.index("description")]))
    if f" {phrase} " in f" {description} ":
        return "words of the name in order"

    words = {word for name in names for word in _words(name)}
    return "words" if words.issuperset(wanted_words) else FITS[-1]
