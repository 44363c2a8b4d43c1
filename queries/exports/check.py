"""Refusal of requests that a format cannot answer, before the work, naming the formats that can."""

from collections.abc import Callable, Iterator

from attlas.queries.exports.catalogue import EXPORTS
from attlas.queries.exports.export import Export
from attlas.queries.exports.request import Request
from attlas.schema import QuestionError

CanUse = Callable[[Export], bool]
"""Returns whether a format uses what a request has."""


def check_request(export: Export, request: Request) -> None:
    """Refuse a request that a format cannot answer.

    Raises:
        QuestionError: a structure is missing, something given has no use in this format (a structure, a chain, a PDB
            id, an alignment, a layer, safety for spreadsheets), a head has no layer, or a file of one protein is asked
            for several.
    """
    if export.structure == "must" and request.structure is None:
        raise QuestionError(f"{export.name} is written onto a structure.", hint="give one with --structure FILE")
    if export.structure == "no" and request.chain is not None and request.structure is None:
        raise QuestionError(f"{export.name} has no chains.", hint="leave --chain out")
    if request.head is not None and request.layer is None:
        raise QuestionError("A head is one of a layer.", hint="give the layer, too: --layer N --head N, both from 0")
    for refusal, can_use in _list_uses(request):
        _check_use(export, refusal, can_use)

    if export.is_of_pair:
        _check_pair(export, request)
        return

    # A structure is of one protein, whatever the format.
    is_of_one = export.is_of_one or request.structure is not None
    if is_of_one and (request.accessions is None or len(request.accessions) != 1):
        ids = "no id, which means all proteins" if request.accessions is None else f"{len(request.accessions):,} ids"
        cause = "" if export.is_of_one else " when a structure is given"
        raise QuestionError(
            f"The format {export.name} takes one protein at a time{cause}.",
            expected="one id",
            found=ids,
            hint=f"name the protein: `attlas export DIR {export.name} ID`",
        )


def _list_uses(request: Request) -> Iterator[tuple[str, CanUse]]:
    """Yield, for everything given that only some formats use, how the others refuse it, and which formats use it."""
    if request.structure is not None:
        yield "takes no structure", lambda export: export.structure != "no"
    if request.pdb_id is not None:
        yield "takes no PDB id", lambda export: export.takes_pdb_id
    if request.alignment is not None:
        yield "takes no alignment", lambda export: export.takes_alignment
    if request.layer is not None or request.head is not None:
        yield "has no links", lambda export: export.takes_head
    if request.is_safe_for_spreadsheets:
        yield "is not for spreadsheets", lambda export: export.is_for_spreadsheets
    if request.partner_chain is not None:
        yield "is not of a pair", lambda export: export.is_of_pair
    if request.form is not None:
        yield "has no pairs", lambda export: export.takes_form


def _check_pair(export: Export, request: Request) -> None:
    """Refuse other than one or two proteins. Raises QuestionError."""
    n = None if request.accessions is None else len(request.accessions)
    if n not in (1, 2):
        raise QuestionError(
            f"The format {export.name} takes one pair of proteins at a time.",
            expected="two ids, or the id of a protein that is paired with itself",
            found="no id, which means all proteins" if n is None else f"{n:,} ids",
            hint=f"name the proteins: `attlas export DIR {export.name} ID ID --structure FILE`",
        )


def _check_use(export: Export, refusal: str, can_use: CanUse) -> None:
    """Refuse what a format cannot use, naming the formats that can. Raises QuestionError."""
    if not can_use(export):
        users = [candidate.name for candidate in EXPORTS.values() if can_use(candidate)]
        raise QuestionError(f"{export.name} {refusal}.", expected=f"one of {', '.join(users)}")
