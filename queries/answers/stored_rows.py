"""Rows of the atlas as an answer holds them: a protein, its sites, its features, its families; and how many links."""

from dataclasses import dataclass

from attlas.queries.text import counted


@dataclass(frozen=True)
class ProteinRow:
    """The row of `proteins` of one protein; its fields are the columns, in their order."""

    accession: str
    entry_name: str | None
    gene: str | None
    organism: str | None
    taxon_id: int | None
    sequence_version: int | None
    description: str | None
    sequence: str | None
    length: int
    md5: str | None
    crc64: str | None
    n_nonstandard: int | None
    n_records: int
    n_members: int | None
    line: int
    sequence_id: int | None
    status: str
    """`ok`, `skipped` or `failed`."""
    reason: str | None
    """Why it was not computed."""
    layer: int | None
    """Layer of convergence, from 0."""
    n_sites: int | None
    sites_note: str | None
    """Why it has no sites, or a flag of those it has."""

    @property
    def is_computed(self) -> bool:
        """It has profiles, and sites if any were found."""
        return self.status == "ok"


@dataclass(frozen=True)
class SiteRow:
    """A high-attention site; its fields are the columns of `sites` but for the protein."""

    position: int
    """From 1."""
    residue: str
    rank: int
    """From 1, by attention received."""
    layer: int
    received: float
    share: float
    is_nonstandard: bool
    is_initiator_methionine: bool

    @property
    def name(self) -> str:
        """Letter and position, as people write a site: `R131`."""
        return f"{self.residue}{self.position}"


@dataclass(frozen=True)
class FeatureRow:
    """A known feature of a protein."""

    type: str
    begin: int
    """First position, from 1."""
    end: int
    """Last position, inclusive."""
    description: str | None
    evidence: str | None
    source: str
    """The file that it was read from."""


@dataclass(frozen=True)
class FamilyRow:
    """A family that a protein is assigned to."""

    database: str
    family: str
    name: str | None
    source: str
    """The file that it was read from."""


@dataclass(frozen=True)
class SeriesCount:
    """Numbers of one's own that a protein has under one name."""

    name: str
    n_values: int


@dataclass(frozen=True)
class LinkCounts:
    """How many links a protein has, beside how many edges."""

    n_links: int
    n_edges: int
    """Edges of all heads, of which links are a choice, with weaker pairs."""

    def __str__(self) -> str:
        """Return how many of how many, such as `1,060 links kept, beside 6,777 edges`."""
        return f"{counted(self.n_links, 'link')} kept, beside {counted(self.n_edges, 'edge')}"
