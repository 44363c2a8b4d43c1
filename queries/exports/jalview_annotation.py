"""The attention profile as a Jalview annotation file: a bar per residue, the sites in colour with their ranks below.

As Jalview's manual has it (jalview.org/help, Alignment Annotations File): per protein a `SEQUENCE_REF`, a `BAR_GRAPH`
of `value,character,tooltip` per residue (here the attention received in the layer of convergence over its largest), and
a `GRAPHLINE` at the lowest site. Jalview gives the rows of a protein that it does not find to the alignment as a whole,
and reads no more values than the alignment has columns: ask for the proteins that are in it, or give the alignment.
A protein without a layer of convergence has no row.
"""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from attlas.queries.answers.one_id import read_layer_profiles
from attlas.queries.exports.alignment import AlignedRow, by_accession
from attlas.queries.exports.escaping import percent_encode
from attlas.queries.exports.jalview_features import find_alignment_rows
from attlas.queries.exports.request import Request
from attlas.queries.exports.rows import protein_rows
from attlas.queries.exports.site_text import INITIATOR, site_name
from attlas.queries.formats import json_rows
from attlas.queries.provenance import provenance_text, provenance_values
from attlas.queries.store import Store
from attlas.schema import BrokenAtlasError

SITE_COLOUR = "b30000"
RANKS = "123456789"
BEYOND = "+"
"""The mark of a site whose rank has two digits: a bar has room for one character."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the profiles of some proteins, or of all."""
    values = provenance_values(atlas.manifest)
    head = ["JALVIEW_ANNOTATION", *(f"# {name}: {percent_encode(value)}" for name, value in values.items())]
    sink.writelines(f"{line}\n".encode() for line in head)

    provenance, rows = percent_encode(provenance_text(atlas.manifest), also="|"), by_accession(request.alignment)
    for protein in json_rows(protein_rows(atlas, request.accessions)):
        if protein["layer"] is None:
            continue
        profile = _profile(atlas, protein)
        for row in find_alignment_rows(protein, rows):
            sink.writelines(f"{line}\n".encode() for line in _lines(protein, row, profile, provenance))


def _profile(atlas: Store, protein: dict[str, Any]) -> Sequence[float]:
    """Return the attention received by each residue in the layer of convergence, (N,)."""
    profile = read_layer_profiles(atlas, protein["sequence_id"], [protein["layer"]])[0]
    if len(profile) != protein["length"]:
        raise BrokenAtlasError(
            f"The profile of {protein['accession']} does not fit its sequence.",
            expected=f"{protein['length']:,} residues",
            found=f"{len(profile):,} in the table `residues`",
        )
    return profile


def _lines(protein: dict[str, Any], row: AlignedRow, profile: Sequence[float], provenance: str) -> Iterator[str]:
    sites, peak, end = protein["sites"] or [], max(profile), row.begin + row.n_residues

    label = f"attention, layer {protein['layer']}"
    accession = percent_encode(protein["accession"], also="|")
    about = f"Attention received by {accession} over the layer's largest, {peak:.3g}; {provenance}"
    marked = {site["position"]: site for site in sites}
    values = [_value(profile[at - 1] / peak, marked.get(at)) for at in range(row.begin, end)]

    yield f"SEQUENCE_REF\t{row.name}\t{row.number}"
    # Closed by a bar also at the end: a single value would be taken for the score of the whole row.
    yield f"BAR_GRAPH\t{label}\t{about}\t{'|'.join(values)}|"
    if sites:
        yield f"GRAPHLINE\t{label}\t{min(site['share'] for site in sites)}\tlowest site\t{SITE_COLOUR}"


def _value(share: float, site: dict[str, Any] | None) -> str:
    """Return `value,character,tooltip,[colour]`; without a site the empty character, else Jalview prints the value."""
    if site is None:
        return f"{share:.3g},,"
    mark = RANKS[site["rank"] - 1] if site["rank"] <= len(RANKS) else BEYOND
    initiator = f" {INITIATOR}" if site["is_initiator_methionine"] else ""
    tooltip = f"{site_name(site)}{initiator} rank {site['rank']} share {site['share']:.3f}"
    return f"{share:.3g},{mark},{tooltip},[{SITE_COLOUR}]"
