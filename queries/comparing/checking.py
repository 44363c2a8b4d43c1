"""What a source says, laid onto the stored sequences: proteins to compare, and the account of everything else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from attlas.queries.atlas import Atlas
from attlas.queries.comparing.claims import NOT_A_POSITION, Row, Source, Spot
from attlas.queries.comparing.numbering import Numbering, numbering_of
from attlas.queries.comparing.rejects import (
    AMBIGUOUS,
    BEFORE_START,
    GIVEN_TWICE,
    LAYERS_DIFFER,
    NOT_COMPUTED_HERE,
    OTHER_RESIDUE,
    OTHER_SEQUENCE,
    PAST_END,
    REPEATED,
    REST,
    UNKNOWN,
    Rejected,
)

COLUMNS = ("accession", "sequence", "length", "md5", "crc64", "sequence_id", "status", "reason", "layer")
"""Columns of `proteins` that are needed."""


@dataclass(frozen=True)
class Theirs:
    """What a source says of one protein of the atlas, after every check."""

    accession: str
    sequence_id: int
    sequence: str
    layer_here: int | None
    """Layer of convergence in the atlas."""
    positions: tuple[int, ...]
    """1-based, each once, in the order of the source."""
    layer: int | None
    is_ordered: bool
    """The order may be that of the attention: by rank where the source has ranks, else as it stands there."""


@dataclass(frozen=True)
class Laid:
    """A source on the sequences of an atlas."""

    numbering: Numbering
    proteins: tuple[Theirs, ...]
    """Those to compare, by accession."""
    named: frozenset[str]
    """Accessions that the source names, compared or not."""
    n_unknown: int
    """Its ids that the atlas does not have."""
    n_left_out: int
    """Accessions that it names but that cannot be compared."""
    rejected: tuple[Rejected, ...]
    order: str
    """Where the order of sites is from, in words; empty where there is none."""


class _Claim(NamedTuple):
    row: Row
    protein: int
    """Row among the proteins of the atlas that were looked up."""


class _Problem(NamedTuple):
    reason: str
    detail: str


@dataclass(frozen=True)
class _Here:
    """The proteins of the atlas that the source names."""

    rows: Mapping[str, int]
    """Row below by the id that the source has."""
    columns: Mapping[str, Sequence[object]]
    problems: Mapping[str, _Problem]
    """What is wrong with an id that names no protein."""

    def value(self, name: str, row: int) -> object:
        return self.columns[name][row]

    def text(self, name: str, row: int) -> str:
        return str(self.columns[name][row])


def lay(source: Source, atlas: Atlas, *, base: int | None) -> Laid:
    """Check every row of a source against the atlas.

    Raises:
        InputError: nothing tells where the source counts from.
    """
    here = _here(atlas, source)
    rejected: list[Rejected] = []
    claims: list[_Claim] = []
    for row in source.rows:
        if row.id in here.problems:
            rejected += _whole(row, here.problems[row.id])
        else:
            claims.append(_Claim(row, here.rows[row.id]))
    fitting = [claim for claim in claims if _unfit(claim, here) is None]
    on_sequences = ((spot, here.text("sequence", c.protein)) for c in fitting for spot in c.row.spots)
    # A 0 is a 0 whatever its protein: it needs no sequence to say where the source counts from.
    n_zero_elsewhere = _n_zero(source.rows) - _n_zero(claim.row for claim in fitting)
    numbering = numbering_of(
        on_sequences, asked=base, by_format=source.base, source=source.name, n_zero_elsewhere=n_zero_elsewhere
    )
    has_ranks = any(spot.rank is not None for row in source.rows for spot in row.spots)
    found: list[Theirs] = []
    by_protein = _by_protein(claims)
    for protein, some in by_protein.items():
        laid = _laid(protein, some, here, source, numbering.base, has_ranks=has_ranks, rejected=rejected)
        found += [] if laid is None else [laid]
    order = _order(found, has_ranks=has_ranks)
    return Laid(
        numbering,
        tuple(sorted(found, key=lambda one: one.accession)),
        frozenset(here.text("accession", protein) for protein in by_protein),
        len(here.problems),
        len(by_protein) - len(found),
        tuple(rejected),
        order,
    )


def _n_zero(rows: Iterable[Row]) -> int:
    return sum(spot.number == 0 for row in rows for spot in row.spots)


def _here(atlas: Atlas, source: Source) -> _Here:
    ids = list(dict.fromkeys(row.id for row in source.rows))
    rows: dict[str, int] = {}
    problems: dict[str, _Problem] = {}
    for match in atlas.matches(ids):
        if match.rows:
            rows[match.asked] = match.rows[0]  # several only for a digest: they share one sequence
        else:
            problems[match.asked] = _Problem(AMBIGUOUS if match.candidates else UNKNOWN, match.reason or "")
    numbers = sorted(set(rows.values()))
    at = {number: index for index, number in enumerate(numbers)}
    table = atlas.protein_rows(numbers, COLUMNS)
    columns = {name: table.column(name).to_pylist() for name in COLUMNS}
    return _Here({id: at[number] for id, number in rows.items()}, columns, problems)


def _by_protein(claims: Iterable[_Claim]) -> dict[int, list[_Claim]]:
    found: dict[int, list[_Claim]] = {}
    for claim in claims:
        found.setdefault(claim.protein, []).append(claim)
    return found


def _laid(
    protein: int,
    claims: Sequence[_Claim],
    here: _Here,
    source: Source,
    base: int,
    *,
    has_ranks: bool,
    rejected: list[Rejected],
) -> Theirs | None:
    """Return what is said of one protein; None, with the account, where any of it does not fit the sequence."""
    wrong = list(_wrong(claims, here, base))
    if not wrong and source.is_list and len({frozenset(_numbers(claim)) for claim in claims}) > 1:
        wrong = [_about(claim.row, GIVEN_TWICE, "") for claim in claims]
    if wrong:
        rejected += wrong
        told = {(one.line, one.position) for one in wrong}
        rest = (_about(c.row, REST, "", s) for c in claims for s in c.row.spots)
        rejected += [one for one in rest if (one.line, one.position) not in told]
        return None
    spots = _once(claims, rejected)
    is_ranked = has_ranks and all(spot.rank is not None for spot in spots)
    if is_ranked:
        spots.sort(key=lambda spot: spot.rank or 0)
    return Theirs(
        accession=here.text("accession", protein),
        sequence_id=here.value("sequence_id", protein),  # type: ignore[arg-type]
        sequence=here.text("sequence", protein),
        layer_here=here.value("layer", protein),  # type: ignore[arg-type]
        positions=tuple((spot.number or 0) + 1 - base for spot in spots),
        layer=_layer(claims, rejected),
        is_ordered=is_ranked or not has_ranks,
    )


def _wrong(claims: Iterable[_Claim], here: _Here, base: int) -> Iterator[Rejected]:
    for claim in claims:
        problem = _unfit(claim, here)
        if problem is not None:
            yield from _whole(claim.row, problem)
            continue
        sequence = here.text("sequence", claim.protein)
        for spot in claim.row.spots:
            misplaced = _misplaced(spot, sequence, base)
            if misplaced is not None:
                yield _about(claim.row, *misplaced, spot)


def _unfit(claim: _Claim, here: _Here) -> _Problem | None:
    """Return what makes a whole row unusable: its protein here, its own words, or that it is of another sequence."""
    row, protein = claim
    if here.value("status", protein) != "ok":
        return _Problem(NOT_COMPUTED_HERE, f"{here.text('status', protein)}: {here.text('reason', protein)}")
    if row.problem is not None:
        return _Problem(*row.problem)
    if row.md5 is not None or row.crc64 is not None:
        is_same = row.md5 in (None, here.value("md5", protein)) and row.crc64 in (None, here.value("crc64", protein))
        return None if is_same else _Problem(OTHER_SEQUENCE, "its checksum differs")
    length = here.value("length", protein)
    if row.length not in (None, length):
        return _Problem(OTHER_SEQUENCE, f"{row.length:,} residues there, {length:,} here")
    return None


def _misplaced(spot: Spot, sequence: str, base: int) -> _Problem | None:
    if spot.number is None:
        is_negative = spot.text.startswith("-") and spot.text[1:].isdecimal()
        return _Problem(BEFORE_START if is_negative else NOT_A_POSITION, f"counted from {base}" if is_negative else "")
    at = spot.number - base
    if at < 0:
        return _Problem(BEFORE_START, f"counted from {base}")
    if at >= len(sequence):
        return _Problem(PAST_END, f"the protein has {len(sequence):,} residues, counted from {base}")
    if spot.letter is not None and spot.letter != sequence[at]:
        return _Problem(OTHER_RESIDUE, f"{spot.letter} there, {sequence[at]} here")
    return None


def _once(claims: Iterable[_Claim], rejected: list[Rejected]) -> list[Spot]:
    """Return the spots of a protein in order, each position once."""
    found: dict[int | None, Spot] = {}
    for claim in claims:
        for spot in claim.row.spots:
            if spot.number in found:
                rejected.append(_about(claim.row, REPEATED, "counted once", spot))
            else:
                found[spot.number] = spot
    return list(found.values())


def _layer(claims: Iterable[_Claim], rejected: list[Rejected]) -> int | None:
    layers = {claim.row.layer: claim.row for claim in claims if claim.row.layer is not None}
    if len(layers) > 1:
        told = " and ".join(map(str, sorted(layer for layer in layers if layer is not None)))
        rejected.append(_about(next(iter(layers.values())), LAYERS_DIFFER, f"{told}; its layer is not compared"))
        return None
    return next(iter(layers), None)


def _order(found: Sequence[Theirs], *, has_ranks: bool) -> str:
    if has_ranks:
        return "by rank"
    is_by_position = all(list(one.positions) == sorted(one.positions) for one in found)
    return "" if is_by_position else "as they stand there"


def _whole(row: Row, problem: _Problem) -> list[Rejected]:
    """Return the account of a row of which nothing can be compared."""
    return [_about(row, *problem, spot) for spot in row.spots] or [_about(row, *problem)]


def _about(row: Row, reason: str, detail: str, spot: Spot | None = None) -> Rejected:
    return Rejected(reason, detail, row.id, "" if spot is None else spot.text, row.line)


def _numbers(claim: _Claim) -> Iterator[int | None]:
    return (spot.number for spot in claim.row.spots)
