"""Which residues carry which label: features of the atlas and amino acids, as masks along each sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attlas.pipeline.passes import computed_sequences
from attlas.pipeline.plan import Shard
from attlas.schema import FEATURES, AtlasPaths, Manifest
from attlas.schema.labels import AMINO_ACID, EVERY_RESIDUE, PAIRED_TYPES


@dataclass(frozen=True)
class Labelled:
    """A label on a protein."""

    accession: str
    label: str
    where: NDArray[np.bool_]
    """The residues that carry it, shape (N,); at least one."""


@dataclass(frozen=True)
class LabelledSequence:
    """A distinct sequence with the labels of every protein that has it."""

    sequence_id: int
    sequence: str
    labels: tuple[Labelled, ...]

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Return the labels as one array, (F, N)."""
        return np.stack([labelled.where for labelled in self.labels])


def labelled_sequences(
    paths: AtlasPaths, manifest: Manifest, shard: Shard, *, types: Sequence[str] | None, is_by_letter: bool
) -> list[LabelledSequence]:
    """Return the computed sequences of a shard with their labels, in order of `sequence_id`.

    `types` are the types of features to take, None for all; `is_by_letter` adds the amino acids.
    """
    features = _features(paths, manifest, shard, types)
    proteins: dict[int, list[tuple[str, str]]] = {}
    for sequence_id, accession, sequence in _proteins(paths, shard):
        proteins.setdefault(sequence_id, []).append((accession, sequence))
    computed = computed_sequences(paths, shard)
    return [
        LabelledSequence(
            sequence_id,
            some[0][1],
            tuple(
                labelled
                for accession, sequence in some
                for labelled in labels_of(accession, sequence, features.get(accession, []), is_by_letter=is_by_letter)
            ),
        )
        for sequence_id, some in sorted(proteins.items())
        if sequence_id in computed
    ]


def labels_of(
    accession: str, sequence: str, features: Sequence[tuple[str, int, int]], *, is_by_letter: bool
) -> Iterator[Labelled]:
    """Yield every label of a protein: all residues, its letters, its features (type, begin, end; from 1, inclusive)."""
    yield Labelled(accession, EVERY_RESIDUE, np.ones(len(sequence), bool))
    if is_by_letter:
        letters = np.frombuffer(sequence.encode(), np.uint8)
        for letter in sorted(set(sequence)):
            yield Labelled(accession, AMINO_ACID + letter, letters == ord(letter))
    by_type: dict[str, NDArray[np.bool_]] = {}
    for type_, begin, end in features:
        where = by_type.setdefault(type_, np.zeros(len(sequence), bool))
        # A bond or a cross-link joins its two ends; what lies between them is no part of it.
        where[[begin - 1, end - 1] if type_ in PAIRED_TYPES else slice(begin - 1, end)] = True
    for type_, where in sorted(by_type.items()):
        yield Labelled(accession, type_, where)


def _features(
    paths: AtlasPaths, manifest: Manifest, shard: Shard, types: Sequence[str] | None
) -> dict[str, list[tuple[str, int, int]]]:
    within = _within(shard)
    if types is not None:
        within &= pc.field("type").isin(list(types))
    found: dict[str, list[tuple[str, int, int]]] = {}
    for file in manifest.of_table(FEATURES):
        rows = pq.read_table(
            paths.root / file.path, columns=["accession", "type", "begin", "end"], filters=within
        ).to_pydict()
        for accession, *feature in zip(rows["accession"], rows["type"], rows["begin"], rows["end"], strict=True):
            found.setdefault(accession, []).append((feature[0], feature[1], feature[2]))
    return found


def _proteins(paths: AtlasPaths, shard: Shard) -> list[tuple[int, str, str]]:
    columns = ["sequence_id", "accession", "sequence"]
    rows = pq.read_table(paths.planned_proteins, columns=columns, filters=_within(shard)).to_pydict()
    return list(zip(*(rows[name] for name in columns), strict=True))


def _within(shard: Shard) -> pc.Expression:
    return (pc.field("sequence_id") >= shard.first_sequence_id) & (pc.field("sequence_id") < shard.end_sequence_id)
