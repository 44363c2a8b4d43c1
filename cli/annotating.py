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
    from attlas.pipeline.annotate import Annotation
    from attlas.pipeline.annotate.rejects import Rejects
    from attlas.schema import Manifest

FORMATS = "uniprot-xml, uniprot-text, gff3, interproscan, tsv, csv, families, mmcif or pdb"


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
            "of accession,family, a structure (mmCIF, PDB) or a folder of structures; plain or gzip.",
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
            help="Protein that the chains of a structure are of; again for another. Default: what the file says.",
        ),
    ] = None,
    chain: Annotated[
        str | None, typer.Option("--chain", metavar="NAME", help="The only chain of a structure that is read.")
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", metavar="NAME", help="Whose families a table of families has.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", metavar="FILE", help="Write every record left out, with why, as TSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Add what is known of proteins to an atlas: tables `features`, `families` and `coordinates`.

    Nothing of the atlas is computed again. Every record is checked against the stored sequence; what does not fit is
    left out, named and counted, never shifted. Chains of structures are laid onto proteins by their letters. A source
    of the same name takes the place of the earlier one.
    """
    with workshop():
        from attlas.pipeline.annotate import Request
        from attlas.pipeline.annotate import annotate as add_rows
        from attlas.schema import AtlasPaths, Manifest

        paths = AtlasPaths(directory)
        before = Manifest.read(paths)
        request = Request(source, format, tuple(accession or ()), chain, database)
        reading, manifest = add_rows(paths, request, rejected=rejected)
    found = reading.found
    if as_json:
        replaced = [one._asdict() for one in found.replaced]
        print(json.dumps({**asdict(found), "replaced": replaced, "manifest_version": manifest.version}, indent=1))
    else:
        _print(directory, found)
    for line in (*_changes(found), *_outdated(before, manifest)):
        note(line)
    for line in _account(reading.rejects, "left out, "):
        note(line)
    for line in _account(reading.remarks, ""):
        note(line)
    if found.n_rejected and rejected is None:
        note("--rejected FILE writes every record left out, with why")


def _print(directory: Path, found: "Annotation") -> None:
    from attlas.queries.text import counted

    stored = f"{_stored(found)} of {counted(found.n_proteins, 'protein')} from {found.source} ({found.format})"
    print(f"{directory}: {stored}; {found.n_rejected:,} of {found.n_records:,} records left out")
    parts = {
        "features": found.by_type,
        "families": found.by_database,
        "coordinates": {"residues": found.n_coordinates, "chains": found.n_chains, "files": found.n_structures},
    }
    filled = {name: counts for name, counts in parts.items() if any(counts.values())}
    width = max(len(kind) for counts in filled.values() for kind in counts)
    for name, counts in filled.items():
        if len(filled) > 1:
            print(name)
        for kind, n in counts.items():
            print(f"  {kind:<{width}}  {n:>9,}")


def _stored(found: "Annotation") -> str:
    from attlas.queries.text import counted

    said = [
        counted(n, one, many)
        for n, one, many in (
            (found.n_features, "feature", "features"),
            (found.n_families, "family assignment", "family assignments"),
            (found.n_coordinates, "residue with coordinates", "residues with coordinates"),
        )
        if n
    ]
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def _changes(found: "Annotation") -> Iterator[str]:
    from attlas.queries.text import counted
    from attlas.schema.errors import N_OFFENDERS_SHOWN

    for one in found.replaced[:N_OFFENDERS_SHOWN]:
        yield f"these take the place of {counted(one.n_rows, 'row')} of {one.table} from an earlier {one.source}"
    if (n := len(found.replaced) - N_OFFENDERS_SHOWN) > 0:
        yield f"... and of {n:,} more such files of rows"


def _outdated(before: "Manifest", now: "Manifest") -> Iterator[str]:
    """Yield a sentence for each command that renews tables which the annotation has made outdated."""
    from attlas.schema import ADDED_TABLES, TABLES
    from attlas.schema.settings import outdated_notes

    changed = [table for table in TABLES if before.digest_of(table) != now.digest_of(table)]
    sources = {
        table: [source for source in table.computed_from if source in changed]
        for table in ADDED_TABLES
        if now.of_table(table)
    }
    yield from outdated_notes({table: changed for table, changed in sources.items() if changed})


def _account(rejects: "Rejects", before: str) -> Iterator[str]:
    from attlas.pipeline.annotate.rejects import shown
    from attlas.queries.text import counted

    for reason, n in rejects.counts.most_common():
        proteins = len(rejects.proteins[reason])
        of = f" of {counted(proteins, 'protein')}" if proteins else ""
        yield f"{before}{reason}: {counted(n, rejects.noun(reason))}{of}"
        for rejected in rejects.first[reason]:
            yield f"  - {shown(rejected)}"
        if n > rejects.n_shown[reason]:
            yield f"  ... and {n - rejects.n_shown[reason]:,} more"
