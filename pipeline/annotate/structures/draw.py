"""Chains laid onto proteins → rows: coordinates, secondary structure, interfaces and contacts between chains."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa

from attlas.intake.rejects import name_chains
from attlas.pipeline.annotate.rows import AnnotationRows, as_stored
from attlas.pipeline.annotate.structures.assign import AssignedChain
from attlas.pipeline.annotate.structures.partners import partner_rows
from attlas.schema import COORDINATES, FEATURES, PARTNER_CONTACTS
from attlas.structures.atoms import PolymerResidues, ca_and_cb
from attlas.structures.chains import Residue, StructureFile
from attlas.structures.interfaces import InterfaceResidues
from attlas.structures.secondary import Element

INTERFACE = "Interface"
"""Type of a feature: residues that touch another protein chain."""
STRUCTURE_EVIDENCE = "ECO:0007829"
"""Evidence of UniProt for what a structure in the PDB shows: combinatorial evidence used in automatic assertion."""

_AXES = tuple(f"{atom}_{axis}" for atom in ("ca", "cb") for axis in "xyz")
_FEATURE_COLUMNS = ("accession", "sequence_id", "type", "begin", "end", "description")
_COORDINATE_COLUMNS = ("accession", "sequence_id", "chain", "position", "residue", "observed", *_AXES)
_PARTNER_COLUMNS = ("accession", "sequence_id", "partner", "i", "j", "distance", "chain", "partner_chain")


@dataclass(frozen=True)
class StructureContent:
    """What a structure file shows of its chains."""

    residues: PolymerResidues
    elements: Sequence[Element]
    interfaces: InterfaceResidues
    evidence: str | None
    """None for a computed model, which is no experiment."""


def rows_of(file: StructureFile, chains: Sequence[AssignedChain], content: StructureContent) -> AnnotationRows:
    """Return the rows of the chains of a file that are laid onto proteins."""
    features = sorted({row for chain in chains for row in _features(chain, content)}, key=str)
    evidence = pa.repeat(pa.scalar(content.evidence, pa.string()), len(features))
    feature_table = _table(_FEATURE_COLUMNS, features).append_column("evidence", evidence)

    # A chain that was laid onto a protein twice has each position once.
    by_position = {row[:4]: row for chain in chains for row in _coordinates(chain, content.residues)}
    coordinate_table = _table(_COORDINATE_COLUMNS, list(by_position.values()))
    partner_table = _table(_PARTNER_COLUMNS, list(partner_rows(chains, content.residues)))
    source = file.path.name
    return AnnotationRows(
        features=as_stored(FEATURES, feature_table, source=source),
        coordinates=as_stored(COORDINATES, coordinate_table, source=source),
        partner_contacts=as_stored(PARTNER_CONTACTS, partner_table, source=source),
    )


def _coordinates(chain: AssignedChain, residues: PolymerResidues) -> Iterator[tuple[object, ...]]:
    for aligned in chain.match.placed:
        ca, cb = ca_and_cb(residues, aligned.residue)
        key = (chain.accession, chain.sequence_id, chain.match.chain, aligned.position)
        yield (*key, aligned.letter, aligned.structure_letter, *(ca or (None,) * 3), *(cb or (None,) * 3))


def _features(chain: AssignedChain, content: StructureContent) -> Iterator[tuple[object, ...]]:
    """Yield ranges of residues; what lies on residues that are not of the protein is cut off."""
    key = (chain.accession, chain.sequence_id)
    name = name_chains([chain.match.chain])
    order = _order(content.residues, chain.match.chain)
    for element in content.elements:
        if element.chain == chain.match.chain:
            for begin, end in runs(_positions(chain, element, order)):
                words = f", {element.words}" if element.words else ""
                yield (*key, element.type, begin, end, f"{name}{words}")
    for partner, positions in _find_interface(chain, content.interfaces).items():
        copy = " (symmetry copy)" if partner == chain.match.chain else ""
        for begin, end in runs(positions):
            yield (*key, INTERFACE, begin, end, f"{name} with {name_chains([partner])}{copy}")


def _find_interface(chain: AssignedChain, interfaces: InterfaceResidues) -> dict[str, list[int]]:
    """Return the positions that touch each other chain."""
    touching: dict[str, list[int]] = {}
    for aligned in chain.match.placed:
        residue = aligned.residue
        for partner in interfaces.partners.get((residue.chain, residue.number, residue.insertion), ()):
            touching.setdefault(partner, []).append(aligned.position)
    return touching


def _order(residues: PolymerResidues, chain: str) -> dict[tuple[int, str], int]:
    """Return the place along the chain of each residue's number and insertion code."""
    names = dict.fromkeys((number, code) for name, number, code, _ in residues.by_name if name == chain)
    return {name: place for place, name in enumerate(names)}


def _positions(chain: AssignedChain, element: Element, order: dict[tuple[int, str], int]) -> list[int]:
    """Return the positions of an element: by the places of its ends along the chain, if both have coordinates."""
    if element.begin in order and element.end in order:
        begin, end = order[element.begin], order[element.end]
        return [p.position for p in chain.match.placed if begin <= order.get(_name(p.residue), -1) <= end]
    numbers = range(element.begin[0], element.end[0] + 1)
    return [p.position for p in chain.match.placed if p.residue.number in numbers]


def _name(residue: Residue) -> tuple[int, str]:
    return residue.number, residue.insertion


def runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of consecutive positions."""
    ordered = sorted(set(positions))
    if not ordered:
        return
    begin = ordered[0]
    for position, following in pairwise([*ordered, ordered[-1] + 2]):
        if following != position + 1:
            yield begin, position
            begin = following


def _table(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    types = {
        **{name: pa.int32() for name in ("sequence_id", "position", "begin", "end", "i", "j")},
        **dict.fromkeys((*_AXES, "distance"), pa.float32()),
    }
    arrays = {
        name: pa.array(list(column), types.get(name, pa.string())) for name, column in zip(names, columns, strict=True)
    }
    return pa.table(arrays)
