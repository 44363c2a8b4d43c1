"""The table of export formats: what each is called, and the function that writes it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from attlas.queries.atlas import Atlas
from attlas.queries.exports import csv, gff3, jsonl, parquet
from attlas.queries.exports.request import EVERY_PROTEIN, Request
from attlas.queries.text import Layout
from attlas.schema import QuestionError

__all__ = ["EVERY_PROTEIN", "EXPORTS", "Export", "Request", "export_named", "list_lines"]


@dataclass(frozen=True)
class Export:
    """One format of the high-attention sites."""

    name: str
    title: str
    """What the file holds, in a few words, for the list of formats."""
    suffix: str
    """How files of the format end, with the dot."""
    write: Callable[[Atlas, Request, BinaryIO], None]
    """Writes to a binary sink, protein by protein or batch by batch."""
    has_all_proteins: bool
    """Proteins without sites are in the file too, and those not computed, with the reason."""
    is_text: bool = True
    structure: Literal["no", "may", "must"] = "no"
    """Whether a structure can be, or has to be, given."""
    is_of_one: bool = False
    """The file is of exactly one protein."""
    companion: str | None = None
    """The format that is written beside a file of this one."""

    def check(self, request: Request) -> None:
        """Refuse a request that this format cannot answer.

        Raises:
            QuestionError: a structure is missing or has no use here, or a file of one protein is asked for several.
        """
        if self.structure == "must" and request.structure is None:
            raise QuestionError(f"{self.name} is written onto a structure.", hint="give one with --structure FILE")
        if self.structure == "no" and request.structure is not None:
            users = [export.name for export in EXPORTS.values() if export.structure != "no"]
            raise QuestionError(f"{self.name} takes no structure.", expected=f"one of {', '.join(users)}")
        is_one = self.is_of_one or request.structure is not None
        if is_one and (request.accessions is None or len(request.accessions) != 1):
            n = "all" if request.accessions is None else f"{len(request.accessions):,}"
            raise QuestionError(f"A file of {self.name} is of one protein here.", expected="one id", found=n)


EXPORTS = {
    export.name: export
    for export in (
        Export("gff3", "GFF3 features, one per site", ".gff3", gff3.write, has_all_proteins=True),
        Export("csv", "CSV, one row per site", ".csv", csv.write, has_all_proteins=False),
        Export(
            "jsonl", "JSON lines, one protein with its sites per line", ".jsonl", jsonl.write, has_all_proteins=True
        ),
        Export(
            "parquet", "Parquet, one row per site", ".parquet", parquet.write, has_all_proteins=False, is_text=False
        ),
    )
}
"""Every format, by name."""


def export_named(name: str) -> Export:
    """Return a format.

    Raises:
        QuestionError: there is none of that name; lists those there are.
    """
    if name not in EXPORTS:
        raise QuestionError(
            f"There is no format {name}.", expected=", ".join(EXPORTS), hint="`attlas export DIR` tells them all"
        )
    return EXPORTS[name]


def list_lines() -> Iterator[str]:
    """Yield a table of the formats."""
    structure = {"no": "", "may": "may have one", "must": "needs one"}
    rows = [
        (export.name, export.suffix, structure[export.structure], "one" if export.is_of_one else "any", export.title)
        for export in EXPORTS.values()
    ]
    yield from Layout.of(("format", "file", "structure", "proteins", "what it holds"), rows).lines(rows)
