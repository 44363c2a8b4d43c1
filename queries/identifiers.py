"""Which proteins an id names: accession, FASTA id, entry name, gene, or a digest of the sequence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from attlas.queries.parquet_rows import ProteinRows
from attlas.schema import QuestionError

FASTA_ID = re.compile(r"(?:sp|tr)\|([^|]+)(?:\|.*)?")
ISOFORM = re.compile(r"(.+)-\d+")
MD5 = re.compile(r"[0-9a-fA-F]{32}")
CRC64 = re.compile(r"[0-9a-fA-F]{16}")
N_CLOSE = 5
"""Similar ids offered for an unknown one."""


@dataclass(frozen=True)
class Match:
    """What an id names in an atlas: rows of `proteins`, or candidates, or nothing."""

    asked: str
    rows: tuple[int, ...] = ()
    """Rows of `proteins`; several only for a digest, whose proteins share one sequence."""
    candidates: tuple[str, ...] = ()
    """Accessions, when the id names several proteins with no reason to prefer one."""
    close: tuple[str, ...] = ()
    """Similar ids that are in the atlas, when this one is not."""

    def fault(self) -> QuestionError:
        """Return the error that says why there are no rows."""
        if self.candidates:
            return QuestionError(
                f"{self.asked} names {len(self.candidates):,} proteins of this atlas.",
                offenders=self.candidates,
                hint="ask for one of these accessions",
            )
        hint = (
            f"similar ids here: {', '.join(self.close)}" if self.close else "`SELECT accession FROM proteins` lists all"
        )
        forms = "accession, sp|ACCESSION|NAME, entry name, gene, MD5 or CRC64 of the sequence"
        return QuestionError(f"{self.asked} is not in this atlas.", expected=forms, hint=hint)


def find(proteins: ProteinRows, asked: str) -> Match:
    """Return what an id names. Letter case counts.

    The first form that fits decides: accession (of an isoform too, which never answers with the canonical sequence
    nor the other way round), `sp|P04637|P53_HUMAN`, entry name, gene, MD5, CRC64.
    """
    fasta = FASTA_ID.fullmatch(asked)
    row = proteins.row_of(asked)
    if row is None and fasta:
        row = proteins.row_of(fasta[1])
    if row is not None:
        return Match(asked, (row,))
    if not fasta:
        for column, value in _searches(asked):
            if rows := proteins.where(column, value):
                return _one_of(proteins, asked, column, rows)
    return Match(asked, close=_similar(proteins, fasta[1] if fasta else asked))


def rows_named(proteins: ProteinRows, asked: str) -> tuple[int, ...]:
    """Return the rows of `proteins` an id names.

    Raises:
        QuestionError: it names none, or several different proteins.
    """
    match = find(proteins, asked)
    if not match.rows:
        raise match.fault()
    return match.rows


def _searches(asked: str) -> Iterator[tuple[str, str]]:
    yield "entry_name", asked
    yield "gene", asked
    if MD5.fullmatch(asked):
        yield "md5", asked.lower()
    if CRC64.fullmatch(asked):
        yield "crc64", asked.upper()


def _one_of(proteins: ProteinRows, asked: str, column: str, rows: list[int]) -> Match:
    if column in ("md5", "crc64"):
        return Match(asked, tuple(rows))
    accessions = [str(proteins.value(row, "accession")) for row in rows]
    if column == "entry_name":
        # UniProt gives isoforms the entry name of their entry; the entry itself is its canonical sequence.
        canonical = [row for row, accession in zip(rows, accessions, strict=True) if not ISOFORM.fullmatch(accession)]
        return Match(asked, (canonical[0],)) if len(canonical) == 1 else Match(asked, candidates=tuple(accessions))
    return Match(asked, (rows[0],)) if len(rows) == 1 else Match(asked, candidates=tuple(accessions))


def _similar(proteins: ProteinRows, asked: str) -> tuple[str, ...]:
    """Return ids like `asked`: in other letter case, of the same entry, or nearly spelt so."""
    folded = asked.upper()
    base = isoform[1] if (isoform := ISOFORM.fullmatch(folded)) else folded
    accessions = [str(accession) for accession in proteins.column("accession")]
    names = [name for column in ("entry_name", "gene") for name in proteins.column(column) if name]
    exact = [name for name in (*accessions, *names) if name.upper() == folded]
    siblings = [name for name in accessions if name == base or name.startswith(f"{base}-")]
    # Only names that begin alike are compared letter by letter: the others cost a second on a large atlas.
    alike = [name for name in names if len(asked) > 2 and name[:2].upper() == folded[:2]]
    near = get_close_matches(asked, alike, n=N_CLOSE, cutoff=0.75)
    return tuple(dict.fromkeys([*exact, *siblings, *near]))[:N_CLOSE]
