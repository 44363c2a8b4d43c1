"""Many values at once against the sequences that the atlas stores: rows to store, and rows that need a closer look.

What is accepted here is what `ValueCheck` accepts, one by one; every other row of a block is handed back to it, which
says why it is left out. Rows of proteins that the atlas lacks are only counted, once examples of them are shown: the
table of a whole proteome holds hundreds of millions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attlas.intake.claims import NO_CLAIM, WHOLE_FLOAT
from attlas.intake.rejects import Account
from attlas.pipeline.annotate.check import ProteinOfEntry
from attlas.pipeline.annotate.values.blocks import RowBlock
from attlas.pipeline.annotate.values.check import ValueCheck
from attlas.pipeline.annotate.values.columns import ValueColumns
from attlas.pipeline.annotate.values.records import ValueRow
from attlas.pipeline.annotate.values.substitutions import AMINO_ACIDS, one_letter

_NUMBER = r"^-?[0-9]{1,20}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?$"
"""Numbers as nearly all tables write them, which Arrow reads as Python does."""
_POSITION = r"^[0-9]{1,9}$"
_SUBSTITUTION = (
    r"^(?:p\.)?(?P<residue>[A-Za-z]{3}|[A-Za-z])(?P<position>[0-9]{1,9})(?P<substitute>[A-Za-z]{3}|[A-Za-z])$"
)
_PARTS = ("residue", "position", "substitute")
"""Columns that together name a substitution."""
_LARGEST = float(np.finfo(np.float32).max)

_NO_LETTER = 0
"""In place of a letter: there is none."""
_OTHER_TEXT = -1
"""In place of a letter: a text that is to be read by itself."""
_TEXTS = pa.array(["", *map(chr, range(1, 128))])
"""Letters by their ASCII codes; no text where there is no letter."""


@dataclass(frozen=True)
class CheckedBlock:
    """The rows of a block, stored or rejected; rows that are only counted are not included."""

    rows: pa.Table
    """Rows that fit the atlas, with the columns of `ValueRow`."""
    unclear: Sequence[int]
    """Numbers, in the block, of rows that need a closer look."""


@dataclass(frozen=True)
class _Claims:
    """The R rows of a block as arrays (R,) of numbers; letters are ASCII codes."""

    positions: np.ndarray
    """0 where a row has none."""
    residues: np.ndarray
    """Letter, _NO_LETTER or _OTHER_TEXT."""
    substitutes: np.ndarray
    """_NO_LETTER in a track."""
    are_readable: np.ndarray
    """Whether a row names a position, or a substitution where the values are of variants."""


def check_block(
    block: RowBlock, columns: ValueColumns, check: ValueCheck, rejected: Account, *, accession: str | None
) -> CheckedBlock:
    """Check the rows of a block.

    Args:
        block: rows of a table that claims nothing of its sequences.
        columns: its columns.
        check: finds the proteins.
        rejected: counts rows of proteins that are left out, where it shows enough of them.
        accession: the protein of rows that name none.
    """
    entries, abouts = _find_proteins(block, columns, check, accession or "")
    claims = _read_substitutions(block, columns) if columns.is_of_variants else _read_positions(block, columns)
    values, are_numbers = _read_numbers(block.columns[columns.value])
    stored = _stored_letters(entries, claims.positions, abouts)

    has_letter = (claims.residues == _NO_LETTER) | (claims.residues == stored)
    fits = (stored != _NO_LETTER) & has_letter & claims.are_readable & are_numbers
    is_counted = _count_left_out(entries, claims.are_readable, abouts, rejected)

    kept = np.flatnonzero(fits)
    proteins = [about.protein if about is not None and about.problem is None else None for about in abouts]
    accessions = pa.array([protein.accession if protein else "" for protein in proteins], pa.string())
    numbers = np.array([protein.sequence_id if protein else 0 for protein in proteins], np.int32)
    rows = {
        "accession": accessions.take(pa.array(entries[kept])),
        "sequence_id": pa.array(numbers[entries[kept]]),
        "position": pa.array(claims.positions[kept].astype(np.int32)),
        "residue": _TEXTS.take(pa.array(stored[kept])),
        "substitute": _TEXTS.take(pa.array(claims.substitutes[kept])),
        "value": pa.array(values[kept].astype(np.float32)),
        "line": pa.array(kept + block.first_line),
    }
    return CheckedBlock(pa.table(rows).select(ValueRow._fields), np.flatnonzero(~fits & ~is_counted).tolist())


def _find_proteins(
    block: RowBlock, columns: ValueColumns, check: ValueCheck, accession: str
) -> tuple[np.ndarray, list[ProteinOfEntry | None]]:
    """Return for each row the number of its protein in a list, and the list.

    It has None for an id that is to be looked at row by row: none at all, or the checksum of several proteins.
    """
    place = columns.places.get("accession")
    if place is None:
        entries, ids = np.zeros(block.n_rows, np.int64), [accession]
    else:
        column = block.columns[place].dictionary_encode()
        entries, ids = column.indices.to_numpy().astype(np.int64), column.dictionary.to_pylist()

    abouts: list[ProteinOfEntry | None] = []
    for id in ids:
        name = id.strip() or accession
        proteins = check.find(name, NO_CLAIM) if name else ()
        abouts.append(proteins[0] if len(proteins) == 1 else None)
    return entries, abouts


def _read_substitutions(block: RowBlock, columns: ValueColumns) -> _Claims:
    places = columns.places
    if "variant" in places:
        texts = block.columns[places["variant"]]
    else:
        parts = [block.columns[places[name]] if name in places else "" for name in _PARTS]
        if "position" in places:
            parts[_PARTS.index("position")] = _plain_positions(block.columns[places["position"]])
        texts = pc.binary_join_element_wise(*parts, "")

    residue, position, substitute = pc.extract_regex(texts, _SUBSTITUTION).flatten()
    residues = _codes(residue, one_letter)
    substitutes = _codes(substitute, _amino_acid)
    positions = position.fill_null("0").cast(pa.int64()).to_numpy()
    are_readable = (residues != _OTHER_TEXT) & (substitutes != _OTHER_TEXT) & (residues != substitutes)
    return _Claims(positions, residues, substitutes, are_readable)


def _read_positions(block: RowBlock, columns: ValueColumns) -> _Claims:
    texts = _plain_positions(block.columns[columns.places["position"]])
    are_positions = pc.match_substring_regex(texts, _POSITION)
    positions = pc.if_else(are_positions, texts, "0").cast(pa.int64()).to_numpy()

    no_letters = np.zeros(block.n_rows, np.int16)
    residues = no_letters
    if "residue" in columns.places:
        residues = _codes(block.columns[columns.places["residue"]], _single_letter)
    return _Claims(positions, residues, no_letters, are_positions.to_numpy(zero_copy_only=False))


def _plain_positions(texts: pa.Array) -> pa.Array:
    """Return texts of positions without fractions that are nothing, as `plain_position` does."""
    has_points = pc.any(pc.match_substring(texts, ".")).as_py()
    return pc.replace_substring_regex(texts, pattern=WHOLE_FLOAT, replacement=r"\1") if has_points else texts


def _amino_acid(code: str) -> str | None:
    letter = one_letter(code)
    return letter if letter in AMINO_ACIDS else None


def _single_letter(text: str) -> str | None:
    return text.upper() if len(text) == 1 else None


def _codes(texts: pa.Array, read: Callable[[str], str | None]) -> np.ndarray:
    """Return the letters of texts, (R,) int16: _NO_LETTER of none, _OTHER_TEXT of null and of what is no letter."""
    column = texts.dictionary_encode()
    codes = [_NO_LETTER if not text else ord(read(text) or "\uffff") for text in column.dictionary.to_pylist()]
    by_entry = np.array([*(code if code < len(_TEXTS) else _OTHER_TEXT for code in codes), _OTHER_TEXT], np.int16)
    letters: np.ndarray = by_entry[column.indices.fill_null(len(codes)).to_numpy()]
    return letters


def _read_numbers(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return values, (R,) float64, and whether each is a number that a float32 can hold."""
    if pa.types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False)
        are_numbers = np.isfinite(values)
    else:
        matches = pc.match_substring_regex(column, _NUMBER)
        values = pc.if_else(matches, column, "0").cast(pa.float64()).to_numpy()
        are_numbers = matches.to_numpy(zero_copy_only=False)
    return values, are_numbers & (np.abs(values) <= _LARGEST)


def _stored_letters(entries: np.ndarray, positions: np.ndarray, abouts: Sequence[ProteinOfEntry | None]) -> np.ndarray:
    """Return the letters of the atlas at positions, (R,) int16; _NO_LETTER where there is no such residue."""
    sequences = [
        about.protein.sequence if about is not None and about.problem is None and about.protein is not None else ""
        for about in abouts
    ]
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    begins = np.cumsum(lengths) - lengths
    letters = np.frombuffer("".join([*sequences, "\0"]).encode("ascii"), np.uint8)

    is_inside = (positions >= 1) & (positions <= lengths[entries])
    places = np.where(is_inside, begins[entries] + positions - 1, len(letters) - 1)
    return letters[places].astype(np.int16)


def _count_left_out(
    entries: np.ndarray, are_readable: np.ndarray, abouts: Sequence[ProteinOfEntry | None], rejected: Account
) -> np.ndarray:
    """Count the rows of proteins that are left out, but for those to be shown, and return which they are, (R,) bool."""
    entries_by_kind: dict[str, list[int]] = {}
    ids = ["" if about is None else about.accession for about in abouts]
    for entry, about in enumerate(abouts):
        if about is not None and about.problem is not None:
            entries_by_kind.setdefault(about.problem.reason.value, []).append(entry)

    are_counted = np.zeros(len(entries), bool)
    for kind, left_out in entries_by_kind.items():
        n_shown = rejected.n_to_add(kind)
        if n_shown is None:
            continue
        is_left_out = np.zeros(len(abouts), bool)
        is_left_out[left_out] = True
        counted = np.flatnonzero(is_left_out[entries] & are_readable)[n_shown:]
        are_counted[counted] = True

        n_rows = np.bincount(entries[counted], minlength=len(abouts))
        for entry in np.flatnonzero(n_rows).tolist():
            rejected.count(kind, int(n_rows[entry]), ids[entry])
    return are_counted
