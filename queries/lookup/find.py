"""Proteins by their names: words of a name, in any letter case, and PDB ids of annotated structures.

`identifiers` takes a text for an id and answers with that protein or none. Here a text is what somebody remembers:
`dna polymerase`, `ftsz`, `esta_bacsu`, `1r4z`. Every protein that fits is a hit, the likeliest first.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePath
from typing import Literal

import pyarrow as pa

from attlas.queries.lookup import storage
from attlas.queries.lookup.hits import FITS, NAME_COLUMNS, Hit, HitTable, Search
from attlas.queries.lookup.protein_rows import ProteinRows
from attlas.queries.lookup.storage import Root
from attlas.queries.lookup.word_index import WordIndex, WordProteins
from attlas.queries.text import printable
from attlas.schema import COORDINATES, Manifest
from attlas.schema.letter_case import fold_case
from attlas.schema.words import SEARCHED_LETTERS, split_words

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
FEW_COMPARED = 1_000
"""Proteins up to which names are compared one by one; of more, column by column."""
WHOLE_WORDS_NOTE = "words count whole or by their beginnings, since the atlas is large"


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
    can_read_all = proteins.n_groups <= most_groups
    candidates = (
        _Candidates(range(proteins.n_rows)) if index is None else _choose_candidates(index, words, can_read_all)
    )
    rows = candidates.rows if index is None else proteins.within_groups(candidates.rows, most_groups)
    is_complete = candidates.is_complete and len(rows) == len(candidates.rows)

    hits = _compare_names(proteins, rows, text, placed_rows)
    notes = [] if index is None or index.has_parts else [WHOLE_WORDS_NOTE]
    if not is_complete:
        n_fitting = candidates.n_fitting or f"{len(candidates.rows):,} proteins fit"
        notes.insert(0, f"{n_fitting}: the likeliest {len(hits):,} are listed; more words leave fewer")
    return Search(hits, tuple(notes), is_complete)


def _choose_candidates(index: WordIndex, words: Sequence[str], can_read_all: bool) -> _Candidates:
    """Return the proteins that have all words; of words left out here it is seen in their names.

    `can_read_all`: the names of all candidates will be read, so that there may be too many of them.
    """
    words_proteins = index.look_up(list(dict.fromkeys(words)))
    frequent = [word for word in words_proteins if word.is_frequent]
    compared = [word for word in words_proteins if not word.is_frequent] or frequent
    if can_read_all and compared is not frequent:
        compared = [min(compared, key=lambda word: word.n_rows)]
    rows = _rows_of_rare(compared) if all(word.is_rare for word in compared) else _rows_of_all(compared)

    if compared is frequent:
        counts = [f"{word.n_proteins:,} proteins have the word {printable(word.word)}" for word in frequent]
        return _Candidates(rows, is_complete=False, n_fitting=", ".join(counts))
    is_exact = len(compared) == len(words_proteins) and all(len(word) <= SEARCHED_LETTERS for word in words)
    return _Candidates(rows, n_fitting="" if is_exact else f"up to {len(rows):,} proteins fit")


def _rows_of_rare(words: Sequence[WordProteins]) -> list[int]:
    """Return the proteins that have all of some rare words, the likeliest first."""
    rarest = min(words, key=lambda word: len(word.rank_of_row))
    rows = [row for row in rarest.rank_of_row if all(row in word.rank_of_row for word in words)]
    return sorted(rows, key=lambda row: (max(word.rank_of_row[row] for word in words), row))


def _rows_of_all(words: Sequence[WordProteins]) -> list[int]:
    """Return the proteins that have all of some words, the likeliest first; for words of very many proteins."""
    from pyarrow import compute

    # The rarest first: of the others, only rows of its proteins are left.
    tables = sorted((word.table for word in words), key=len)
    rows = tables[0]["row"].unique()
    for i, table in enumerate(tables):
        tables[i] = table.filter(compute.is_in(table["row"], value_set=rows))
        rows = tables[i]["row"].unique()

    # A protein is as likely as its least likely word, and a word as its likeliest place.
    best = [_rank_by_row(table.filter(compute.is_in(table["row"], value_set=rows)), "min") for table in tables]
    ranks = _rank_by_row(pa.concat_tables(best), "max") if len(best) > 1 else best[0]
    order = compute.sort_indices(ranks, [("rank", "ascending"), ("row", "ascending")])
    likeliest: list[int] = ranks["row"].take(order).to_pylist()
    return likeliest


def _rank_by_row(table: pa.Table, choice: Literal["min", "max"]) -> pa.Table:
    """Return each row of `proteins` once, with the smallest or largest of its ranks."""
    ranks = table.group_by("row", use_threads=False).aggregate([("rank", choice)])
    return ranks.select(["row", f"rank_{choice}"]).rename_columns(["row", "rank"])


def _compare_names(
    proteins: ProteinRows, rows: Sequence[int], text: str, placed_rows: Collection[int]
) -> Sequence[Hit]:
    """Return those of some proteins whose names fit a text, and those on its structures; the likeliest first."""
    if len(rows) <= FEW_COMPARED:
        return tuple(_compare_few(proteins, {*rows, *placed_rows}, text, placed_rows))

    from attlas.queries.lookup.name_columns import compare_columns, sort_hits, split_ascii

    # Letters beyond ASCII have rules of their own: their names are compared one by one, as those on structures are.
    names, other_rows = split_ascii(proteins.text_table(set(rows).difference(placed_rows), NAME_COLUMNS))
    others = _compare_few(proteins, {*other_rows, *placed_rows}, text, placed_rows)
    return HitTable(sort_hits(compare_columns(names, text), others))


def _compare_few(proteins: ProteinRows, rows: Collection[int], text: str, placed_rows: Collection[int]) -> list[Hit]:
    """Return those of some proteins that fit a text, the likeliest first, one by one."""
    words = split_words(text)
    whole_text, phrase = fold_case(text.strip()), " ".join(words)

    hits = []
    for row, names in proteins.texts(rows, NAME_COLUMNS):
        has_structure = row in placed_rows
        together = fold_case(" ".join(filter(None, names)))
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
        if fold_case(name) == whole_text:
            return fit

    description = " ".join(split_words(names[NAME_COLUMNS.index("description")]))
    if f" {phrase} " in f" {description} ":
        return "words of the name in order"

    words = {word for name in names for word in split_words(name)}
    return "words" if words.issuperset(wanted_words) else FITS[-1]
