"""Structures written by hand: chains of a few residues as PDB text, every atom where the test puts it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from Bio.SeqUtils import seq3

LIPASE = (
    "MKFVKRRIIALVTILMLSVTSLFALQPSAKAAEHNPVVMVHGIGGASFNFAGIKSYLVSQGWSRDKLYAVDFWDKTGTNYNNGPVLSRFVQKVLDETGAKKVDIVAHSMGG"
    "ANTLYYIKNLDGGNKVANVVTLGGANRLTTGKALPGTDPNQKILYTSIYSSADMIVMNYLSRLDGARNVQIHGVGHIGLLYSSQVNSLIKEGLNGGGQNTN"
)
"""P37957: a signal peptide of 31 residues, then the 181 of 1R4Z."""
LIPASE_FILE = Path(__file__).parents[2] / "examples" / "1r4z.cif.gz"
OFFSET = 31
"""What its authors' numbers lack to UniProt's."""

ATOMS = {
    "N": (-1.4, 0.5, 0.0),
    "CA": (0.0, 0.0, 0.0),
    "C": (1.3, 0.8, 0.0),
    "O": (1.4, 2.0, 0.3),
    "CB": (0.1, -1.0, 1.1),
}
"""Atoms of a residue about its C-alpha; the bond to the next, 3.8 angstrom on, is 1.13 long."""


@dataclass(frozen=True)
class Chain:
    """A chain along x, its C-alphas 3.8 angstrom apart."""

    name: str
    letters: str
    y: float = 0.0
    z: float = 0.0
    begin: int = 1
    numbers: Sequence[str] = ()
    """Numbers with insertion codes, where they do not just count from `begin`."""
    names: dict[int, str] = field(default_factory=dict)
    """Component names of residues by their index, where the letter does not say it."""
    missing: Sequence[int] = ()
    """Indices without coordinates; SEQRES has them."""
    has_sequence: bool = True

    def components(self) -> list[str]:
        return [self.names.get(i, seq3(letter).upper()) for i, letter in enumerate(self.letters)]

    def number(self, i: int) -> str:
        return self.numbers[i] if self.numbers else str(self.begin + i)


def pdb(chains: Iterable[Chain], *, header: Sequence[str] = (), n_models: int = 1, shift: float = 0.0) -> str:
    """Return chains as PDB text; each model lies `shift` angstrom further along z."""
    chains = list(chains)
    lines = [
        "HEADER    TEST                                    01-JAN-00   1TST",
        "EXPDTA    X-RAY DIFFRACTION",
        *header,
    ]
    lines += [line for chain in chains if chain.has_sequence for line in _seqres(chain)]
    for model in range(1, n_models + 1):
        lines += [f"MODEL     {model:>4}"] if n_models > 1 else []
        serial = 0
        for chain in chains:
            for line in _atoms(chain, shift * (model - 1)):
                serial += 1
                lines.append(f"{line[:6]}{serial:>5}{line[11:]}")
            lines.append("TER")
        lines += ["ENDMDL"] if n_models > 1 else []
    return "\n".join([*lines, "END", ""])


def dbref(chain: str, accession: str, begin: int = 1, end: int = 99) -> str:
    """Return the record that says which protein a chain is of."""
    return f"DBREF  1TST {chain} {begin:>4}  {end:>4}  UNP    {accession:<8} {'NAME_TEST':<12} {begin:>5}  {end:>5}"


def helix(chain: str, begin: str, end: str, kind: int = 1, serial: int = 1) -> str:
    """Return a HELIX record; `begin` and `end` may end with an insertion code."""
    return f"HELIX  {serial:>3} {serial:>3} ALA {chain} {_number(begin)} ALA {chain} {_number(end)}{kind:>2}" + " " * 30


def sheet(chain: str, begin: str, end: str, name: str = "S") -> str:
    """Return a SHEET record of one strand."""
    return f"SHEET    1 {name:>3} 1 ALA {chain}{_number(begin)} ALA {chain}{_number(end)} 0"


def _number(text: str) -> str:
    return f"{text:>4} " if text[-1].isdigit() else f"{text:>5}"


def _seqres(chain: Chain) -> list[str]:
    names = chain.components()
    rows = range(0, len(names), 13)
    return [
        f"SEQRES {k:>3} {chain.name} {len(names):>4}  {' '.join(f'{name:>3}' for name in names[i : i + 13])}"
        for k, i in enumerate(rows, start=1)
    ]


def _atoms(chain: Chain, shift: float) -> Iterable[str]:
    for i, component in enumerate(chain.components()):
        if i in chain.missing:
            continue
        for atom, (dx, dy, dz) in ATOMS.items():
            if (component, atom) != ("GLY", "CB"):
                x, y, z = 3.8 * i + dx, chain.y + dy, chain.z + dz + shift
                place = f"{x:8.3f}{y:8.3f}{z:8.3f}"
                yield (
                    f"ATOM  {0:>5}  {atom:<3} {component:>3} {chain.name}{_number(chain.number(i))}   {place}"
                    f"{1.0:6.2f}{20.0:6.2f}          {atom[0]:>2}"
                )
