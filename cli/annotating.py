"""The verb that brings known biology into an atlas: annotate."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.import_report import outdated_lines, print_report, replaced_lines
from attlas.cli.output import note, refuse_url
from attlas.cli.workshop import workshop

if TYPE_CHECKING:
    from attlas.pipeline.annotate import Series

FORMATS = (
    "uniprot-xml, uniprot-text, gff3, interproscan, tsv, csv, families, contacts, mmcif or pdb; of numbers csv, tsv, "
    "parquet, bedgraph, mmcif or pdb"
)


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(annotate)


def annotate(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the atlas.", show_default=False)],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="UniProt XML, flat file or features TSV, GFF3, InterProScan TSV, CSV of accession,position,label, of "
            "accession,family or of contacts (accession,partner,i,j), a structure (mmCIF, PDB) or a folder of "
            "structures; with --track or --variants a table of numbers (CSV, TSV, Parquet, bedGraph) or the B column "
            "of structures; plain or compressed.",
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
            help="Protein of the chains of a structure, where it may be given several times, or of a table of numbers. "
            "Default: what the file says.",
        ),
    ] = None,
    chain: Annotated[
        str | None, typer.Option("--chain", metavar="NAME", help="Read only this chain of a structure.")
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", metavar="NAME", help="Database of a table of families, such as Pfam.")
    ] = None,
    track: Annotated[
        str | None,
        typer.Option("--track", metavar="NAME", help="Read a number for each residue, as the track of this name."),
    ] = None,
    variants: Annotated[
        str | None,
        typer.Option("--variants", metavar="NAME", help="Read a number for each substitution, such as A123V."),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            "--column", metavar="COLUMN", help="Column of the numbers; default: NAME, value, or the only one left."
        ),
    ] = None,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="UNIT", help="Unit of the numbers, for display.")
    ] = None,
    members: Annotated[
        bool,
        typer.Option(
            "--members",
            help="Read which accessions are members of the atlas's clusters: idmapping_selected.tab of UniProt, or a "
            "table of member and cluster.",
        ),
    ] = False,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", metavar="FILE", help="Write every record left out, with why, as TSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Add known biology, or numbers of your own, to an atlas.

    Features, families and structures fill the tables `features`, `families` and `coordinates`, complexes and tables
    of contacts `partner_contacts`, numbers the tables `tracks` and `variants`.

    Nothing of the atlas is computed again. Every record is checked against the stored sequence; what does not fit is
    left out, named and counted, never shifted. Chains of structures are mapped onto proteins by their letters. A source
    of the same name replaces the rows of the earlier one.

    With --members the accessions of a cluster's members are looked up, too: `attlas show` answers with the protein that
    stands for the cluster, and says so.

    A track has a number for each residue: conservation, pLDDT of a computed model (`--track plddt model.cif`), or the
    mean over the variants of a table. The numbers of variants themselves, such as AlphaMissense's, come with
    --variants.
    """
    refuse_url(directory)
    if members:
        options: dict[str, object] = {"--format": format, "--accession": accession, "--chain": chain}
        options |= {"--database": database, "--track": track, "--variants": variants, "--column": column}
        options |= {"--unit": unit, "--rejected": rejected}
        _add_members(directory, source, [name for name, value in options.items() if value], as_json=as_json)
        return

    with workshop():
        from attlas.pipeline.annotate import AnnotationSource
        from attlas.pipeline.annotate import annotate as add_rows
        from attlas.schema import AtlasPaths, Manifest

        paths = AtlasPaths(directory)
        earlier_manifest = Manifest.read(paths)
        series = _series(track, variants, column=column, unit=unit)
        annotation = AnnotationSource(source, format, tuple(accession or ()), chain, database, series)
        imported, manifest = add_rows(paths, annotation, rejected=rejected)

    report = imported.report
    if as_json:
        replaced = [file._asdict() for file in report.replaced]
        print(json.dumps({**asdict(report), "replaced": replaced, "manifest_version": manifest.version}, indent=1))
    else:
        print_report(directory, report)
    for line in (*replaced_lines(report), *outdated_lines(earlier_manifest, manifest)):
        note(line)
    for line in (*imported.rejected.lines(prefix="left out, "), *imported.remarks.lines()):
        note(line)
    if report.n_rejected and rejected is None:
        note("--rejected FILE writes every record left out, with why")


def _add_members(directory: Path, source: Path, other_options: list[str], *, as_json: bool) -> None:
    """Add the members of clusters that a table names, and print what became of it. Raises InputError."""
    from attlas.queries.text import counted, printable
    from attlas.schema import InputError

    if other_options:
        raise InputError(f"--members and {other_options[0]} are two imports.", expected="one of them")

    with workshop():
        from attlas.pipeline.annotate.members.adding import NOT_IN_ATLAS, add_members, count_left_out

        report, manifest = add_members(directory, source)

    if as_json:
        print(json.dumps({**asdict(report), "manifest_version": manifest.version}, indent=1))
    else:
        stored = f"{counted(report.n_members, 'member')} of {counted(report.n_clusters, 'cluster')}"
        print(f"{directory}: {stored} from {printable(report.source)} ({report.format})")
    for reason, n in count_left_out(report).items():
        if n:
            examples = f", such as {printable(report.unknown_clusters[0])}" if reason == NOT_IN_ATLAS else ""
            note(f"left out, {reason}: {counted(n, 'line')} of {report.n_lines:,}{examples}")
    if report.n_in_several:
        note(
            f"{counted(report.n_in_several, 'member')} in more than one cluster: a lookup names them all and takes none"
        )


def _series(track: str | None, variants: str | None, *, column: str | None, unit: str | None) -> "Series | None":
    """Return the series that the options say a source holds; None where it holds no numbers. Raises InputError."""
    from attlas.pipeline.annotate import Series
    from attlas.schema import TRACKS, VARIANTS, InputError

    if track is not None and variants is not None:
        raise InputError(
            "--track and --variants are two imports.",
            expected="one of them",
            hint="annotate twice with the same file: one does not replace the other",
        )
    if track is None and variants is None:
        for option, value in (("--column", column), ("--unit", unit)):
            if value is not None:
                raise InputError(f"{option} goes with --track NAME or --variants NAME.", found=f"{option} {value}")
        return None

    if track is not None:
        return Series(TRACKS, track, column, unit or "")
    return Series(VARIANTS, variants or "", column, unit or "")
