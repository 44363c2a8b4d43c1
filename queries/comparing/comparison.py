"""The sites of an atlas against a table of sites from elsewhere: rows by protein, pooled numbers, and the account."""

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from attlas.queries.atlas import Atlas
from attlas.queries.comparing import rejects
from attlas.queries.comparing.agreement import NEAR, Agreement
from attlas.queries.comparing.checking import Laid, lay
from attlas.queries.comparing.claims import Source
from attlas.queries.comparing.notes import notes
from attlas.queries.comparing.reading import read, read_layers
from attlas.queries.comparing.rejects import Rejected
from attlas.queries.comparing.tables import by_protein, over_all
from attlas.schema import SITES, InputError
from attlas.schema.errors import N_OFFENDERS_SHOWN


@dataclass(frozen=True)
class Comparison:
    """How the sites of an atlas agree with a table of sites from elsewhere."""

    proteins: pa.Table
    """A row per protein compared, by accession."""
    pooled: pa.Table
    """A row per number over them: measure, value, 95 % interval, n."""
    rejected: pa.Table
    """A row per record of the table that was not compared as it stands, with the reason."""
    base: int
    """Number of the first residue in the table, 0 or 1."""
    why_base: str
    """How that is known."""
    notes: tuple[str, ...]
    """What is to be known beside the numbers, a line each: base, checks, what was left out."""


def compare(
    atlas: Atlas, path: str | Path, *, base: int | None = None, layers: Path | None = None, near: int = NEAR
) -> Comparison:
    """Return the agreement of the sites of an atlas with those of a table, or of another atlas.

    Args:
        atlas: the atlas.
        path: CSV, TSV, JSON, GFF3 or Parquet, plain or gzip, with a row per site or a list of positions per protein;
            or the directory or URL of another atlas.
        base: number of the first residue there; None lets its letters, a 0 or the last residue tell.
        layers: a table of protein and layer of convergence, 0-based, for a source that has none in its columns.
        near: residues along the sequence within which two sites are near.

    Raises:
        InputError: the table cannot be read, nothing tells its base, or nothing in it can be compared.
        BrokenAtlasError: a directory is no atlas.
    """
    if near < 0:
        raise InputError("Sites cannot be within fewer than 0 residues.", expected="0 or more", found=str(near))
    source, apart = _with_layers(read(path), layers)
    laid = lay(source, atlas, base=base)
    if not laid.proteins:
        raise _nothing(source, laid)
    rejected = (*laid.rejected, *apart)
    agreements = _agreements(atlas, laid)
    n_unnamed, unnamed = _unnamed(atlas, laid)
    manifest = atlas.manifest
    said = notes(manifest, source, laid, agreements, rejected=rejected, unnamed=(n_unnamed, unnamed))
    return Comparison(
        proteins=by_protein(laid, agreements, near=near, manifest=manifest, source=source),
        pooled=over_all(laid, agreements, n_unnamed=n_unnamed, near=near, manifest=manifest, source=source),
        rejected=rejects.as_table(rejected),
        base=laid.numbering.base,
        why_base=laid.numbering.why,
        notes=tuple(said),
    )


def _with_layers(source: Source, path: Path | None) -> tuple[Source, list[Rejected]]:
    """Return the source with the layers of a file of their own, and what of that file cannot be used."""
    if path is None:
        return source, []
    found: dict[str, int | None] = {}
    rejected = []
    named = {row.id for row in source.rows}
    for line, id, layer in read_layers(path):
        reason = rejects.LAYER_UNREADABLE if layer is None else None if id in named else rejects.LAYER_ALONE
        if reason is None and found.setdefault(id, layer) != layer:
            reason, found[id] = rejects.LAYERS_DIFFER, None
        if reason is not None:
            rejected.append(Rejected(reason, f"in {path.name}", id, "", line))
    rows = (row._replace(layer=found.get(row.id, row.layer)) for row in source.rows)
    return replace(source, rows=tuple(rows)), rejected


def _agreements(atlas: Atlas, laid: Laid) -> list[Agreement]:
    ids = {one.sequence_id for one in laid.proteins}
    table, where = atlas.rows_of_sequences(SITES, ids, ("position", "share"))  # by rank, as they are stored
    positions, shares = (table.column(name).to_pylist() for name in ("position", "share"))
    return [
        Agreement(
            length=len(one.sequence),
            ours=tuple(positions[at] for at in where[one.sequence_id]),
            hundredths=tuple(round(shares[at] * 100) for at in where[one.sequence_id]),
            theirs=one.positions,
            layer_ours=one.layer_here,
            layer_theirs=one.layer,
            is_ordered=one.is_ordered and bool(laid.order),
        )
        for one in laid.proteins
    ]


def _unnamed(atlas: Atlas, laid: Laid) -> tuple[int, list[str]]:
    """Return how many computed proteins the source does not name, and the first ten."""
    names = ("accession", "status")
    table = atlas.protein_rows(range(atlas.manifest.counts.n_requested), names)
    rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    found = [accession for accession, status in rows if status == "ok" and accession not in laid.named]
    return len(found), found[:N_OFFENDERS_SHOWN]


def _nothing(source: Source, laid: Laid) -> InputError:
    return InputError(
        f"Nothing of {source.name} can be compared with this atlas.",
        expected="sites of proteins that the atlas computed, on the same sequences",
        found=laid.numbering.line if laid.numbering.evidence.n_positions else None,
        offenders=list(rejects.reasons(laid.rejected)),
        hint="`attlas show DIR ID` tells what one of its ids names here",
    )
