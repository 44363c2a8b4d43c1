"""Structures made by hand for tests: a straight chain of residues with ideal peptide bonds, as PDB or mmCIF."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import gemmi

STEP = 3.8
"""Angstrom from one residue to the next."""
BACKBONE = (("N", "N", 0.0, 0.0), ("CA", "C", 1.2, 0.6), ("C", "C", 2.47, 0.0))
NAMES = dict(zip("ARNDCQEGHILKMFPSTWYV", gemmi.expand_one_letter_sequence("ARNDCQEGHILKMFPSTWYV", gemmi.ResidueKind.AA),
                 strict=True))  # fmt: skip


@dataclass(frozen=True)
class Atoms:
    """A residue of a file: names as its author gives them."""

    chain: str
    number: int
    name: str
    insertion: str = ""
    is_after_gap: bool = False
    is_hetero: bool = False
    alternative: str = ""


def chain_of(
    letters: str, *, chain: str = "A", begin: int = 1, gaps: Iterable[int] = (), numbers: Sequence[int] | None = None
) -> list[Atoms]:
    """Return residues numbered from `begin`; the chain is broken before each index of `gaps` (from 0)."""
    at = numbers or range(begin, begin + len(letters))
    return [
        Atoms(chain, number, NAMES[letter], is_after_gap=i in set(gaps))
        for i, (letter, number) in enumerate(zip(letters, at, strict=True))
    ]


def pdb_text(
    residues: Sequence[Atoms],
    *,
    sequences: dict[str, Sequence[str]] | None = None,
    header: Sequence[str] = (),
    n_models: int = 1,
) -> str:
    """Return a PDB file; `sequences` are SEQRES records, component names by chain; B is 50.00 everywhere."""
    lines = [*header]
    for chain, names in (sequences or {}).items():
        lines += [
            f"SEQRES {i // 13 + 1:3d} {chain:1s} {len(names):4d}  {' '.join(names[i : i + 13])}"
            for i in range(0, len(names), 13)
        ]
    for model in range(1, n_models + 1):
        lines += [f"MODEL     {model:4d}"] * (n_models > 1)
        lines += _atom_lines(residues)
        lines += ["ENDMDL"] * (n_models > 1)
    return "\n".join([*lines, "END", ""])


def write_pdb(path: Path, residues: Sequence[Atoms], **options: object) -> Path:
    path.write_text(pdb_text(residues, **options))  # type: ignore[arg-type]
    return path


def write_mmcif(path: Path, residues: Sequence[Atoms], *, sequences: dict[str, Sequence[str]] | None = None) -> Path:
    """Write the same as mmCIF, through gemmi."""
    structure = gemmi.read_pdb_string(pdb_text(residues, sequences=sequences))
    structure.setup_entities()
    structure.assign_label_seq_id()
    structure.make_mmcif_document().write_file(str(path))
    return path


def components(letters: str) -> list[str]:
    return [NAMES[letter] for letter in letters]


def random_letters(n: int, seed: int) -> str:
    return "".join(random.Random(seed).choices("ACDEFGHIKLMNPQRSTVWY", k=n))


def _atom_lines(residues: Sequence[Atoms]) -> list[str]:
    lines, x, serial, before = [], 0.0, 0, None
    for residue in residues:
        if before is not None and residue.chain != before.chain:
            lines.append("TER")
            x = 0.0
        x += 15.0 if residue.is_after_gap else 0.0
        is_same_place = before is not None and (before.chain, before.number, before.insertion) == (
            residue.chain, residue.number, residue.insertion)  # fmt: skip
        x += 0.0 if is_same_place or before is None else STEP
        y = 20.0 * (ord(residue.chain[:1] or "A") - 65)
        for name, element, dx, dy in BACKBONE if len(residue.name) == 3 and residue.name != "HOH" else BACKBONE[:1]:
            serial += 1
            record = "HETATM" if residue.is_hetero else "ATOM  "
            lines.append(
                f"{record}{serial:5d}  {name:3s}{residue.alternative or ' ':1s}{residue.name:>3s}{residue.chain:>2s}"
                f"{residue.number:4d}{residue.insertion or ' ':1s}   {x + dx:8.3f}{y + dy:8.3f}{0:8.3f}"
                f"{1:6.2f}{50:6.2f}          {element:>2s}"
            )
        before = residue
    return lines
