"""A copy from the host to a device that does not wait for the work that is queued there."""

import torch
from torch import Tensor


def copy_to_device(values: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the host on a device.

    Only from pinned memory does a GPU copy without waiting for earlier work.
    """
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values
