"""What workers share: the process from which they fork imports this module, and nothing else does.

Whatever fails here fails again in the worker, which reports it.
"""

import gc
from contextlib import suppress

from attlas.pipeline.workers.libraries import ending_with_parent, import_libraries, pause_collection


def _warm_up() -> None:
    """Do once what every worker would do at its first shard: load the compiled loop, and transformers' renamings."""
    import torch

    from attlas.pipeline.attention.definitions import LayerInputs, Pack
    from attlas.pipeline.attention.tiled import reduce_tiled
    from attlas.pipeline.model.offline import prepare_renaming

    prepare_renaming()
    if torch.get_num_threads() == 1:  # more would start threads, which do not survive a fork
        tokens = torch.ones(2, 8, 2)
        pack = Pack((8,), torch.device("cpu"))
        reduce_tiled(LayerInputs(tokens, tokens, tokens, pack, scaling=1.0), theta=0.5)


with ending_with_parent(), suppress(Exception), pause_collection():
    import distributed  # noqa: F401

    import_libraries()
    _warm_up()

# Nothing of this is garbage: a worker that looked at it would copy its pages.
gc.freeze()
