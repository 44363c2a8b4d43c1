"""The protein that an id names: every form a biologist may paste, read the same way wherever ids are handed in.

The words of the atlas come first: a text that is an accession of it, letter by letter, names that protein, whatever
else it looks like (NCBI's `WP_012345.1` holds a dot and is no version of anything). Letter case counts. An answer is
never of another sequence than the one asked for: no isoform for the canonical sequence, no other sequence version,
no whole protein for a fragment with its own numbering.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from attlas.intake.text import printable_text

FASTA_ID = re.compile(r"(?:gi\|\d+\|)?(?:sp|tr)\|([^|\s]+)(?:\|.*)?")
DATABASE_ID = re.compile(r"(?:UniProtKB(?:/Swiss-Prot|/TrEMBL)?|UniProt|AlphaFoldDB):\s*(.+)", re.IGNORECASE)
ALPHAFOLD_ID = re.compile(r"AF-([^\s.]+)-F(\d{1,4})(?:-\w+_v\d+)?(?:\.\w+){0,2}")
VERSIONED = re.compile(r"(.+)\.(\d{1,4})")
ISOFORM = re.compile(r"(.+)-\d+")
IN_TAXON = re.compile(r"(.+)@(.+)")
MD5 = re.compile(r"(?:md5[:=-]?\s*)?([0-9a-f]{32})", re.IGNORECASE)
CRC64 = re.compile(r"(?:crc(?:64)?[:=-]\s*)?([0-9a-f]{16})", re.IGNORECASE)

NAME_COLUMNS = ("accession", "entry_name", "gene", "md5", "crc64", "organism", "taxon_id", "sequence_version")
"""Columns of `proteins` that ids are looked up in."""
N_NAMED = 10
"""Taxa that a reason names."""


class Names(Protocol):
    """Where ids are looked up: the names of the proteins of an atlas, by row of `proteins`."""

    def row_of(self, accession: str) -> int | None:
        """Return the row of an accession."""

    def where(self, column: str, value: str) -> list[int]:
        """Return the rows that have a value in a column."""

    def value(self, row: int, column: str) -> Any:
        """Return the value of a row in a column."""


class ColumnSearch(NamedTuple):
    """A column in which an id is looked for."""

    column: str
    value: str
    taxon: str | None = None
    """The taxon that the id names."""


@dataclass(frozen=True)
class IdForm:
    """One reading of a text as an id."""

    pasted: str
    """Without what came along when it was copied: blanks, `>`, the header after its first word."""
    name: str
    """Without the name of a database before it: an accession, or one of the other names."""
    is_accession: bool = False
    """The form says that it is an accession and nothing else."""
    fragment: int = 1
    """Number of the AlphaFold model; above 1 its positions are not those of the protein."""


@dataclass(frozen=True)
class Resolution:
    """The answer to an id in an atlas: rows of `proteins`, or candidates, or nothing."""

    rows: tuple[int, ...] = ()
    """Rows of `proteins`; several only for a digest, whose proteins share one sequence."""
    candidates: tuple[str, ...] = ()
    """Accessions, when the id names several proteins with no reason to prefer one, or only isoforms."""
    why: str | None = None
    """Why the id names no protein, if the reason is more than that the atlas lacks it."""
    is_isoform: bool = False
    """Whether the id is an isoform that is not in the atlas, although its entry is."""
    in_taxa: tuple[str, ...] = ()
    """The gene with each taxon in which it names one protein, when it is ambiguous without."""


class NameTable:
    """The names of the proteins of a table, held in memory."""

    def __init__(self, proteins: pa.Table) -> None:
        """Take a table with the columns NAME_COLUMNS."""
        self._columns = {name: proteins.column(name).to_pylist() for name in NAME_COLUMNS}
        self._rows_by_value: dict[str, dict[str, list[int]]] = {}

    def row_of(self, accession: str) -> int | None:
        """Return the row of an accession."""
        rows = self.where("accession", accession)
        return rows[0] if rows else None

    def where(self, column: str, value: str) -> list[int]:
        """Return the rows that have a value in a column, which is indexed when it is first asked for."""
        if column not in self._rows_by_value:
            index = self._rows_by_value[column] = {}
            for row, text in enumerate(self._columns[column]):
                index.setdefault(text, []).append(row)
        return self._rows_by_value[column].get(value, [])

    def value(self, row: int, column: str) -> Any:
        """Return the value of a row in a column."""
        return self._columns[column][row]


def read_id(text: str) -> IdForm:
    """Return the reading of a text as an id."""
    pasted = text.strip()
    if pasted.startswith(">"):
        pasted = (pasted[1:].split() or [""])[0]
    if fasta_id := FASTA_ID.fullmatch(pasted):
        return IdForm(pasted, fasta_id[1], is_accession=True)

    database_id = DATABASE_ID.fullmatch(pasted)
    name = database_id[1] if database_id else pasted
    if model := ALPHAFOLD_ID.fullmatch(name):
        return IdForm(pasted, model[1], is_accession=True, fragment=int(model[2]))
    return IdForm(pasted, name)


def list_searches(form: IdForm) -> Iterator[ColumnSearch]:
    """Yield the columns other than the accession that an id is looked for in, in order."""
    if form.is_accession:
        return

    yield ColumnSearch("entry_name", form.name)
    yield ColumnSearch("gene", form.name)
    if in_taxon := IN_TAXON.fullmatch(form.name):
        yield ColumnSearch("gene", in_taxon[1].strip(), in_taxon[2].strip())
    if md5 := MD5.fullmatch(form.name):
        yield ColumnSearch("md5", md5[1].lower())
    if crc64 := CRC64.fullmatch(form.name):
        yield ColumnSearch("crc64", crc64[1].upper())


def resolve_id(names: Names, text: str, *, taxon: int | str | None = None) -> Resolution:
    """Return the rows of `proteins` that an id names, or the reason why it names none.

    The first form that fits decides: accession, `sp|P04637|P53_HUMAN`, `UniProtKB:P04637`, `AF-P04637-F1`, accession
    with sequence version, entry name, gene, gene with taxon (`TP53@9606`, `TP53@Homo sapiens`), MD5, CRC64.

    Args:
        names: the names of the proteins of an atlas.
        text: the id as it was pasted.
        taxon: an NCBI id or an organism's name, which says whose gene a gene name means.
    """
    form = read_id(text)

    # An accession as it stands comes before any reading of it.
    for accession in dict.fromkeys((text, form.pasted, form.name)):
        if (row := names.row_of(accession)) is not None:
            is_fragment = form.fragment > 1 and accession == form.name
            return Resolution(why=_fragment_words(form)) if is_fragment else Resolution((row,))

    versioned = VERSIONED.fullmatch(form.name)
    if versioned and (row := names.row_of(versioned[1])) is not None:
        return _of_version(names, row, int(versioned[2]))

    for search in list_searches(form):
        if rows := names.where(search.column, search.value):
            return _of_rows(names, search.column, rows, search.taxon or taxon)

    # An isoform never stands for its entry: its sequence may be another.
    isoform = ISOFORM.fullmatch(form.name)
    if isoform and names.row_of(isoform[1]) is not None:
        return Resolution(why=f"{isoform[1]} is here, but an isoform may be another sequence", is_isoform=True)
    return Resolution()


def _fragment_words(form: IdForm) -> str:
    # AlphaFold DB cuts proteins above 2,700 residues into models of 1,400, each counted from 1; F1 begins where the
    # protein does, so that its positions are the protein's.
    return f"{form.name} is here as a whole; its fragment {form.fragment} counts residues from 1 again"


def _of_version(names: Names, row: int, version: int) -> Resolution:
    accession, stored_version = names.value(row, "accession"), names.value(row, "sequence_version")
    if stored_version == version:
        return Resolution((row,))
    if stored_version is None:
        return Resolution(why=f"{accession} is here without a sequence version, so it may be another sequence")
    return Resolution(why=f"{accession} is here in sequence version {stored_version}, which is another sequence")


def _of_rows(names: Names, column: str, rows: list[int], taxon: int | str | None) -> Resolution:
    """Resolve an id to one of the rows that have it in a column."""
    if column in ("md5", "crc64"):
        return Resolution(tuple(rows))
    if column == "entry_name":
        return _of_entry(names, rows)

    of_taxon = rows if taxon is None else [row for row in rows if _is_of_taxon(names, row, taxon)]
    if len(of_taxon) == 1:
        return Resolution((of_taxon[0],))

    if not of_taxon:
        taxa = sorted({_taxon_words(names, row) for row in rows})
        gene = printable_text(str(names.value(rows[0], "gene")))
        taxa_text = ", ".join(map(printable_text, taxa[:N_NAMED]))
        return Resolution(why=f"gene {gene} is here of {taxa_text}, not of {printable_text(str(taxon))}")

    ambiguous = Resolution(candidates=_accessions(names, of_taxon))
    return ambiguous if taxon is not None else replace(ambiguous, in_taxa=_in_taxa(names, of_taxon))


def _of_entry(names: Names, rows: list[int]) -> Resolution:
    # UniProt gives isoforms the entry name of their entry; the entry itself is its canonical sequence.
    canonical = [row for row in rows if not ISOFORM.fullmatch(names.value(row, "accession"))]
    if len(canonical) == 1:
        return Resolution((canonical[0],))
    why = None if canonical else "only isoforms of this entry are here, not its canonical sequence"
    return Resolution(candidates=_accessions(names, rows), why=why)


def _accessions(names: Names, rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(str(names.value(row, "accession")) for row in rows)


def _is_of_taxon(names: Names, row: int, taxon: int | str) -> bool:
    text = str(taxon).strip()
    if text.isdecimal():
        return str(names.value(row, "taxon_id")) == text.lstrip("0")  # it may have more digits than a number may
    return (names.value(row, "organism") or "").casefold() == text.casefold()


def _taxon_words(names: Names, row: int) -> str:
    taxon_id, organism = names.value(row, "taxon_id"), names.value(row, "organism")
    return f"taxon {taxon_id}" if taxon_id is not None else organism or "an unknown taxon"


def _in_taxa(names: Names, rows: Sequence[int]) -> tuple[str, ...]:
    """Return `GENE@TAXON` for each taxon that has one of the rows, if there are several taxa."""
    taxa = [names.value(row, "taxon_id") for row in rows]
    if len(set(taxa)) < 2:
        return ()
    single = [taxon for taxon, n in Counter(taxa).items() if taxon is not None and n == 1]
    return tuple(f"{names.value(rows[0], 'gene')}@{taxon}" for taxon in single[:N_NAMED])
