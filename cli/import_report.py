"""The report of `attlas annotate`, as lines for a person."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attlas.pipeline.annotate import ImportReport
    from attlas.schema import Manifest

_ROW_NOUNS = {
    "features": ("feature", "features"),
    "families": ("family assignment", "family assignments"),
    "coordinates": ("residue with coordinates", "residues with coordinates"),
    "partner_contacts": ("contact of two chains", "contacts of two chains"),
    "tracks": ("value of a residue", "values of residues"),
    "variants": ("value of a variant", "values of variants"),
}
"""The name of a row of an added table, in singular and plural."""


def print_report(directory: Path, report: "ImportReport") -> None:
    """Print what was stored, and how much of it was left out."""
    from attlas.queries.text import counted

    stored = f"{_stored_in_words(report)} of {counted(report.n_proteins, 'protein')}"
    print(f"{directory}: {stored} from {report.source} ({report.format}); {_left_out_in_words(report)}")

    counts_by_table = {
        "features": report.by_type,
        "families": report.by_database,
        "coordinates": {
            "residues": report.n_coordinates,
            "chains": report.n_chains,
            "files": report.n_structures,
        },
        "partner_contacts": {"contacts": report.n_partner_contacts},
        "tracks": {report.series: report.n_track_values},
        "variants": {report.series: report.n_variants},
    }
    filled = {table: counts for table, counts in counts_by_table.items() if any(counts.values())}
    width = max(len(kind) for counts in filled.values() for kind in counts)
    for table, counts in filled.items():
        if len(filled) > 1:
            print(table)
        for kind, n in counts.items():
            print(f"  {kind:<{width}}  {n:>9,}")


def _left_out_in_words(report: "ImportReport") -> str:
    return f"{report.n_rejected:,} of {report.n_records:,} records left out"


def _stored_in_words(report: "ImportReport") -> str:
    from attlas.queries.text import counted

    n_rows = {
        "features": report.n_features,
        "families": report.n_families,
        "coordinates": report.n_coordinates,
        "partner_contacts": report.n_partner_contacts,
        "tracks": report.n_track_values,
        "variants": report.n_variants,
    }
    words = [counted(n, *_ROW_NOUNS[table]) for table, n in n_rows.items() if n]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def replaced_lines(report: "ImportReport") -> Iterator[str]:
    """Yield the lines that name the replaced rows of earlier imports."""
    from attlas.queries.text import counted
    from attlas.schema.errors import N_OFFENDERS_SHOWN

    for file in report.replaced[:N_OFFENDERS_SHOWN]:
        rows = counted(file.n_rows, *_ROW_NOUNS[file.table])
        yield f"Replaced {rows} that an earlier import of {file.source} had added."
    if (n := len(report.replaced) - N_OFFENDERS_SHOWN) > 0:
        yield f"Replaced the rows of {n:,} more files as well."


def outdated_lines(before: "Manifest", now: "Manifest") -> Iterator[str]:
    """Yield a sentence for each command that renews tables which the annotation has made outdated."""
    from attlas.schema import ADDED_TABLES, TABLES
    from attlas.schema.settings import describe_outdated

    changed = [table for table in TABLES if before.digest_of(table) != now.digest_of(table)]
    sources = {
        table: [source for source in table.computed_from if source in changed]
        for table in ADDED_TABLES
        if now.of_table(table)
    }
    yield from describe_outdated({table: changed for table, changed in sources.items() if changed})
