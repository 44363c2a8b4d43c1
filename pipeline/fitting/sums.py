"""The sums that a probe is fitted from: products of features with each other and with targets, by fold.

The sums of residues of several folds are the sums of their sums; a fold is left out by leaving its sums out. Where the
same residues count for several sets of labels their products are computed once.

Axis letters: `L` layers, `H` heads, `N` residues, `W` width of a hidden state, `D` columns of an input, `M` targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from attlas.pipeline.fitting.saved_arrays import ReadArray


@dataclass(frozen=True)
class Moments:
    """The sums of an input over some residues, float64 on the host."""

    n: float
    """Number of residues."""
    x: NDArray[np.float64]
    """Sum of each column, (D,)."""
    xx: NDArray[np.float64]
    """Sums of products of columns, (D, D)."""
    y: NDArray[np.float64]
    """Sum of each target, (M,)."""
    yy: NDArray[np.float64]
    """Sum of squares of each target, (M,)."""
    xy: NDArray[np.float64]
    """Sums of products of columns and targets, (D, M)."""

    def minus(self, other: "Moments") -> "Moments":
        """Return the sums without those of some of the residues."""
        return Moments(
            self.n - other.n,
            self.x - other.x,
            self.xx - other.xx,
            self.y - other.y,
            self.yy - other.yy,
            self.xy - other.xy,
        )


def add_moments(parts: Sequence[Moments]) -> Moments:
    """Return the sums over the residues of all parts."""
    names = ("n", "x", "xx", "y", "yy", "xy")
    return Moments(*(sum((getattr(part, name) for part in parts[1:]), getattr(parts[0], name)) for name in names))


class SetSums:
    """The sums of one set of labels in one fold, filled while the model runs, on its device."""

    def __init__(self, shape: Shape, n_targets: int, device: torch.device) -> None:
        def zeros(*sizes: int) -> Tensor:
            return torch.zeros(sizes, dtype=torch.float64, device=device)

        n_layers, n_maps, width = shape.n_layers, shape.n_maps, shape.width
        self.shape = shape
        self.n = 0
        self.y, self.yy = zeros(n_targets), zeros(n_targets)
        self.window = BlockSums(zeros(WINDOW_COLUMNS), zeros(WINDOW_COLUMNS, WINDOW_COLUMNS))
        self.window_y = zeros(WINDOW_COLUMNS, n_targets)
        self.heads = BlockSums(zeros(n_maps), zeros(n_maps, n_maps))
        self.heads_y = zeros(n_maps, n_targets)
        self.hidden = [BlockSums(zeros(width), zeros(width, width)) for _ in range(n_layers)]
        self.hidden_y = zeros(n_layers, width, n_targets)
        self.cross = zeros(n_layers, width, n_maps)

    def add(self, products: "Products", targets: Tensor) -> None:
        """Add residues of which the products are known, with the targets of this set, (N, M)."""
        blocks = products.blocks
        self.n += len(targets)
        self.y += targets.sum(0)
        self.yy += (targets**2).sum(0)
        self.window.add(products.window)
        self.heads.add(products.heads)
        self.window_y += blocks.window.T @ targets
        self.heads_y += blocks.heads.T @ targets
        for layer, block in enumerate(self.hidden):
            block.add(products.hidden[layer])
        self.hidden_y += blocks.hidden.transpose(1, 2) @ targets
        self.cross += products.cross

    def to_arrays(self, *, prefix: str) -> dict[str, NDArray[np.generic]]:
        """Return all sums by name, on the host."""
        arrays: dict[str, NDArray[np.generic]] = {f"{prefix}n": np.array(self.n)}
        return arrays | {prefix + name: _to_host(tensor) for name, tensor in self._list_tensors().items()}

    def add_saved(self, read: ReadArray, *, prefix: str) -> None:
        """Add the sums that `to_arrays` returned of more residues."""
        self.n += int(read(f"{prefix}n"))
        for name, tensor in self._list_tensors().items():
            tensor += torch.from_numpy(read(prefix + name))

    def _list_tensors(self) -> dict[str, Tensor]:
        """Return the tensors that are filled, by name."""
        tensors = {
            "y": self.y,
            "yy": self.yy,
            "window_y": self.window_y,
            "heads_y": self.heads_y,
            "hidden_y": self.hidden_y,
            "cross": self.cross,
        }
        blocks = {"window": self.window, "heads": self.heads}
        blocks |= {f"hidden {layer}": block for layer, block in enumerate(self.hidden)}
        for name, block in blocks.items():
            tensors |= {f"{name} x": block.x, f"{name} xx": block.xx}
        return tensors

    def select(self, source: ProbeInput) -> Moments:
        """Return the sums of an input, on the host."""
        y, yy = _to_host(self.y), _to_host(self.yy)
        if source.kind in OF_LETTERS:
            columns = find_window_columns(source.kind)
            window, window_y = self.window.to_host(), _to_host(self.window_y)
            return Moments(self.n, window.x[columns], window.xx[columns, columns], y, yy, window_y[columns])

        if source.kind == EMBEDDING and source.layer is not None:
            hidden = self.hidden[source.layer].to_host()
            return Moments(self.n, hidden.x, hidden.xx, y, yy, _to_host(self.hidden_y[source.layer]))

        matrix = map_heads(source, self.shape)
        heads, heads_y = self.heads.to_host(), _to_host(self.heads_y)
        x, xx, xy = heads.x @ matrix, matrix.T @ heads.xx @ matrix, matrix.T @ heads_y
        if source.kind != BOTH or source.layer is None:
            return Moments(self.n, x, xx, y, yy, xy)

        hidden, cross = self.hidden[source.layer].to_host(), _to_host(self.cross[source.layer]) @ matrix
        return Moments(
            self.n,
            np.concatenate([hidden.x, x]),
            np.block([[hidden.xx, cross], [cross.T, xx]]),
            y,
            yy,
            np.concatenate([_to_host(self.hidden_y[source.layer]), xy]),
        )


@dataclass(frozen=True)
class HostBlock:
    """The sums of a block on the host."""

    x: NDArray[np.float64]
    xx: NDArray[np.float64]


@dataclass(frozen=True)
class BlockSums:
    """The sums of the columns of a block, (D,), and of their products, (D, D)."""

    x: Tensor
    xx: Tensor

    def add(self, other: "BlockSums") -> None:
        """Add the sums of more residues."""
        self.x.add_(other.x)
        self.xx.add_(other.xx)

    def to_host(self) -> HostBlock:
        """Return the sums on the host."""
        return HostBlock(_to_host(self.x), _to_host(self.xx))


@dataclass(frozen=True)
class Products:
    """The products of the columns of some residues, which serve every set of labels that counts them."""

    blocks: FeatureBlocks
    window: BlockSums
    heads: BlockSums
    hidden: list[BlockSums]
    """Of each layer."""
    cross: Tensor
    """Products of hidden states and heads, (L, W, L x H)."""


def multiply(blocks: FeatureBlocks) -> Products:
    """Return the products of the columns of residues."""
    return Products(
        blocks,
        window=_square(blocks.window),
        heads=_square(blocks.heads),
        hidden=[_square(layer) for layer in blocks.hidden],
        cross=blocks.hidden.transpose(1, 2) @ blocks.heads,
    )


def _square(x: Tensor) -> BlockSums:
    """Return the sums of columns (N, D) and of their products."""
    if x.is_cuda:
        return BlockSums(x.sum(0), x.T @ x)
    columns = x.numpy()
    return BlockSums(x.sum(0), torch.from_numpy(columns.T @ columns))  # NumPy computes half: the other is the same


def _to_host(values: Tensor) -> NDArray[np.float64]:
    return values.cpu().numpy()
