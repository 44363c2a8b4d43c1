"""Records of a source that are not used, with reasons, and remarks on records that are used in an unexpected way.

One reason has one wording, whoever reads the source. Readers yield `Rejected` and `Remark` among their records; whoever
asked for the records counts them in an `Account`.
"""

import csv
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import IO

from attlas.intake.text import printable_text
from attlas.schema.errors import N_OFFENDERS_SHOWN

_WIDTH = 120
"""Characters of each word of a record in a message; a table may hold any text."""


class Reason(Enum):
    """Why a record is left out."""

    UNKNOWN_ID = "id not in the atlas"
    AMBIGUOUS_ID = "id names several proteins"
    NOT_COMPUTED = "protein not computed"
    NOT_COMPUTED_IN_SOURCE = "protein not computed in the source"
    ISOFORM = "position of an isoform"
    FRAGMENT = "position of a fragment"
    OTHER_VERSION = "another sequence version"
    OTHER_SEQUENCE = "another sequence"
    FUZZY_POSITION = "position not exact"
    NO_NUMBER = "position is no number"
    BEFORE_START = "position before the first residue"
    PAST_END = "position past the end"
    REVERSED = "begin after end"
    OTHER_RESIDUE = "another residue"
    UNREADABLE_LINE = "line cannot be read"
    REPEATED = "given before"

    # Features and families.
    NO_TYPE = "no type or label"
    RESERVED_TYPE = "type is a label of the probe's own"
    NO_FAMILY = "no family named"
    UNCONFIRMED_MATCH = "match not confirmed"

    # Tracks and values of variants.
    NO_VALUE = "value is no number"
    NO_SUBSTITUTION = "not the substitution of one residue"
    OTHER_VALUE = "given more than once, with different values"
    OTHER_CHAIN = "another chain of the same protein"

    # Structures.
    UNREADABLE_FILE = "file cannot be read"
    NO_PROTEIN = "no protein of the atlas"
    NOT_OF_PROTEIN = "not the sequence of the protein"
    SAME_NAME = "another polymer of the chain's name"
    NO_PROTEIN_CHAIN = "no protein chain"
    NOT_AS_ASKED = "no chain as asked for"

    # Tables of sites.
    OTHER_SITES = "protein given twice, with different sites"
    SITE_OF_REJECTED = "other site of a protein left out"


@dataclass(frozen=True, slots=True)
class Problem:
    """The reason why a record is unusable, with the value that was found, in a few words."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The place of an entry in a source: a row of a table, a chain of a structure, or a whole file."""

    id: str = ""
    """The protein as the source names it, or its accession where that is known."""
    type: str = ""
    """Type of a feature, or database of a family."""
    begin: str = ""
    """First position as written, or the only one."""
    end: str = ""
    """Last position as written."""
    description: str = ""
    """Description of a feature, identifier of a family."""
    line: int | None = None
    """Line of the source, or row from 1."""
    file: str = ""
    """Name of the file, where a source is a folder of files or the file is a structure."""
    chain: str | None = None
    """Name of a chain of a structure; None where it is not about a chain."""

    @property
    def noun(self) -> str:
        """The noun by which such records are counted."""
        if not self.file:
            return "record"
        return "file" if self.chain is None else "chain"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is left out."""

    reason: Reason
    record: Record
    detail: str = ""
    """What was found, in a few words."""

    @property
    def kind(self) -> str:
        """The kind by which such records are counted."""
        return self.reason.value


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark on a record that is used."""

    kind: str
    """What it is, in a few words that are the same for all records of its kind."""
    record: Record
    detail: str = ""


COLUMNS = ("reason", "detail", "accession", "type", "begin", "end", "description", "line", "file")
"""Columns of the table of all records left out."""


@dataclass
class Account:
    """The records of a source that were left out or remarked on: counted by kind, with the first ten of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    """Records by kind."""
    proteins: dict[str, set[str]] = field(default_factory=dict)
    """Ids concerned, by kind."""
    examples: dict[str, list[tuple[Rejected | Remark, list[str]]]] = field(default_factory=dict)
    """The first ten by kind, each with the chains that it stands for."""
    n_in_examples: Counter[str] = field(default_factory=Counter)
    """Records that these ten stand for, by kind."""
    out: IO[str] | None = None
    """Where all of them are written, as TSV."""

    def __post_init__(self) -> None:
        """Write the names of the columns."""
        self._write(COLUMNS)

    def add(self, item: Rejected | Remark) -> None:
        """Count a record, keep it if it is among the first ten of its kind, and write it."""
        record, kind = item.record, item.kind
        self.counts[kind] += 1
        self.proteins.setdefault(kind, set()).update({record.id} - {""})
        self._keep(item)

        type = record.type if record.chain is None else name_chains([record.chain])
        line = "" if record.line is None else str(record.line)
        ends = (record.begin, record.end)
        self._write((kind, item.detail, record.id, type, *ends, record.description, line, record.file))

    def n_to_add(self, kind: str) -> int | None:
        """Return how many records of a kind it still shows, further ones being only counted; None: it writes all."""
        return None if self.out is not None else max(N_OFFENDERS_SHOWN - len(self.examples.get(kind, ())), 0)

    def count(self, kind: str, n: int, id: str) -> None:
        """Count `n` records of a kind, all of one protein, beside those that are added."""
        self.counts[kind] += n
        self.proteins.setdefault(kind, set()).update({id} - {""})

    def lines(self, *, prefix: str = "", only_counted: Container[str] = ()) -> Iterator[str]:
        """Yield for each kind the number of records and proteins, and the first ten records unless only counted."""
        for kind, n in self.counts.most_common():
            n_proteins = len(self.proteins[kind])
            noun = self.examples[kind][0][0].record.noun
            of_proteins = f" of {_count_in_words(n_proteins, 'protein')}" if n_proteins else ""
            yield f"{prefix}{kind}: {_count_in_words(n, noun)}{of_proteins}"
            if kind in only_counted:
                continue

            for item, chains in self.examples[kind]:
                yield f"  - {describe_record(item, chains)}"

            if n > self.n_in_examples[kind]:
                yield f"  ... and {n - self.n_in_examples[kind]:,} more"

    def first_record(self, kind: str) -> str:
        """Return the first record of a kind in words, without its detail."""
        item, chains = self.examples[kind][0]
        return describe_record(replace(item, detail=""), chains)

    def _keep(self, item: Rejected | Remark) -> None:
        """Keep a record if it is among the first ten of its kind; chains with the same reason are one of them."""
        examples = self.examples.setdefault(item.kind, [])
        is_same = bool(examples) and item.record.chain is not None and _but_chain(examples[-1][0]) == _but_chain(item)
        if is_same:
            examples[-1][1].append(item.record.chain or "")
        elif len(examples) < N_OFFENDERS_SHOWN:
            examples.append((item, [] if item.record.chain is None else [item.record.chain]))
        else:
            return

        self.n_in_examples[item.kind] += 1

    def _write(self, values: tuple[str, ...]) -> None:
        if self.out is not None:
            # No quotes: a table of tabs is cut at tabs, so none may stand within.
            texts = [" ".join(value.split()) for value in values]
            csv.writer(self.out, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n").writerow(
                texts
            )


def name_chains(names: list[str]) -> str:
    """Return `chain A` or `chains A, B`; a chain without a name is quoted."""
    quoted = [name or "''" for name in names]
    return f"{'chain' if len(quoted) == 1 else 'chains'} {', '.join(quoted)}"


def describe_record(item: Rejected | Remark, chains: list[str] | None = None) -> str:
    """Return one line about a record, fit for a terminal; `chains` are all those that it stands for."""
    record = item.record
    positions = record.begin if record.begin == record.end or not record.end else f"{record.begin}..{record.end}"
    place = positions or record.description  # a family has no positions
    words = [record.id, name_chains(chains) if chains else record.type, place]
    is_of_file = any(words[:2])
    words += ["" if record.line is None else f"(line {record.line:,})"]
    words += [f"of {record.file}" if record.file and is_of_file else record.file]
    text = " ".join(_cut(word) for word in words if word) + (f": {item.detail}" if item.detail else "")
    return printable_text(text)


def _but_chain(item: Rejected | Remark) -> Rejected | Remark:
    return replace(item, record=replace(item.record, chain=None))


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def _count_in_words(n: int, noun: str) -> str:
    return f"{n:,} {noun if n == 1 else noun + 's'}"
