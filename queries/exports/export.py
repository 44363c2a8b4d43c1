"""An export format: its name, its file, the function that writes it, and the options that it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from attlas.queries.exports.left_out import Kind
from attlas.queries.exports.request import Request
from attlas.queries.store import Store


@dataclass(frozen=True)
class Export:
    """One format of the high-attention sites."""

    name: str
    suffix: str
    """How files of the format end, with the dot."""
    write: Callable[[Store, Request, BinaryIO], Sequence[str] | None]
    """Writes to a binary sink, protein by protein or batch by batch; returns notes to be shown beside the file."""
    title: str
    """What the file holds, in a few words, for the list of formats."""
    leaves_out: Kind | None = None
    """Which proteins are not in the file; None where every protein is, those not computed with the reason."""
    is_text: bool = True
    takes_alignment: bool = False
    """An alignment can be given, whose ids and numbering the file then follows."""
    structure: Literal["no", "may", "must"] = "no"
    """Whether a structure can be, or has to be, given."""
    takes_pdb_id: bool = False
    """The file is about an entry of the PDB, which is named by `--pdb-id` or by the structure."""
    is_of_one: bool = False
    """The file is of exactly one protein."""
    is_of_pair: bool = False
    """The file is of exactly two proteins that were run as one input; one id is a protein with itself."""
    takes_form: bool = False
    """The file has pairs: those in one form can be asked for."""
    is_for_spreadsheets: bool = False
    """Spreadsheets open the file, and can be kept from taking its texts for formulas."""
    takes_head: bool = False
    """The file has links: those of one layer, or of one head, can be asked for."""
    companion: str | None = None
    """The format that is written beside a file of this one."""
