"""Links as a PyMOL script: distance objects between C-alpha atoms, without dashes, as thick as the attention is strong.

PyMOL gives a thickness to an object, not to a distance: links of about the same attention, to a tenth, are one object,
and all are in the group `attlas_links`.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import BinaryIO

from attlas.queries.exports.annotation import encode_for_script
from attlas.queries.exports.chimerax import check_chain_names
from attlas.queries.exports.link_rows import refuse_without_links
from attlas.queries.exports.placed_links import COLOUR, RADIUS, DrawnLine, annotate_links
from attlas.queries.exports.pymol import ON, select_residue
from attlas.queries.exports.request import Request
from attlas.queries.store import Store
from attlas.structures.chains import Residue

GROUP = "attlas_links"


def write(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the script for one protein; return notes on it."""
    refuse_without_links(atlas, "pymol-links")
    links = annotate_links(atlas, request)
    check_chain_names(links.annotation.chains, "PyMOL")
    for line in distance_lines(links.comments(), links.lines, GROUP):
        sink.write(f"{line}\n".encode())
    return links.notes()


def distance_lines(comments: Sequence[str], lines: Sequence[DrawnLine], group: str) -> Iterator[str]:
    """Yield the lines of a script that draws distances; `group` is the name of their group."""
    yield from (f"# {encode_for_script(comment)}" for comment in comments)
    yield "# It works on everything loaded. Write the name of one object in place of all to keep to that one."
    yield f"select {ON}, all"
    yield f"delete {group}*"  # else a second run would draw every link twice

    ordered = sorted(lines, key=_tenth, reverse=True)
    for tenth, lines_of_object in groupby(ordered, key=_tenth):
        name = f"{group}_0{tenth}" if tenth < 10 else f"{group}_{tenth}"
        for line in lines_of_object:
            yield f"distance {name}, {_select_atom(line.query)}, {_select_atom(line.key)}"
        yield f"set dash_gap, 0, {name}"
        yield f"set dash_radius, {RADIUS * tenth / 10:.2f}, {name}"
        yield f"set dash_color, 0x{COLOUR[1:]}, {name}"
        yield f"hide labels, {name}"

    if ordered:
        yield f"group {group}, {group}_*"
    yield f"delete {ON}"


def _tenth(line: DrawnLine) -> int:
    """Return the weight in tenths, 1 at least."""
    return max(1, round(10 * line.weight))


def _select_atom(residue: Residue) -> str:
    return f"({ON} and {select_residue(residue)} and name CA)"
