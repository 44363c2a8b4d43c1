"""The answer of a comparison as documented Arrow tables: a row per protein, and a row per pooled number."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from attlas.queries.comparing.agreement import Agreement
from attlas.queries.comparing.matching import MatchedTable
from attlas.queries.comparing.pooling import Estimate, Measure, pooled_measures
from attlas.queries.comparing.protein_rows import MatchedProtein
from attlas.queries.comparing.published import PublishedTable
from attlas.queries.provenance import provenance_values
from attlas.schema import Column, Manifest
from attlas.schema.parquet_file import PROVENANCE_KEY

PROTEIN_COLUMNS = (
    Column("accession", pa.string(), "", "Accession of the protein; the key of `proteins`."),
    Column("length", pa.int32(), "residues", "Number of residues."),
    Column("n_ours", pa.int32(), "sites", "High-attention sites of the atlas."),
    Column("n_theirs", pa.int32(), "sites", "Sites of the other table."),
    Column("n_both", pa.int32(), "sites", "Sites in both."),
    Column("n_expected", pa.float64(), "sites", "Sites two random sets share on average: n_ours x n_theirs / length."),
    Column("jaccard", pa.float64(), "fraction", "n_both over sites in either; null if neither has one.", True),
    Column("is_same_set", pa.bool_(), "", "The sites are the same, also where neither has one."),
    Column(
        "is_same_order",
        pa.bool_(),
        "",
        "None of them before one of more attention, to 1/100; null if no order is known.",
        True,
    ),
    Column("layer_ours", pa.int16(), "", "Layer of convergence in the atlas, 0-based.", True),
    Column("layer_theirs", pa.int32(), "", "Layer in the other table, as it stands there.", True),
    Column("is_same_layer", pa.bool_(), "", "These are equal; null where one is missing.", True),
    Column("distance", pa.float64(), "residues", "Mean from each of their sites to our nearest; null if none.", True),
    Column("n_near", pa.int32(), "sites", "Their sites with one of ours within as many residues as asked for."),
    Column("only_ours", pa.string(), "", "Sites of the atlas alone, by rank: letter and position, 1-based."),
    Column("only_theirs", pa.string(), "", "Sites of the other table alone, in its order: likewise."),
)
"""What a row by protein says."""
POOLED_COLUMNS = (
    Column("measure", pa.string(), "", "Name of the number."),
    Column("value", pa.float64(), "", "The number.", True),
    Column(
        "low",
        pa.float64(),
        "",
        "Lower end of its 95 % interval; null for counts, and of fewer than 5 proteins.",
        True,
    ),
    Column("high", pa.float64(), "", "Upper end.", True),
    Column("n", pa.int64(), "", "Proteins, distinct sequences or sites that it is of."),
    Column("says", pa.string(), "", "What it says, in a few words; see the manual."),
)
"""What a pooled row says."""
DIGITS = 4
"""Decimals of shares and means; counts are whole."""


def protein_table(
    matched: MatchedTable, agreements: Sequence[Agreement], *, near: int, metadata: dict[bytes, bytes]
) -> pa.Table:
    """Return a row per protein compared, by accession."""
    pairs = zip(matched.proteins, agreements, strict=True)
    return _table(PROTEIN_COLUMNS, (_protein_row(*pair, near=near) for pair in pairs), metadata)


def pooled_table(
    matched: MatchedTable,
    agreements: Sequence[Agreement],
    *,
    n_absent: int,
    near: int,
    metadata: dict[bytes, bytes],
) -> pa.Table:
    """Return a row per pooled number; `n_absent` computed proteins are not in the other table.

    Accessions of one sequence are one observation, unless the other table says different things of them.
    """
    sequence_ids = [protein.sequence_id for protein in matched.proteins]
    distinct = [agreement for _, agreement in dict.fromkeys(zip(sequence_ids, agreements, strict=True))]
    counts = (
        ("n_proteins", len(matched.proteins), "proteins compared"),
        ("n_sequences", len(distinct), "distinct sequences of them"),
        ("n_only_ours", n_absent, "computed here, not there"),
        ("n_only_theirs", matched.n_unknown_ids, "ids not in the atlas"),
        ("n_left_out", matched.n_left_out, "in both, not comparable"),
    )
    measures = [Measure(name, Estimate(n), n, says) for name, n, says in counts]
    measures += pooled_measures(distinct, near=near)
    return _table(POOLED_COLUMNS, map(_pooled_row, measures), metadata)


def table_metadata(manifest: Manifest, table: PublishedTable, matched: MatchedTable, near: int) -> dict[bytes, bytes]:
    """Return the metadata of the answer tables: the atlas, the other table, and how they were compared."""
    values: dict[str, Any] = {
        **provenance_values(manifest),
        "compared_with": table.name,
        "compared_with_kind": table.kind,
        "compared_with_sha256": table.sha256,
        "base": matched.numbering.first_position,
        "why_base": matched.numbering.why,
        "near": near,
    }
    return {PROVENANCE_KEY: json.dumps(values, sort_keys=True).encode()}


def _pooled_row(measure: Measure) -> tuple[object, ...]:
    estimate = measure.estimate
    numbers = (_round(number) for number in (estimate.value, estimate.low, estimate.high))
    return (measure.name, *numbers, measure.n, measure.says)


def _protein_row(protein: MatchedProtein, agreement: Agreement, *, near: int) -> tuple[object, ...]:
    """Return the values of PROTEIN_COLUMNS."""
    distances = agreement.distances()

    return (
        protein.accession,
        agreement.length,
        len(agreement.atlas_sites),
        len(agreement.table_sites),
        agreement.n_both,
        _round(agreement.n_expected),
        _round(agreement.jaccard),
        agreement.is_same_set,
        agreement.is_same_order,
        agreement.atlas_layer,
        agreement.table_layer,
        agreement.is_same_layer,
        _round(sum(distances) / len(distances)) if distances else None,
        sum(distance <= near for distance in distances),
        _sites(protein.sequence, agreement.atlas_sites, but=agreement.table_sites),
        _sites(protein.sequence, agreement.table_sites, but=agreement.atlas_sites),
    )


def _sites(sequence: str, positions: Iterable[int], *, but: Iterable[int]) -> str:
    """Return positions with their letters, without those of another set."""
    other_columns = set(but)
    return " ".join(f"{sequence[position - 1]}{position}" for position in positions if position not in other_columns)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _table(columns: Sequence[Column], rows: Iterable[Sequence[object]], metadata: dict[bytes, bytes]) -> pa.Table:
    schema = pa.schema([column.field(0) for column in columns], metadata=metadata)
    values_by_column = zip(*rows, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(values_by_column, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
