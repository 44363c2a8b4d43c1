"""A copy of results to the host, begun while a GPU still computes and waited for when it is read."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class HostCopy:
    """Begins to copy tensors to the host after the work that is already queued on a GPU; of a CPU they are not copied.

    Work that is queued later does not delay it.
    """

    def __init__(self, *tensors: Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        self._tensors = tensors
        if any(tensor.is_cuda for tensor in tensors):
            self._tensors = tuple(map(_copy_to_pinned, tensors))
            self._event = torch.cuda.Event(blocking=True)  # who waits sleeps: other threads need the core
            self._event.record()

    def read(self) -> list[NDArray[np.float32]]:
        """Return the tensors as arrays; waits for a GPU to finish them."""
        if self._event is not None:
            self._event.synchronize()
        return [tensor.numpy() for tensor in self._tensors]


def _copy_to_pinned(values: Tensor) -> Tensor:
    return torch.empty(values.shape, dtype=values.dtype, pin_memory=True).copy_(values, non_blocking=True)
