"""The table of export formats: what each is called, and the function that writes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from attlas.queries.atlas import Atlas
from attlas.queries.exports import csv, gff3, jsonl, parquet


@dataclass(frozen=True)
class Export:
    """One format of the high-attention sites."""

    name: str
    title: str
    """What the file holds, in a few words, for `--help`."""
    write: Callable[[Atlas, Sequence[str] | None, BinaryIO], None]
    """Writes to a binary sink; accessions None means every protein."""
    has_all_proteins: bool
    """Proteins without sites are in the file too, and those not computed, with the reason."""
    is_text: bool = True


EXPORTS = {
    export.name: export
    for export in (
        Export("gff3", "GFF3 features, one per site", gff3.write, has_all_proteins=True),
        Export("csv", "CSV, one row per site", csv.write, has_all_proteins=False),
        Export("jsonl", "JSON lines, one protein with its sites per line", jsonl.write, has_all_proteins=True),
        Export("parquet", "Parquet, one row per site", parquet.write, has_all_proteins=False, is_text=False),
    )
}
"""Every format, by name."""
