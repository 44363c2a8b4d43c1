"""Texts that are no ids of an atlas, taken for the protein that alone is called so, with a note that says so.

`identifiers` takes a text for an id, letter by letter. What it does not know may be an id in another letter case, or
words of a name, or the PDB id of a structure: here it is the protein which alone is called so.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from attlas.queries.lookup.hits import Hit, Search, choose_protein
from attlas.queries.lookup.identifiers import SHOWN_WIDTH, Match, find_all
from attlas.queries.lookup.name_index import ProteinNames
from attlas.queries.text import counted, cut, printable
from attlas.schema import QuestionError
from attlas.schema.letter_case import fold_case

Note = Callable[[str], object]
MOST_SEARCHED = 20
"""Texts that are searched for, the first of many, as each costs a search; others may differ in letter case only."""
N_NOTED = 10
"""Texts whose protein is told, the first of many."""


@dataclass(frozen=True)
class NamedMatches:
    """The matches of some texts, in their order, and an error for each that names no protein, or several."""

    matches: list[Match]
    faults: list[QuestionError]


def match_names(
    names: ProteinNames, matches: Sequence[Match], *, search: Callable[[str], Search], note: Note
) -> NamedMatches:
    """Return matches in which a text that is no id has the protein which alone is called so.

    Args:
        names: the names of the atlas.
        matches: what was found by the ids; those with rows stay as they are.
        search: finds the proteins that fit a text.
        note: is told which protein a text is taken for.
    """
    unknown = [match for match in matches if _is_name(match)]
    searches = {match.id: search(match.id) for match in unknown[:MOST_SEARCHED]}
    in_other_case = {match.id: match for match in match_other_case(names, unknown[MOST_SEARCHED:])}

    new_matches, faults, notes = [], list[QuestionError](), list[str]()
    for match in matches:
        result = searches.get(match.id, Search(())) if _is_name(match) else Search(())
        hit = choose_protein(result)
        new_match = in_other_case.get(match.id, match) if hit is None else _take(match, hit.row, hit.accession, hit.fit)
        if new_match.rows and not match.rows:
            notes.append(str(new_match.note))
            new_match = replace(new_match, note=None)
        if not new_match.rows:
            word_hits = [hit for hit in result.hits if hit.is_of_whole_words]
            faults.append(_several_fault(match.id, result, word_hits) if word_hits else match.fault())
        new_matches.append(new_match)

    for text in notes[:N_NOTED]:
        note(text)
    if len(notes) > N_NOTED:
        note(f"and {counted(len(notes) - N_NOTED, 'more text')} likewise")
    return NamedMatches(new_matches, faults)


def match_other_case(names: ProteinNames, matches: Sequence[Match]) -> list[Match]:
    """Return matches in which an unknown id that differs from those of one protein by letter case alone has this one.

    Its note says so. Others stay as they are.
    """
    # Similar ids were found with the match.
    spellings = {
        match.id: [name for name in match.close if fold_case(name) == fold_case(match.id.strip())]
        for match in matches
        if _is_name(match)
    }
    others = {
        other.id: other for other in find_all(names, [name for similar in spellings.values() for name in similar])
    }

    new_matches = []
    for match in matches:
        others_of_id = [others[name] for name in spellings.get(match.id, ())]
        rows = {row for other in others_of_id for row in other.rows}
        is_sure = len(rows) == 1 and not any(other.candidates for other in others_of_id)
        (row,) = rows if is_sure else (None,)
        new_matches.append(match if row is None else _take(match, row, names.value(row, "accession"), "letter case"))
    return new_matches


def warn(text: str) -> None:
    """Warn the caller of attlas, whose line the warning names."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "attlas":
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)


def _is_name(match: Match) -> bool:
    # If more is known about the id, for example another isoform, a name would be a guess.
    return not match.rows and not match.candidates and match.why is None


def _take(match: Match, row: int, accession: str, fit: str) -> Match:
    id = cut(printable(match.id), SHOWN_WIDTH)
    return replace(match, rows=(row,), note=printable(f"{id} is taken for {accession} (fit: {fit})"))


def _several_fault(name: str, search: Search, hits: Sequence[Hit]) -> QuestionError:
    """Return the error that lists the proteins which a name may mean, the likeliest at the top."""
    proteins = [" · ".join(filter(None, (hit.accession, hit.gene, hit.description, hit.organism))) for hit in hits]
    text = cut(printable(name), SHOWN_WIDTH)
    more, extent = ("", "them all") if search.is_complete else ("more than ", "the likeliest")
    what = f"{text} names {more}{counted(len(hits), 'protein')} of this atlas."
    hint = f"use an accession; `attlas find DIR '{text}'` lists {extent}"
    return QuestionError(
        what, found="; ".join(search.notes) or None, offenders=[printable(protein) for protein in proteins], hint=hint
    )
