"""The columns of residues on which predictors are fitted: letters, homology, and what the model gives.

Axis letters: `N` residues, `L` layers, `H` heads, `W` width of the embedding, `K` columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attlas.pipeline.evaluating.predictors import (
    EMBEDDING,
    HEADS,
    HOMOLOGY,
    LAST_LAYER,
    LETTER,
    PROFILE,
    SITES,
    WINDOW,
)
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.pipeline.fitting.features import iterate_features
from attlas.pipeline.fitting.letters import encode_letters, encode_windows
from attlas.pipeline.workers.runners import load_plan_and_model
from attlas.schema import SITES as SITES_TABLE
from attlas.schema import AtlasPaths, Manifest

FLOOR = 0.01
"""Attention received that is added before the logarithm: a hundredth of what a residue receives on average."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ProteinColumns:
    """The columns of each residue of a protein that come from the model."""

    heads: Floats
    """Logarithm of attention received from each head, (N, L x H)."""
    profile: Floats
    """Logarithm of attention received in each layer, the mean over heads, (N, L)."""
    embedding: Floats
    """Last hidden state, (N, W)."""
    sites: Floats
    """Whether the residue is an HA site, and its share of the layer's largest, (N, 2)."""

    def block(self, name: str, sequence: str, homology: Floats) -> Floats:
        """Return a block of columns, (N, K)."""
        if name == LETTER:
            return encode_letters(sequence)
        if name == WINDOW:
            return encode_windows(sequence)
        return {
            HOMOLOGY: homology,
            EMBEDDING: self.embedding,
            SITES: self.sites,
            LAST_LAYER: self.profile[:, -1:],
            PROFILE: self.profile,
            HEADS: self.heads,
        }[name]

    def join(self, blocks: Sequence[str], sequence: str, homology: Floats) -> Floats:
        """Return several blocks side by side, (N, K)."""
        return np.concatenate([self.block(name, sequence, homology) for name in blocks], axis=1)


def compute_columns(root: Path, proteins: Sequence[LabelledProtein], *, n_threads: int = 1) -> list[ProteinColumns]:
    """Run the model of an atlas on proteins, and return the columns of each, in order.

    Raises:
        PlanError: there is no plan, as in a release.
        EnvironmentFault: the model is not there or not the planned one, or its numbers are not finite.
    """
    paths, plan, encoder = load_plan_and_model(str(root), n_threads)
    sites = _read_sites(paths, proteins)

    # Proteins of about one length run together.
    order = sorted(range(len(proteins)), key=lambda place: len(proteins[place].sequence))
    sequences = [proteins[place].sequence for place in order]
    columns: dict[int, ProteinColumns] = {}
    for pack, features in iterate_features(encoder, sequences, pack_tokens=plan.pack_tokens):
        heads, profile = features.heads.cpu().numpy(), features.profile.cpu().numpy()
        embedding = features.hidden[-1].float().cpu().numpy()
        for place, residues in zip(order[pack], features.slices, strict=True):
            columns[place] = ProteinColumns(
                heads=np.log(heads[residues].reshape(residues.stop - residues.start, -1) + FLOOR),
                profile=np.log(profile[residues] + FLOOR),
                embedding=embedding[residues].copy(),
                sites=sites[place],
            )
    return [columns[place] for place in range(len(proteins))]


def _read_sites(paths: AtlasPaths, proteins: Sequence[LabelledProtein]) -> list[Floats]:
    """Return whether each residue is an HA site and its share, (N, 2), of each protein."""
    ids = [protein.sequence_id for protein in proteins]
    rows: dict[int, list[tuple[int, float]]] = {}
    columns = ["sequence_id", "position", "share"]
    for file in Manifest.read(paths).of_table(SITES_TABLE):
        table = pq.read_table(paths.root / file.path, columns=columns, filters=pc.field("sequence_id").isin(ids))
        for sequence_id, position, share in zip(*(table[name].to_pylist() for name in columns), strict=True):
            rows.setdefault(sequence_id, []).append((position, share))
    return [_mark_sites(len(protein.sequence), rows, protein.sequence_id) for protein in proteins]


def _mark_sites(n_residues: int, rows: Mapping[int, list[tuple[int, float]]], sequence_id: int) -> Floats:
    marks = np.zeros((n_residues, 2), np.float32)
    for position, share in rows.get(sequence_id, ()):
        marks[position - 1] = 1, share
    return marks
