"""The pass that writes `fused_contacts`: the mean of a few chosen heads, the best pairs of each sequence kept."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from attlas.pipeline.contacts.fused_heads import predict_fused_maps
from attlas.pipeline.contacts.head_choice import Head, HeadChoice, spell_heads
from attlas.pipeline.contacts.pairs import KEPT_PER_RESIDUE, ContactPairs
from attlas.pipeline.contacts.predicting import make_pair_rows, run_map_packs
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.pass_task import Inputs, PassTask, SequencesById, ShardRows, TableRows, select_short_sequences
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import FUSED_CONTACTS, AtlasPaths, Manifest
from attlas.schema.json_file import digest


@dataclass(frozen=True)
class FuseHeads(PassTask[SequencesById, list[ContactPairs | None]]):
    """Predict contacts by the mean of a few heads.

    A sequence whose map is not finite has no rows and counts as failed.
    """

    heads: tuple[Head, ...]
    """In order of rank."""
    chosen_on: str | None
    """Accessions of the proteins on which they were chosen; None where they were given by hand."""
    choosing_md5s: frozenset[str]
    """MD5 of the sequences of these proteins."""
    max_length: int | None
    """Longest sequence, residues; longer ones are left out."""

    @classmethod
    def by_choice(cls, choice: HeadChoice, *, atlas_id: str, inputs: Inputs, max_length: int | None) -> "FuseHeads":
        """Return the pass that predicts contacts by a choice of heads."""
        return cls(
            atlas_id=atlas_id,
            inputs=inputs,
            heads=choice.fused_heads,
            chosen_on=", ".join(protein.accession for protein in choice.proteins) or None,
            choosing_md5s=frozenset(protein.md5 for protein in choice.proteins),
            max_length=max_length,
        )

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same choice on the same atlas gives the same table."""
        heads, md5s = spell_heads(self.heads), sorted(self.choosing_md5s)
        values = [self.atlas_id, heads, self.chosen_on, md5s, KEPT_PER_RESIDUE, self.max_length, self.inputs]
        return f"fused-contacts-{digest(values)}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that `fused_contacts` declares."""
        return {"heads": spell_heads(self.heads), "chosen_on": self.chosen_on, "max_length": self.max_length}

    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> SequencesById:
        """Return the computed sequences of a shard that are not too long."""
        return select_short_sequences(paths, shard, self.max_length)

    def compute(self, encoder: Encoder, plan: Plan, sequences: SequencesById) -> list[ContactPairs | None]:
        """Return the pairs kept of each sequence, None where its map is not finite. Raises as `PassTask.compute`."""
        predict = partial(predict_fused_maps, encoder, heads=self.heads)
        return run_map_packs(encoder, plan, list(sequences.values()), predict, floor=None)

    def make_rows(self, plan: Plan, sequences: SequencesById, results: list[ContactPairs | None]) -> ShardRows:
        """Return the rows of `fused_contacts`."""
        columns, n_failed = make_pair_rows(list(sequences), results)
        choosing_ids = [sequence_id for sequence_id, letters in sequences.items() if self._chose_heads(letters)]
        chose_heads = np.isin(columns.sequence_ids, choosing_ids)

        rows = {**columns.key, "score": columns.scores, "chose_heads": chose_heads}
        return ShardRows(
            tables=[TableRows(FUSED_CONTACTS, rows)],
            lengths=[len(sequence) for sequence in sequences.values()],
            n_failed=n_failed,
        )

    def _chose_heads(self, sequence: str) -> bool:
        """Return whether the heads were chosen on a structure of this sequence."""
        return hashlib.md5(sequence.encode(), usedforsecurity=False).hexdigest() in self.choosing_md5s
