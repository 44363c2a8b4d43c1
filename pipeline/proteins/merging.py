"""Records in order of accession → proteins, unique by accession, with checksums; a digest over all of them."""

import hashlib
from collections.abc import Callable, Iterator
from heapq import nsmallest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attlas.pipeline.proteins.checksums import compute_crc64
from attlas.pipeline.proteins.records import MOST_LISTED, RECORDS
from attlas.schema import InputError
from attlas.schema.json_file import digest

PLANNED = pa.schema(
    [
        *(field for field in RECORDS if field.name not in ("line", "reason")),
        ("length", pa.int32()),
        ("crc64", pa.uint64()),
        ("n_records", pa.int32()),
        ("line", pa.int64()),
        ("reason", pa.string()),
    ]
)
"""A protein of the input, unique by accession: its records all have this sequence; `line` is that of the first."""

_NOT_IN_DIGEST = {"line", "reason", "md5", "crc64", "length", "n_nonstandard"}
"""Columns that say nothing of the proteins: the order of the records does not matter, and the others follow from the
sequence and the run."""

ReasonToSkip = Callable[[str], str | None]
"""Returns the reason for which the model cannot read a sequence, None where it can."""

DescribeLine = Callable[[int], str]
"""Returns a line of the input in words."""


class Merger:
    """Merges the records of each accession, as they come in order of accession."""

    def __init__(self, *, name: str, describe_line: DescribeLine, reason_to_skip: ReasonToSkip | None) -> None:
        self._name = name
        self._describe_line = describe_line
        self._reason_to_skip = reason_to_skip
        self._conflicts: list[tuple[int, str]] = []
        """Line of a record with another sequence, and the conflict in words: the first of the input."""
        self._n_conflicts = 0

    def merge(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Yield the proteins, with the columns of PLANNED, in order of accession.

        Args:
            tables: records sorted by accession, those of one accession in one table and in the order of the input.

        Raises:
            InputError: after the last table, if an accession stands for two different sequences.
        """
        for records in tables:
            yield self._add_columns(*self._merge_repeats(records))
        self._refuse_conflicts()

    def _merge_repeats(self, records: pa.Table) -> tuple[pa.Table, NDArray[np.int32]]:
        """Return the first record of each accession, and how many it has."""
        accessions = records["accession"].combine_chunks()
        is_repeat = np.zeros(len(accessions), bool)
        is_repeat[1:] = pc.equal(accessions.slice(1), accessions.slice(0, len(accessions) - 1)).to_numpy(
            zero_copy_only=False
        )
        places = np.flatnonzero(~is_repeat)  # of the first record of each accession
        if not is_repeat.any():
            return records, np.ones(len(accessions), np.int32)

        first_places = places[np.cumsum(~is_repeat) - 1]
        for place in np.flatnonzero(is_repeat).tolist():
            self._compare(records, int(first_places[place]), place)
        return records.take(places), np.diff([*places, len(accessions)]).astype(np.int32)

    def _compare(self, records: pa.Table, earlier: int, later: int) -> None:
        """Note a conflict if two records of an accession have different sequences."""
        if records["sequence"][earlier] == records["sequence"][later]:
            return

        accession = records["accession"][later].as_py()
        lines = [records["line"][place].as_py() for place in (earlier, later)]
        lengths = [len(records["sequence"][place].as_py()) for place in (earlier, later)]
        names = [self._describe_line(line) for line in lines]
        if all(name == f"line {line:,}" for name, line in zip(names, lines, strict=True)):
            places = f"lines {lines[0]:,} and {lines[1]:,}"
        else:
            places = " and ".join(names)

        text = f"{accession}: {places} ({lengths[0]:,} and {lengths[1]:,} residues)"
        self._conflicts.append((lines[1], text))
        self._n_conflicts += 1
        if len(self._conflicts) >= 2 * MOST_LISTED:
            self._conflicts = nsmallest(MOST_LISTED, self._conflicts)

    def _add_columns(self, records: pa.Table, n_records: NDArray[np.int32]) -> pa.Table:
        sequences = records["sequence"].combine_chunks()
        columns = {name: records[name] for name in RECORDS.names}
        columns["length"] = pc.utf8_length(sequences)
        columns["crc64"] = pa.array(compute_crc64(sequences))
        columns["n_records"] = pa.array(n_records)
        if self._reason_to_skip is not None:
            columns["reason"] = pa.array(self._list_reasons(sequences, records["reason"]), pa.string())
        return pa.table([columns[name] for name in PLANNED.names], schema=PLANNED)

    def _list_reasons(self, sequences: pa.StringArray, reasons: pa.ChunkedArray) -> list[str | None]:
        """Return the reason of each protein: that of its record, else that of the model."""
        assert self._reason_to_skip is not None
        return [
            reason if reason is not None else self._reason_to_skip(sequence)
            for sequence, reason in zip(sequences.to_pylist(), reasons.to_pylist(), strict=True)
        ]

    def _refuse_conflicts(self) -> None:
        if self._conflicts:
            raise InputError(
                "An accession stands for two different sequences.",
                expected="one sequence per accession: it is the key of every table",
                found=f"{self._name} repeats these with another sequence",
                offenders=[text for _, text in nsmallest(MOST_LISTED, self._conflicts)],
                n_offenders=self._n_conflicts,
                hint="rename or remove one of each; repeats with the same sequence are merged",
            )


class ProteinsDigest:
    """The digest over accession, header and sequence of every protein, added in order of accession.

    Every column has two digests, over its values end to end and over their lengths, so that it does not matter how the
    proteins are cut into tables.
    """

    def __init__(self) -> None:
        names = [name for name in PLANNED.names if name not in _NOT_IN_DIGEST]
        self._digests = {name: (hashlib.sha256(), hashlib.sha256()) for name in names}

    def add(self, proteins: pa.Table) -> None:
        """Add proteins with the columns of PLANNED."""
        for name, (values, lengths) in self._digests.items():
            column = proteins[name].combine_chunks()
            if pa.types.is_string(column.type):
                lengths.update(pc.binary_length(column).fill_null(-1).to_numpy())
                _, offsets, data = column.buffers()
                if data is not None:
                    begin, end = np.frombuffer(offsets, np.int32)[[column.offset, column.offset + len(column)]]
                    values.update(memoryview(data)[begin:end])
            else:
                values.update(column.fill_null(-1).to_numpy())

    def __str__(self) -> str:
        """Return the digest, 16 hexadecimal digits."""
        pairs = {name: [values.hexdigest(), lengths.hexdigest()] for name, (values, lengths) in self._digests.items()}
        return digest(pairs)
