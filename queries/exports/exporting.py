"""An export, from ids and options to files: what `attlas export` and `Atlas.export` share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.queries.exports.alignment import AlignedRow, aligned_rows
from attlas.queries.exports.catalogue import EXPORTS, export_named
from attlas.queries.exports.check import check_request
from attlas.queries.exports.export import Export
from attlas.queries.exports.left_out import N_NAMED, count_left_out
from attlas.queries.exports.request import Request
from attlas.queries.output_file import open_output
from attlas.queries.store import Store
from attlas.queries.text import printable
from attlas.schema import QuestionError
from attlas.structures.folder import find_structure

TEXT_ENDINGS = {Path(f"x{export.suffix}").suffix for export in EXPORTS.values() if export.is_text} | {".mvsj", ".txt"}
"""How names of files of text end; a scene that Mol* reads as JSON (`.mvsj`) is none that attlas writes."""


@dataclass(frozen=True)
class ExportOptions:
    """The options of an export that a user states, beside its format."""

    ids: tuple[str, ...] | None = None
    """None means every protein."""
    output: Path | None = None
    """None where the export goes to stdout."""
    structure: Path | None = None
    """A file, or a folder that holds a file named after the protein."""
    chain: str | None = None
    partner_chain: str | None = None
    form: str | None = None
    pdb_id: str | None = None
    alignment: Path | None = None
    layer: int | None = None
    head: int | None = None
    is_safe_for_spreadsheets: bool = False


@dataclass(frozen=True)
class PreparedExport:
    """An export that its format can answer, its proteins looked up."""

    export: Export
    request: Request
    faults: tuple[QuestionError, ...]
    """An error for each id without an answer."""
    notes: tuple[str, ...]
    """What the user should know of the proteins and the alignment."""


def prepare_export(store: Store, format: str, options: ExportOptions, *, takes_names: bool = False) -> PreparedExport:
    """Look up the proteins of an export, and check that the format can take what is given.

    If `takes_names`, a text that is no id stands for the protein that alone is called so, and a note says so.

    Raises:
        QuestionError: there is no such format, it cannot take what is given, or the output would overwrite a file that
            is read.
        InputError: the folder of structures holds none of the protein, or several.
    """
    export = export_named(format)
    notes: list[str] = []
    proteins, faults = _find_proteins(store, options.ids, notes.append if takes_names else None)
    if faults and not proteins:
        return PreparedExport(export, Request(), tuple(faults), ())

    alignment_rows = None
    if options.alignment is not None:
        alignment_rows = aligned_rows(store, options.alignment, notes.append)
        proteins, absent = _split_by_alignment(store, alignment_rows, proteins)
        notes += _absent_note(absent)

    accessions = None if proteins is None else tuple(str(protein["accession"]) for protein in proteins)
    structure = options.structure
    if structure is not None and accessions is not None and len(accessions) == 1:
        structure = find_structure(structure, accessions[0])

    # Checked before anything is written: a format that cannot answer is refused with those that can.
    request = Request(
        accessions=accessions,
        structure=structure,
        chain=options.chain,
        partner_chain=options.partner_chain,
        form=options.form,
        pdb_id=options.pdb_id,
        alignment=alignment_rows,
        layer=options.layer,
        head=options.head,
        file_names=_file_names(export, options.output),
        is_safe_for_spreadsheets=options.is_safe_for_spreadsheets,
    )
    check_request(export, request)
    _check_output(export, options.output, structure)
    return PreparedExport(export, request, tuple(faults), tuple(notes))


@dataclass(frozen=True)
class WrittenExport:
    """The files that an export wrote, with its notes."""

    companion: tuple[Export, Path] | None
    """The format and the file written beside the output."""
    notes: tuple[str, ...]
    """What the user should know of how the file was made."""
    absences: tuple[str, ...]
    """Which proteins the file leaves out."""


def write_files(store: Store, prepared: PreparedExport, output: Path) -> WrittenExport:
    """Write an export, and its companion beside it.

    Raises:
        QuestionError: the output lies in an atlas, or is a directory.
    """
    export, request = prepared.export, prepared.request
    with open_output(output) as file:
        notes = (*prepared.notes, *(export.write(store, request, file) or ()))

    companion = companion_of(export, output)
    if companion is not None:
        companion_export, path = companion
        with open_output(path) as file:
            companion_export.write(store, request, file)

    return WrittenExport(companion, notes, tuple(absence_notes(store, prepared)))


def companion_of(export: Export, output: Path) -> tuple[Export, Path] | None:
    """Return the format that is written beside a file, and where; None where there is none."""
    if export.companion is None:
        return None
    companion = EXPORTS[export.companion]
    stem = output.name.removesuffix(export.suffix)
    is_usual = stem not in ("", output.name)
    return companion, output.with_name(stem + companion.suffix) if is_usual else output.with_suffix(companion.suffix)


def absence_notes(store: Store, prepared: PreparedExport) -> list[str]:
    """Return a note on the proteins that a format leaves out, if any: nothing is dropped in silence."""
    if prepared.export.leaves_out is None:
        return []
    text = count_left_out(store, prepared.export.leaves_out, prepared.request.accessions)
    return [f"{text}; `coverage` and `jsonl` name every protein with its outcome"] if text else []


def _find_proteins(
    store: Store, ids: Sequence[str] | None, note_name: Callable[[str], object] | None
) -> tuple[list[dict[str, object]] | None, list[QuestionError]]:
    """Return the rows of `proteins` that ids name, None for all, and an error for each id without an answer.

    `note_name` is told for whom a text that is no id is taken; None takes ids only.
    """
    if ids is None:
        return None, []
    matches = store.matches(list(dict.fromkeys(ids)))
    faults = [match.fault() for match in matches if not match.rows]
    if faults and note_name is not None:
        result = store.match_names(matches, note=note_name)
        matches, faults = result.matches, result.faults
    rows = dict.fromkeys(row for match in matches for row in match.rows)
    return store.protein_rows(list(rows)).to_pylist(), faults


def _split_by_alignment(
    store: Store, rows: Sequence[AlignedRow], proteins: list[dict[str, object]] | None
) -> tuple[list[dict[str, object]], list[str]]:
    """Return the proteins that stand in an alignment, and the accessions of those that do not.

    Raises:
        QuestionError: none of the proteins stands in it.
    """
    names = dict.fromkeys(row.accession for row in rows)
    if proteins is None:
        proteins = [row for name in names for row in store.protein(name).to_pylist()]

    absent = [printable(protein["accession"]) for protein in proteins if protein["accession"] not in names]
    aligned_proteins = [protein for protein in proteins if protein["accession"] in names]
    if not aligned_proteins:
        raise QuestionError("None of these proteins is in the alignment.", offenders=absent)
    return aligned_proteins, absent


def _absent_note(accessions: Sequence[str]) -> list[str]:
    if not accessions:
        return []
    ending = " and more" if len(accessions) > N_NAMED else ""
    return [f"not in the alignment, left out: {', '.join(accessions[:N_NAMED])}{ending}"]


def _file_names(export: Export, output: Path | None) -> dict[str, str]:
    """Return the names of the files that are written, by format: the one asked for and its companion."""
    if output is None:
        return {}
    names = {export.name: output.name}
    if companion := companion_of(export, output):
        names[companion[0].name] = companion[1].name
    return names


def _check_output(export: Export, output: Path | None, structure: Path | None) -> None:
    """Refuse to write over the structure that is read, two files under one name, or bytes under the name of a text."""
    if output is None:
        return
    if not export.is_text and output.suffix.lower() in TEXT_ENDINGS:
        raise QuestionError(
            f"{export.name} is no text, and {output} is the name of one.",
            expected=f"a name that ends with {export.suffix}",
            found=output.suffix,
        )
    if (companion := companion_of(export, output)) and companion[1] == output:
        message = f"{output} is the name of the file that is written beside it: {companion[0].title}."
        raise QuestionError(message, hint=f"give a name that ends with {export.suffix}")
    if structure is not None and output.resolve() == structure.resolve():
        raise QuestionError(f"{output} is the structure itself.", hint="give another file with -o")
