"""Links as BEDPE along the proteins, a line for each: 0-based and half-open, as `bed`, and it says so.

The columns of BEDPE (bedtools.readthedocs.io): both "chromosomes" are the protein, first the residue that attends, then
the one attended to; the name is `layer-head`, both from 0, with the residues as people write them, 1-based; the score
is the attention times 1,000; there are no strands; then five columns of our own. In order of accession, layer, head, i
and j.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from attlas.queries.exports.bed import encode_chrom
from attlas.queries.exports.escaping import percent_encode
from attlas.queries.exports.link_rows import iterate_links, refuse_unknown_head, refuse_without_links
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import select_in_chunks
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.schema import Manifest

COLUMNS = ("chrom1", "start1", "end1", "chrom2", "start2", "end2", "name", "score", "strand1", "strand2")
OWN_COLUMNS = ("layer", "head", "weight", "n_links", "n_edges")

CHUNK_PROTEINS = 512
"""Proteins whose links are sorted at a time: a protein has about 2,000 of them."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the links of some proteins, or of all."""
    refuse_without_links(atlas, "bedpe")
    refuse_unknown_head(atlas, request)
    for line in _header(atlas.manifest):
        sink.write(f"{line}\n".encode())

    for selection, parameters in select_in_chunks(atlas, request.accessions, n_proteins=CHUNK_PROTEINS):
        rows = iterate_links(atlas, request, selection=selection, parameters=parameters)
        sink.writelines(f"{_line(row)}\n".encode() for row in rows)


def _header(manifest: Manifest) -> Iterator[str]:
    yield "# BEDPE in protein coordinates: chrom is a protein, 0-based, the end is not included"
    yield "# links are a choice of the strongest attention: n_links of a head and protein, beside all its n_edges"
    for name, value in provenance_values(manifest).items():
        yield f"# {name}: {percent_encode(value, is_ascii=True)}"
    yield "# " + "\t".join((*COLUMNS, *OWN_COLUMNS))


def _line(row: dict[str, Any]) -> str:
    chrom, i, j = encode_chrom(row["accession"]), row["i"], row["j"]
    name = f"{row['layer']}-{row['head']}:{row['residue_i']}{i}-{row['residue_j']}{j}"
    fixed = [chrom, i - 1, i, chrom, j - 1, j, name, round(row["weight"] * 1000), ".", "."]
    own = [row["layer"], row["head"], f"{row['weight']:.4f}", row["n_links"], row["n_edges"]]
    return "\t".join(map(str, [*fixed, *own]))
