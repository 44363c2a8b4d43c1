"""The share of each residue as the B column of a coordinate file, for the PDB and mmCIF exports."""

from attlas.queries.exports.annotation import Annotation
from attlas.schema import InputError

Key = tuple[str, str, str, str]
"""Chain, residue number, insertion code and component name, as texts of the file."""

NO_VALUE = 0.0
"""What residues without a value have: those of another letter, other chains, ligands, waters."""

MEANING = (
    "The B column holds 100 x the share of the largest attention received by a residue of the protein,"
    f" in the layer of convergence; {NO_VALUE:.2f} where there is none: residues of another letter, tags, other chains,"
    " ligands, waters. It is neither a temperature factor nor pLDDT."
    " Anisotropic factors, if there are any, are those of the structure."
)


def b_values(annotation: Annotation) -> dict[Key, float]:
    """Return 100 x share by residue."""
    return {
        (residue.chain, str(residue.number), residue.insertion, name): 100 * share
        for residue, share in annotation.values()
        for name in residue.names
    }


def check_all_found(values: dict[Key, float], residues_written: set[Key], name: str) -> None:
    """Refuse a file in which a residue that was matched is not found again by its names.

    Raises:
        InputError: names the residues.
    """
    missing = [
        f"{component} {chain}{number}{code}" for chain, number, code, component in values.keys() - residues_written
    ]
    if missing:
        raise InputError(
            f"Residues of {name} could not be named in the file written.",
            offenders=sorted(missing),
            hint="try the other of pdb and mmcif",
        )
