"""Whether a device still computes right: asked wherever a sequence fails, before the sequence is blamed."""

import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from attlas.pipeline.encoder import Encoder
from attlas.pipeline.packing import PackRunner
from attlas.schema import DeviceFault, EnvironmentFault

Item = TypeVar("Item")
Result = TypeVar("Result")

KNOWN_PROTEIN = "ACDEFGHIKLMNPQRSTVWY" * 15


def check_known_protein(encoder: Encoder) -> None:
    """Run the known protein. Raises EnvironmentFault if the attention is not finite."""
    if not encoder.encode([KNOWN_PROTEIN])[0].is_finite:
        raise EnvironmentFault("The attention on the known protein is not finite.")


def pack_runner(
    encoder: Encoder,
    *,
    begin: Callable[[Sequence[Item]], Callable[[], Sequence[Result]]],
    is_finite: Callable[[Result], bool],
) -> PackRunner[Item, Result]:
    """Return what runs packs on an encoder's device; `begin` and `is_finite` as in `PackRunner`."""
    return PackRunner(
        begin=begin,
        is_finite=is_finite,
        free_memory=encoder.free_memory,
        check_device=partial(refuse_failing_device, encoder),
    )


def refuse_failing_device(encoder: Encoder, error: Exception | None) -> None:
    """Run the known protein, which was right when the model was loaded, and refuse a device on which it fails now.

    `error` is what raised doubts, None for attention that is not finite.

    Raises:
        DeviceFault: names this machine, the device and what went wrong.
    """
    try:
        encoder.free_memory()
        check_known_protein(encoder)
    except Exception as failure:
        doubt = "attention that is not finite" if error is None else describe_error(error)
        raise DeviceFault(
            f"The device {encoder.device} of {socket.gethostname()} does not work as it did when the model was loaded.",
            expected="the attention on a known protein as it was then",
            found=f"{describe_error(failure)}; before that, on the proteins of a shard: {doubt}",
            hint="see the machine's own log (nvidia-smi, dmesg); the same command goes on where this one stopped",
        ) from None  # the tracebacks hold memory of the device


def describe_error(error: Exception) -> str:
    """Return the type of an error and the first line of its message."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
