"""The text of a PDB file before it is parsed: atoms behind its END, and columns that old files use for other things.

Readers differ here. Behind END, gemmi and Biopython read nothing, biotite every atom. In columns 77 to 80, where the
element and the charge stand today, files from before 1996 may have the number of the line: gemmi refuses such an atom,
Biopython and biotite read it.
"""

import re

from attlas.schema import InputError

ATOM_LINE = re.compile(rb"^(?:ATOM  |HETATM)[^\r\n]*", re.MULTILINE | re.IGNORECASE)
END_LINE = re.compile(rb"^END(?!MDL)[^\r\n]*", re.MULTILINE | re.IGNORECASE)
_POLYMER_ATOM = re.compile(rb"^ATOM  [^\r\n]{21}", re.MULTILINE | re.IGNORECASE)
"""The line of an atom up to the insertion code of its residue."""
_ELEMENT_AND_CHARGE = re.compile(rb" {0,2}|(?: [A-Z]|[A-Z][A-Z])(?: {0,2}|[0-9][+-]|[+-][0-9])", re.IGNORECASE)
"""What may stand in columns 77 to 80."""

_ELEMENT_BEGIN, _LINE_END = 76, 80
_SERIAL_END = 12
"""Columns of the record's name and of the atom's number; those behind name the atom and its residue."""


def note_atoms_behind_end(data: bytes, *, name: str) -> str | None:
    """Return a note where atoms behind END repeat those before it: the frames of a simulation, of which one is read.

    Raises:
        InputError: other atoms stand behind END, of which it cannot be said whether they are of the structure.
    """
    end = END_LINE.search(data)
    behind = end and ATOM_LINE.search(data, end.end())
    if end is None or not behind:
        return None

    line = data.count(b"\n", 0, end.start()) + 1
    atoms = {match[0][_SERIAL_END:] for match in _POLYMER_ATOM.finditer(data, 0, end.start())}
    atoms_behind = [match[0][_SERIAL_END:] for match in _POLYMER_ATOM.finditer(data, end.end())]
    new_atoms = [atom for atom in atoms_behind if atom not in atoms]
    if not new_atoms:
        return f"the atoms behind END on line {line:,} repeat those before it; not read"

    chains = b", ".join(dict.fromkeys(atom[9:10] for atom in new_atoms)).decode("latin-1")
    raise InputError(
        f"{name} goes on behind its END.",
        expected="END, if at all, as the last record of a PDB file",
        found=f"END on line {line:,}, and behind it {len(new_atoms):,} other atoms, of chains {chains}: some programs "
        "read them, others do not",
        hint=f"if they are of the structure, delete line {line:,} (`sed {line}d`); if not, delete what follows it",
    )


def blank_foreign_columns(data: bytes) -> tuple[bytes, int]:
    """Return a PDB file with columns 77 to 80 blank where they hold no element and charge, and the number of atoms.

    Without them the element follows from the columns of the atom's name.
    """
    n_atoms = 0

    def blank(match: re.Match[bytes]) -> bytes:
        nonlocal n_atoms
        line = match[0]
        if _ELEMENT_AND_CHARGE.fullmatch(line[_ELEMENT_BEGIN:_LINE_END]):
            return line
        n_atoms += 1
        return line[:_ELEMENT_BEGIN] + b" " * (_LINE_END - _ELEMENT_BEGIN) + line[_LINE_END:]

    return ATOM_LINE.sub(blank, data), n_atoms
