"""The rows of a published table that are about one protein, checked against its stored sequence and made one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from attlas.intake.claims import StoredProtein, check_computed, check_position, check_sequence, reject_position
from attlas.intake.rejects import Problem, Reason, Record, Rejected, Remark
from attlas.queries.comparing.published import PublishedRow, PublishedSite, PublishedTable

REPEATED_SITE = "site given before"
SEVERAL_LAYERS = "protein with several layers"
"""Kinds of remarks on proteins that are compared all the same."""


@dataclass(frozen=True)
class MatchedProtein:
    """A protein of the atlas with its sites in a published table, after every check."""

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
class PublishedProtein:
    """The rows of a table that are about one protein."""

    protein: StoredProtein
    layer_in_atlas: int | None
    rows: tuple[PublishedRow, ...]

    def fitting_sites(self) -> Iterator[PublishedSite]:
        """Yield the sites of rows that are about the stored sequence, at any position."""
        for row in self.rows:
            if row_problem(row, self.protein) is None:
                yield from row.sites


@dataclass(frozen=True)
class ProteinOutcome:
    """The outcome of the rows of one protein."""

    protein: MatchedProtein | None
    """None if it cannot be compared."""
    rejected: tuple[Rejected, ...] = ()
    remarks: tuple[Remark, ...] = ()


def match_protein(published: PublishedProtein, table: PublishedTable, first_position: int) -> ProteinOutcome:
    """Return the protein with its published sites, or the reason why it cannot be compared."""
    protein, rows = published.protein, published.rows
    rejected = [item for row in rows for item in _check_row(row, protein, first_position)]
    if not rejected and table.has_lists and len({_positions(row) for row in rows}) > 1:
        rejected = [_reject(row, Problem(Reason.OTHER_SITES)) for row in rows]
    if rejected:
        return ProteinOutcome(None, (*rejected, *_other_sites(rows, rejected)))

    sites, repeats = _distinct_sites(rows)
    is_ranked = table.has_ranks and all(site.rank is not None for site in sites)
    if is_ranked:
        sites.sort(key=lambda site: site.rank or 0)

    table_layer, layer_remarks = _layer(rows)
    matched = MatchedProtein(
        accession=protein.accession,
        sequence_id=protein.sequence_id,
        sequence=protein.sequence,
        layer_in_atlas=published.layer_in_atlas,
        positions=tuple((site.number or 0) + 1 - first_position for site in sites),
        layer=table_layer,
        is_ordered=is_ranked or not table.has_ranks,
    )
    return ProteinOutcome(matched, remarks=(*repeats, *layer_remarks))


def _check_row(row: PublishedRow, protein: StoredProtein, first_position: int) -> Iterator[Rejected]:
    """Yield the faults of a row on its protein: of the whole row, or of single sites."""
    problem = row_problem(row, protein)
    if problem is not None:
        yield from reject_row(row, problem)
        return

    for site in row.sites:
        site_problem = _site_problem(site, protein.sequence, first_position)
        if site_problem is not None:
            yield _reject(row, site_problem, site)


def row_problem(row: PublishedRow, protein: StoredProtein) -> Problem | None:
    """Return the problem that makes a whole row unusable: its protein, its words, or another sequence; else None."""
    return check_computed(protein) or row.problem or check_sequence(row.claim, protein)


def _site_problem(site: PublishedSite, sequence: str, first_position: int) -> Problem | None:
    if site.number is None:
        return reject_position(site.text)
    return check_position(site.number, site.number, site.letter, sequence, first_position=first_position)


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
    """Return the layer that the rows of a protein state; None where they contradict each other, with a remark."""
    rows_by_layer = {row.layer: row for row in rows if row.layer is not None}
    if len(rows_by_layer) < 2:
        return next(iter(rows_by_layer), None), []
    layers = " and ".join(str(layer) for layer in sorted(layer for layer in rows_by_layer if layer is not None))
    row = next(iter(rows_by_layer.values()))
    return None, [Remark(SEVERAL_LAYERS, _record(row), f"{layers}; its layer is not compared")]


def _other_sites(rows: Iterable[PublishedRow], rejected: Iterable[Rejected]) -> Iterator[Rejected]:
    """Yield the sites of a left-out protein that are not rejected themselves."""
    records = {(item.record.line, item.record.begin) for item in rejected}
    for row in rows:
        for site in row.sites:
            if (row.line, site.text) not in records:
                yield _reject(row, Problem(Reason.SITE_OF_REJECTED), site)


def _positions(row: PublishedRow) -> frozenset[int | None]:
    return frozenset(site.number for site in row.sites)


def reject_row(row: PublishedRow, problem: Problem) -> list[Rejected]:
    """Reject a row of which nothing can be compared, site by site."""
    return [_reject(row, problem, site) for site in row.sites] or [_reject(row, problem)]


def _reject(row: PublishedRow, problem: Problem, site: PublishedSite | None = None) -> Rejected:
    return Rejected(problem.reason, _record(row, site), problem.detail)


def _record(row: PublishedRow, site: PublishedSite | None = None) -> Record:
    return Record(row.id, begin="" if site is None else site.text, line=row.line)
