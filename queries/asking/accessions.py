"""Ids of a question as accessions, with notes on proteins that were not computed, and on names that stand for one."""

from collections.abc import Callable, Sequence

from attlas.queries.store import Store
from attlas.queries.text import printable
from attlas.schema import QuestionError


def find_accession(atlas: Store, id: str, note: Callable[[str], None], *, name: str, takes_names: bool) -> str:
    """Return the accession that an id names, of a digest the first; arguments as `find_accessions` has them."""
    accessions = find_accessions(atlas, [id], note, name=name, takes_names=takes_names)
    if len(accessions) > 1:
        # A digest: they share one sequence, and so the answer.
        names = list(map(printable, accessions))
        note(f"{id} is the sequence of {', '.join(names)}; the answer is for {names[0]}")
    return accessions[0]


def find_accessions(
    atlas: Store, ids: Sequence[str], note: Callable[[str], None], *, name: str, takes_names: bool
) -> list[str]:
    """Return the accessions that ids name; those of proteins that were not computed are named in a note.

    Args:
        atlas: the atlas.
        ids: the ids; if `takes_names`, also texts that only one protein is called, which a note says.
        note: is told the notes.
        name: name of the parameter, for the error.
        takes_names: see `ids`.

    Raises:
        QuestionError: an id names no protein, or several different ones.
    """
    matches = atlas.matches(ids)
    faults = [match.fault() for match in matches if not match.rows]
    if faults and takes_names:
        result = atlas.match_names(matches, note=note)
        matches, faults = result.matches, result.faults
    if len(faults) == 1:
        raise faults[0]
    if faults:
        message = f"{len(faults):,} of the {len(matches):,} ids of {name} name no protein of this atlas."
        raise QuestionError(message, offenders=[fault.what for fault in faults])

    rows = list(dict.fromkeys(row for match in matches for row in match.rows))
    proteins = atlas.protein_rows(rows).select(["accession", "status", "reason"]).to_pylist()
    for protein in proteins:
        if protein["status"] != "ok":
            accession = printable(protein["accession"])
            note(f"{accession} was not computed ({protein['status']}: {printable(protein['reason'])})")

    return [protein["accession"] for protein in proteins]
