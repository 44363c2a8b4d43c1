"""The scores that probes give to the residues of the folds that they left out, filled while the model runs again.

Axis letters: `L` layers, `H` heads, `N` residues, `W` width of a hidden state, `C` columns of scores, `M` targets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.fitting.controls import TARGETS
from attlas.pipeline.fitting.inputs import (
    BOTH,
    EMBEDDING,
    OF_LETTERS,
    FeatureBlocks,
    ProbeInput,
    Shape,
    find_window_columns,
    map_heads,
)
from attlas.pipeline.fitting.letters import WINDOW_COLUMNS
from attlas.pipeline.fitting.ridge import Floats, FoldProbes
from attlas.pipeline.fitting.saved_arrays import ReadArray


@dataclass(frozen=True)
class SetScores:
    """The scores of one set of labels."""

    scores: NDArray[np.float32]
    """(inputs, C, N): of every target by the probe that left out the residue's fold, then, by fold, of every label by
    the probe that left out that fold, too; 0 in the residue's own."""

    def of_target(self, source: int, label: int, target: str) -> Floats:
        """Return the scores of a target of a label, (N,)."""
        scores: Floats = self.scores[source, label * len(TARGETS) + TARGETS.index(target)].astype(np.float64)
        return scores

    def without_folds(self, source: int, label: int, *, n_labels: int, n_folds: int) -> Floats:
        """Return the scores of a label by the probes that left out each fold, too, (folds, N)."""
        begin = n_labels * len(TARGETS)
        places = [begin + fold * n_labels + label for fold in range(n_folds)]
        return self.scores[source, places].astype(np.float64)


@dataclass(frozen=True)
class FoldWeights:
    """The weights of every input for the residues of one fold, so that each block is multiplied once."""

    intercepts: Floats
    """(inputs, C)."""
    window: Mapping[int, Floats]
    """Weights of the columns of the window, (WINDOW_COLUMNS, C), by the place of the input."""
    heads: Mapping[int, Floats]
    """Weights of the attention received from each head, (L x H, C)."""
    hidden: Mapping[int, Mapping[int, Floats]]
    """Weights of the output of each layer, (W, C)."""

    @classmethod
    def join(cls, probes: Mapping[ProbeInput, Sequence[FoldProbes]], fold: int, shape: Shape) -> Self:
        """Return the weights of a set of labels from its probes, by input, as those of `fit_folds`."""
        window: dict[int, Floats] = {}
        heads: dict[int, Floats] = {}
        hidden: dict[int, dict[int, Floats]] = {layer: {} for layer in range(shape.n_layers)}

        intercepts = []
        for place, (source, of_folds) in enumerate(probes.items()):
            weights, intercept = join_probes(of_folds, fold)  # (D, C), (C,)
            intercepts.append(intercept)

            if source.kind in OF_LETTERS:
                window[place] = np.zeros((WINDOW_COLUMNS, weights.shape[1]))
                window[place][find_window_columns(source.kind)] = weights
                continue

            # The columns of a layer come first, those of attention behind them.
            if source.kind in (EMBEDDING, BOTH) and source.layer is not None:
                hidden[source.layer][place] = weights[: shape.width]
                weights = weights[shape.width :]
            if source.kind != EMBEDDING:
                heads[place] = map_heads(source, shape) @ weights
        return cls(np.stack(intercepts), window, heads, hidden)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the weights as arrays by name; those of a block stand one after the other."""
        arrays: dict[str, NDArray[np.generic]] = {
            "intercepts": self.intercepts,
            "layers": np.array(sorted(self.hidden)),
        }
        for name, weights in self._name_blocks().items():
            arrays[f"{name} places"] = np.array(list(weights), np.int64)
            if weights:
                arrays[name] = np.stack(list(weights.values()))
        return arrays

    @classmethod
    def read(cls, read: ReadArray) -> Self:
        """Return the weights that `to_arrays` returned."""

        def read_block(name: str) -> dict[int, Floats]:
            places = read(f"{name} places").tolist()
            return dict(zip(places, np.asarray(read(name), np.float64), strict=True)) if places else {}

        layers = read("layers").tolist()
        hidden = {layer: read_block(f"hidden {layer}") for layer in layers}
        return cls(np.asarray(read("intercepts"), np.float64), read_block("window"), read_block("heads"), hidden)

    def _name_blocks(self) -> dict[str, Mapping[int, Floats]]:
        return {"window": self.window, "heads": self.heads} | {f"hidden {i}": w for i, w in self.hidden.items()}

    def score(self, blocks: FeatureBlocks) -> NDArray[np.float32]:
        """Return the scores of residues, (inputs, C, N)."""
        n_columns = self.intercepts.shape[1]
        scores = np.repeat(self.intercepts[:, :, None], len(blocks.heads), axis=2)
        parts = [(self.window, blocks.window), (self.heads, blocks.heads)]
        parts += [(self.hidden[layer], blocks.hidden[layer]) for layer in self.hidden]
        for weights, columns in parts:
            if weights:
                joined = np.concatenate(list(weights.values()), axis=1)  # (D, inputs of the block x C)
                products = _multiply(columns, joined).reshape(-1, len(weights), n_columns)
                scores[list(weights)] += products.transpose(1, 2, 0)
        return scores.astype(np.float32)


def join_probes(of_folds: Sequence[FoldProbes], fold: int) -> tuple[Floats, Floats]:
    """Return the weights (D, C) and the intercepts (C,) of the columns of scores of residues of a fold."""
    outer = of_folds[fold].outer
    weights, intercepts = [outer.weights], [outer.intercepts]
    for other, probes in enumerate(of_folds):
        is_own = other == fold
        inner = outer if is_own else probes.inner[fold]
        weights.append(inner.weights[:, :: len(TARGETS)] * (not is_own))
        intercepts.append(inner.intercepts[:: len(TARGETS)] * (not is_own))
    return np.concatenate(weights, axis=1), np.concatenate(intercepts)


def _multiply(columns: Tensor, weights: Floats) -> Floats:
    return (columns @ torch.from_numpy(weights).to(columns)).cpu().numpy()
