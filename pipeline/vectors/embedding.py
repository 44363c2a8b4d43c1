"""The pass that writes `vectors`: hidden states pooled over each protein, over tenths of it, or at its ends.

Axis letters: `K` kinds, `L` layers asked for, `n` sequences of a part, `W` width of the model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attlas.pipeline.encoder.device_check import make_pack_runner
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.forward import SequenceAttention
from attlas.pipeline.encoder.guard import find_known_sequence
from attlas.pipeline.encoder.reductions import reduce_nothing
from attlas.pipeline.part_limits import PART_LIMITS
from attlas.pipeline.pass_task import (
    Columns,
    PassTask,
    SequencesById,
    ShardRows,
    TableRows,
    compute_shard,
    make_arrow_table,
    select_short_sequences,
)
from attlas.pipeline.plan import RESULT_COPIES, Plan, Shard, cut_packs
from attlas.pipeline.vectors.choice import FLOAT16, VectorChoice
from attlas.pipeline.vectors.pooling import FinishLastLayer, PoolHidden
from attlas.schema import VECTORS, AtlasPaths, Manifest, Receipt
from attlas.schema.json_file import digest

Vectors = NDArray[np.float32]
"""The vectors of a sequence, (L, K, W)."""


@dataclass(frozen=True)
class EmbedProteins(VectorChoice, PassTask[SequencesById, list[Vectors | None]]):
    """Pool the hidden states of every sequence.

    A sequence whose vectors are not finite, in the digits asked for, has no rows and counts as failed.
    """

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same settings on the same atlas give the same table."""
        return f"vectors-{digest([self.atlas_id, dict(self.settings), self.inputs])}"

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute shard `index` in this process, publish its files and its receipt, and return the receipt."""
        return compute_shard(self, root, index, n_threads, limits=self.part_limits)

    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> SequencesById:
        """Return the computed sequences of a shard that are not too long."""
        return select_short_sequences(paths, shard, self.max_length)

    def compute(self, encoder: Encoder, plan: Plan, sequences: SequencesById) -> list[Vectors | None]:
        """Return the vectors of each sequence, None where they are not finite. Raises as `PassTask.compute`."""

        def begin(pack: Sequence[str]) -> Callable[[], list[Vectors | None]]:
            return self._begin_pack(encoder, pack)

        runner = make_pack_runner(
            encoder, begin=begin, is_finite=lambda vectors: vectors is not None, known_item=find_known_sequence(encoder)
        )
        letters = list(sequences.values())
        packs = cut_packs([len(sequence) for sequence in letters], encoder.limit_pack(plan.pack_tokens))
        vectors = runner.run_all(letters[pack] for pack in packs)
        return [None if values is None else self._round(values) for values in vectors]

    def make_rows(self, plan: Plan, sequences: SequencesById, results: list[Vectors | None]) -> ShardRows:
        """Return the rows of `vectors`."""
        return ShardRows(
            tables=[TableRows(VECTORS, self._list_rows(list(sequences), results))],
            lengths=[len(sequence) for sequence in sequences.values()],
            n_failed=sum(vectors is None for vectors in results),
        )

    def begin_with_attention(self, encoder: Encoder, pack: Sequence[str]) -> Callable[[], list[SequenceAttention]]:
        """Run a pack of a build, and return a function that returns its attention with the vectors."""
        pool = PoolHidden(encoder, pack, kinds=self.kinds, layers=self.layers)
        reduce = FinishLastLayer(encoder) if encoder.uses_triton else None
        forward = encoder.start(pack, reduce=reduce, add_hidden=pool.add, hidden_layers=self.layers)
        pool.copy_to_host()

        def results() -> list[SequenceAttention]:
            pairs = zip(forward.results(), pool.stack_vectors(), strict=True)
            return [replace(attention, vectors=vectors) for attention, vectors in pairs]

        return results

    def make_table(self, vectors: Mapping[int, Vectors]) -> pa.Table:
        """Return the rows of a build's vectors, by `sequence_id`; none of those that are not finite."""
        finite = [self._round(values) if np.isfinite(values).all() else None for values in vectors.values()]
        rows = TableRows(VECTORS, self._list_rows(list(vectors), finite))
        return make_arrow_table(rows, n_layers=len(self.layers))

    def predict_bytes(self, n_sequences: int) -> int:
        """Return the bytes that the vectors of a build's shard take besides it."""
        return RESULT_COPIES * self.bytes_of_sequence * min(n_sequences, PART_LIMITS.n_sequences)

    def _begin_pack(self, encoder: Encoder, pack: Sequence[str]) -> Callable[[], list[Vectors | None]]:
        """Run a pack, and return a function that returns its vectors."""
        pool = PoolHidden(encoder, pack, kinds=self.kinds, layers=self.layers)
        reduce = reduce_nothing(encoder.kernels.attend)
        encoder.start(pack, reduce=reduce, add_hidden=pool.add, hidden_layers=self.layers)
        pool.copy_to_host()

        def results() -> list[Vectors | None]:
            return [vectors if np.isfinite(vectors).all() else None for vectors in pool.stack_vectors()]

        return results

    def _round(self, vectors: Vectors) -> Vectors | None:
        """Return the numbers in the digits asked for; None where one is too large for float16."""
        if self.numbers != FLOAT16:
            return vectors
        with np.errstate(over="ignore"):
            rounded = vectors.astype(np.float16).astype(np.float32)
        return rounded if np.isfinite(rounded).all() else None

    def _list_rows(self, sequence_ids: Sequence[int], results: Sequence[Vectors | None]) -> Columns:
        """Return the vectors of all sequences as columns, by sequence, layer and kind; n L K rows."""
        outcomes = zip(sequence_ids, results, strict=True)
        computed = [(sequence_id, vectors) for sequence_id, vectors in outcomes if vectors is not None]
        ids = np.array([sequence_id for sequence_id, _ in computed], np.int32)
        n_layers, n_kinds = len(self.layers), len(self.kinds)
        values = np.concatenate([np.empty(0, np.float32), *(vectors.ravel() for _, vectors in computed)])
        offsets = np.arange(0, len(values) + 1, self.width, dtype=np.int32)
        return {
            "sequence_id": np.repeat(ids, n_layers * n_kinds),
            "kind": list(self.kinds) * (n_layers * len(computed)),
            "layer": np.tile(np.repeat(np.array(self.layers, np.int16), n_kinds), len(computed)),
            "vector": pa.ListArray.from_arrays(offsets, values),
        }
