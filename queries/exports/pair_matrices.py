"""Matrices of pairs, for training a model on them: the vectors of one protein above those of the other.

An analogue of the input of ESM2_AMP: of each pair the ten segments of the protein named first, then those of the
other, 20 rows as wide as the model; with `has_ends` the vector `cls` stands above and `eos` below the segments of each,
24 rows.

Axis letters: `W` width of the model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries.exports.numpy_file import write_floats, write_texts
from attlas.queries.output_file import open_output
from attlas.queries.store import Store
from attlas.schema import VECTORS, QuestionError

SUFFIXES = (".npz", ".parquet")
"""Endings of the files: the arrays of NumPy, or a table."""

SEGMENTS = tuple(f"segment{number}" for number in range(10))
WITH_ENDS = ("cls", *SEGMENTS, "eos")

PAIRS_AT_ONCE = 256
"""Pairs whose vectors are in memory at once."""

_VECTORS = """
    SELECT accession, list_position($kinds::VARCHAR[], kind) AS place, vector
    FROM vectors
    WHERE accession IN (SELECT unnest($accessions::VARCHAR[]))
          AND layer = $layer AND list_contains($kinds::VARCHAR[], kind)
    ORDER BY accession, place
"""
_LAYERS = """
    SELECT layer FROM vectors WHERE list_contains($kinds::VARCHAR[], kind)
    GROUP BY layer HAVING count(DISTINCT kind) = $n
"""
_WIDTH = "SELECT len(vector) AS width FROM vectors LIMIT 1"
_COMPLETE = """
    SELECT accession FROM vectors WHERE layer = $layer AND list_contains($kinds::VARCHAR[], kind)
    GROUP BY accession HAVING count(*) = $n
"""


@dataclass(frozen=True)
class NamedPair:
    """A pair as a user names it."""

    accession: str
    """Id of the protein whose vectors stand above."""
    partner: str
    """Id of the protein whose vectors stand below."""
    label: str | None = None


@dataclass(frozen=True)
class WrittenMatrices:
    """The matrices that a file holds."""

    n_pairs: int
    n_rows: int
    """Rows of a matrix."""
    width: int
    layer: int
    left_out: tuple[str, ...]
    """Lines and pairs that are not in the file, with why."""


def write_pair_matrices(
    store: Store,
    pairs: Sequence[NamedPair],
    output: Path,
    *,
    layer: int | None = None,
    has_ends: bool = False,
    unread: Sequence[str] = (),
) -> WrittenMatrices:
    """Write the matrix of each pair in the order of the pairs: an array of NumPy, or a table of Parquet.

    A `.npz` file has `matrices` (pairs, rows, W) float32, `accession`, `partner`, `label` and, for the rows of every
    matrix, `row`; a `.parquet` file has a row for each pair, whose column `matrix` is a list of rows.

    Args:
        store: the atlas.
        pairs: the pairs; one whose protein is unknown or has no vectors is left out, and named in the result.
        output: the file, which ends with one of SUFFIXES.
        layer: layer of the vectors, from 0; None takes the last that has them all.
        has_ends: whether `cls` and `eos` are rows, too.
        unread: lines that name no pair, with why; they stand before the pairs that are left out.

    Raises:
        QuestionError: the file has another ending; the atlas has no such vectors; or no pair has a matrix.
    """
    if output.suffix not in SUFFIXES:
        raise QuestionError(
            "Matrices of pairs are written as arrays of NumPy or as Parquet.",
            expected=f"a file that ends with {' or '.join(SUFFIXES)}",
            found=output.name,
        )

    kinds = WITH_ENDS if has_ends else SEGMENTS
    chosen_layer = _find_layer(store, kinds, layer)
    known_pairs, without_matrix = _find_pairs(store, pairs, kinds, chosen_layer)
    left_out = (*unread, *without_matrix)
    if not known_pairs:
        raise QuestionError("No pair has a matrix.", offenders=left_out)

    (row,) = store.sql(_WIDTH).to_pylist()
    matrices = _read_matrices(store, known_pairs, kinds, chosen_layer)
    written = WrittenMatrices(len(known_pairs), 2 * len(kinds), row["width"], chosen_layer, left_out)
    with open_output(output) as file:
        if output.suffix == ".npz":
            _write_arrays(file, known_pairs, matrices, kinds, written)
        else:
            _write_table(file, known_pairs, matrices, kinds, written)
    return written


def _find_layer(store: Store, kinds: Sequence[str], layer: int | None) -> int:
    """Return the layer asked for, or the last that has vectors of every kind. Raises QuestionError."""
    layers = store.sql(_LAYERS, {"kinds": list(kinds), "n": len(kinds)})["layer"].to_pylist()
    if not layers or (layer is not None and layer not in layers):
        needed = "cls,eos,segments" if "cls" in kinds else "segments"
        raise QuestionError(
            "The atlas lacks vectors that the matrices are made of.",
            expected=", ".join(kinds),
            found=f"layers that have them all: {', '.join(map(str, sorted(layers))) or 'none'}",
            hint=f"`{VECTORS.added_by} --vectors {needed}` adds them",
        )
    return max(layers) if layer is None else layer


def _find_pairs(
    store: Store, pairs: Sequence[NamedPair], kinds: Sequence[str], layer: int
) -> tuple[list[NamedPair], list[str]]:
    """Return the pairs whose proteins have all vectors, by accession, and the others with why they are left out."""
    ids = list(dict.fromkeys(id for pair in pairs for id in (pair.accession, pair.partner)))
    values = {"layer": layer, "kinds": list(kinds), "n": len(kinds)}
    with_vectors = set(store.sql(_COMPLETE, values)["accession"].to_pylist())

    accessions, reasons = dict[str, str](), dict[str, str]()
    for id, match in zip(ids, store.matches(ids), strict=True):
        names = store.protein_rows(match.rows, ["accession"])["accession"].to_pylist() if match.rows else []
        if len(names) != 1:
            reasons[id] = f"{id} names {len(names)} proteins of the atlas" if names else f"{id} is not in the atlas"
        elif names[0] not in with_vectors:
            reasons[id] = f"{id} has no vectors"
        else:
            accessions[id] = names[0]

    known_pairs, left_out = [], []
    for pair in pairs:
        if faults := [reasons[id] for id in dict.fromkeys((pair.accession, pair.partner)) if id in reasons]:
            left_out.append(f"{pair.accession} and {pair.partner}: {'; '.join(faults)}")
        else:
            known_pairs.append(NamedPair(accessions[pair.accession], accessions[pair.partner], pair.label))
    return known_pairs, left_out


def _read_matrices(store: Store, pairs: Sequence[NamedPair], kinds: Sequence[str], layer: int) -> Iterator[bytes]:
    """Yield the matrix of each pair, its float32 numbers row by row as bytes."""
    for some_pairs in _cut_batches(pairs):
        accessions = sorted({name for pair in some_pairs for name in (pair.accession, pair.partner)})
        values = {"accessions": accessions, "kinds": list(kinds), "layer": layer}
        rows = _split_by_protein(store.sql(_VECTORS, values), accessions)
        yield from (rows[pair.accession] + rows[pair.partner] for pair in some_pairs)


def _split_by_protein(vectors: pa.Table, accessions: Sequence[str]) -> Mapping[str, bytes]:
    """Return the vectors of each protein, one after the other, as bytes; each has equally many rows."""
    numbers = vectors["vector"].combine_chunks().flatten()
    n_numbers = len(numbers) // len(accessions)
    values = memoryview(numbers.buffers()[1])[4 * numbers.offset :]
    size = 4 * n_numbers
    return {name: bytes(values[place * size : (place + 1) * size]) for place, name in enumerate(accessions)}


def _cut_batches(pairs: Sequence[NamedPair]) -> Iterator[Sequence[NamedPair]]:
    """Yield the pairs, PAIRS_AT_ONCE at a time."""
    return (pairs[begin : begin + PAIRS_AT_ONCE] for begin in range(0, len(pairs), PAIRS_AT_ONCE))


def _list_row_names(kinds: Sequence[str]) -> list[str]:
    """Return the name of each row of a matrix."""
    return [f"{protein} {kind}" for protein in ("accession", "partner") for kind in kinds]


def _write_arrays(
    file: BinaryIO,
    pairs: Sequence[NamedPair],
    matrices: Iterator[bytes],
    kinds: Sequence[str],
    written: WrittenMatrices,
) -> None:
    """Write the arrays of NumPy."""
    with ZipFile(file, "w") as archive:
        write_floats(archive, "matrices", (written.n_pairs, written.n_rows, written.width), matrices)
        write_texts(archive, "accession", [pair.accession for pair in pairs])
        write_texts(archive, "partner", [pair.partner for pair in pairs])
        write_texts(archive, "label", [pair.label or "" for pair in pairs])
        write_texts(archive, "row", _list_row_names(kinds))


def _write_table(
    file: BinaryIO,
    pairs: Sequence[NamedPair],
    matrices: Iterator[bytes],
    kinds: Sequence[str],
    written: WrittenMatrices,
) -> None:
    """Write a table of Parquet, some pairs at a time."""
    names = ("accession", "partner", "label")
    schema = pa.schema(
        [*((name, pa.string()) for name in names), ("matrix", pa.list_(pa.list_(pa.float32())))],
        metadata={"row": "\n".join(_list_row_names(kinds)), "layer": str(written.layer)},
    )

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for some_pairs in _cut_batches(pairs):
            texts = [pa.array([getattr(pair, name) for pair in some_pairs], pa.string()) for name in names]
            data = b"".join(next(matrices) for _ in some_pairs)
            writer.write_table(pa.Table.from_arrays([*texts, _list_matrices(data, written)], schema=schema))


def _list_matrices(data: bytes, written: WrittenMatrices) -> pa.ListArray:
    """Return matrices, the float32 numbers of one after the other, as a column of lists of rows."""
    numbers = pa.Array.from_buffers(pa.float32(), len(data) // 4, [None, pa.py_buffer(data)])
    row_ends = pa.array(range(0, len(numbers) + 1, written.width), pa.int32())
    rows = pa.ListArray.from_arrays(row_ends, numbers)

    matrix_ends = pa.array(range(0, len(rows) + 1, written.n_rows), pa.int32())
    return pa.ListArray.from_arrays(matrix_ends, rows)
