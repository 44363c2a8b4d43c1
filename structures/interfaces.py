"""Interfaces: the residues of a protein chain that touch another protein chain, in the biological assembly.

Touching: a heavy atom nearer than 5 angstrom to a heavy atom of the other chain, the cut-off of CAPRI (Mendez, Leplae,
De Maria, Wodak, Proteins 2003, 52:51). Of each chain the first biological assembly counts that the file states for it,
symmetry copies included; without one, the chains as they were deposited. A chain is what the author names one: polymers
of one name do not touch each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attlas.structures.atoms import author_number
from attlas.structures.chains import StructureFile, polymers

if TYPE_CHECKING:
    import gemmi

TOUCH_DISTANCE = 5.0
"""Angstrom below which two heavy atoms touch."""
MAX_ATOMS = 200_000
"""Most heavy atoms of protein that are looked at. Of a larger assembly only the deposited chains are, and none of these
where they are too many as well: a virus capsid has millions of atoms, a ribosome about 60,000."""

Address = tuple[str, int, str]
"""A residue by its author's chain, number and insertion code."""


@dataclass(frozen=True)
class InterfaceResidues:
    """The residues that touch another chain, each with the chains that it touches."""

    partners: dict[Address, frozenset[str]]
    """Author's names of the chains that a residue touches; the name of its own chain stands for a symmetry copy."""
    notes: tuple[str, ...] = ()
    """What was not looked at."""


@dataclass(frozen=True)
class _Copy:
    """A chain of an assembly: the author's name and its residues where the assembly has them."""

    name: str
    residues: "tuple[gemmi.Residue, ...]"
    transform: "gemmi.Transform | None"
    """None where it is as deposited."""


def find_interfaces(file: StructureFile, *, max_atoms: int = MAX_ATOMS) -> InterfaceResidues:
    """Return the interface residues of the protein chains of a structure's first model."""
    chains = _protein_residues(file)

    partners: dict[Address, set[str]] = {}
    notes = []
    for name, assembly_copies, new_chains in _assemblies(file, chains):
        copies = assembly_copies
        n_atoms = _n_atoms(assembly_copies)
        if n_atoms > max_atoms:
            # Too large with its symmetry copies: the chains as deposited, unless these are too large as well.
            deposited = [_Copy(chain, residues, None) for chain, residues in chains.items()]
            is_small_enough = _n_atoms(deposited) <= max_atoms
            copies = deposited if is_small_enough else []
            instead = "of the chains as deposited only" if is_small_enough else "not looked for"
            notes.append(f"{name} has {n_atoms:,} heavy atoms, more than {max_atoms:,}: interfaces {instead}")

        for address, partner in _find_touching(copies):
            if address[0] in new_chains:
                partners.setdefault(address, set()).add(partner)

    return InterfaceResidues({address: frozenset(names) for address, names in partners.items()}, tuple(notes))


def _protein_residues(file: StructureFile) -> "dict[str, tuple[gemmi.Residue, ...]]":
    """Return the residues of the protein chains by the chain's name."""
    proteins = {(chain.name, chain.part) for chain in file.chains}
    residues_by_name: dict[str, list[gemmi.Residue]] = {}
    for chain in file.structure[0]:
        for span in polymers(chain):
            if (chain.name, span.subchain_id()) in proteins:
                residues_by_name.setdefault(chain.name, []).extend(span)
    return {name: tuple(residues) for name, residues in residues_by_name.items()}


def _assemblies(
    file: StructureFile, chains: "dict[str, tuple[gemmi.Residue, ...]]"
) -> Iterator[tuple[str, list[_Copy], frozenset[str]]]:
    """Yield assemblies with their copies of chains and the names of those that no earlier assembly had."""
    names_seen: set[str] = set()
    for assembly in file.structure.assemblies:
        copies = list(_copies(assembly, chains))
        if new := {copy.name for copy in copies} - names_seen:
            yield f"assembly {assembly.name}", copies, frozenset(new)
            names_seen |= new

    if not names_seen:  # none is stated, or none that has a protein
        copies = [_Copy(name, residues, None) for name, residues in chains.items()]
        yield "the file", copies, frozenset(chains)


def _copies(assembly: "gemmi.Assembly", chains: "dict[str, tuple[gemmi.Residue, ...]]") -> Iterator[_Copy]:
    for generator in assembly.generators:
        names, subchains = set(generator.chains), set(generator.subchains)
        for name, residues in chains.items():
            # PDB files name chains, mmCIF files their parts: the polymer apart from what is bound to it.
            copied = residues if name in names else tuple(r for r in residues if r.subchain in subchains)
            if copied:
                yield from (_Copy(name, copied, operator.transform) for operator in generator.operators)


def _n_atoms(copies: Sequence[_Copy]) -> int:
    sizes: dict[int, int] = {}
    for copy in copies:
        if id(copy.residues) not in sizes:
            sizes[id(copy.residues)] = sum(not atom.is_hydrogen() for r in copy.residues for atom in r)
    return sum(sizes[id(copy.residues)] for copy in copies)


def _find_touching(copies: Sequence[_Copy]) -> Iterator[tuple[Address, str]]:
    """Yield each residue that touches another copy, with the name of that copy's chain; pairs may repeat."""
    import gemmi

    if len(copies) < 2:
        return

    model = _model(copies)
    # A cell of 1 angstrom is no crystal: copies by the crystal's symmetry are those of the assembly and no others.
    neighbours = gemmi.NeighborSearch(model, gemmi.UnitCell(), TOUCH_DISTANCE).populate(include_h=False)
    search = gemmi.ContactSearch(TOUCH_DISTANCE)
    search.ignore = gemmi.ContactSearch.Ignore.SameChain

    for contact in search.find_contacts(neighbours):
        if contact.dist < TOUCH_DISTANCE:
            partner1, partner2 = contact.partner1, contact.partner2
            name1, name2 = (copies[int(partner.chain.name)].name for partner in (partner1, partner2))
            yield (name1, *author_number(partner1.residue)), name2
            yield (name2, *author_number(partner2.residue)), name1


def _model(copies: Sequence[_Copy]) -> "gemmi.Model":
    """Return the copies as chains named by their number."""
    import gemmi

    model = gemmi.Model(1)
    for index, copy in enumerate(copies):
        chain = gemmi.Chain(str(index))
        chain.append_residues(list(copy.residues))
        chain_in_model = model.add_chain(chain)
        if copy.transform is not None:
            for residue in chain_in_model:
                for atom in residue:
                    atom.pos = gemmi.Position(copy.transform.apply(atom.pos))

    return model
