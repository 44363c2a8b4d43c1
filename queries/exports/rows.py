"""The rows an export writes: sites with their protein, or proteins with their sites, streamed in order of accession.

Every site's letter is compared with the protein's sequence on the way, here and nowhere else: an export either agrees
with the sequence or fails by name. Proteins are asked for a few thousand at a time, because sorting the rows of a whole
atlas, or gathering the sites of all its proteins, takes memory that grows with the atlas.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa

from attlas.queries.store import Store
from attlas.schema import BrokenAtlasError

CHUNK_PROTEINS = 4_096
"""Proteins asked for at a time, a row group of `proteins`. Every chunk scans `sites`: 50 ms at 800,000 sites."""
MOST_CHUNKS = 64
"""Chunks of an atlas, so that a larger one is not scanned more often."""
MOST_CHUNK_PROTEINS = 131_072
"""Proteins asked for at a time, at most: some 200 MB of rows."""

_SITES = """
selected_proteins AS (SELECT * FROM proteins WHERE {selection}),
located AS (
    SELECT s.*, nullif(substr(p.sequence, s.position, 1), s.residue) AS misfit
    FROM (SELECT * FROM sites WHERE {selection}) AS s JOIN selected_proteins AS p ON p.accession = s.accession
)"""

SITES_QUERY = f"""WITH {_SITES}
SELECT p.accession, p.entry_name, p.gene, p.organism, p.taxon_id, p.length, p.md5, p.crc64,
       s.position, s.residue, s.rank, s.layer, s.received, s.share, s.is_nonstandard,
       s.is_initiator_methionine, s.misfit
FROM located AS s JOIN selected_proteins AS p ON p.accession = s.accession
ORDER BY p.accession, s.rank
"""

PROTEINS_QUERY = f"""WITH {_SITES},
sites_of_protein AS (
    SELECT accession, list({{{{
        'position': position, 'residue': residue, 'rank': rank, 'layer': layer, 'received': received, 'share': share,
        'is_nonstandard': is_nonstandard, 'is_initiator_methionine': is_initiator_methionine
    }}}} ORDER BY rank) AS sites,
    first({{{{'position': position, 'residue': residue, 'misfit': misfit}}}} ORDER BY position)
        FILTER (WHERE misfit IS NOT NULL) AS misfit
    FROM located
    GROUP BY accession
)
SELECT p.*, s.sites, s.misfit
FROM selected_proteins AS p LEFT JOIN sites_of_protein AS s ON s.accession = p.accession
ORDER BY p.accession
"""

OUTCOMES_QUERY = """
SELECT accession, length, status, reason FROM proteins WHERE {selection} ORDER BY accession
"""

CHUNK_STARTS = """
SELECT accession FROM (SELECT accession, row_number() OVER (ORDER BY accession) AS n FROM proteins)
WHERE (n - 1) % $chunk = 0
ORDER BY accession
"""


def site_rows(atlas: Store, accessions: Sequence[str] | None) -> pa.RecordBatchReader:
    """Return one row per site, by accession and rank; `accessions` None means every protein.

    Raises:
        BrokenAtlasError: while the rows are read, for a site whose letter is not that of its protein's sequence.
    """
    return _ask(atlas, SITES_QUERY, accessions)


def protein_rows(atlas: Store, accessions: Sequence[str] | None) -> pa.RecordBatchReader:
    """Return one row per protein, by accession, with a list of its sites by rank, null where there are none.

    Raises:
        BrokenAtlasError: as `site_rows`.
    """
    return _ask(atlas, PROTEINS_QUERY, accessions)


def outcome_rows(atlas: Store, accessions: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """Yield accession, length, status and reason of every protein wanted, by accession."""
    for selection, parameters in select_in_chunks(atlas, accessions):
        for batch in atlas.stream(OUTCOMES_QUERY.format(selection=selection), parameters):
            yield from batch.to_pylist()


def check_letters(atlas: Store, accessions: Sequence[str] | None) -> None:
    """Compare the letters of sites with the sequences, for an export that copies the tables as they are.

    Raises:
        BrokenAtlasError: as `site_rows`.
    """
    for _ in site_rows(atlas, accessions):
        pass


def _ask(atlas: Store, query: str, accessions: Sequence[str] | None) -> pa.RecordBatchReader:
    schema = atlas.stream(query.format(selection="false")).schema
    batches = (
        _check_fit(batch)
        for selection, parameters in select_in_chunks(atlas, accessions)
        for batch in atlas.stream(query.format(selection=selection), parameters)
    )
    return pa.RecordBatchReader.from_batches(schema.remove(len(schema) - 1), batches)


def select_in_chunks(
    atlas: Store, accessions: Sequence[str] | None, *, n_proteins: int | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield conditions on `accession`, with their parameters, that together choose all proteins wanted in order.

    Each chooses `n_proteins`, by default CHUNK_PROTEINS, and more of a large atlas.
    """
    if n_proteins is None:
        share = atlas.manifest.counts.n_requested // MOST_CHUNKS
        n_proteins = min(max(CHUNK_PROTEINS, share), MOST_CHUNK_PROTEINS)
    if accessions is not None:
        ordered = sorted(set(accessions))
        for start in range(0, len(ordered), n_proteins):
            chunk = ordered[start : start + n_proteins]
            yield "accession IN (SELECT unnest($accessions))", {"accessions": chunk}
        return

    starts = atlas.sql(CHUNK_STARTS, {"chunk": n_proteins})["accession"].to_pylist()
    for begin, end in pairwise(starts):
        yield "accession >= $begin AND accession < $end", {"begin": begin, "end": end}

    if starts:
        yield "accession >= $begin", {"begin": starts[-1]}


def _check_fit(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch without its last column `misfit`; raises where this names a site that disagrees."""
    misfit = batch.column("misfit")
    if misfit.null_count < batch.num_rows:
        row = next(row for row in batch.to_pylist() if row["misfit"] is not None)
        raise _misfit(row["accession"], row if "position" in row else row["misfit"])
    return batch.select(batch.schema.names[:-1])


def _misfit(accession: str, site: dict[str, Any]) -> BrokenAtlasError:
    position, letter = site["position"], site["misfit"]
    return BrokenAtlasError(
        f"A site of {accession} does not fit its sequence.",
        expected=f"{site['residue']} at position {position}, as the table `sites` says",
        found=f"{letter} there in the sequence" if letter else f"a sequence that has no position {position}",
        hint="see `attlas verify`; an atlas whose positions are shifted is not to be used, build it again",
    )
