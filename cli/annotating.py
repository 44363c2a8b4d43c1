"""The verb that brings known biology into an atlas: annotate."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.building import workshop
from attlas.cli.output import note

if TYPE_CHECKING:
    from attlas.pipeline.annotate import ImportReport
    from attlas.schema import Manifest

FORMATS = "uniprot-xml, uniprot-text, gff3, interproscan, tsv, csv, families, mmcif or pdb"


_ROW_NOUNS = {
    "features": ("feature", "features"),
    "families": ("family assignment", "family assignments"),
    "coordinates": ("residue with coordinates", "residues with coordinates"),
}
"""What a row of an added table is called, one and several."""


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(annotate)


def annotate(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the atlas.", show_default=False)],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="UniProt XML, flat file or features TSV, GFF3, InterProScan TSV, CSV of accession,position,label or "
            "of accession,family, a structure (mmCIF, PDB) or a folder of structures; plain or compressed.",
            show_default=False,
        ),
    ],
    format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help=f"{FORMATS}; default: told by the content.")
    ] = None,
    accession: Annotated[
        list[str] | None,
        typer.Option(
            "--accession",
            metavar="ID",
            help="Protein of the chains of a structure; may be given several times. Default: what the file says.",
        ),
    ] = None,
    chain: Annotated[
        str | None, typer.Option("--chain", metavar="NAME", help="Read only this chain of a structure.")
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", metavar="NAME", help="Database of a table of families, such as Pfam.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", metavar="FILE", help="Write every record left out, with why, as TSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Add known features, families and structures to an atlas.

    They fill the tables `features`, `families` and `coordinates`.

    Nothing of the atlas is computed again. Every record is checked against the stored sequence; what does not fit is
    left out, named and counted, never shifted. Chains of structures are mapped onto proteins by their letters. A source
    of the same name replaces the rows of the earlier one.
    """
    with workshop():
        from attlas.pipeline.annotate import AnnotationSource
        from attlas.pipeline.annotate import annotate as add_rows
        from attlas.schema import AtlasPaths, Manifest

        paths = AtlasPaths(directory)
        before = Manifest.read(paths)
        annotation = AnnotationSource(source, format, tuple(accession or ()), chain, database)
        imported, manifest = add_rows(paths, annotation, rejected=rejected)

    report = imported.report
    if as_json:
        replaced = [file._asdict() for file in report.replaced]
        print(json.dumps({**asdict(report), "replaced": replaced, "manifest_version": manifest.version}, indent=1))
    else:
        _print_report(directory, report)
    for line in (*_replaced_lines(report), *_outdated(before, manifest)):
        note(line)
    for line in (*imported.rejected.lines(prefix="left out, "), *imported.remarks.lines()):
        note(line)
    if report.n_rejected and rejected is None:
        note("--rejected FILE writes every record left out, with why")


def _print_report(directory: Path, report: "ImportReport") -> None:
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

    n_rows = {"features": report.n_features, "families": report.n_families, "coordinates": report.n_coordinates}
    words = [counted(n, *_ROW_NOUNS[table]) for table, n in n_rows.items() if n]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _replaced_lines(report: "ImportReport") -> Iterator[str]:
    """Yield which rows of earlier imports are gone."""
    from attlas.queries.text import counted
    from attlas.schema.errors import N_OFFENDERS_SHOWN

    for file in report.replaced[:N_OFFENDERS_SHOWN]:
        rows = counted(file.n_rows, *_ROW_NOUNS[file.table])
        yield f"Replaced {rows} that an earlier import of {file.source} had added."
    if (n := len(report.replaced) - N_OFFENDERS_SHOWN) > 0:
        yield f"Replaced the rows of {n:,} more files as well."


def _outdated(before: "Manifest", now: "Manifest") -> Iterator[str]:
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
