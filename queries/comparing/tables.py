"""What a comparison answers as documented Arrow tables: a row per protein, and a row per pooled number."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from attlas.queries.comparing.agreement import Agreement
from attlas.queries.comparing.checking import Laid, Theirs
from attlas.queries.comparing.claims import Source
from attlas.queries.comparing.pooling import Estimate, Measure, pooled_measures
from attlas.queries.provenance import provenance_values
from attlas.schema import Column, Manifest
from attlas.schema.manifest import PROVENANCE_KEY

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


def by_protein(
    laid: Laid, agreements: Sequence[Agreement], *, near: int, manifest: Manifest, source: Source
) -> pa.Table:
    """Return a row per protein compared, by accession."""
    rows = (_protein_row(one, agreed, near) for one, agreed in zip(laid.proteins, agreements, strict=True))
    return _table(PROTEIN_COLUMNS, rows, _metadata(manifest, source, laid, near))


def over_all(
    laid: Laid, agreements: Sequence[Agreement], *, n_unnamed: int, near: int, manifest: Manifest, source: Source
) -> pa.Table:
    """Return a row per pooled number; `n_unnamed` computed proteins are not in the other table.

    Accessions of one sequence are one observation, unless the other table says different things of them.
    """
    keys = ((one.sequence_id, agreed) for one, agreed in zip(laid.proteins, agreements, strict=True))
    distinct = [agreed for _, agreed in dict.fromkeys(keys)]
    counts = (
        ("n_proteins", len(laid.proteins), "proteins compared"),
        ("n_sequences", len(distinct), "distinct sequences of them"),
        ("n_only_ours", n_unnamed, "computed here, not there"),
        ("n_only_theirs", laid.n_unknown, "ids not in the atlas"),
        ("n_left_out", laid.n_left_out, "in both, not comparable"),
    )
    measures = [Measure(name, Estimate(n), n, says) for name, n, says in counts]
    measures += pooled_measures(distinct, near=near)
    return _table(POOLED_COLUMNS, map(_pooled_row, measures), _metadata(manifest, source, laid, near))


def _pooled_row(measure: Measure) -> tuple[object, ...]:
    estimate = measure.estimate
    numbers = (_round(number) for number in (estimate.value, estimate.low, estimate.high))
    return (measure.name, *numbers, measure.n, measure.says)


def _protein_row(one: Theirs, agreed: Agreement, near: int) -> tuple[object, ...]:
    distances = agreed.distances()
    return (
        one.accession,
        agreed.length,
        len(agreed.ours),
        len(agreed.theirs),
        agreed.n_both,
        _round(agreed.n_expected),
        _round(agreed.jaccard),
        agreed.is_same_set,
        agreed.is_same_order,
        agreed.layer_ours,
        agreed.layer_theirs,
        agreed.is_same_layer,
        _round(sum(distances) / len(distances)) if distances else None,
        sum(distance <= near for distance in distances),
        _sites(one, agreed.ours, but=agreed.theirs),
        _sites(one, agreed.theirs, but=agreed.ours),
    )


def _sites(one: Theirs, positions: Iterable[int], *, but: Iterable[int]) -> str:
    others = set(but)
    return " ".join(f"{one.sequence[at - 1]}{at}" for at in positions if at not in others)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _table(columns: Sequence[Column], rows: Iterable[Sequence[object]], metadata: dict[bytes, bytes]) -> pa.Table:
    schema = pa.schema([column.field(0) for column in columns], metadata=metadata)
    values: Iterator[tuple[object, ...]] = zip(*rows, strict=True)
    return pa.Table.from_arrays([pa.array(v, f.type) for v, f in zip(values, schema, strict=True)], schema=schema)


def _metadata(manifest: Manifest, source: Source, laid: Laid, near: int) -> dict[bytes, bytes]:
    said: dict[str, Any] = dict(provenance_values(manifest))
    said |= {"compared_with": source.name, "compared_with_kind": source.kind, "compared_with_sha256": source.sha256}
    said |= {"base": laid.numbering.base, "why_base": laid.numbering.why, "near": near}
    return {PROVENANCE_KEY: json.dumps(said, sort_keys=True).encode()}
