"""The verbs that take things elsewhere: export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attlas.cli.output import ID_FORMS, AtlasDir, IdsFile, Output, note, print_lines, read_ids, sink, together

if TYPE_CHECKING:
    from attlas.queries.atlas import Atlas
    from attlas.queries.exports import Export, Request
    from attlas.schema import Manifest, QuestionError


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
    structure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PDB or mmCIF file (or .gz) that the protein is joined to.")
    ] = None,
    chain: Annotated[
        str | None, typer.Option(metavar="NAME", help="Chain of the structure; default: the one that fits best.")
    ] = None,
    pdb_id: Annotated[str | None, typer.Option(metavar="ID", help="PDB id of the structure, four letters.")] = None,
) -> None:
    """Write high-attention sites in another tool's format, for all proteins or some.

    `attlas export DIR` lists the formats.
    """
    from attlas.queries.atlas import Atlas
    from attlas.queries.exports import Request, export_named, list_lines

    with Atlas.open(directory) as atlas:
        if format is None:
            print_lines(list_lines())
            return
        chosen = export_named(format)
        ids, output = _output_among(chosen, atlas, ids or [], output)
        asked = read_ids(ids, ids_file)
        proteins, faults = _proteins(atlas, asked)
        request = Request(
            accessions=None if proteins is None else tuple(str(protein["accession"]) for protein in proteins),
            structure=structure,
            chain=chain,
            pdb_id=pdb_id,
            file_name=None if output is None else output.name,
        )
        chosen.check(request)
        _write(chosen, atlas, request, output)
        _note_absent(chosen, atlas.manifest, proteins)
    if faults:
        raise together(faults, n_asked=len(set(asked or [])))


def _output_among(
    chosen: "Export", atlas: "Atlas", ids: list[str], output: Path | None
) -> tuple[list[str], Path | None]:
    """Take `export DIR gff3 sites.gff3` as what it means: a last word that ends as files of the format do, no id."""
    if output is None and ids and ids[-1].endswith(chosen.suffix) and not atlas.match(ids[-1]).rows:
        return ids[:-1], Path(ids[-1])
    return ids, output


def _proteins(atlas: "Atlas", asked: list[str] | None) -> tuple[list[dict[str, object]] | None, "list[QuestionError]"]:
    """Return the rows of `proteins` that ids name, None for all, and an error for each id without an answer."""
    if asked is None:
        return None, []
    matches = [atlas.match(id) for id in dict.fromkeys(asked)]
    faults = [match.fault() for match in matches if not match.rows]
    if len(faults) == len(matches):
        raise together(faults, n_asked=len(matches))
    rows = dict.fromkeys(row for match in matches for row in match.rows)
    return atlas.protein_rows(list(rows)).to_pylist(), faults


def _write(chosen: "Export", atlas: "Atlas", request: "Request", output: Path | None) -> None:
    from attlas.queries.exports import EXPORTS

    with sink(output, is_text=chosen.is_text) as file:
        chosen.write(atlas, request, file)
    if chosen.companion is None:
        return
    beside = EXPORTS[chosen.companion]
    if output is None:
        note(f"{beside.title} goes beside it: `export DIR {beside.name}`, or -o FILE writes both")
        return
    path = output.with_suffix(beside.suffix)
    with sink(path, is_text=beside.is_text) as file:
        beside.write(atlas, request, file)
    note(f"{beside.title} beside it: {path}")


def _note_absent(chosen: "Export", manifest: "Manifest", proteins: list[dict[str, object]] | None) -> None:
    """Say on stderr which proteins a format of sites alone leaves out: nothing is dropped in silence."""
    if chosen.has_all_proteins:
        return
    if proteins is None:
        n_out = manifest.counts.n_skipped + manifest.counts.n_failed
        text = f"{n_out:,} proteins not computed, and those computed without sites, have no row in this format"
    else:
        absent = [str(protein["accession"]) for protein in proteins if not protein["n_sites"]]
        if not absent:
            return
        text = f"{len(absent):,} proteins have no row in this format: {', '.join(absent[:10])}"
    note(f"{text}; `coverage` and `jsonl` name every protein with its outcome")
