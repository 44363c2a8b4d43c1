"""Which proteins an id names: every form a biologist may paste, read the same way for one id and for ten thousand.

The words of the atlas come first: a text that is an accession here, letter by letter, names that protein, whatever
else it looks like (NCBI's `WP_012345.1` holds a dot and is no version of anything). Letter case counts. An answer is
never of another sequence than the one asked for: no isoform for the canonical sequence, no other sequence version,
no whole protein for a fragment with its own numbering.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from attlas.queries.lookup.parquet_rows import ProteinRows
from attlas.queries.lookup.similar import similar_ids
from attlas.queries.text import counted, cut, printable
from attlas.schema import QuestionError

FORMS = (
    "accession (P04637, P04637-2, P04637.4), sp|ACCESSION|NAME, UniProtKB:ACCESSION, AF-ACCESSION-F1, entry name, "
    "gene or GENE@TAXON, MD5 or CRC64 of the sequence"
)
"""What an id may be, for messages."""
FASTA_ID = re.compile(r"(?:gi\|\d+\|)?(?:sp|tr)\|([^|\s]+)(?:\|.*)?")
DATABASE = re.compile(r"(?:UniProtKB(?:/Swiss-Prot|/TrEMBL)?|UniProt|AlphaFoldDB):\s*(.+)", re.IGNORECASE)
ALPHAFOLD = re.compile(r"AF-([^\s.]+)-F(\d{1,4})(?:-\w+_v\d+)?(?:\.\w+){0,2}")
VERSIONED = re.compile(r"(.+)\.(\d{1,4})")
ISOFORM = re.compile(r"(.+)-\d+")
IN_TAXON = re.compile(r"(.+)@(.+)")
MD5 = re.compile(r"(?:md5[:=-]?\s*)?([0-9a-f]{32})", re.IGNORECASE)
CRC64 = re.compile(r"(?:crc(?:64)?[:=-]\s*)?([0-9a-f]{16})", re.IGNORECASE)
OTHER_ISOFORM = "but an isoform may be another sequence"
N_NAMED = 10
"""Candidates a one-line reason names."""
SHOWN_WIDTH = 80
"""Characters of an id that a message repeats."""
N_ONE_BY_ONE = 10
"""Ids up to which each is searched for by itself, which reads fewer columns."""


@dataclass(frozen=True)
class Match:
    """What an id names in an atlas: rows of `proteins`, or candidates, or nothing."""

    asked: str
    rows: tuple[int, ...] = ()
    """Rows of `proteins`; several only for a digest, whose proteins share one sequence."""
    candidates: tuple[str, ...] = ()
    """Accessions, when the id names several proteins with no reason to prefer one, or only isoforms."""
    why: str | None = None
    """What stands in the way, where it is more than that nothing here has this id."""
    close: tuple[str, ...] = ()
    """Similar ids that are in the atlas, when this one is not."""
    in_taxa: tuple[str, ...] = ()
    """The gene with each taxon in which it names one protein, when it is ambiguous without."""

    @property
    def reason(self) -> str | None:
        """Why there are no rows, in one line; None where nothing more is known than that."""
        if self.candidates:
            more = f" and {len(self.candidates) - N_NAMED:,} more" if len(self.candidates) > N_NAMED else ""
            return f"one of {_listed(self.candidates[:N_NAMED])}{more}"
        similar = f"similar ids here: {_listed(self.close)}" if self.close else None
        return "; ".join(text for text in (self.why, similar) if text) or None

    @property
    def is_unknown(self) -> bool:
        """Nothing here is known to be what was meant, so that similar ids may help."""
        return not self.rows and not self.candidates and (self.why is None or self.why.endswith(OTHER_ISOFORM))

    def fault(self) -> QuestionError:
        """Return the error that says why there are no rows."""
        asked = cut(printable(self.asked), SHOWN_WIDTH) if self.asked.strip() else "An empty id"
        if self.candidates:
            what = f"{asked} names {counted(len(self.candidates), 'protein')} of this atlas."
            in_taxa = f", or for that of one organism: {_listed(self.in_taxa)}" if self.in_taxa else ""
            hint = "ask for one of these accessions" if len(self.candidates) > 1 else "ask for this accession"
            named = [printable(accession) for accession in self.candidates]
            return QuestionError(what, found=self.why, offenders=named, hint=hint + in_taxa)
        what = f"{asked} is not in this atlas."
        if self.close:
            is_by_case = any(name.upper() == self.asked.strip().upper() for name in self.close)
            hint = f"similar ids here: {_listed(self.close)}" + ("; letter case counts" if is_by_case else "")
            return QuestionError(what, found=self.why, hint=hint)
        if self.why:
            return QuestionError(what, found=self.why)
        return QuestionError(
            what, expected=FORMS, hint="`attlas sql DIR 'SELECT accession, gene FROM proteins'` lists all"
        )


class _Names(Protocol):
    """Where ids are looked up: `ProteinRows`, or what was found in it for many ids at once."""

    def row_of(self, accession: str) -> int | None: ...

    def where(self, column: str, value: str) -> list[int]: ...

    def value(self, row: int, column: str) -> Any: ...


@dataclass(frozen=True)
class _Found:
    """What the searched columns hold of the ids of a batch."""

    proteins: ProteinRows
    rows: dict[str, dict[str, list[int]]]
    """Column, value, rows."""

    def row_of(self, accession: str) -> int | None:
        return self.proteins.row_of(accession)

    def where(self, column: str, value: str) -> list[int]:
        return self.rows.get(column, {}).get(value, [])

    def value(self, row: int, column: str) -> Any:
        return self.proteins.value(row, column)


@dataclass(frozen=True)
class _Form:
    """How a text is read as an id."""

    pasted: str
    """Without what came along when it was copied: blanks, `>`, the header after its first word."""
    name: str
    """Without the name of a database before it: an accession, or one of the other names."""
    is_accession: bool = False
    """The form says that it is an accession and nothing else."""
    fragment: int = 1
    """Number of the AlphaFold model; above 1 its positions are not those of the protein."""


def find(proteins: ProteinRows, asked: str, *, taxon: int | str | None = None) -> Match:
    """Return what an id names. `taxon`, an NCBI id or an organism's name, says whose gene a gene name means.

    The first form that fits decides: accession, `sp|P04637|P53_HUMAN`, `UniProtKB:P04637`, `AF-P04637-F1`, accession
    with sequence version, entry name, gene, gene with taxon (`TP53@9606`, `TP53@Homo sapiens`), MD5, CRC64.
    """
    return _with_close(proteins, [_match(proteins, asked, taxon)])[0]


def find_all(proteins: ProteinRows, ids: Sequence[str], *, taxon: int | str | None = None) -> list[Match]:
    """Return what each of many ids names; `proteins` is looked through once, not once per id."""
    names = proteins if len(ids) <= N_ONE_BY_ONE else _found(proteins, ids)
    return _with_close(proteins, [_match(names, asked, taxon) for asked in ids])


def rows_named(proteins: ProteinRows, asked: str) -> tuple[int, ...]:
    """Return the rows of `proteins` an id names.

    Raises:
        QuestionError: it names none, or several different proteins.
    """
    match = find(proteins, asked)
    if not match.rows:
        raise match.fault()
    return match.rows


def _found(proteins: ProteinRows, ids: Sequence[str]) -> _Found:
    """Return what the columns searched hold of many ids; a column that none of them can be in is not read."""
    wanted: dict[str, set[str]] = {}
    for asked in ids:
        if proteins.row_of(asked) is None:
            for column, value, _ in _searches(_form(asked)):
                wanted.setdefault(column, set()).add(value)
    return _Found(proteins, {column: proteins.rows_by_value(column, values) for column, values in wanted.items()})


def _with_close(proteins: ProteinRows, matches: list[Match]) -> list[Match]:
    """Return the matches, those of unknown ids with similar ids that are here."""
    unknown = {m.asked: _form(m.asked).name for m in matches if m.is_unknown}
    close = similar_ids(proteins, list(dict.fromkeys(unknown.values())))
    return [replace(m, close=close[unknown[m.asked]]) if m.asked in unknown else m for m in matches]


def _form(asked: str) -> _Form:
    pasted = asked.strip()
    if pasted.startswith(">"):
        pasted = (pasted[1:].split() or [""])[0]
    if fasta := FASTA_ID.fullmatch(pasted):
        return _Form(pasted, fasta[1], is_accession=True)
    name = database[1] if (database := DATABASE.fullmatch(pasted)) else pasted
    if model := ALPHAFOLD.fullmatch(name):
        return _Form(pasted, model[1], is_accession=True, fragment=int(model[2]))
    return _Form(pasted, name)


def _match(names: _Names, asked: str, taxon: int | str | None) -> Match:
    form = _form(asked)
    for text in dict.fromkeys((asked, form.pasted, form.name)):
        if (row := names.row_of(text)) is not None:
            is_piece = form.fragment > 1 and text == form.name
            return Match(asked, why=_of_fragment(form)) if is_piece else Match(asked, (row,))

    if (versioned := VERSIONED.fullmatch(form.name)) and (row := names.row_of(versioned[1])) is not None:
        return _of_version(names, asked, row, int(versioned[2]))
    for column, value, said in _searches(form):
        if rows := names.where(column, value):
            return _of_rows(names, Match(asked), column, rows, said or taxon)

    isoform = ISOFORM.fullmatch(form.name)
    if isoform and names.row_of(isoform[1]) is not None:
        return Match(asked, why=f"{isoform[1]} is here, {OTHER_ISOFORM}")
    return Match(asked)


def _searches(form: _Form) -> Iterator[tuple[str, str, str | None]]:
    """Yield the columns a text is looked for in, as what, and the taxon it names."""
    if form.is_accession:
        return
    yield "entry_name", form.name, None
    yield "gene", form.name, None
    if gene := IN_TAXON.fullmatch(form.name):
        yield "gene", gene[1].strip(), gene[2].strip()
    if md5 := MD5.fullmatch(form.name):
        yield "md5", md5[1].lower(), None
    if crc64 := CRC64.fullmatch(form.name):
        yield "crc64", crc64[1].upper(), None


def _of_fragment(form: _Form) -> str:
    # AlphaFold DB cuts proteins above 2,700 residues into models of 1,400, each counted from 1; F1 begins where the
    # protein does, so that its positions are the protein's.
    return f"{form.name} is here as a whole; its fragment {form.fragment} counts residues from 1 again"


def _of_version(names: _Names, asked: str, row: int, version: int) -> Match:
    accession, here = names.value(row, "accession"), names.value(row, "sequence_version")
    if here == version:
        return Match(asked, (row,))
    if here is None:
        return Match(asked, why=f"{accession} is here without a sequence version, so it may be another sequence")
    return Match(asked, why=f"{accession} is here in sequence version {here}, which is another sequence")


def _of_rows(names: _Names, match: Match, column: str, rows: list[int], taxon: int | str | None) -> Match:
    if column in ("md5", "crc64"):
        return replace(match, rows=tuple(rows))
    if column == "entry_name":
        return _of_entry(names, match, rows)

    chosen = rows if taxon is None else [row for row in rows if _is_of_taxon(names, row, taxon)]

    if len(chosen) == 1:
        return replace(match, rows=(chosen[0],))
    if not chosen:
        taxa = sorted({_taxon_words(names, row) for row in rows})
        gene, meant = printable(names.value(rows[0], "gene")), printable(taxon)
        return replace(match, why=f"gene {gene} is here of {_listed(taxa[:N_NAMED])}, not of {meant}")
    in_taxa = _in_taxa(names, chosen) if taxon is None else ()
    return replace(match, candidates=_accessions(names, chosen), in_taxa=in_taxa)


def _of_entry(names: _Names, match: Match, rows: list[int]) -> Match:
    # UniProt gives isoforms the entry name of their entry; the entry itself is its canonical sequence.
    canonical = [row for row in rows if not ISOFORM.fullmatch(names.value(row, "accession"))]
    if len(canonical) == 1:
        return replace(match, rows=(canonical[0],))
    why = None if canonical else "only isoforms of this entry are here, not its canonical sequence"
    return replace(match, candidates=_accessions(names, rows), why=why)


def _accessions(names: _Names, rows: list[int]) -> tuple[str, ...]:
    return tuple(str(names.value(row, "accession")) for row in rows)


def _is_of_taxon(names: _Names, row: int, taxon: int | str) -> bool:
    wanted = str(taxon).strip()
    if wanted.isdecimal():
        return bool(names.value(row, "taxon_id") == int(wanted))
    return (names.value(row, "organism") or "").casefold() == wanted.casefold()


def _taxon_words(names: _Names, row: int) -> str:
    taxon_id, organism = names.value(row, "taxon_id"), names.value(row, "organism")
    return f"taxon {taxon_id}" if taxon_id is not None else organism or "an unknown taxon"


def _in_taxa(names: _Names, rows: list[int]) -> tuple[str, ...]:
    """Return `GENE@TAXON` for each taxon that has one of the rows, if there are several taxa."""
    taxa = [names.value(row, "taxon_id") for row in rows]
    single = [taxon for taxon in dict.fromkeys(taxa) if taxon is not None and taxa.count(taxon) == 1]
    return tuple(f"{names.value(rows[0], 'gene')}@{taxon}" for taxon in single[:N_NAMED]) if len(set(taxa)) > 1 else ()


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(map(printable, texts))
