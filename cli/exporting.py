"""The verbs that take things elsewhere: export."""

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
    note,
    print_lines,
    read_ids,
    sink,
    together,
)

if TYPE_CHECKING:
    from attlas.queries.atlas import Atlas
    from attlas.queries.exports import Export, Request
    from attlas.queries.exports.alignment import AlignedRow
    from attlas.schema import QuestionError


def add_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(export)


def export(
    directory: AtlasDir,
    format: Annotated[
        str | None, typer.Argument(metavar="[FORMAT]", help="Leave it out to list the formats.", show_default=False)
    ] = None,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help=f"{ID_FORMS} Default: all.")] = None,
    ids_file: IdsFile = None,
    output: Output = None,
    safe_for_spreadsheets: SafeForSpreadsheets = False,
    structure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PDB or mmCIF file (or .gz) that the protein is joined to.")
    ] = None,
    chain: Annotated[
        str | None, typer.Option(metavar="NAME", help="Chain of the structure; default: every one that fits.")
    ] = None,
    pdb_id: Annotated[str | None, typer.Option(metavar="ID", help="PDB id of the structure, four letters.")] = None,
    alignment: Annotated[
        Path | None, typer.Option(metavar="FILE", help="FASTA, Stockholm or Clustal file whose ids Jalview shows.")
    ] = None,
) -> None:
    """Write high-attention sites in another tool's format, for all proteins or some.

    `attlas export DIR` lists the formats.
    """
    from attlas.queries.atlas import Atlas
    from attlas.queries.exports import Request, check_request, export_named, list_lines

    with Atlas.open(directory) as atlas:
        if format is None:
            print_lines(list_lines(fold_width()))
            return
        file_format = export_named(format)
        ids, output = _output_among(file_format, atlas, ids or [], output)
        all_ids = read_ids(ids, ids_file)
        proteins, faults = _proteins(atlas, all_ids)
        proteins, aligned = (proteins, None) if alignment is None else _aligned(atlas, alignment, proteins)
        request = Request(
            accessions=None if proteins is None else tuple(str(protein["accession"]) for protein in proteins),
            structure=structure,
            chain=chain,
            pdb_id=pdb_id,
            alignment=aligned,
            file_names=_file_names(file_format, output),
            is_safe_for_spreadsheets=safe_for_spreadsheets,
        )
        check_request(file_format, request)
        _check_output(file_format, output, structure)
        _write(file_format, atlas, request, output)
        _note_absent(file_format, atlas, request)
    if faults:
        raise together(faults, n_asked=len(set(all_ids or [])))


def _output_among(
    file_format: "Export", atlas: "Atlas", ids: list[str], output: Path | None
) -> tuple[list[str], Path | None]:
    """Take `export DIR gff3 sites.gff3` as what it means: a last word that ends as files of the format do, no id."""
    if output is None and ids and ids[-1].endswith(file_format.suffix) and not atlas.match(ids[-1]).rows:
        return ids[:-1], Path(ids[-1])
    return ids, output


def _file_names(file_format: "Export", output: Path | None) -> dict[str, str]:
    """Return the names of the files that are written, by format: the one asked for and its companion."""
    if output is None:
        return {}
    companion = _companion(file_format, output)
    return {file_format.name: output.name, **({} if companion is None else {companion[0].name: companion[1].name})}


def _companion(file_format: "Export", output: Path) -> "tuple[Export, Path] | None":
    """Return the format that is written beside a file, and where; None where there is none."""
    from attlas.queries.exports import EXPORTS

    if file_format.companion is None:
        return None
    companion = EXPORTS[file_format.companion]
    return companion, output.with_suffix(companion.suffix)


def _check_output(file_format: "Export", output: Path | None, structure: Path | None) -> None:
    """Refuse to write over the structure that is read, or two files under one name."""
    from attlas.schema import QuestionError

    if output is not None and (companion := _companion(file_format, output)) and companion[1] == output:
        what = f"{output} is the name of the file that is written beside it: {companion[0].title}."
        raise QuestionError(what, hint=f"give a name that ends with {file_format.suffix}")
    if output is not None and structure is not None and output.resolve() == structure.resolve():
        raise QuestionError(f"{output} is the structure itself.", hint="give another file with -o")


def _proteins(atlas: "Atlas", ids: list[str] | None) -> tuple[list[dict[str, object]] | None, "list[QuestionError]"]:
    """Return the rows of `proteins` that ids name, None for all, and an error for each id without an answer."""
    if ids is None:
        return None, []
    matches = atlas.matches(list(dict.fromkeys(ids)))
    faults = [match.fault() for match in matches if not match.rows]
    if len(faults) == len(matches):
        raise together(faults, n_asked=len(matches))
    rows = dict.fromkeys(row for match in matches for row in match.rows)
    return atlas.protein_rows(list(rows)).to_pylist(), faults


def _aligned(
    atlas: "Atlas", path: Path, proteins: list[dict[str, object]] | None
) -> tuple[list[dict[str, object]], "tuple[AlignedRow, ...]"]:
    """Return the proteins wanted that stand in an alignment, and its rows; says which proteins do not."""
    from attlas.queries.exports.alignment import aligned_rows
    from attlas.queries.text import printable
    from attlas.schema import QuestionError

    rows = aligned_rows(atlas, path, note)
    aligned = dict.fromkeys(row.accession for row in rows)
    if proteins is None:
        proteins = [row for name in aligned for row in atlas.protein(name).to_pylist()]
    outside = [printable(protein["accession"]) for protein in proteins if protein["accession"] not in aligned]
    aligned_proteins = [protein for protein in proteins if protein["accession"] in aligned]
    if not aligned_proteins:
        raise QuestionError("None of these proteins is in the alignment.", offenders=outside)
    if outside:
        note(f"not in the alignment, left out: {', '.join(outside[:10])}{' and more' if len(outside) > 10 else ''}")
    return aligned_proteins, rows


def _write(file_format: "Export", atlas: "Atlas", request: "Request", output: Path | None) -> None:
    from attlas.queries.exports import EXPORTS

    with sink(output, is_text=file_format.is_text) as file:
        notes = file_format.write(atlas, request, file)
    for text in notes or ():
        note(text)

    if file_format.companion is None:
        return
    if output is None:
        companion = EXPORTS[file_format.companion]
        note(f"not written: {companion.title}; `export DIR {companion.name}` has it, and -o FILE writes both")
        return
    companion, path = EXPORTS[file_format.companion], output.with_suffix(EXPORTS[file_format.companion].suffix)
    with sink(path, is_text=companion.is_text) as file:
        companion.write(atlas, request, file)
    note(f"beside it, {path}: {companion.title}")


def _note_absent(file_format: "Export", atlas: "Atlas", request: "Request") -> None:
    """Say on stderr which proteins a format leaves out: nothing is dropped in silence."""
    from attlas.queries.exports.left_out import left_out

    text = None if file_format.leaves_out is None else left_out(atlas, file_format.leaves_out, request.accessions)
    if text:
        note(f"{text}; `coverage` and `jsonl` name every protein with its outcome")
