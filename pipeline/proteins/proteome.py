"""The proteins of a FASTA file as objects, for a proteome that fits memory; a build of any size uses `arranging`."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from attlas.pipeline.proteins.arranging import arrange_proteins, parse_input
from attlas.pipeline.proteins.records import STANDARD_LETTERS


@dataclass(frozen=True)
class Protein:
    """A protein of the input, named by its accession."""

    accession: str
    """UniProt accession of a UniProt header, else the first word; `line:<n>` where the header is empty."""
    entry_name: str | None
    gene: str | None
    organism: str | None
    taxon_id: int | None
    sequence_version: int | None
    description: str | None
    """Protein name of a UniProt header, else the header after its first word."""
    sequence: str
    """Upper case, without blanks and one trailing `*`; letters as in the input (J stays J)."""
    line: int
    """Line of the header of its first record, from 1."""
    n_records: int = 1
    """Records with this accession, all with this sequence."""
    reason: str | None = None
    """Why the protein is skipped; None where it is computed."""
    n_members: int | None = None
    """Members of a cluster of UniRef."""

    @property
    def length(self) -> int:
        """Return the number of residues."""
        return len(self.sequence)

    @cached_property
    def md5(self) -> str:
        """Return the MD5 of the sequence, lower-case hexadecimal."""
        return hashlib.md5(self.sequence.encode(), usedforsecurity=False).hexdigest()

    @cached_property
    def n_nonstandard(self) -> int:
        """Return the number of letters outside the 20 standard amino acids."""
        return len(self.sequence.encode().translate(None, STANDARD_LETTERS.encode()))


@dataclass(frozen=True)
class Proteome:
    """The proteins of one input file."""

    name: str
    """File name, or `-` for standard input."""
    sha256: str
    """SHA-256 of the file as it is: of a compressed file, of the compressed bytes."""
    n_records: int
    """Records in the file: the sum of `n_records` over the proteins."""
    proteins: tuple[Protein, ...]
    """In input order, unique by accession."""


def read_proteome(source: str, *, max_length: int | None = None) -> Proteome:
    """Read the proteins of a FASTA file: a path, plain or compressed, or `-` for standard input.

    Args:
        source: path, or `-`.
        max_length: longest sequence to compute, residues; longer ones get a reason. None: MAX_RESIDUES.

    Raises:
        InputError: as `arranging.parse_input` and `arranging.arrange_proteins`.
    """
    arranged = arrange_proteins(parse_input([source], max_length=max_length))
    names = list(Protein.__dataclass_fields__)

    def list_proteins() -> Iterator[Protein]:
        for rows in arranged.rows:
            for values in rows.select(names).to_pylist():
                yield Protein(**values)

    proteins = sorted(list_proteins(), key=attrgetter("line"))
    return Proteome(arranged.name, arranged.sha256, arranged.n_records, tuple(proteins))
