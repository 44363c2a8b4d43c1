"""One shard of a probe: labelled sequences in, what the labels receive out, and a receipt.

Axis letters: `L` layers, `H` heads, `N` residues, `F` labels of a sequence.
"""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attlas.pipeline.encoder import Encoder
from attlas.pipeline.plan import Plan, Shard, packs
from attlas.pipeline.probe.labels import LabelledSequence, labelled_sequences
from attlas.pipeline.probe.received import MEASURES, ReduceToLabels
from attlas.pipeline.runners import prepare
from attlas.pipeline.shard import peak_bytes
from attlas.schema import HEAD_FEATURES, LABELS, AtlasPaths, EnvironmentFault, Manifest, Receipt, Table, TableFile
from attlas.schema.manifest import describe_file, digest, provenance, write_table
from attlas.schema.publish import publishing


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
    features_sha256: tuple[str, ...]
    """Digests of the files of `features` it was asked of."""
    attlas_version: str

    @property
    def probe_id(self) -> str:
        """Return the identity: the same probe of the same atlas gives the same tables."""
        return digest([self.atlas_id, self.theta, self.types, self.is_by_letter, self.features_sha256])

    def receipt(self, paths: AtlasPaths, index: int) -> Path:
        """Return where the receipt of shard `index` is published."""
        return paths.receipts / f"probe-{self.probe_id}-{index:05d}.json"

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Probe one shard in this process."""
        paths, plan, encoder = prepare(root, n_threads)
        return probe_shard(paths, plan, plan.shards[index - 1], encoder, self)


def probe_shard(paths: AtlasPaths, plan: Plan, shard: Shard, encoder: Encoder, probe: Probe) -> Receipt:
    """Probe a shard, publish its two files and its receipt, and return the receipt.

    Raises:
        EnvironmentFault: the model's attention on a sequence is not finite, though it was when the atlas was built.
    """
    started = time.perf_counter()
    manifest = Manifest.read(paths)
    sequences = labelled_sequences(paths, manifest, shard, types=probe.types, is_by_letter=probe.is_by_letter)
    with encoder.lock:
        before = time.perf_counter()
        sums = _probe(encoder, sequences, plan.pack_tokens, probe.theta)
        model_s = time.perf_counter() - before
    files = (
        _publish(paths, plan, shard, probe, LABELS, _label_rows(sequences)),
        _publish(paths, plan, shard, probe, HEAD_FEATURES, _head_rows(sequences, sums)),
    )
    receipt = Receipt(
        index=shard.index,
        plan_id=probe.probe_id,
        files=files,
        n_sequences=len(sequences),
        n_failed=0,
        n_residues=sum(len(labelled.sequence) for labelled in sequences),
        wall_s=round(time.perf_counter() - started, 3),
        model_s=round(model_s, 3),
        peak_bytes=peak_bytes(encoder.device.type),
        predicted_bytes=shard.predicted_bytes,
        host=socket.gethostname(),
    )
    receipt.write_to(probe.receipt(paths, shard.index))
    return receipt


def _probe(
    encoder: Encoder, sequences: Sequence[LabelledSequence], pack_tokens: int, theta: float
) -> list[NDArray[np.float32]]:
    """Return of each sequence what its labels receive, (F, L, H, measures)."""
    sums: list[NDArray[np.float32]] = []
    for part in packs([len(labelled.sequence) for labelled in sequences], pack_tokens):
        some = sequences[part]
        reduce = ReduceToLabels(tuple(labelled.masks for labelled in some))
        forward = encoder.start([labelled.sequence for labelled in some], reduce=reduce, theta=theta)
        _, heads = forward.stacked()  # (L, 1, H, F x measures) of the pack's labels, sequence after sequence
        of_labels = heads[:, 0].reshape(len(heads), heads.shape[2], -1, len(MEASURES))
        ends = np.cumsum([len(labelled.labels) for labelled in some])[:-1]
        sums += [np.moveaxis(own, 2, 0) for own in np.split(of_labels, ends, axis=2)]
    for labelled, own in zip(sequences, sums, strict=True):
        if not np.isfinite(own).all():
            raise EnvironmentFault(
                f"The attention on {labelled.labels[0].accession} is not finite.",
                expected="finite, as when the atlas was built",
                hint="probe on the device and with the library versions of the build (`attlas info`)",
            )
    return sums


def _label_rows(sequences: Sequence[LabelledSequence]) -> dict[str, object]:
    labels = [(own, labelled) for own in sequences for labelled in own.labels]
    return {
        "sequence_id": [own.sequence_id for own, _ in labels],
        "accession": [labelled.accession for _, labelled in labels],
        "label": [labelled.label for _, labelled in labels],
        "n_labelled": [int(labelled.where.sum()) for _, labelled in labels],
        "length": [len(own.sequence) for own, _ in labels],
    }


def _head_rows(sequences: Sequence[LabelledSequence], sums: Sequence[NDArray[np.float32]]) -> dict[str, object]:
    if not sequences:
        return {column.name: [] for column in HEAD_FEATURES.stored()}
    values = np.concatenate(sums)  # (sum of F, L, H, measures)
    n_labels, n_layers, n_heads = values.shape[:3]
    label = _label_rows(sequences)
    _, layer, head = np.meshgrid(np.arange(n_labels), np.arange(n_layers), np.arange(n_heads), indexing="ij")
    each = n_layers * n_heads

    def repeated(name: str) -> pa.Array:
        column = pa.array(label[name])
        return column.take(pa.array(np.repeat(np.arange(n_labels), each)))

    edges, edge_mass, mass = (values[..., MEASURES.index(name)].ravel() for name in ("edges", "edge_mass", "mass"))
    return {
        "sequence_id": repeated("sequence_id"),
        "accession": repeated("accession"),
        "label": repeated("label"),
        "layer": layer.ravel().astype(np.int16),
        "head": head.ravel().astype(np.int16),
        "n_edges": np.rint(edges).astype(np.int32),
        "edge_mass": edge_mass,
        "mass": mass,
        "auc": pa.nulls(len(mass), pa.float32()),
    }


def _publish(
    paths: AtlasPaths, plan: Plan, shard: Shard, probe: Probe, table: Table, columns: dict[str, object]
) -> TableFile:
    schema = table.schema(plan.run.n_layers)
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in schema]
    path = paths.added(table, f"probe-{probe.probe_id}-{shard.index:05d}")
    metadata = provenance(plan.run, plan.plan_id) | {b"probe": f"theta {probe.theta}".encode()}
    with publishing(path) as beside:
        write_table(beside, table=table, rows=pa.Table.from_arrays(arrays, schema=schema), metadata=metadata)
    return describe_file(paths, path, table)
