"""One shard of a probe: labelled sequences in, what the labels receive out, and a receipt.

Axis letters: `L` layers, `H` heads, `N` residues, `F` labels of a sequence, `M` measures.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attlas.pipeline.device_check import pack_runner
from attlas.pipeline.encoder import Encoder
from attlas.pipeline.passes import Inputs, publish_rows, receipt_of, refuse_other_inputs
from attlas.pipeline.plan import Plan, Shard, packs
from attlas.pipeline.probe.labels import LabelledSequence, labelled_sequences
from attlas.pipeline.probe.received import MEASURES, SUMS, ReduceToLabels
from attlas.pipeline.runners import prepare
from attlas.pipeline.shard import site_rows
from attlas.pipeline.sites import call_sites
from attlas.schema import (
    HEAD_FEATURES,
    HEAD_MAX_SITES,
    LABELS,
    AtlasPaths,
    Computation,
    EnvironmentFault,
    Manifest,
    Receipt,
    Table,
    TableFile,
    tables_added_by,
)
from attlas.schema.json_file import digest

TABLES = tables_added_by("probe")
"""What a probe adds to an atlas."""


@dataclass(frozen=True)
class Probe:
    """What a probe asks: a `runners.Task`, and its identity."""

    atlas_id: str
    theta: float
    """Attention from which on a pair counts as an edge."""
    types: tuple[str, ...] | None
    """Types of features that are labels; None takes all."""
    is_by_letter: bool
    """Amino acids are labels too."""
    inputs: Inputs
    """The sequences that were computed, and the features."""

    @property
    def probe_id(self) -> str:
        """Return the identity: the same probe of the same atlas gives the same tables, columns and all."""
        columns = [[table.name, [column.name for column in table.stored()]] for table in TABLES]
        return digest([self.atlas_id, self.theta, self.types, self.is_by_letter, self.inputs, columns])

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return where the receipt of shard `index` is published."""
        return paths.receipts / f"probe-{self.probe_id}-{index:05d}.json"

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Probe one shard in this process."""
        paths, plan, encoder = prepare(root, n_threads)
        return probe_shard(paths, plan, plan.shards[index - 1], encoder, self)


def probe_shard(paths: AtlasPaths, plan: Plan, shard: Shard, encoder: Encoder, probe: Probe) -> Receipt:
    """Probe a shard, publish its three files and its receipt, and return the receipt.

    Raises:
        EnvironmentFault: the atlas has other features, or sequences, than the probe was asked of.
        EnvironmentFault: the model's attention on a sequence is not finite, though it was when the atlas was built.
    """
    started = time.perf_counter()
    manifest = Manifest.read(paths)
    refuse_other_inputs(manifest, probe.inputs)
    sequences = labelled_sequences(paths, manifest, shard, types=probe.types, is_by_letter=probe.is_by_letter)
    with encoder.lock:
        before = time.perf_counter()
        probed = _probe(encoder, sequences, plan.pack_tokens, probe.theta)
        model_s = time.perf_counter() - before
    files = (
        _publish(paths, plan, shard, probe, LABELS, _label_rows(sequences)),
        _publish(paths, plan, shard, probe, HEAD_FEATURES, _head_rows(sequences, probed)),
        _publish(paths, plan, shard, probe, HEAD_MAX_SITES, _head_max_rows(sequences, probed, plan.run.rule)),
    )
    receipt = receipt_of(
        shard,
        files,
        pass_id=probe.probe_id,
        lengths=[len(labelled.sequence) for labelled in sequences],
        started=started,
        model_s=model_s,
        device=encoder.device.type,
    )
    receipt.write_to(probe.receipt(paths, shard.index))
    return receipt


@dataclass(frozen=True)
class Probed:
    """What a sequence and its labels receive."""

    largest: NDArray[np.float32]
    """Of each residue, from the head of each layer that gives it most, (L, N)."""
    labels: NDArray[np.float32]
    """Of each label, (F, L, H, M), in the order of MEASURES."""

    @property
    def is_finite(self) -> bool:
        """Tell whether every sum is finite; an AUC that is not a number is one that is not defined."""
        return bool(np.isfinite(self.labels[..., : len(SUMS)]).all())


def _probe(encoder: Encoder, sequences: Sequence[LabelledSequence], pack_tokens: int, theta: float) -> list[Probed]:
    """Return what every sequence and its labels receive.

    Raises:
        DeviceFault: the device does not work.
        EnvironmentFault: the attention on a sequence is not finite, though it was when the atlas was built.
        Exception: a sequence fails alone, as where it needs more memory than there is.
    """

    def begin(pack: Sequence[LabelledSequence]) -> Callable[[], list[Probed]]:
        return _begin_pack(encoder, pack, theta)

    runner = pack_runner(encoder, begin=begin, is_finite=lambda probed: probed.is_finite)
    tokens = min(pack_tokens, encoder.fitting_tokens or pack_tokens)
    lengths = [len(labelled.sequence) for labelled in sequences]
    outcomes = runner.run(sequences[pack] for pack in packs(lengths, tokens))
    return [_refuse_failure(labelled, probed) for labelled, probed in zip(sequences, outcomes, strict=True)]


def _begin_pack(encoder: Encoder, pack: Sequence[LabelledSequence], theta: float) -> Callable[[], list[Probed]]:
    reduce = ReduceToLabels(tuple(labelled.masks for labelled in pack))
    forward = encoder.start([labelled.sequence for labelled in pack], reduce=reduce, theta=theta)

    def results() -> list[Probed]:
        received, heads = forward.stacked()  # (L, sum of N), (L, 1, H, sum of F x M)
        of_labels = heads[:, 0].reshape(len(heads), heads.shape[2], -1, len(MEASURES))

        # One after the other stand the residues of the sequences, and their labels.
        label_ends = np.cumsum([len(labelled.labels) for labelled in pack])[:-1]
        residue_ends = np.cumsum(forward.pack.n_residues)[:-1]
        largest = np.split(received, residue_ends, axis=1)
        labels = [np.moveaxis(part, 2, 0) for part in np.split(of_labels, label_ends, axis=2)]
        return [Probed(*parts) for parts in zip(largest, labels, strict=True)]

    return results


def _refuse_failure(labelled: LabelledSequence, probed: Probed | Exception) -> Probed:
    if isinstance(probed, Exception):  # as where memory does not do for it alone: its shard is not finished
        raise probed
    if not probed.is_finite:
        raise EnvironmentFault(
            f"The attention on {labelled.labels[0].accession} is not finite.",
            expected="finite, as when the atlas was built",
            hint="probe on the device and with the library versions of the build (`attlas info`)",
        )
    return probed


def _label_rows(sequences: Sequence[LabelledSequence]) -> dict[str, object]:
    labels = [(own, labelled) for own in sequences for labelled in own.labels]
    return {
        "sequence_id": [own.sequence_id for own, _ in labels],
        "accession": [labelled.accession for _, labelled in labels],
        "label": [labelled.label for _, labelled in labels],
        "n_labelled": [int(labelled.where.sum()) for _, labelled in labels],
        "length": [len(own.sequence) for own, _ in labels],
    }


def _head_rows(sequences: Sequence[LabelledSequence], probed: Sequence[Probed]) -> dict[str, object]:
    if not sequences:
        return {column.name: [] for column in HEAD_FEATURES.stored()}
    values = np.concatenate([own.labels for own in probed])  # (sum of F, L, H, M)
    n_labels, n_layers, n_heads = values.shape[:3]
    label = _label_rows(sequences)
    _, layer, head = np.meshgrid(np.arange(n_labels), np.arange(n_layers), np.arange(n_heads), indexing="ij")
    each = n_layers * n_heads

    def repeated(name: str) -> pa.Array:
        column = pa.array(label[name])
        return column.take(pa.array(np.repeat(np.arange(n_labels), each)))

    measures = {name: values[..., i].ravel() for i, name in enumerate(MEASURES)}
    return {
        "sequence_id": repeated("sequence_id"),
        "accession": repeated("accession"),
        "label": repeated("label"),
        "layer": layer.ravel().astype(np.int16),
        "head": head.ravel().astype(np.int16),
        "n_edges": np.rint(measures["edges"]).astype(np.int32),
        "edge_mass": measures["edge_mass"],
        "mass": measures["mass"],
        "auc": pa.array(measures["auc"], from_pandas=True),  # not a number becomes null
    }


def _head_max_rows(sequences: Sequence[LabelledSequence], probed: Sequence[Probed], rule: str) -> Mapping[str, object]:
    """Return the sites that the run's rule calls where the largest head takes the place of the mean over heads."""
    return site_rows(
        [
            (labelled.sequence_id, labelled.sequence, call_sites(own.largest, rule=rule))
            for labelled, own in zip(sequences, probed, strict=True)
        ]
    )


def _publish(
    paths: AtlasPaths, plan: Plan, shard: Shard, probe: Probe, table: Table, columns: Mapping[str, object]
) -> TableFile:
    name = f"probe-{probe.probe_id}-{shard.index:05d}"
    computation = Computation({"theta": probe.theta}, dict(probe.inputs))
    return publish_rows(paths, plan, table, columns, name=name, computation=computation)
