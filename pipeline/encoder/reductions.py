"""The reductions by name, as a run records them; their libraries are loaded when they are needed."""

from functools import partial

from attlas.pipeline.attention.definitions import Reduction, reduce_plain
from attlas.pipeline.encoder.products import halve_scores
from attlas.pipeline.model.architectures import HOOKED, KERNELS, WHOLE_MAPS
from attlas.pipeline.model.precision import SPLIT
from attlas.schema import EnvironmentFault
from attlas.schema.run import PLAIN


def find_reduction(name: str, products: str = PLAIN) -> Reduction:
    """Return the reduction of a name: "plain", "tiled" (on CPUs) or "triton" (on GPUs).

    Where `products` is SPLIT, the kernels of a GPU multiply halves; the others give the numbers that this gives.

    Raises:
        EnvironmentFault: the library of the reduction is not installed.
    """
    if name == "plain":
        return halve_scores(reduce_plain) if products == SPLIT else reduce_plain
    try:
        if name == "tiled":
            from attlas.pipeline.attention.tiled import reduce_tiled

            return halve_scores(reduce_tiled) if products == SPLIT else reduce_tiled
        from attlas.pipeline.attention.triton_pass import reduce_triton
    except ImportError as error:
        raise EnvironmentFault(
            f"Attention on this device is reduced by the {name} kernels, which cannot be loaded.",
            found=str(error),
            hint="install attlas[build] whole; on a GPU, a torch with Triton; or plan with --device cpu",
        ) from error
    return partial(reduce_triton, products=products)


def choose_reduction(attention: str, device: str) -> str:
    """Return the name of the reduction for a run's attention: the maps of a hooked model are reduced as they are."""
    if attention != HOOKED:
        return attention
    return WHOLE_MAPS if device == "cuda" else KERNELS[device]
