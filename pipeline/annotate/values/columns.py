"""The columns of a table of numbers: which names the protein, the position, the letters, and which holds the values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from attlas.intake.claims import plain_position
from attlas.intake.rows import column_key, find_columns
from attlas.pipeline.annotate.imports import Series
from attlas.pipeline.annotate.values.substitutions import read_substitution
from attlas.schema import InputError

_SYNONYMS = {
    "accession": ("accession", "protein", "protein_id", "uniprot", "uniprot_id", "uniprot_accession", "entry", "id"),
    "variant": ("variant", "protein_variant", "mutant", "mutation", "substitution", "hgvs_pro", "hgvsp"),
    "position": ("position", "pos", "residue_number", "resi"),
    "residue": ("residue", "aa", "amino_acid", "wt", "wild_type", "wildtype", "wt_aa", "reference", "ref", "from"),
    "substitute": ("substitute", "mt", "mut", "mt_aa", "mut_aa", "alternate", "alt", "to"),
    "sequence": ("sequence",),
    "md5": ("md5",),
    "crc64": ("crc64",),
    "length": ("length",),
    "sequence_version": ("sequence_version",),
}
"""Columns by the names that they may have, in order of preference."""
_CLAIMS = {"sequence", "md5", "crc64", "length", "sequence_version"}
"""Columns that say which sequence the positions count along."""
_VALUE_NAMES = ("value", "score", "am_pathogenicity", "dms_score")
"""Names that a column of values may have where it is not called as the series is."""
_BESIDE_VARIANT = ("position", "residue", "substitute")
"""Columns that are not read where a column holds whole variants: beside them `pos` and `ref` may be of the genome."""


@dataclass(frozen=True)
class ValueColumns:
    """The columns of a table of numbers that are read, by their places."""

    places: Mapping[str, int]
    """Places of those columns in _SYNONYMS that the table has, by name."""
    value: int
    value_name: str
    n: int
    """Columns of the table."""

    @cached_property
    def has_claim(self) -> bool:
        """The table says which sequence the positions count along."""
        return not _CLAIMS.isdisjoint(self.places)

    @cached_property
    def all_places(self) -> tuple[int, ...]:
        """Places of the columns that are read."""
        return tuple(sorted({*self.places.values(), self.value}))

    @cached_property
    def is_of_variants(self) -> bool:
        """The values are those of variants; else those of residues."""
        return "variant" in self.places or "substitute" in self.places


def is_header(cells: Sequence[str]) -> bool:
    """Return whether cells name the columns of a table of numbers."""
    places = find_columns(cells, _SYNONYMS)
    return bool({"variant", "position"} & set(places))


def header_columns(cells: Sequence[str], series: Series, *, has_accession: bool, name: str) -> ValueColumns:
    """Return the columns that a header names.

    Args:
        cells: the header.
        series: the name of the values, and their column where the caller names it.
        has_accession: the caller says which protein the values are of.
        name: name of the file, for messages.

    Raises:
        InputError: there is no protein, or it is not plain which column holds the values.
    """
    places = find_columns(cells, _SYNONYMS)
    if "variant" in places:
        places = {column: place for column, place in places.items() if column not in _BESIDE_VARIANT}
    if "accession" not in places and "md5" in places:
        places["accession"] = places.pop("md5")  # the checksum is the id
    if "accession" not in places and not has_accession:
        raise InputError(
            f"{name} does not say which proteins its values are of.",
            expected="a column called accession, uniprot_id or md5",
            found=", ".join(cells)[:200],
            hint="--accession ID says it, where all are of one protein",
        )

    value = _value_place(cells, places, series, name)
    return ValueColumns(places, value, cells[value].strip(), len(cells))


def usual_columns(cells: Sequence[str], *, has_accession: bool) -> ValueColumns | None:
    """Return the columns of a row of a table without a header; None if it is none.

    They are accession, position or variant, and value; without the accession where the caller says it.
    """
    names = ["accession", "position"] if not has_accession or len(cells) == 3 else ["position"]
    if len(cells) != len(names) + 1:
        return None

    place = names.index("position")
    if read_substitution(cells[place]):
        names[place] = "variant"
    elif not plain_position(cells[place].strip()).isdecimal():
        return None
    return ValueColumns({name: place for place, name in enumerate(names)}, len(names), "", len(cells))


def _value_place(cells: Sequence[str], places: Mapping[str, int], series: Series, name: str) -> int:
    """Return the place of the column of values: that of the caller, else of the name of the series, else the only one.

    Raises:
        InputError: there is no such column, or several may be meant.
    """
    keys = [column_key(cell) for cell in cells]
    if series.column is not None:
        if column_key(series.column) in keys:
            return keys.index(column_key(series.column))
        raise InputError(f"{name} has no column {series.column}.", expected=f"one of {', '.join(cells)}"[:300])

    for key in (column_key(series.name), *_VALUE_NAMES):
        if key in keys and keys.index(key) not in places.values():
            return keys.index(key)

    other_places = [place for place in range(len(cells)) if place not in places.values()]
    if len(other_places) != 1:
        raise InputError(
            f"It is not plain which column of {name} holds the values.",
            expected=f"a column called {series.name} or value, or one column beside protein and position",
            found=", ".join(cells)[:200],
            hint="--column NAME says which",
        )
    return other_places[0]
