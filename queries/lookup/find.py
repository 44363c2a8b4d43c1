"""Proteins by their names: words of a name, in any letter case, and PDB ids of annotated structures.

`identifiers` takes a text for an id and answers with that protein or none. Here a text is what somebody remembers:
`dna polymerase`, `ftsz`, `esta_bacsu`, `1r4z`. Every protein that fits is a hit, the likeliest first.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePath

from attlas.queries.lookup import storage
from attlas.queries.lookup.protein_rows import ProteinRows
from attlas.queries.lookup.storage import Root
from attlas.queries.lookup.word_index import WordIndex
from attlas.queries.text import printable
from attlas.schema import COORDINATES, Manifest
from attlas.schema.words import SEARCHED_LETTERS, split_words

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
MEMBER_FIT = "member of the cluster"
"""Fit of a protein that stands for its cluster, to an accession that is not in the atlas itself."""
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
MOST_GROUPS = 256
"""Row groups of `proteins` in which hits are read, of 4,096 proteins each: all of an atlas of a million."""
MOST_GROUPS_REMOTELY = 32
"""The same behind a URL, where each costs a request and 0.1 MB."""
WHOLE_WORDS_NOTE = "words count whole or by their beginnings, since the atlas is large"


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
    """One of `FITS`, or `MEMBER_FIT`."""

    @property
    def is_sure(self) -> bool:
        """The text is an identifier of the protein, but for letter case."""
        return self.fit in SURE_FITS

    @property
    def is_of_whole_words(self) -> bool:
        """The text consists of whole words of the protein's names."""
        return self.fit != FITS[-1]


@dataclass(frozen=True)
class Search:
    """The answer to a text: the proteins that fit it."""

    hits: tuple[Hit, ...]
    """The likeliest first: by how they fit, then short names first."""
    notes: tuple[str, ...] = ()
    """How words were looked for in a large atlas and what was not looked at, in sentences."""
    is_complete: bool = True
    """The hits are all that fit."""


@dataclass(frozen=True)
class _Candidates:
    """The proteins that may fit, by what the index says."""

    rows: Sequence[int]
    """Rows of `proteins`, the likeliest first."""
    is_complete: bool = True
    """There are no others."""
    n_fitting: str = ""
    """How many fit, in words; empty where that is the number of rows."""


def find_proteins(
    proteins: ProteinRows, index: WordIndex | None, text: str, *, placed_rows: Collection[int] = (), most_groups: int
) -> Search:
    """Return the proteins that fit a text.

    Args:
        proteins: the table, which is read at the rows that the index names.
        index: the words of the atlas; None where it has no such index: then all of `proteins` is read.
        text: what somebody remembers.
        placed_rows: proteins that are placed on structures which the text names; they fit, too.
        most_groups: row groups of `proteins` that are read, if there is an index.
    """
    words = split_words(text)
    if not words:
        return Search(())

    # Who cannot be read is not named: of very many, the likeliest are.
    candidates = _Candidates(range(proteins.n_rows)) if index is None else _choose_candidates(index, words)
    rows = candidates.rows if index is None else proteins.within_groups(candidates.rows, most_groups)
    is_complete = candidates.is_complete and len(rows) == len(candidates.rows)

    hits = _compare_names(proteins, {*rows, *placed_rows}, text, placed_rows)
    notes = [] if index is None or index.has_parts else [WHOLE_WORDS_NOTE]
    if not is_complete:
        n_fitting = candidates.n_fitting or f"{len(candidates.rows):,} proteins fit"
        notes.insert(0, f"{n_fitting}: the likeliest {len(hits):,} are listed; more words leave fewer")
    return Search(tuple(hits), tuple(notes), is_complete)


def _choose_candidates(index: WordIndex, words: Sequence[str]) -> _Candidates:
    """Return the proteins that have all words, the rarest word first; of the others it is seen in their names."""
    words_proteins = index.look_up(list(dict.fromkeys(words)))
    frequent = [word for word in words_proteins if word.is_frequent]
    compared = [word for word in words_proteins if not word.is_frequent] or frequent

    rarest = min(compared, key=lambda word: len(word.rank_of_row))
    rows = [row for row in rarest.rank_of_row if all(row in word.rank_of_row for word in compared)]
    rows.sort(key=lambda row: (max(word.rank_of_row[row] for word in compared), row))

    if compared is frequent:
        counts = [f"{word.n_proteins:,} proteins have the word {printable(word.word)}" for word in frequent]
        return _Candidates(rows, is_complete=False, n_fitting=", ".join(counts))
    is_exact = not frequent and all(len(word) <= SEARCHED_LETTERS for word in words)
    return _Candidates(rows, n_fitting="" if is_exact else f"up to {len(rows):,} proteins fit")


def _compare_names(proteins: ProteinRows, rows: Collection[int], text: str, placed_rows: Collection[int]) -> list[Hit]:
    """Return those of some proteins that fit a text, by their names, the likeliest first."""
    words = split_words(text)
    whole_text, phrase = text.strip().casefold(), " ".join(words)

    hits = []
    for row, names in proteins.texts(rows, NAME_COLUMNS):
        has_structure = row in placed_rows
        together = " ".join(filter(None, names)).casefold()
        if has_structure or all(word in together for word in words):
            accession, entry_name, gene, description, organism = names
            fit = "structure" if has_structure else _fit(names, whole_text, phrase, words)
            hits.append(Hit(row, accession, entry_name, gene, description, organism, fit=fit))

    return sorted(hits, key=lambda hit: (FITS.index(hit.fit), len(hit.description), hit.accession))


def similar_words(proteins: ProteinRows, index: WordIndex | None, text: str) -> dict[str, list[str]]:
    """Return the words of a text that stand in no name of the atlas, each with words of names that are spelt nearly so.

    A word without such neighbours is left out.
    """
    similar = {}
    for word in dict.fromkeys(split_words(text)):
        if len(word) < SHORTEST_MISSPELT:
            continue
        known_words = _list_words(proteins) if index is None else index.list_words(word)
        if any(word in known_word for known_word in known_words):
            continue
        candidates = sorted(
            known_word for known_word in known_words if abs(len(known_word) - len(word)) <= MOST_LETTERS_MISSED
        )
        if neighbours := get_close_matches(word, candidates, N_SIMILAR, SIMILARITY):
            similar[word] = neighbours
    return similar


def _list_words(proteins: ProteinRows) -> list[str]:
    """Return the words of all names, each once, for an atlas without the index of words."""
    words: dict[str, None] = {}
    for _, names in proteins.texts(range(proteins.n_rows), NAME_COLUMNS):
        words |= dict.fromkeys(word for name in names for word in split_words(name))
    return list(words)


def choose_protein(search: Search) -> Hit | None:
    """Return the protein that a text means: the only one it is an identifier of, else its only hit of whole words.

    None where others fit that were not looked at; and for a member of a cluster, which is another protein.
    """
    if not search.is_complete:
        return None
    hits = [hit for hit in search.hits if hit.fit != MEMBER_FIT]
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


def _fit(names: Sequence[str], whole_text: str, phrase: str, wanted_words: Sequence[str]) -> str:
    for fit, name in zip(("accession", "entry name", "gene", "whole name"), names, strict=False):
        if name.casefold() == whole_text:
            return fit

    description = " ".join(split_words(names[NAME_COLUMNS.index("description")]))
    if f" {phrase} " in f" {description} ":
        return "words of the name in order"

    words = {word for name in names for word in split_words(name)}
    return "words" if words.issuperset(wanted_words) else FITS[-1]
