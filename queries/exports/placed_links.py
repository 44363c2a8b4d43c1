"""Links laid onto the residues of a structure, or of a model's chain, for the exports that draw them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from attlas.queries.exports.annotation import Annotation, annotate
from attlas.queries.exports.link_rows import LinkRow, LinkSelection, select_links
from attlas.queries.exports.request import Request
from attlas.queries.store import Store
from attlas.queries.text import printable
from attlas.structures.chains import Residue

RADIUS = 0.5
"""Radius of a link with attention 1, angstrom; of others in proportion."""

COLOUR = "#6a3d9a"
"""ColorBrewer's purple, told from orange shares and blue sites also by those who see red and green alike."""


class DrawnLine(Protocol):
    """A line between two residues as a viewer draws it."""

    @property
    def query(self) -> Residue:
        """The residue where it begins."""

    @property
    def key(self) -> Residue:
        """The residue where it ends."""

    @property
    def weight(self) -> float:
        """What its thickness says, 0 to 1."""

    @property
    def radius(self) -> float:
        """Radius of its cylinder, angstrom."""


@dataclass(frozen=True)
class PlacedLink:
    """A link between two residues of one chain."""

    link: LinkRow
    query: Residue
    """The residue that attends."""
    key: Residue
    """The residue attended to."""
    name: str
    """What it says of itself: `2-19 G85 > G191 0.998`, layer and head from 0, positions of the sequence."""

    @property
    def weight(self) -> float:
        """Its attention."""
        return self.link.weight

    @property
    def radius(self) -> float:
        """Radius of its cylinder, angstrom, to two digits."""
        return max(0.01, round(RADIUS * self.link.weight, 2))


@dataclass(frozen=True)
class LinkAnnotation:
    """A protein with the links that are drawn onto its residues."""

    annotation: Annotation
    selection: LinkSelection
    lines: tuple[PlacedLink, ...]
    """Chain by chain, the strongest at the front: of every chain that shows both residues."""

    def notes(self) -> tuple[str, ...]:
        """Return notes to show beside the file, without control characters: residues, and which links are drawn."""
        return (*self.annotation.mapping_notes(), *self.link_notes())

    def link_notes(self) -> tuple[str, ...]:
        """Return the notes that say the kind of the links, their number, and how many of them have both residues."""
        n_placed, n = len({line.link for line in self.lines}), len(self.selection.links)
        lacking = () if n_placed == n else (f"{n_placed:,} of these {n:,} are drawn: the others lack a residue",)
        return (self.selection.description, *lacking)

    def comments(self) -> tuple[str, ...]:
        """Return the provenance and notes of a file, in lines of plain text without control characters."""
        subject = (
            f"attlas: links of {self.annotation.name_protein()}, strong attention of one residue to another",
            f"radius: {RADIUS} angstrom times the attention, which is what a model attends to, no contact and no claim"
            " of function",
        )
        return tuple(map(printable, (*subject, *self.annotation.provenance_lines(), *self.notes())))


def annotate_links(atlas: Store, request: Request) -> LinkAnnotation:
    """Return the links of the request's one protein on the residues of its structure, or of a model's chain.

    Raises:
        Fault: as `annotate`, and as `select_links`.
    """
    return place_links(atlas, request, annotate(atlas, request))


def place_links(atlas: Store, request: Request, annotation: Annotation) -> LinkAnnotation:
    """Return the links of a protein that is annotated already. Raises QuestionError as `select_links`."""
    selection = select_links(atlas, request)
    return LinkAnnotation(annotation, selection, tuple(_place(annotation, selection)))


def _place(annotation: Annotation, selection: LinkSelection) -> Iterator[PlacedLink]:
    residues = {(residue.chain, position): residue for position, residue in annotation.residues}
    sequence = annotation.protein.sequence or ""

    for chain in annotation.chains:
        for link in selection.links:
            query, key = residues.get((chain, link.i)), residues.get((chain, link.j))
            if query is not None and key is not None:
                ends = f"{sequence[link.i - 1]}{link.i} > {sequence[link.j - 1]}{link.j}"
                yield PlacedLink(link, query, key, f"{link.layer}-{link.head} {ends} {link.weight:.3f}")
