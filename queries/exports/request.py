"""The request of an export: the proteins to be written, and the structure or alignment they are joined to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from attlas.queries.exports.alignment import AlignedRow


@dataclass(frozen=True)
class Request:
    """The proteins of an export and what else its format needs."""

    accessions: tuple[str, ...] | None = None
    """None means every protein."""
    structure: Path | None = None
    """PDB or mmCIF file that the protein is joined to."""
    chain: str | None = None
    """Chain of the structure, as its author names it; None takes every chain that fits the sequence. Without a
    structure, the chain of the model that is meant."""
    partner_chain: str | None = None
    """Chain of the other protein, where the file is of a pair."""
    form: str | None = None
    """How the proteins of a pair were joined, such as `gap`; None for the only form, or for all in a table."""
    pdb_id: str | None = None
    """PDB id of the structure, where the format names entries of the PDB."""
    alignment: tuple[AlignedRow, ...] | None = None
    """Rows of the user's alignment that proteins stand in; None for no alignment."""
    file_names: Mapping[str, str] = field(default_factory=dict)
    """Names of the files written, by format, for a file that refers to its companion; empty for stdout."""
    layer: int | None = None
    """Layer whose links are written, from 0; None for those of all layers, or the strongest of them."""
    head: int | None = None
    """Head of this layer whose links are written, from 0; None for all its heads."""
    is_safe_for_spreadsheets: bool = False
    """Texts that a spreadsheet would take for formulas have an apostrophe before them."""


EVERY_PROTEIN = Request()
