"""A structure in PDB format with the attention share in its B column.

A PDB file keeps every line but for the B column (columns 61-66, `%6.2f`), and gains REMARK 99 (free text, wwPDB format
3.3). An mmCIF file is written as PDB by gemmi, where it fits into the format at all.
"""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from attlas.queries.exports.annotation import Annotation, annotate
from attlas.queries.exports.b_column import MEANING, NO_VALUE, Key, b_values, check_all_found
from attlas.queries.exports.request import Request
from attlas.queries.store import Store
from attlas.schema import InputError
from attlas.structures.chains import StructureFile

if TYPE_CHECKING:
    import gemmi

REMARK = 99
LINE = 80
MAX_ATOMS, MIN_NUMBER, MAX_NUMBER = 99_999, -999, 9_999
TITLE_SECTION = (
    "HEADER", "OBSLTE", "TITLE", "SPLIT", "CAVEAT", "COMPND", "SOURCE", "KEYWDS", "EXPDTA", "NUMMDL", "MDLTYP",
    "AUTHOR", "REVDAT", "SPRSDE", "JRNL",
)  # fmt: skip
"""Records that stand before the remarks."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the structure; return notes on it."""
    annotation = annotate(atlas, request)
    file = _file(annotation)
    lines = [line.decode("latin-1") for line in _data(file).splitlines(keepends=True)]  # of bytes: at no \x85
    body = list(_with_values(lines, b_values(annotation), file.name))
    at = next((i for i, line in enumerate(body) if not _is_before_remark(line)), len(body))
    remark = list(_remark_lines(annotation))
    sink.write("".join([*body[:at], *remark, *body[at:]]).encode("latin-1"))
    return annotation.notes()


def _file(annotation: Annotation) -> StructureFile:
    assert annotation.match is not None  # check_request has seen to it
    return annotation.match.file


def _data(file: StructureFile) -> bytes:
    if file.format == "pdb":
        return file.data
    too_large = _too_large(file.structure)
    if too_large:
        raise InputError(f"{file.name} does not fit into PDB format.", found=too_large, hint="use the format mmcif")
    return str(file.structure.make_pdb_string()).encode("latin-1")


def _too_large(structure: "gemmi.Structure") -> str | None:
    """Return in words what a PDB file cannot hold of a structure; None if it can hold all of it."""
    for model in structure:
        if model.count_atom_sites() + len(model) > MAX_ATOMS:  # each chain ends with a TER that has a serial too
            return f"{model.count_atom_sites():,} atoms, at most {MAX_ATOMS:,} with one TER per chain"

        for chain in model:
            if len(chain.name) > 1:
                return f"chain {chain.name}, one letter at most"
            for residue in chain:
                if len(residue.name) > 3:
                    return f"component {residue.name}, three letters at most"
                if not MIN_NUMBER <= (residue.seqid.num or 0) <= MAX_NUMBER:
                    return f"residue number {residue.seqid.num}, {MIN_NUMBER} to {MAX_NUMBER}"

    return None


def _with_values(lines: list[str], values: dict[Key, float], name: str) -> Iterator[str]:
    written: set[Key] = set()
    for line in lines:
        if not line.startswith(("ATOM  ", "HETATM")):
            yield line
            continue

        key = (line[20:22].strip(), line[22:26].strip(), line[26:27].strip(), line[17:20].strip())
        written.add(key)

        end = line[len(line.rstrip("\r\n")) :]
        text = line.rstrip("\r\n")
        yield f"{text[:60]:60}{values.get(key, NO_VALUE):6.2f}{text[66:]}{end}"

    check_all_found(values, written, name)


def _is_before_remark(line: str) -> bool:
    record, number = line[:6].strip(), line[6:10].strip()
    return record in TITLE_SECTION or (record == "REMARK" and number.isdigit() and int(number) <= REMARK)


def _remark_lines(annotation: Annotation) -> Iterator[str]:
    start = f"REMARK {REMARK:3d} "
    yield start.ljust(LINE) + "\n"  # a remark opens with an empty line
    for text in (MEANING, *annotation.comments()):
        plain = text.encode("ascii", "backslashreplace").decode()
        for part in textwrap.wrap(plain, LINE - len(start)):
            yield f"{start}{part}".ljust(LINE) + "\n"
