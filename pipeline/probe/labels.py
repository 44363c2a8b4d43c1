"""The labels of residues: features of the atlas and amino acids, as masks along each sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attlas.pipeline.plan import Shard
from attlas.pipeline.planned_sequences import read_sequences
from attlas.schema import FEATURES, AtlasPaths, Manifest
from attlas.schema.labels import AMINO_ACID, EVERY_RESIDUE, PAIRED_TYPES


@dataclass(frozen=True)
class Label:
    """A label on a protein."""

    accession: str
    name: str
    """Type of feature, `aa:` and a letter, or `residue`."""
    mask: NDArray[np.bool_]
    """The residues that carry it, shape (N,); at least one."""


@dataclass(frozen=True)
class LabelledSequence:
    """A distinct sequence with the labels of every protein that has it."""

    sequence_id: int
    sequence: str
    labels: tuple[Label, ...]

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Return the labels as one array, (F, N)."""
        return np.stack([label.mask for label in self.labels])


def read_labelled_sequences(
    paths: AtlasPaths, manifest: Manifest, shard: Shard, *, types: Sequence[str] | None, is_by_letter: bool
) -> list[LabelledSequence]:
    """Return the computed sequences of a shard with their labels, in order of `sequence_id`.

    Args:
        paths: the atlas.
        manifest: its manifest, which names the files of features.
        shard: the shard.
        types: types of features that are labels; None takes all.
        is_by_letter: whether amino acids are labels, too.
    """
    from attlas.pipeline.pass_task import read_computed_sequences  # with torch, which `fit --dry-run` goes without

    features = _read_features(paths, manifest, shard, types)
    accessions = _read_accessions(paths, shard)
    sequences = read_computed_sequences(paths, shard)

    return [
        LabelledSequence(
            sequence_id,
            sequence,
            tuple(
                label
                for accession in accessions[sequence_id]
                for label in label_protein(accession, sequence, features.get(accession, []), is_by_letter=is_by_letter)
            ),
        )
        for sequence_id, sequence in sequences.items()
    ]


def label_protein(
    accession: str, sequence: str, features: Sequence[tuple[str, int, int]], *, is_by_letter: bool
) -> Iterator[Label]:
    """Yield every label of a protein: all residues, its letters, its features (type, begin, end; from 1, inclusive)."""
    yield Label(accession, EVERY_RESIDUE, np.ones(len(sequence), bool))
    if is_by_letter:
        letters = np.frombuffer(sequence.encode(), np.uint8)
        for letter in sorted(set(sequence)):
            yield Label(accession, AMINO_ACID + letter, letters == ord(letter))

    masks: dict[str, NDArray[np.bool_]] = {}
    for feature_type, begin, end in features:
        mask = masks.setdefault(feature_type, np.zeros(len(sequence), bool))
        # A bond or a cross-link joins its two ends; the residues between them are no part of it.
        mask[[begin - 1, end - 1] if feature_type in PAIRED_TYPES else slice(begin - 1, end)] = True

    for feature_type, mask in sorted(masks.items()):
        yield Label(accession, feature_type, mask)


def _read_features(
    paths: AtlasPaths, manifest: Manifest, shard: Shard, types: Sequence[str] | None
) -> dict[str, list[tuple[str, int, int]]]:
    """Return type, begin and end of each feature of a shard, by accession."""
    selection = _is_of(shard)
    if types is not None:
        selection &= pc.field("type").isin(list(types))

    features: dict[str, list[tuple[str, int, int]]] = {}
    columns = ["accession", "type", "begin", "end"]
    for file in manifest.of_table(FEATURES):
        rows = pq.read_table(paths.root / file.path, columns=columns, filters=selection).to_pydict()
        for accession, feature_type, begin, end in zip(*(rows[name] for name in columns), strict=True):
            features.setdefault(accession, []).append((feature_type, begin, end))
    return features


def _read_accessions(paths: AtlasPaths, shard: Shard) -> dict[int, list[str]]:
    """Return the accessions of each sequence of a shard, by `sequence_id`, in the order of the planned proteins."""
    accessions = read_sequences(paths, shard, ("accessions",))["accessions"].to_pylist()
    return dict(enumerate(accessions, start=shard.first_sequence_id))


def _is_of(shard: Shard) -> pc.Expression:
    """Return the condition by which rows belong to a shard."""
    return (pc.field("sequence_id") >= shard.first_sequence_id) & (pc.field("sequence_id") < shard.end_sequence_id)
