"""A published table of sites, its ids and positions matched to the stored sequences; what does not fit is rejected."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from attlas.intake.claims import COLUMNS, StoredProtein, stored_proteins
from attlas.intake.rejects import Problem, Reason, Rejected, Remark
from attlas.queries.comparing.numbering import Numbering, find_numbering
from attlas.queries.comparing.protein_rows import MatchedProtein, PublishedProtein, match_protein, reject_row
from attlas.queries.comparing.published import PublishedRow, PublishedSite, PublishedTable
from attlas.queries.store import Store


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


def match_published_sites(table: PublishedTable, atlas: Store, *, first_position: int | None) -> MatchedTable:
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
        for item in reject_row(row, atlas_proteins.problems[row.id])
    ]
    by_protein = _group_by_protein(table.rows, atlas_proteins)
    numbering = _find_numbering(table, by_protein, first_position)

    # A protein may be in many rows; a row that does not fit rejects the protein.
    outcomes = [match_protein(published, table, numbering.first_position) for published in by_protein]
    matched = [outcome.protein for outcome in outcomes if outcome.protein is not None]
    return MatchedTable(
        numbering=numbering,
        proteins=tuple(sorted(matched, key=attrgetter("accession"))),
        accessions=frozenset(published.protein.accession for published in by_protein),
        n_unknown_ids=len(atlas_proteins.problems),
        rejected=(*rejected, *(item for outcome in outcomes for item in outcome.rejected)),
        remarks=tuple(remark for outcome in outcomes for remark in outcome.remarks),
        order=_order(table, matched),
    )


def find_proteins(atlas: Store, ids: Iterable[str]) -> AtlasProteins:
    """Return the proteins that ids name."""
    row_by_id: dict[str, int] = {}
    problems: dict[str, Problem] = {}
    for match in atlas.matches(list(dict.fromkeys(ids))):
        if match.rows:
            row_by_id[match.id] = match.rows[0]  # several only for a digest: they share one sequence
        else:
            reason = Reason.AMBIGUOUS_ID if match.candidates else Reason.UNKNOWN_ID
            problems[match.id] = Problem(reason, match.reason or "" if match.id else "the row has no id")

    rows = sorted(set(row_by_id.values()))
    table = atlas.protein_rows(rows, (*COLUMNS, "layer"))
    stored = stored_proteins(table)
    accessions = dict(zip(rows, table.column("accession").to_pylist(), strict=True))
    layers = dict(zip(accessions.values(), table.column("layer").to_pylist(), strict=True))
    return AtlasProteins({id: stored[accessions[row]] for id, row in row_by_id.items()}, layers, problems)


def _group_by_protein(rows: Iterable[PublishedRow], atlas_proteins: AtlasProteins) -> list[PublishedProtein]:
    """Return the rows of each protein, in the order in which the table first names them."""
    rows_by_accession: dict[str, list[PublishedRow]] = defaultdict(list)

    proteins: dict[str, StoredProtein] = {}
    for row in rows:
        if protein := atlas_proteins.proteins.get(row.id):
            rows_by_accession[protein.accession].append(row)
            proteins[protein.accession] = protein

    return [
        PublishedProtein(proteins[accession], atlas_proteins.layers[accession], tuple(protein_rows))
        for accession, protein_rows in rows_by_accession.items()
    ]


def _find_numbering(
    table: PublishedTable, by_protein: Sequence[PublishedProtein], first_position: int | None
) -> Numbering:
    """Return the number that the table gives the first residue. Raises InputError if nothing tells it."""
    # Only positions on the stored sequence can say where the table counts from; a 0 says it whatever its protein.
    sites_on_sequences = [
        (site, published.protein.sequence) for published in by_protein for site in published.fitting_sites()
    ]
    n_zero = _n_zero(site for row in table.rows for site in row.sites)
    return find_numbering(
        sites_on_sequences,
        choice=first_position,
        by_format=table.first_position,
        n_zero_elsewhere=n_zero - _n_zero(site for site, _ in sites_on_sequences),
        table_name=table.name,
    )


def _order(table: PublishedTable, proteins: Iterable[MatchedProtein]) -> str:
    if table.has_ranks:
        return "by rank"
    is_by_position = all(list(protein.positions) == sorted(protein.positions) for protein in proteins)
    return "" if is_by_position else "as listed"


def _n_zero(sites: Iterable[PublishedSite]) -> int:
    return sum(site.number == 0 for site in sites)
