"""Links and contacts between two proteins, across two chains of a structure: ChimeraX pseudobonds, PyMOL distances."""

from collections.abc import Iterable
from typing import BinaryIO

from attlas.queries.exports.chimerax import check_chain_names
from attlas.queries.exports.chimerax_links import pseudobond_lines
from attlas.queries.exports.pair_rows import select_contacts_across, select_links_across
from attlas.queries.exports.placed_pairs import draw_pair
from attlas.queries.exports.pymol_links import distance_lines
from attlas.queries.exports.request import Request
from attlas.queries.store import Store
from attlas.schema import PAIR_CONTACTS, PAIR_LINKS


def write_chimerax_links(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the links across as pseudobonds; return notes to show beside them."""
    drawing = draw_pair(atlas, request, "chimerax-across", PAIR_LINKS, select_links_across)
    check_chain_names(drawing.chains, "ChimeraX")
    return _write(pseudobond_lines(drawing.comments(), drawing.lines), drawing.notes(), sink)


def write_chimerax_contacts(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the contacts across as pseudobonds; return notes to show beside them."""
    drawing = draw_pair(atlas, request, "chimerax-contacts", PAIR_CONTACTS, select_contacts_across)
    check_chain_names(drawing.chains, "ChimeraX")
    return _write(pseudobond_lines(drawing.comments(), drawing.lines), drawing.notes(), sink)


def write_pymol_links(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the links across as distances of PyMOL; return notes to show beside them."""
    drawing = draw_pair(atlas, request, "pymol-across", PAIR_LINKS, select_links_across)
    check_chain_names(drawing.chains, "PyMOL")
    return _write(distance_lines(drawing.comments(), drawing.lines, "attlas_across"), drawing.notes(), sink)


def write_pymol_contacts(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the contacts across as distances of PyMOL; return notes to show beside them."""
    drawing = draw_pair(atlas, request, "pymol-contacts", PAIR_CONTACTS, select_contacts_across)
    check_chain_names(drawing.chains, "PyMOL")
    return _write(distance_lines(drawing.comments(), drawing.lines, "attlas_contacts"), drawing.notes(), sink)


def _write(lines: Iterable[str], notes: tuple[str, ...], sink: BinaryIO) -> tuple[str, ...]:
    """Write lines; return the notes."""
    for line in lines:
        sink.write(f"{line}\n".encode())
    return notes
