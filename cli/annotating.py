"""The verb that brings known features into an atlas: annotate."""

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

FORMATS = "uniprot-xml, uniprot-text, gff3, interproscan, tsv or csv"


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(annotate)


def annotate(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the atlas.", show_default=False)],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="UniProt XML, flat file or features TSV, GFF3, InterProScan TSV, CSV of accession,position,label; "
            "plain or gzip.",
            show_default=False,
        ),
    ],
    format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help=f"{FORMATS}; default: told by the content.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", metavar="FILE", help="Write every record left out, with why, as TSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Add known features of proteins to an atlas, as its table `features`. Nothing of the atlas is computed again.

    Every record is checked against the stored sequence; what does not fit is left out, named and counted, never
    shifted. A file of the same name takes the place of the earlier one.
    """
    with workshop():
        from attlas.pipeline.annotate import annotate as add_features
        from attlas.schema import AtlasPaths

        found, rejects, manifest = add_features(AtlasPaths(directory), source, format=format, rejected=rejected)
    if as_json:
        print(json.dumps({**asdict(found), "manifest_version": manifest.version}, indent=1))
    else:
        _print(directory, found)
    for line in _left_out(rejects):
        note(line)
    if found.n_rejected and rejected is None:
        note("--rejected FILE writes every record left out, with why")


def _print(directory: Path, found: "Annotation") -> None:
    from attlas.queries.text import counted

    print(
        f"{directory}: {counted(found.n_features, 'feature')} of {counted(found.n_proteins, 'protein')} "
        f"from {found.source} "
        f"({found.format}); {found.n_rejected:,} of {found.n_records:,} records left out"
    )
    width = max(map(len, found.by_type))
    for kind, n in found.by_type.items():
        print(f"  {kind:<{width}}  {n:>9,}")


def _left_out(rejects: "Rejects") -> Iterator[str]:
    from attlas.pipeline.annotate.rejects import shown
    from attlas.queries.text import counted

    for reason, n in rejects.counts.most_common():
        proteins = counted(len(rejects.proteins[reason]), "protein")
        yield f"left out, {reason}: {counted(n, 'record')} of {proteins}"
        for rejected in rejects.first[reason]:
            yield f"  - {shown(rejected)}"
        if n > len(rejects.first[reason]):
            yield f"  ... and {n - len(rejects.first[reason]):,} more"
