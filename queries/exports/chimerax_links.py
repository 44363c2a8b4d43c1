"""Links as pseudobonds of ChimeraX, between C-alpha atoms: the radius is the attention.

The format (rbvi.ucsf.edu/chimerax/docs/user/pseudobonds.html): two atoms in a line, then a colour; lines that begin
with `;` are comments, and `; radius = r` holds for the lines after it.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from attlas.queries.exports.chimerax import check_chain_names, residue_spec
from attlas.queries.exports.link_rows import refuse_without_links
from attlas.queries.exports.placed_links import COLOUR, DrawnLine, annotate_links
from attlas.queries.exports.request import Request
from attlas.queries.store import Store


def write(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the pseudobonds of one protein; return notes to show beside them."""
    refuse_without_links(atlas, "chimerax-links")
    links = annotate_links(atlas, request)
    check_chain_names(links.annotation.chains, "ChimeraX")
    for line in pseudobond_lines(links.comments(), links.lines):
        sink.write(f"{line}\n".encode())
    return links.notes()


def pseudobond_lines(comments: Sequence[str], lines: Sequence[DrawnLine]) -> Iterator[str]:
    """Yield the lines of a file of pseudobonds."""
    yield from (f"; {comment}" for comment in comments)
    yield "; Open the structure alone, then this file: an atom is looked for in every model that is open."
    yield "; halfbond = false"
    yield f"; color = {COLOUR}"
    yield "; dashes = 0"

    radius = None
    for line in lines:
        if line.radius != radius:
            radius = line.radius
            yield f"; radius = {radius}"
        yield f"{residue_spec(line.query)}@CA {residue_spec(line.key)}@CA {COLOUR}"
