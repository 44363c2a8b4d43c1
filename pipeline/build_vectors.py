"""The part of the pass for vectors that a build runs itself: it pools hidden states during the build."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:  # a dry run does without torch
    from attlas.pipeline.encoder.encoder import Encoder
    from attlas.pipeline.encoder.forward import SequenceAttention


class BuildVectors(Protocol):
    """Pools the hidden states of a build; it is sent to workers pickled."""

    @property
    def name(self) -> str:
        """The beginning of the names of the folders that keep its rows until the atlas is sealed."""
        ...

    def begin_with_attention(self, encoder: Encoder, pack: Sequence[str]) -> Callable[[], list[SequenceAttention]]:
        """Run a pack, and return a function that returns the attention of each sequence, with its vectors."""
        ...

    def make_table(self, vectors: Mapping[int, NDArray[Any]]) -> pa.Table:
        """Return the rows of the vectors of sequences, by `sequence_id`; none of those that are not finite."""
        ...

    def predict_bytes(self, n_sequences: int) -> int:
        """Return the bytes that a shard of so many sequences needs besides those of a build without vectors."""
        ...
