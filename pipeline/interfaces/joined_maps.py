"""The maps of two joined proteins while the model runs: each head's across map is handed over and dropped.

The two orders of a pair run in one pack, so that the mean of their maps needs one layer at a time.

Axis letters: `H` heads, `T` tokens of one joined input, `D` head dimension.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from attlas.pipeline.attention.definitions import LayerInputs, PackAttention
from attlas.pipeline.attention.tiles import Tile
from attlas.pipeline.interfaces.across_maps import AcrossMap, cut_across_map

AddMaps = Callable[[int, Sequence[AcrossMap]], None]
"""Takes a layer, from 0, and the across map of each of its heads."""


@dataclass
class ReadAcrossMaps:
    """A `Reduction` that hands the across maps of each layer's heads to `add_maps`, the mean over the pack's inputs.

    All inputs of the pack are of the same two proteins. In the `PackAttention` that it returns, `received` and `heads`
    are 0.
    """

    places: Sequence[tuple[slice, slice]]
    """The tokens of the protein, and those of its partner, in each input of the pack."""
    add_maps: AddMaps
    layer: int = field(default=0, init=False)
    """The layer that comes next."""

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Reduce one layer."""
        q, k, v, pack = inputs.q, inputs.k, inputs.v, inputs.pack
        output = None if v is None else torch.empty_like(v)
        maps = []

        with torch.autocast(q.device.type, enabled=False):  # of mixed models: a softmax needs float32
            for head in range(len(q)):
                maps_of_inputs = []
                for number, (tokens, (protein, partner)) in enumerate(zip(pack.slices, self.places, strict=True)):
                    scores = q[head, tokens].float() @ k[head, tokens].float().T * inputs.scaling  # (T, T)
                    if inputs.added is not None:
                        tile = Tile(number, slice(head, head + 1), tokens, 0)
                        scores += inputs.added.select(tile, len(scores))[0].to(scores.device)
                    attention = torch.softmax(scores, dim=1)
                    if v is not None and output is not None:
                        output[head, tokens] = (attention @ v[head, tokens].float()).to(v.dtype)
                    maps_of_inputs.append(cut_across_map(attention, protein, partner))
                maps.append(AcrossMap.average(maps_of_inputs))

        self.add_maps(self.layer, maps)
        self.layer += 1
        return PackAttention(output, torch.zeros(sum(pack.n_residues)), torch.zeros(len(pack.n_tokens), len(q), 1))
