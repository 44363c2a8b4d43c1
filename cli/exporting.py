"""The verb that writes sites for other tools, and matrices of pairs for models: export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.output import (
    ID_FORMS,
    AtlasDir,
    IdsFile,
    Output,
    SafeForSpreadsheets,
    fold_width,
    join_faults,
    note,
    print_lines,
    read_ids,
    sink,
)

if TYPE_CHECKING:
    from attlas.queries.atlas import Atlas
    from attlas.queries.exports import Export
    from attlas.queries.exports.exporting import PreparedExport


PAIR_MATRICES = "pair-matrices"
"""The one format that is of pairs of proteins."""


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(export)


def export(
    directory: AtlasDir,
    format: Annotated[
        str | None, typer.Argument(metavar="[FORMAT]", help="Without it, the formats are listed.", show_default=False)
    ] = None,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help=f"{ID_FORMS} Default: all.")] = None,
    ids_file: IdsFile = None,
    output: Output = None,
    safe_for_spreadsheets: SafeForSpreadsheets = False,
    structure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="PDB or mmCIF file (or compressed) onto which the protein is mapped, or a folder with one named "
            "after the protein.",
        ),
    ] = None,
    chain: Annotated[
        str | None, typer.Option(metavar="NAME", help="Chain of the structure; default: every chain that fits.")
    ] = None,
    partner_chain: Annotated[
        str | None, typer.Option(metavar="NAME", help="Chain of the other protein, for a file of a pair.")
    ] = None,
    form: Annotated[
        str | None, typer.Option(metavar="NAME", help="How the proteins of a pair were joined, such as gap.")
    ] = None,
    pdb_id: Annotated[str | None, typer.Option(metavar="ID", help="PDB id of the structure, such as 1r4z.")] = None,
    alignment: Annotated[
        Path | None, typer.Option(metavar="FILE", help="FASTA, Stockholm or Clustal file whose ids Jalview shows.")
    ] = None,
    layer: Annotated[
        int | None, typer.Option(metavar="N", help="Links of this layer, from 0; default: the strongest of all.")
    ] = None,
    head: Annotated[int | None, typer.Option(metavar="N", help="Links of this head of the layer, from 0.")] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For pair-matrices: two ids a line, and a label if there is one."),
    ] = None,
    with_ends: Annotated[
        bool, typer.Option("--with-ends", help="For pair-matrices: the vectors cls and eos around the segments.")
    ] = False,
) -> None:
    """Write sites or links in another tool's format.

    `attlas export DIR` lists the formats. `attlas export DIR pair-matrices --pairs FILE -o FILE` writes the vectors of
    pairs of proteins, one above the other, to a file .npz or .parquet.
    """
    if format == PAIR_MATRICES:
        if pairs is None or output is None:
            raise typer.BadParameter("pair-matrices needs --pairs FILE and -o FILE", param_hint="--pairs")
        _write_pair_matrices(directory, pairs, output, layer=layer, has_ends=with_ends)
        return
    if pairs is not None or with_ends:
        raise typer.BadParameter(f"only {PAIR_MATRICES} takes pairs", param_hint="--pairs or --with-ends")

    from attlas.queries.atlas import Atlas
    from attlas.queries.exports import export_named, list_lines
    from attlas.queries.exports.exporting import ExportOptions, prepare_export

    with Atlas.open(directory) as atlas:
        if format is None:
            print_lines(list_lines(fold_width()))
            return

        ids, output = _split_output(export_named(format), atlas, ids or [], output)
        all_ids = read_ids(ids, ids_file)
        options = ExportOptions(
            ids=None if all_ids is None else tuple(all_ids),
            output=output,
            structure=structure,
            chain=chain,
            partner_chain=partner_chain,
            form=form,
            pdb_id=pdb_id,
            alignment=alignment,
            layer=layer,
            head=head,
            is_safe_for_spreadsheets=safe_for_spreadsheets,
        )
        prepared = prepare_export(atlas, format, options, takes_names=True)

        # Ids without an answer are reported after the others are written. If no id has one, nothing is written.
        n_ids = len(set(all_ids or []))
        if not prepared.faults or len(prepared.faults) < n_ids:
            _write(atlas, prepared, output)
    if prepared.faults:
        raise join_faults(prepared.faults, n_ids=n_ids)


def _write_pair_matrices(directory: str, pairs: Path, output: Path, *, layer: int | None, has_ends: bool) -> None:
    """Write the matrix of each pair of a file, and print which pairs are left out."""
    from attlas.cli.progress import say_names
    from attlas.pipeline.pairs.pair_list import read_pairs
    from attlas.queries.atlas import Atlas
    from attlas.queries.exports.pair_matrices import NamedPair, write_pair_matrices
    from attlas.queries.text import counted

    pair_list = read_pairs(pairs)
    named = [NamedPair(pair.accession, pair.partner, pair.label) for pair in pair_list.pairs]
    unread = [f"line {line.line}: {line.reason}" for line in pair_list.left_out]
    with Atlas.open(directory) as atlas:
        report = write_pair_matrices(atlas, named, output, layer=layer, has_ends=has_ends, unread=unread)

    matrices = counted(report.n_pairs, "matrix", "matrices")
    print(f"{output}: {matrices} of {report.n_rows} x {report.width} numbers, of layer {report.layer}")
    say_names("left out", report.left_out)


def _split_output(
    file_format: "Export", atlas: "Atlas", ids: list[str], output: Path | None
) -> tuple[list[str], Path | None]:
    """Return ids and output; a last word with the ending of the format, such as `a.gff3`, is the output."""
    if output is None and ids and ids[-1].endswith(file_format.suffix) and not atlas.match(ids[-1]).rows:
        return ids[:-1], Path(ids[-1])
    return ids, output


def _write(atlas: "Atlas", prepared: "PreparedExport", output: Path | None) -> None:
    """Write an export to a file or to stdout, and print its notes to stderr."""
    from attlas.queries.exports import EXPORTS
    from attlas.queries.exports.exporting import absence_notes, write_files

    if output is not None:
        files = write_files(atlas, prepared, output)
        notes = list(files.notes)
        if files.companion is not None:
            companion, path = files.companion
            notes.append(f"beside it, {path}: {companion.title}")
        notes += files.absences
    else:
        export = prepared.export
        with sink(None, is_text=export.is_text) as file:
            notes = [*prepared.notes, *(export.write(atlas, prepared.request, file) or ())]
        if export.companion is not None:
            companion = EXPORTS[export.companion]
            notes.append(
                f"not written: {companion.title}; `export DIR {companion.name}` has it, and -o FILE writes both"
            )
        notes += absence_notes(atlas, prepared)

    for text in notes:
        note(text)
