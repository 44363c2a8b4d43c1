"""The pass that writes the tables of a probe: the attention that labelled residues receive from each head.

Axis letters: `L` layers, `H` heads, `N` residues, `F` labels of a sequence, `M` measures, `D` directions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attlas.pipeline.attention.receiving import SUMS
from attlas.pipeline.encoder.device_check import make_pack_runner
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.pass_task import Columns, PassTask, ShardRows, TableRows
from attlas.pipeline.plan import Plan, Shard, cut_packs
from attlas.pipeline.probe.labels import LabelledSequence, read_labelled_sequences
from attlas.pipeline.probe.pack_labels import place_labels
from attlas.pipeline.probe.periods import DIRECTIONS
from attlas.pipeline.probe.received import MEASURES, ReduceToLabels
from attlas.pipeline.shard_rows import list_sites
from attlas.pipeline.sites.calling import call_sites
from attlas.schema import (
    HEAD_FEATURES,
    HEAD_MAX_SITES,
    HEAD_PERIODS,
    LABELS,
    AtlasPaths,
    EnvironmentFault,
    Manifest,
    Table,
    tables_added_by,
)
from attlas.schema.json_file import digest

TABLES = tables_added_by("probe")
"""The tables that a probe adds to an atlas; HEAD_PERIODS only if periods are given."""


@dataclass(frozen=True)
class LabelAttention:
    """The attention that a sequence and its labels receive."""

    largest: NDArray[np.float32]
    """Attention that each residue receives from the head of each layer that gives it most, (L, N)."""
    measures: NDArray[np.float32]
    """The measures of each label, (F, L, H, M), in the order of MEASURES."""
    at_periods: NDArray[np.float32]
    """Sum of attention at each period, (L, H, periods, D), before and after."""

    @property
    def is_finite(self) -> bool:
        """Return whether every sum is finite; an AUC that is not a number is one that is not defined."""
        return bool(np.isfinite(self.measures[..., : len(SUMS)]).all() and np.isfinite(self.at_periods).all())


@dataclass(frozen=True)
class Probe(PassTask[list[LabelledSequence], list[LabelAttention]]):
    """Sum the attention that labelled residues receive."""

    theta: float
    """Attention from which on a pair counts as an edge."""
    types: tuple[str, ...] | None
    """Types of features that are labels; None takes all."""
    is_by_letter: bool
    """Whether amino acids are labels, too."""
    periods: tuple[int, ...] = ()
    """Distances along the sequence, residues, at which attention is summed, too."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that this probe adds."""
        return tuple(table for table in TABLES if table is not HEAD_PERIODS or self.periods)

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same probe of the same atlas gives the same tables."""
        columns = [[table.name, [column.name for column in table.stored()]] for table in TABLES]
        values = [self.atlas_id, self.theta, self.types, self.is_by_letter, self.periods, self.inputs, columns]
        return f"probe-{digest(values)}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that the tables of a probe declare."""
        return {"theta": self.theta}

    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> list[LabelledSequence]:
        """Return the computed sequences of a shard with their labels."""
        return read_labelled_sequences(paths, manifest, shard, types=self.types, is_by_letter=self.is_by_letter)

    def compute(self, encoder: Encoder, plan: Plan, sequences: list[LabelledSequence]) -> list[LabelAttention]:
        """Return the attention that every sequence and its labels receive.

        Raises:
            EnvironmentFault: the attention on a sequence is not finite, though it was when the atlas was built.
            Exception: as `PassTask.compute`.
        """

        def begin(pack: Sequence[LabelledSequence]) -> Callable[[], list[LabelAttention]]:
            return self._begin_pack(encoder, pack)

        runner = make_pack_runner(encoder, begin=begin, is_finite=lambda attention: attention.is_finite)
        packs = cut_packs([len(sequence.sequence) for sequence in sequences], encoder.limit_pack(plan.pack_tokens))
        attentions = list(runner.run_all(sequences[pack] for pack in packs))
        for sequence, attention in zip(sequences, attentions, strict=True):
            if not attention.is_finite:
                raise _not_finite(sequence)
        return attentions

    def make_rows(self, plan: Plan, sequences: list[LabelledSequence], results: list[LabelAttention]) -> ShardRows:
        """Return the rows of `labels`, `head_features`, `head_max_sites` and, with periods, `head_periods`."""
        tables = [
            TableRows(LABELS, _label_rows(sequences)),
            TableRows(HEAD_FEATURES, _head_feature_rows(sequences, results)),
            TableRows(HEAD_MAX_SITES, _head_max_site_rows(sequences, results, plan.run.rule)),
        ]
        if self.periods:
            tables.append(TableRows(HEAD_PERIODS, _head_period_rows(sequences, results, self.periods)))
        return ShardRows(tables=tables, lengths=[len(sequence.sequence) for sequence in sequences])

    def _begin_pack(self, encoder: Encoder, pack: Sequence[LabelledSequence]) -> Callable[[], list[LabelAttention]]:
        """Begin to run a pack, and return a function that waits for the results."""
        labels = place_labels([sequence.masks for sequence in pack], encoder.device)
        reduce = ReduceToLabels(labels, encoder.kernels.receive, self.periods)
        forward = encoder.start([sequence.sequence for sequence in pack], reduce=reduce, theta=self.theta)

        def results() -> list[LabelAttention]:
            received, heads = forward.stack_results()  # (L, sum of N), (L, 1, H, labels' and then periods' columns)
            n_labels = sum(len(sequence.labels) for sequence in pack)
            n_layers, n_heads = len(heads), heads.shape[2]
            of_labels, of_periods = np.split(heads[:, 0], [n_labels * len(MEASURES)], axis=2)

            # The residues of the sequences stand one after the other, and so do their labels and periods.
            largest = np.split(received, np.cumsum(forward.pack.n_residues)[:-1], axis=1)
            label_measures = of_labels.reshape(n_layers, n_heads, n_labels, len(MEASURES))
            label_ends = np.cumsum([len(sequence.labels) for sequence in pack])[:-1]
            measures = [np.moveaxis(part, 2, 0) for part in np.split(label_measures, label_ends, axis=2)]
            shape = (n_layers, n_heads, len(pack), len(self.periods), len(DIRECTIONS))
            at_periods = np.moveaxis(of_periods.reshape(shape), 2, 0)
            return [LabelAttention(*parts) for parts in zip(largest, measures, at_periods, strict=True)]

        return results


def _not_finite(sequence: LabelledSequence) -> EnvironmentFault:
    return EnvironmentFault(
        f"The attention on {sequence.labels[0].accession} is not finite.",
        expected="finite, as when the atlas was built",
        hint="probe on the device and with the library versions of the build (`attlas info`)",
    )


def _label_rows(sequences: Sequence[LabelledSequence]) -> Columns:
    """Return a row for every label of every protein."""
    labels = [(sequence, label) for sequence in sequences for label in sequence.labels]
    return {
        "sequence_id": [sequence.sequence_id for sequence, _ in labels],
        "accession": [label.accession for _, label in labels],
        "label": [label.name for _, label in labels],
        "n_labelled": [int(label.mask.sum()) for _, label in labels],
        "length": [len(sequence.sequence) for sequence, _ in labels],
    }


def _head_feature_rows(sequences: Sequence[LabelledSequence], attentions: Sequence[LabelAttention]) -> Columns:
    """Return a row for every label, layer and head, in this order."""
    if not sequences:
        return {column.name: [] for column in HEAD_FEATURES.stored()}

    values = np.concatenate([attention.measures for attention in attentions])  # (sum of F, L, H, M)
    n_labels, n_layers, n_heads = values.shape[:3]
    place, layer, head = (indices.ravel() for indices in np.indices((n_labels, n_layers, n_heads)))
    label_rows = _label_rows(sequences)
    labels = {name: pa.array(label_rows[name]).take(pa.array(place)) for name in ("sequence_id", "accession", "label")}
    measures = {name: values[..., i].ravel() for i, name in enumerate(MEASURES)}
    return {
        **labels,
        "layer": layer.astype(np.int16),
        "head": head.astype(np.int16),
        "n_edges": np.rint(measures["edges"]).astype(np.int32),
        "edge_mass": measures["edge_mass"],
        "mass": measures["mass"],
        "auc": pa.array(measures["auc"], from_pandas=True),  # not a number becomes null
    }


def _head_period_rows(
    sequences: Sequence[LabelledSequence], attentions: Sequence[LabelAttention], periods: Sequence[int]
) -> Columns:
    """Return a row for every sequence, period, layer and head, in this order."""
    if not sequences:
        return {column.name: [] for column in HEAD_PERIODS.stored()}

    values = np.moveaxis(np.stack([attention.at_periods for attention in attentions]), 3, 1)  # (n, periods, L, H, D)
    sequence, period, layer, head = (indices.ravel() for indices in np.indices(values.shape[:4]))
    return {
        "sequence_id": np.array([labelled.sequence_id for labelled in sequences], np.int32)[sequence],
        "period": np.array(periods, np.int32)[period],
        "layer": layer.astype(np.int16),
        "head": head.astype(np.int16),
        **{name: values[..., i].ravel() for i, name in enumerate(DIRECTIONS)},
    }


def _head_max_site_rows(
    sequences: Sequence[LabelledSequence], attentions: Sequence[LabelAttention], rule: str
) -> Columns:
    """Return the sites that the run's rule calls from the largest head in place of the mean over heads."""
    return list_sites(
        [
            (sequence.sequence_id, sequence.sequence, call_sites(attention.largest, rule=rule))
            for sequence, attention in zip(sequences, attentions, strict=True)
        ]
    )
