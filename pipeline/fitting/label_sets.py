"""The labels that probes are fitted to, along each sequence, and the residues that count for each of them.

What is not annotated is not negative: a label counts on proteins that carry a feature of its type. Labels that are
annotated together, such as helices, strands and turns, form a set that counts on the same residues.

Axis letters: `N` residues, `M` labels of a set.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attlas.pipeline.probe.labels import label_protein
from attlas.schema import COORDINATES, FEATURES, TRACKS, AtlasPaths, InputError, Manifest, Table
from attlas.schema.labels import EVERY_RESIDUE

SECONDARY_STRUCTURE = ("Helix", "Beta strand", "Turn")
"""Types of features that a structure gives together: a protein with one of them is annotated for all."""
INTERFACE = "Interface"
"""The type of feature that structures give to the residues that they show, and to no other."""
TRACK = "track:"
"""The beginning of the label of a track; its name follows."""


@dataclass(frozen=True)
class LabelSet:
    """Labels that count on the same residues."""

    labels: tuple[str, ...]
    """Types of features, or one `track:` and its name."""
    is_numeric: bool
    """Whether the values are numbers of a track, not 0 and 1."""

    @property
    def counted_by(self) -> tuple[str, ...]:
        """Return the types of features by which proteins and residues count: of one of secondary structure, all three.

        What counts must not depend on which of them are asked for.
        """
        return SECONDARY_STRUCTURE if set(self.labels) <= set(SECONDARY_STRUCTURE) else self.labels


@dataclass(frozen=True)
class SetValues:
    """A set of labels on a sequence."""

    is_counted: NDArray[np.bool_]
    """The residues that count, (N,); at least one."""
    values: NDArray[np.float64]
    """The value of each label at each residue, (M, N): 0 or 1, or the number of a track."""


@dataclass(frozen=True)
class AtlasSequence:
    """A distinct sequence of the atlas."""

    sequence_id: int
    sequence: str
    accessions: tuple[str, ...]
    """The proteins that have this sequence."""


@dataclass(frozen=True)
class FitSequence(AtlasSequence):
    """A distinct sequence with the sets of labels that count on it."""

    sets: Mapping[int, SetValues]
    """Values by the place of their set in the list of sets; at least one."""


@dataclass(frozen=True)
class LabelledSequences:
    """The sets of labels and the sequences on which they count."""

    sets: tuple[LabelSet, ...]
    sequences: tuple[FitSequence, ...]


def read_labelled(paths: AtlasPaths, manifest: Manifest, names: Sequence[str] | None) -> LabelledSequences:
    """Return the labels of an atlas and the sequences that count for them, in order of `sequence_id`.

    Args:
        paths: the atlas.
        manifest: its manifest.
        names: types of features, in any letter case, and tracks as `track:NAME`; None takes every type of feature.

    Raises:
        InputError: the atlas has no feature at all, none of a type, or no such track.
    """
    features = _read_rows(paths, manifest, FEATURES, ["sequence_id", "accession", "type", "begin", "end"])
    tracks = _read_rows(paths, manifest, TRACKS, ["sequence_id", "name", "position", "value"])
    types, track_names = {row[2] for row in features}, {row[1] for row in tracks}
    if names is None and not types:
        raise InputError(
            "The atlas has no features to fit probes to.", expected="types of features, added with `attlas annotate`"
        )
    labels = sorted(types) if names is None else _find_labels(names, types, track_names)
    sets = group_labels(labels)

    proteins = read_sequences_with_accessions(paths)
    values = _read_feature_values(paths, manifest, proteins, features, sets)
    _add_track_values(values, proteins, tracks, sets)

    sequences = [
        FitSequence(sequence_id, *proteins[sequence_id], dict(values[sequence_id])) for sequence_id in sorted(values)
    ]
    return LabelledSequences(tuple(sets), tuple(sequences))


def group_labels(labels: Iterable[str]) -> list[LabelSet]:
    """Return the sets of labels, those of secondary structure together, each label once."""
    distinct = list(dict.fromkeys(labels))
    structural = tuple(label for label in SECONDARY_STRUCTURE if label in distinct)
    sets = [LabelSet(structural, is_numeric=False)] if structural else []
    others = [label for label in distinct if label not in structural]
    return sets + [LabelSet((label,), is_numeric=label.startswith(TRACK)) for label in others]


def _find_labels(names: Sequence[str], types: set[str], tracks: set[str]) -> list[str]:
    """Return labels as the atlas spells them. Raises InputError, which names those that it holds."""
    labels = sorted(types) + sorted(TRACK + track for track in tracks)
    spellings = {label.lower(): label for label in labels} | {label: label for label in labels}
    unknown = [name for name in names if name not in spellings and name.lower() not in spellings]
    if unknown:
        raise InputError(
            f"The atlas holds nothing of {len(unknown)} of the labels.",
            expected=", ".join(labels) or "features or tracks, added with `attlas annotate`",
            offenders=unknown,
        )
    return [spellings.get(name) or spellings[name.lower()] for name in names]


def _read_rows(paths: AtlasPaths, manifest: Manifest, table: Table, columns: list[str]) -> list[tuple]:  # type: ignore[type-arg]
    """Return columns of all rows of an added table, of proteins that have a sequence."""
    rows: list[tuple] = []  # type: ignore[type-arg]
    for file in manifest.of_table(table):
        values = pq.read_table(paths.root / file.path, columns=columns).to_pydict()
        rows += [row for row in zip(*(values[name] for name in columns), strict=True) if row[0] is not None]
    return rows


def read_sequences_with_accessions(paths: AtlasPaths) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Return the sequence and the accessions of every computed sequence, by `sequence_id`."""
    columns = ["sequence_id", "sequence", "accession"]
    rows = pq.read_table(paths.proteins, columns=columns, filters=pc.field("status") == "ok").to_pydict()
    letters: dict[int, str] = {}
    accessions: dict[int, list[str]] = defaultdict(list)
    for sequence_id, sequence, accession in zip(*(rows[name] for name in columns), strict=True):
        letters[sequence_id] = sequence
        accessions[sequence_id].append(accession)
    return {i: (sequence, tuple(accessions[i])) for i, sequence in letters.items()}


def _read_feature_values(
    paths: AtlasPaths,
    manifest: Manifest,
    proteins: Mapping[int, tuple[str, tuple[str, ...]]],
    features: Sequence[tuple[int, str, str, int, int]],
    sets: Sequence[LabelSet],
) -> dict[int, dict[int, SetValues]]:
    """Return the values of the sets of features on each sequence, by `sequence_id` and the place of the set.

    A sequence has what any of its proteins has.
    """
    spans: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for sequence_id, _, feature_type, begin, end in features:
        if sequence_id in proteins:
            spans[sequence_id].append((feature_type, begin, end))
    shown = _read_shown_residues(paths, manifest) if any(INTERFACE in labels.labels for labels in sets) else {}

    values: dict[int, dict[int, SetValues]] = defaultdict(dict)
    for sequence_id, sequence_spans in spans.items():
        sequence = proteins[sequence_id][0]
        labelled = label_protein("", sequence, sequence_spans, is_by_letter=False)
        masks = {label.name: label.mask for label in labelled if label.name != EVERY_RESIDUE}
        for place, labels in enumerate(sets):
            if any(label in masks for label in labels.counted_by):
                none = np.zeros(len(sequence), bool)
                rows = np.stack([masks.get(label, none) for label in labels.labels])
                is_any = np.any([masks.get(label, none) for label in labels.counted_by], axis=0)
                is_counted = _count_residues(is_any, labels, shown.get(sequence_id))
                values[sequence_id][place] = SetValues(is_counted, rows.astype(np.float64))
    return values


def _count_residues(is_any: NDArray[np.bool_], labels: LabelSet, shown: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """Return the mask of an annotated protein's residues that count for a set of labels, (N,).

    Of secondary structure those from the first to the last element: what lies beyond them no structure shows. Of an
    interface those with coordinates. Of all other types every residue.

    Args:
        is_any: the mask of residues with a type that the set is counted by, (N,).
        labels: the set.
        shown: positions with coordinates; None without a structure.
    """
    is_counted = np.ones(len(is_any), bool)
    if labels.counted_by == SECONDARY_STRUCTURE:
        places = np.flatnonzero(is_any)
        is_counted[: places[0]] = False
        is_counted[places[-1] + 1 :] = False
    elif labels.labels == (INTERFACE,) and shown is not None:
        is_counted[:] = is_any
        is_counted[shown - 1] = True
    return is_counted


def _read_shown_residues(paths: AtlasPaths, manifest: Manifest) -> dict[int, NDArray[np.int64]]:
    """Return the positions of each sequence that have coordinates, by `sequence_id`."""
    positions: dict[int, list[int]] = defaultdict(list)
    for sequence_id, position in _read_rows(paths, manifest, COORDINATES, ["sequence_id", "position"]):
        positions[sequence_id].append(position)
    return {sequence_id: np.unique(places) for sequence_id, places in positions.items()}


def _add_track_values(
    values: dict[int, dict[int, SetValues]],
    proteins: Mapping[int, tuple[str, tuple[str, ...]]],
    tracks: Sequence[tuple[int, str, int, float]],
    sets: Sequence[LabelSet],
) -> None:
    """Add the values of tracks to those of features; residues without a number do not count."""
    places = {labels.labels[0].removeprefix(TRACK): i for i, labels in enumerate(sets) if labels.is_numeric}
    numbers: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    for sequence_id, name, position, value in tracks:
        if name in places and sequence_id in proteins:
            numbers[sequence_id, places[name]][position] = value

    for (sequence_id, place), by_position in numbers.items():
        n_residues = len(proteins[sequence_id][0])
        row, is_counted = np.zeros(n_residues), np.zeros(n_residues, bool)
        positions = np.fromiter(by_position, np.int64) - 1
        row[positions] = list(by_position.values())
        is_counted[positions] = True
        values[sequence_id][place] = SetValues(is_counted, row[None])
