"""A published table of sites, its ids and positions matched to the stored sequences; what does not fit is rejected."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from attlas.intake.claims import (
    COLUMNS,
    StoredProtein,
    no_position,
    not_computed,
    other_sequence,
    stored_proteins,
    unusable_position,
)
from attlas.intake.rejects import Problem, Reason, Record, Rejected, Remark
from attlas.queries.atlas import Atlas
from attlas.queries.comparing.numbering import Numbering, find_numbering
from attlas.queries.comparing.published import PublishedRow, PublishedSite, PublishedTable

REPEATED_SITE = "site given before"
SEVERAL_LAYERS = "protein with several layers"
"""Kinds of remarks on proteins that are compared all the same."""


@dataclass(frozen=True)
class MatchedProtein:
    """What a published table says of one protein of the atlas, after every check."""

    accession: str
    sequence_id: int
    sequence: str
    layer_in_atlas: int | None
    """Layer of convergence in the atlas, 0-based."""
    positions: tuple[int, ...]
    """Sites of the table, 1-based, each once, in the order of the table."""
    layer: int | None
    """Layer of convergence as the table counts."""
    is_ordered: bool
    """The order may be that of the attention: by rank where the table has ranks, else as listed."""


@dataclass(frozen=True)
class MatchedTable:
    """A published table on the sequences of an atlas."""

    numbering: Numbering
    proteins: tuple[MatchedProtein, ...]
    """Those to compare, by accession."""
    accessions: frozenset[str]
    """Proteins of the atlas that the table names, compared or not."""
    n_unknown_ids: int
    """Its ids that name no protein of the atlas."""
    rejected: tuple[Rejected, ...]
    remarks: tuple[Remark, ...]
    order: str
    """Where the order of sites is from, in words; empty where there is none."""

    @property
    def n_left_out(self) -> int:
        """Proteins of the atlas that the table names but that cannot be compared."""
        return len(self.accessions) - len(self.proteins)


@dataclass(frozen=True)
class AtlasProteins:
    """The proteins of an atlas that a table names, by the id that the table has."""

    proteins: Mapping[str, StoredProtein]
    layers: Mapping[str, int | None]
    """Layer of convergence by accession."""
    problems: Mapping[str, Problem]
    """What is wrong with an id that names no protein, or several."""


@dataclass(frozen=True)
class _Outcome:
    """What became of the rows of one protein."""

    protein: MatchedProtein | None
    rejected: tuple[Rejected, ...] = ()
    remarks: tuple[Remark, ...] = ()


def match_published_sites(table: PublishedTable, atlas: Atlas, *, first_position: int | None) -> MatchedTable:
    """Match the rows of a published table of sites to the proteins of an atlas.

    A row is kept if its id names a protein of the atlas and its positions, letters and checksums fit the stored
    sequence. Every other row is in `rejected`, with the reason.

    Args:
        table: the table.
        atlas: the atlas.
        first_position: what the table calls the first residue, 0 or 1; None: told by the letters and positions.

    Raises:
        InputError: neither `first_position` nor the table tells where it counts from.
    """
    atlas_proteins = find_proteins(atlas, [row.id for row in table.rows])
    rejected = [
        item
        for row in table.rows
        if row.id in atlas_proteins.problems
        for item in _reject_row(row, atlas_proteins.problems[row.id])
    ]
    rows_by_accession: dict[str, list[PublishedRow]] = defaultdict(list)
    proteins: dict[str, StoredProtein] = {}
    for row in table.rows:
        if protein := atlas_proteins.proteins.get(row.id):
            rows_by_accession[protein.accession].append(row)
            proteins[protein.accession] = protein

    # Only positions on the stored sequence can say where the table counts from; a 0 says it whatever its protein.
    sites_on_sequences = [
        (site, proteins[accession].sequence)
        for accession, rows in rows_by_accession.items()
        for row in rows
        if _row_problem(row, proteins[accession]) is None
        for site in row.sites
    ]
    n_zero = _n_zero(site for row in table.rows for site in row.sites)
    numbering = find_numbering(
        sites_on_sequences,
        asked=first_position,
        by_format=table.first_position,
        n_zero_elsewhere=n_zero - _n_zero(site for site, _ in sites_on_sequences),
        table_name=table.name,
    )

    # One protein may stand in many rows; a row that does not fit rejects the protein.
    outcomes = [
        _match_protein(
            proteins[accession], rows, table, numbering.first_position, layer=atlas_proteins.layers[accession]
        )
        for accession, rows in rows_by_accession.items()
    ]
    matched = [outcome.protein for outcome in outcomes if outcome.protein is not None]
    return MatchedTable(
        numbering=numbering,
        proteins=tuple(sorted(matched, key=attrgetter("accession"))),
        accessions=frozenset(rows_by_accession),
        n_unknown_ids=len(atlas_proteins.problems),
        rejected=(*rejected, *(item for outcome in outcomes for item in outcome.rejected)),
        remarks=tuple(remark for outcome in outcomes for remark in outcome.remarks),
        order=_order(table, matched),
    )


def find_proteins(atlas: Atlas, ids: Iterable[str]) -> AtlasProteins:
    """Return the proteins that ids name."""
    row_by_id: dict[str, int] = {}
    problems: dict[str, Problem] = {}
    for match in atlas.matches(list(dict.fromkeys(ids))):
        if match.rows:
            row_by_id[match.asked] = match.rows[0]  # several only for a digest: they share one sequence
        else:
            reason = Reason.AMBIGUOUS_ID if match.candidates else Reason.UNKNOWN_ID
            problems[match.asked] = Problem(reason, match.reason or "" if match.asked else "the row has no id")

    rows = sorted(set(row_by_id.values()))
    table = atlas.protein_rows(rows, (*COLUMNS, "layer"))
    stored = stored_proteins(table)
    accessions = dict(zip(rows, table.column("accession").to_pylist(), strict=True))
    layers = dict(zip(accessions.values(), table.column("layer").to_pylist(), strict=True))
    return AtlasProteins({id: stored[accessions[row]] for id, row in row_by_id.items()}, layers, problems)


def _match_protein(
    protein: StoredProtein,
    rows: Sequence[PublishedRow],
    table: PublishedTable,
    first_position: int,
    *,
    layer: int | None,
) -> _Outcome:
    """Return what the rows of one protein say, or why it cannot be compared: any of them does not fit its sequence."""
    rejected = [item for row in rows for item in _check_row(row, protein, first_position)]
    if not rejected and table.has_lists and len({_positions(row) for row in rows}) > 1:
        rejected = [_rejected(row, Problem(Reason.OTHER_SITES)) for row in rows]
    if rejected:
        return _Outcome(None, (*rejected, *_other_sites(rows, rejected)))

    sites, repeats = _distinct_sites(rows)
    is_ranked = table.has_ranks and all(site.rank is not None for site in sites)
    if is_ranked:
        sites.sort(key=lambda site: site.rank or 0)
    table_layer, layer_remarks = _layer(rows)
    matched = MatchedProtein(
        accession=protein.accession,
        sequence_id=protein.sequence_id,
        sequence=protein.sequence,
        layer_in_atlas=layer,
        positions=tuple((site.number or 0) + 1 - first_position for site in sites),
        layer=table_layer,
        is_ordered=is_ranked or not table.has_ranks,
    )
    return _Outcome(matched, remarks=(*repeats, *layer_remarks))


def _check_row(row: PublishedRow, protein: StoredProtein, first_position: int) -> Iterator[Rejected]:
    """Yield what of a row does not fit its protein: the whole row, or single sites."""
    problem = _row_problem(row, protein)
    if problem is not None:
        yield from _reject_row(row, problem)
        return
    for site in row.sites:
        site_problem = _site_problem(site, protein.sequence, first_position)
        if site_problem is not None:
            yield _rejected(row, site_problem, site)


def _row_problem(row: PublishedRow, protein: StoredProtein) -> Problem | None:
    """Return what makes a whole row unusable: its protein, its own words, or that it is of another sequence."""
    return not_computed(protein) or row.problem or other_sequence(row.claim, protein)


def _site_problem(site: PublishedSite, sequence: str, first_position: int) -> Problem | None:
    if site.number is None:
        return no_position(site.text)
    return unusable_position(site.number, site.number, site.letter, sequence, first_position=first_position)


def _distinct_sites(rows: Iterable[PublishedRow]) -> tuple[list[PublishedSite], list[Remark]]:
    """Return the sites of a protein in order, each position once, and remarks on those that are given again."""
    sites: dict[int | None, PublishedSite] = {}
    repeats: list[Remark] = []
    for row in rows:
        for site in row.sites:
            if site.number in sites:
                repeats.append(Remark(REPEATED_SITE, _record(row, site), "counted once"))
            else:
                sites[site.number] = site
    return list(sites.values()), repeats


def _layer(rows: Iterable[PublishedRow]) -> tuple[int | None, list[Remark]]:
    """Return the layer that the rows of a protein say; None where they contradict each other, with a remark."""
    rows_by_layer = {row.layer: row for row in rows if row.layer is not None}
    if len(rows_by_layer) < 2:
        return next(iter(rows_by_layer), None), []
    layers = " and ".join(str(layer) for layer in sorted(layer for layer in rows_by_layer if layer is not None))
    row = next(iter(rows_by_layer.values()))
    return None, [Remark(SEVERAL_LAYERS, _record(row), f"{layers}; its layer is not compared")]


def _other_sites(rows: Iterable[PublishedRow], rejected: Iterable[Rejected]) -> Iterator[Rejected]:
    """Yield the sites of a protein that is left out because of others: all but those that are rejected already."""
    records = {(item.record.line, item.record.begin) for item in rejected}
    for row in rows:
        for site in row.sites:
            if (row.line, site.text) not in records:
                yield _rejected(row, Problem(Reason.SITE_OF_REJECTED), site)


def _order(table: PublishedTable, proteins: Iterable[MatchedProtein]) -> str:
    if table.has_ranks:
        return "by rank"
    is_by_position = all(list(protein.positions) == sorted(protein.positions) for protein in proteins)
    return "" if is_by_position else "as listed"


def _n_zero(sites: Iterable[PublishedSite]) -> int:
    return sum(site.number == 0 for site in sites)


def _positions(row: PublishedRow) -> frozenset[int | None]:
    return frozenset(site.number for site in row.sites)


def _reject_row(row: PublishedRow, problem: Problem) -> list[Rejected]:
    """Return a row of which nothing can be compared, site by site."""
    return [_rejected(row, problem, site) for site in row.sites] or [_rejected(row, problem)]


def _rejected(row: PublishedRow, problem: Problem, site: PublishedSite | None = None) -> Rejected:
    return Rejected(problem.reason, _record(row, site), problem.detail)


def _record(row: PublishedRow, site: PublishedSite | None = None) -> Record:
    return Record(row.id, begin="" if site is None else site.text, line=row.line)
