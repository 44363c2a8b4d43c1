"""Links as BEDPE along the proteins, a line for each: 0-based and half-open, as `bed`, and it says so.

The columns of BEDPE (bedtools.readthedocs.io): both "chromosomes" are the protein, first the residue that attends, then
the one attended to; the name is `layer-head`, both from 0, with the residues as people write them, 1-based; the score
is the attention times 1,000; there are no strands; then five columns of our own. In order of accession, layer, head, i
and j.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from attlas.queries.exports.bed import encode_chrom
from attlas.queries.exports.escaping import percent_encode
from attlas.queries.exports.link_rows import refuse_unknown_head, refuse_without_links
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import select_in_chunks
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.schema import Manifest

COLUMNS = ("chrom1", "start1", "end1", "chrom2", "start2", "end2", "name", "score", "strand1", "strand2")
OWN_COLUMNS = ("layer", "head", "weight", "n_links", "n_edges")

CHUNK_PROTEINS = 512
"""Proteins whose links are sorted at a time: a protein has about 2,000 of them."""

LINES_QUERY = """
WITH counted AS (
    SELECT *, count(*) OVER (PARTITION BY accession, layer, head) AS n_links
    FROM links SEMI JOIN chunk USING (accession)
)
SELECT concat_ws(
           chr(9), c.chrom, l.i - 1, l.i, c.chrom, l.j - 1, l.j,
           l.layer || '-' || l.head || ':' || c.sequence[l.i] || l.i || '-' || c.sequence[l.j] || l.j,
           round(l.weight * 1000)::INTEGER, '.', '.', l.layer, l.head, printf('%.4f', l.weight), l.n_links, h.n_edges
       ) AS line
FROM counted AS l
JOIN chunk AS c ON c.accession = l.accession
JOIN heads AS h ON h.accession = l.accession AND h.layer = l.layer AND h.head = l.head
WHERE l.layer = coalesce($layer, l.layer) AND l.head = coalesce($head, l.head)
ORDER BY l.accession, l.layer, l.head, l.i, l.j
"""
"""The lines of a chunk of proteins, which is a table of accession, sequence and chrom. There are millions of lines, so
that DuckDB and not Python writes them."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the links of some proteins, or of all."""
    refuse_without_links(atlas, "bedpe")
    refuse_unknown_head(atlas, request.layer, request.head)
    for line in _header(atlas.manifest):
        sink.write(f"{line}\n".encode())

    for selection, parameters in select_in_chunks(atlas, request.accessions, n_proteins=CHUNK_PROTEINS):
        for lines in _link_lines(atlas, request, selection, parameters):
            sink.write("".join(f"{line}\n" for line in lines).encode())


def _header(manifest: Manifest) -> Iterator[str]:
    yield "# BEDPE in protein coordinates: chrom is a protein, 0-based, the end is not included"
    yield "# links are a choice of the strongest attention: n_links of a head and protein, beside all its n_edges"
    for name, value in provenance_values(manifest).items():
        yield f"# {name}: {percent_encode(value, is_ascii=True)}"
    yield "# " + "\t".join((*COLUMNS, *OWN_COLUMNS))


def _link_lines(atlas: Store, request: Request, selection: str, parameters: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the lines of the proteins that a condition selects, batch by batch."""
    proteins = atlas.sql(f"SELECT accession, sequence FROM proteins WHERE {selection}", parameters)
    chroms = [encode_chrom(accession) for accession in proteins["accession"].to_pylist()]
    chunk = proteins.append_column("chrom", pa.array(chroms, pa.string()))

    heads = {"layer": request.layer, "head": request.head}
    for batch in atlas.stream(LINES_QUERY, heads, tables={"chunk": chunk}):
        yield batch.column("line").to_pylist()
