"""Lines between the two proteins of a pair, laid onto two chains of a structure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from attlas.queries.exports.pair_rows import AcrossLine, LineSelection, PairOfProteins, find_pair, pair_of
from attlas.queries.exports.placed_links import RADIUS
from attlas.queries.exports.request import Request
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.queries.text import printable
from attlas.schema import QuestionError, Table
from attlas.structures.chains import Residue, StructureFile, read_structure
from attlas.structures.mapping import StructureMatch, match_structure

SelectLines = Callable[[Store, Request, PairOfProteins], LineSelection]
"""Returns the lines of a pair to draw."""


@dataclass(frozen=True)
class PlacedLine:
    """A line between residues of two chains."""

    line: AcrossLine
    query: Residue
    """The residue that attends; of a contact, that of the accession."""
    key: Residue
    """The residue attended to; of a contact, that of the partner."""

    @property
    def weight(self) -> float:
        """The value that its thickness shows, 0 to 1."""
        return self.line.weight

    @property
    def radius(self) -> float:
        """Radius of its cylinder, angstrom, to two digits."""
        return max(0.01, round(RADIUS * self.line.weight, 2))


@dataclass(frozen=True)
class PairDrawing:
    """A pair of proteins with the lines that are drawn between two chains."""

    pair: PairOfProteins
    lengths: tuple[int, int]
    """Residues of the accession and of the partner."""
    matches: tuple[StructureMatch, StructureMatch]
    """The chain of the accession and that of the partner."""
    selection: LineSelection
    lines: tuple[PlacedLine, ...]
    """The strongest at the front."""
    provenance: dict[str, str]

    @property
    def chains(self) -> tuple[str, str]:
        """Names of the two chains."""
        return self.matches[0].chains[0].chain, self.matches[1].chains[0].chain

    def notes(self) -> tuple[str, ...]:
        """Return notes to show beside the file: the chains, and which lines are drawn; without control characters."""
        mapping = dict.fromkeys(line for match in self.matches for line in match.lines())
        n_placed, n = len(self.lines), len(self.selection.lines)
        lacking = () if n_placed == n else (f"{n_placed:,} of these {n:,} are drawn: the others lack a residue",)
        return (*map(printable, mapping), self.selection.description, *lacking)

    def comments(self) -> tuple[str, ...]:
        """Return the provenance and notes of a file, in lines of plain text without control characters."""
        a, b = self.pair.accession, self.pair.partner
        subject = (
            f"attlas: {a} on chain {self.chains[0]} and {b} on chain {self.chains[1]}, run through the model as one"
            f" input in the form {self.pair.form}",
            f"radius: {RADIUS} angstrom times {self.selection.meaning}",
            f"sequences: {self.lengths[0]:,} and {self.lengths[1]:,} residues",
        )
        provenance = (f"{name}: {value}" for name, value in self.provenance.items())
        return tuple(map(printable, (*subject, *provenance, *self.notes())))


def draw_pair(atlas: Store, request: Request, format: str, table: Table, select_lines: SelectLines) -> PairDrawing:
    """Return the lines between the request's two proteins on two chains of its structure.

    Raises:
        QuestionError: as `find_pair` and `select_lines`; or several chains fit a protein and none is named.
        InputError: the structure cannot be read, or a chain is not of its protein.
    """
    pair = find_pair(atlas, request, format, table)
    selection = select_lines(atlas, request, pair)
    assert request.structure is not None, "the format needs a structure"
    file = read_structure(request.structure)

    # Chains are named in the order of the ids, which may be the other than that of the file of pairs.
    chains = [request.chain, request.partner_chain]
    if pair_of(request.accessions or ()) != (pair.accession, pair.partner):
        chains.reverse()

    matches, lengths = [], []
    for accession, chain in zip((pair.accession, pair.partner), chains, strict=True):
        sequence = str(atlas.protein(accession).to_pylist()[0]["sequence"])
        matches.append(match_structure(file, accession, sequence, chain=chain))
        lengths.append(len(sequence))
    _refuse_several_chains(file, matches)

    residues = [{same.position: same.residue for same in match.chains[0].same} for match in matches]
    return PairDrawing(
        pair,
        (lengths[0], lengths[1]),
        (matches[0], matches[1]),
        selection,
        tuple(_place(selection.lines, residues)),
        provenance_values(atlas.manifest),
    )


def _refuse_several_chains(file: StructureFile, matches: Sequence[StructureMatch]) -> None:
    """Refuse a structure in which several chains are of a protein, or one chain would be both."""
    names = [[match.chain for match in of_protein.chains] for of_protein in matches]
    if all(len(of_protein) == 1 for of_protein in names) and names[0] != names[1]:
        return
    fitting = [f"{match.accession}: {', '.join(of_protein)}" for match, of_protein in zip(matches, names, strict=True)]
    raise QuestionError(
        f"Lines across go from one chain of {file.name} to another.",
        expected="one chain for each protein",
        found=f"chains that fit: {'; '.join(fitting)}",
        hint="--chain NAME --partner-chain NAME, in the order of the ids",
    )


def _place(lines: Sequence[AcrossLine], residues: Sequence[dict[int, Residue]]) -> Iterator[PlacedLine]:
    for line in lines:
        residue, partner_residue = residues[0].get(line.i), residues[1].get(line.j)
        if residue is None or partner_residue is None:
            continue
        if line.is_from_partner:
            residue, partner_residue = partner_residue, residue
        yield PlacedLine(line, residue, partner_residue)
