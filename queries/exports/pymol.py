"""Attention as a PyMOL script: 100 x share as B factors, coloured by them, sites as labelled sticks.

The script is run upon a loaded structure. Every selection names its chain, and a residue is found only where chain,
number and component name agree: another protein, or the same one numbered otherwise, keeps nothing, and PyMOL says so.
"""

from collections.abc import Iterator
from typing import BinaryIO

from attlas.queries.exports.annotation import Annotation, annotate
from attlas.queries.exports.chimerax import check_chain_names
from attlas.queries.exports.request import Request
from attlas.queries.exports.site_text import site_label
from attlas.queries.store import Store
from attlas.structures.chains import Residue

ON = "attlas_on"
"""Selection that all others are within."""
A_LINE = 4
"""Residues in a line of the table."""

CHECK = """\
python
lost = sorted(set(stored.attlas_share) - stored.attlas_seen)
print(f"attlas: {len(stored.attlas_seen):,} of {len(stored.attlas_share):,} residues found by chain, number and name")
if lost:
    print(f"attlas: NOT FOUND, is this the structure? {lost[:10]}")
python end"""


def write(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the script for one protein; return notes on it."""
    annotation = annotate(atlas, request)
    check_chain_names(annotation.chains, "PyMOL")
    for line in _lines(annotation):
        sink.write(f"{line}\n".encode())
    return annotation.notes()


def _lines(annotation: Annotation) -> Iterator[str]:
    yield from (f"# {line}" for line in annotation.script_comments())
    yield "# B factors of the chains named become 100 x share, 0 where there is none: no temperature factors, no pLDDT."
    yield "# It works on everything loaded. Write the name of one object in place of all to keep to that one."
    yield f"select {ON}, all"

    yield from _table(annotation)

    for chain in annotation.chains:
        within = f"{ON} and {_chain(chain)}"
        key = "(chain, resi, resn)"
        mark_atom = f"stored.attlas_seen.add({key}) if {key} in stored.attlas_share else None"
        yield f"alter {within}, b = ({mark_atom}) or stored.attlas_share.get({key}, 0.0)"

    yield CHECK
    for chain in annotation.chains:
        yield f"spectrum b, white_orange_red, {ON} and polymer and {_chain(chain)}, minimum=0, maximum=100"

    for site, residue in annotation.site_residues():
        selection = f"{ON} and {select_residue(residue)}"
        yield f"show sticks, {selection}"
        yield f'label {selection} and name CA, "{site_label(site)}"'

    yield f"delete {ON}"


def _table(annotation: Annotation) -> Iterator[str]:
    yield "python"
    yield "from pymol import stored"
    yield "stored.attlas_seen = set()"
    yield "stored.attlas_share = {"

    items = [
        f"{(residue.chain, residue.numbered, name)!r}: {100 * share:.2f},"
        for residue, share in annotation.values()
        for name in residue.names
    ]
    for i in range(0, len(items), A_LINE):  # PyMOL prints every line it runs
        yield "    " + " ".join(items[i : i + A_LINE])

    yield "}"

    yield "python end"


def _chain(name: str) -> str:
    return f"chain {name}" if name else "chain ''"


def select_residue(residue: Residue) -> str:
    """Return a residue as PyMOL selects it, by chain, number and component name."""
    number = residue.numbered.replace("-", "\\-")  # else a range
    return f"{_chain(residue.chain)} and resi {number} and resn {'+'.join(residue.names)}"
