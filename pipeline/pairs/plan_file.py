"""The plan of a pass over pairs, on the disk: a row group for each shard, with the sequences of its pairs.

Its name has a digest of the pairs and of the shards, so that a worker reads what its task was planned with.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.pipeline.pairs.planning import PairOfSequences, PlannedPair
from attlas.pipeline.plan import Shard
from attlas.schema import AtlasPaths, BrokenAtlasError
from attlas.schema.json_file import digest
from attlas.schema.publish import publishing

_SHARDS_KEY = b"attlas.pair_shards"
_SCHEMA = pa.schema(
    [
        ("pair_id", pa.int32()),
        ("accession", pa.string()),
        ("partner", pa.string()),
        ("sequence_id", pa.int32()),
        ("partner_sequence_id", pa.int32()),
        ("sequence", pa.string()),
        ("partner_sequence", pa.string()),
    ]
)


def digest_pairs(pairs: Sequence[PairOfSequences], shards: Sequence[Shard]) -> str:
    """Return the digest of a plan of pairs: their names, their sequences and the shards."""
    lines = hashlib.sha256()
    digest_sequence = cache(lambda sequence: hashlib.sha256(sequence.encode()).hexdigest())  # each may be in many pairs
    for pair in pairs:
        names = (pair.pair.accession, pair.pair.partner, *map(digest_sequence, pair.sequences))
        lines.update(("\t".join(names) + "\n").encode())

    # Predicted memory is not part of it, so that a better bound leaves finished shards as they are.
    return digest([lines.hexdigest(), [[shard.first_sequence_id, shard.end_sequence_id] for shard in shards]])


def find_plan_file(paths: AtlasPaths, plan_digest: str) -> Path:
    """Return the path of a plan of pairs."""
    return paths.planned_proteins.parent / f"pairs-{plan_digest}.parquet"


def write_plan_file(path: Path, pairs: Sequence[PairOfSequences], shards: Sequence[Shard]) -> None:
    """Publish a plan of pairs."""
    schema = _SCHEMA.with_metadata({_SHARDS_KEY: json.dumps([asdict(shard) for shard in shards]).encode()})
    options = {"compression": "zstd", "write_page_checksum": True}
    with publishing(path) as beside, pq.ParquetWriter(beside, schema, **options) as writer:
        for shard in shards:
            rows = [_list_values(pair) for pair in pairs[shard.first_sequence_id : shard.end_sequence_id]]
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=len(rows))


def read_pair_shards(path: Path) -> list[Shard]:
    """Return the shards of a plan of pairs, whose `sequence_id` is that of the pairs, `pair_id`.

    Raises:
        BrokenAtlasError: it is missing or cannot be read.
    """
    try:
        values = json.loads((pq.read_schema(path).metadata or {})[_SHARDS_KEY])
        return [Shard(**shard) for shard in values]
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise _broken_error(path, error) from error


def read_shard_pairs(path: Path, index: int) -> list[PairOfSequences]:
    """Return the pairs of shard `index` (from 1). Raises BrokenAtlasError as `read_pair_shards`."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            rows = file.read_row_group(index - 1, use_threads=False).to_pylist()
    except (OSError, pa.ArrowException, ValueError, IndexError) as error:
        raise _broken_error(path, error) from error
    return [_read_pair(row) for row in rows]


def remove_other_plans(path: Path) -> None:
    """Remove plans of pairs of earlier passes."""
    for other in path.parent.glob("pairs-*.parquet"):
        if other != path:
            other.unlink(missing_ok=True)


def _list_values(pair: PairOfSequences) -> tuple[object, ...]:
    planned = pair.pair
    ids = (planned.sequence_id, planned.partner_sequence_id)
    return (planned.pair_id, planned.accession, planned.partner, *ids, *pair.sequences)


def _read_pair(row: dict[str, object]) -> PairOfSequences:
    sequences = str(row["sequence"]), str(row["partner_sequence"])

    # A plan has no labels, scores and lines of the source: what computes pairs does not need them.
    pair = PlannedPair(
        pair_id=row["pair_id"],  # type: ignore[arg-type]  # of the types of _SCHEMA
        accession=str(row["accession"]),
        partner=str(row["partner"]),
        sequence_id=row["sequence_id"],  # type: ignore[arg-type]
        partner_sequence_id=row["partner_sequence_id"],  # type: ignore[arg-type]
        n_residues=len(sequences[0]) + len(sequences[1]),
        label=None,
        score=None,
        reason=None,
        source="",
        line=0,
    )

    return PairOfSequences(pair, sequences)


def _broken_error(path: Path, error: Exception) -> BrokenAtlasError:
    return BrokenAtlasError(
        f"{path} cannot be read.", found=f"{error!r}"[:300], hint="run the same `attlas pairs` again: it plans anew"
    )
