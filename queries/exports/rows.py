"""The rows an export writes: sites with their protein, or proteins with their sites, streamed in order of accession."""

from collections.abc import Sequence

import pyarrow as pa

from attlas.queries.atlas import Atlas

SITE_ROWS = """
SELECT p.accession, p.entry_name, p.gene, p.organism, p.taxon_id, p.length, p.md5, p.crc64,
       s.position, s.residue, s.rank, s.layer, s.received, s.share, s.is_nonstandard
FROM sites AS s JOIN proteins AS p ON p.accession = s.accession
WHERE {chosen}
ORDER BY p.accession, s.rank
"""

PROTEIN_ROWS = """
WITH sites_of_protein AS (
    SELECT accession, list({{
        'position': position, 'residue': residue, 'rank': rank, 'layer': layer, 'received': received, 'share': share,
        'is_nonstandard': is_nonstandard
    }} ORDER BY rank) AS sites
    FROM sites
    GROUP BY accession
)
SELECT p.*, s.sites
FROM proteins AS p LEFT JOIN sites_of_protein AS s ON s.accession = p.accession
WHERE {chosen}
ORDER BY p.accession
"""


def site_rows(atlas: Atlas, accessions: Sequence[str] | None) -> pa.RecordBatchReader:
    """Return one row per site, by accession and rank; `accessions` None means every protein."""
    return _ask(atlas, SITE_ROWS, accessions)


def protein_rows(atlas: Atlas, accessions: Sequence[str] | None) -> pa.RecordBatchReader:
    """Return one row per protein, by accession, with a list of its sites by rank, null where there are none."""
    return _ask(atlas, PROTEIN_ROWS, accessions)


def _ask(atlas: Atlas, query: str, accessions: Sequence[str] | None) -> pa.RecordBatchReader:
    if accessions is None:
        return atlas.stream(query.format(chosen="true"))
    chosen = "p.accession IN (SELECT unnest($accessions))"
    return atlas.stream(query.format(chosen=chosen), {"accessions": list(accessions)})
