"""The sites of an atlas against a table of sites from elsewhere: rows by protein, pooled numbers, and the account."""

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from attlas.intake.rejects import Record, Remark
from attlas.queries.comparing.account import account_lines, account_table, reason_lines
from attlas.queries.comparing.agreement import NEAR, Agreement
from attlas.queries.comparing.matching import MatchedTable, match_published_sites
from attlas.queries.comparing.notes import absent_lines, source_lines, warning_lines
from attlas.queries.comparing.protein_rows import SEVERAL_LAYERS
from attlas.queries.comparing.published import PublishedTable
from attlas.queries.comparing.reading import read_layers, read_table
from attlas.queries.comparing.tables import pooled_table, protein_table, table_metadata
from attlas.queries.store import Store
from attlas.schema import SITES, InputError
from attlas.schema.errors import N_OFFENDERS_SHOWN

LAYER_OF_ABSENT = "layer of a protein that the table lacks"
LAYER_NO_NUMBER = "layer is no number"
"""Kinds of remarks on a file of layers."""


@dataclass(frozen=True)
class Comparison:
    """The agreement of the sites of an atlas with a table of sites from elsewhere."""

    proteins: pa.Table
    """A row per protein compared, by accession."""
    pooled: pa.Table
    """A row per number over them: measure, value, 95 % interval, n."""
    rejected: pa.Table
    """A row for each record of the table that was not compared as it is, with the reason."""
    base: int
    """Number of the first residue in the table, 0 or 1."""
    why_base: str
    """How that is known."""
    notes: tuple[str, ...]
    """What is to be known beside the numbers, a line each: base, checks, what was left out."""


def compare(
    atlas: Store, path: str | Path, *, base: int | None = None, layers: Path | None = None, near: int = NEAR
) -> Comparison:
    """Return the agreement of the sites of an atlas with those of a table, or of another atlas.

    Args:
        atlas: the atlas.
        path: CSV, TSV, JSON, GFF3 or Parquet, plain or compressed, with a row per site or a list of positions per
            protein; `-` for standard input; or the directory or URL of another atlas.
        base: number of the first residue in the table; None lets its letters, a 0 or the last residue tell.
        layers: a table of protein and layer of convergence, 0-based, for a table that has none in its columns.
        near: residues along the sequence within which two sites are near.

    Raises:
        InputError: the table cannot be read, nothing tells its base, or nothing in it can be compared.
        BrokenAtlasError: a directory is no atlas.
    """
    if near < 0:
        raise InputError("Sites cannot be within fewer than 0 residues.", expected="0 or more", found=str(near))

    table, layer_remarks = _with_layers(read_table(path), layers)
    matched = match_published_sites(table, atlas, first_position=base)
    if not matched.proteins:
        raise _nothing_to_compare(table, matched)

    # What fits no protein of the atlas is in the account, not in the numbers.
    agreements = _agreements(atlas, matched)
    n_absent, absent = _absent_proteins(atlas, matched)
    remarks = (*matched.remarks, *layer_remarks)
    notes = (
        *source_lines(atlas.manifest, table, matched),
        *warning_lines(atlas.manifest, table, matched, agreements),
        *account_lines(matched.rejected, remarks),
        *absent_lines(n_absent, absent),
    )
    metadata = table_metadata(atlas.manifest, table, matched, near)
    return Comparison(
        proteins=protein_table(matched, agreements, near=near, metadata=metadata),
        pooled=pooled_table(matched, agreements, n_absent=n_absent, near=near, metadata=metadata),
        rejected=account_table([*matched.rejected, *remarks]),
        base=matched.numbering.first_position,
        why_base=matched.numbering.why,
        notes=notes,
    )


def _with_layers(table: PublishedTable, path: Path | None) -> tuple[PublishedTable, list[Remark]]:
    """Return the table with the layers of a file of their own, and remarks on what of that file is not used."""
    if path is None:
        return table, []

    layers: dict[str, int | None] = {}
    remarks = []
    ids = {row.id for row in table.rows}
    # Two layers of one protein contradict each other: it is left without.
    for line, id, layer in read_layers(path):
        kind = None
        if layer is None:
            kind = LAYER_NO_NUMBER
        elif id not in ids:
            kind = LAYER_OF_ABSENT
        elif layers.setdefault(id, layer) != layer:
            kind = SEVERAL_LAYERS
            layers[id] = None

        if kind is not None:
            remarks.append(Remark(kind, Record(id, line=line), f"in {path.name}"))

    rows = (replace(row, layer=layers.get(row.id, row.layer)) for row in table.rows)
    return replace(table, rows=tuple(rows)), remarks


def _agreements(atlas: Store, matched: MatchedTable) -> list[Agreement]:
    """Return the agreement on each matched protein."""
    sequence_ids = {protein.sequence_id for protein in matched.proteins}
    sites, rows_of = atlas.rows_of_sequences(SITES, sequence_ids, ("position", "share"))  # by rank, as stored
    positions, shares = (sites.column(name).to_pylist() for name in ("position", "share"))

    return [
        Agreement(
            length=len(protein.sequence),
            atlas_sites=tuple(positions[row] for row in rows_of[protein.sequence_id]),
            hundredths=tuple(round(shares[row] * 100) for row in rows_of[protein.sequence_id]),
            table_sites=protein.positions,
            atlas_layer=protein.layer_in_atlas,
            table_layer=protein.layer,
            is_ordered=protein.is_ordered and bool(matched.order),
        )
        for protein in matched.proteins
    ]


def _absent_proteins(atlas: Store, matched: MatchedTable) -> tuple[int, list[str]]:
    """Return the number of computed proteins that the table does not name, and the accessions of the first ten."""
    columns = ("accession", "status")
    table = atlas.protein_rows(range(atlas.manifest.counts.n_requested), columns)
    rows = zip(*(table.column(name).to_pylist() for name in columns), strict=True)
    absent = [accession for accession, status in rows if status == "ok" and accession not in matched.accessions]
    return len(absent), absent[:N_OFFENDERS_SHOWN]


def _nothing_to_compare(table: PublishedTable, matched: MatchedTable) -> InputError:
    return InputError(
        f"Nothing of {table.name} can be compared with this atlas.",
        expected="sites of proteins that the atlas computed, on the same sequences",
        found=matched.numbering.line if matched.numbering.evidence.n_positions else None,
        offenders=list(reason_lines(matched.rejected)),
        hint="`attlas show DIR ID` tells what one of its ids names in the atlas",
    )
