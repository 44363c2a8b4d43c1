"""The check that a device still computes right, made wherever a sequence fails, before the sequence is blamed."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.guard import check_known_protein
from attlas.pipeline.packing import PackRunner
from attlas.schema import DeviceFault, Fault
from attlas.schema.errors import first_line

Item = TypeVar("Item")
Result = TypeVar("Result")


def make_pack_runner(
    encoder: Encoder,
    *,
    begin: Callable[[Sequence[Item]], Callable[[], Sequence[Result]]],
    is_finite: Callable[[Result], bool],
    known_item: Item | None = None,
) -> PackRunner[Item, Result]:
    """Return a runner of packs on an encoder's device; `begin` and `is_finite` as in `PackRunner`.

    With `known_item`, the known protein as the pass takes it, a sequence whose numbers are not finite is to blame only
    if the pass computes finite ones of the known protein, by the reduction that is its own.
    """

    def check_device(error: Exception | None) -> None:
        refuse_failing_device(encoder, error)
        if error is None and known_item is not None and not is_finite(begin([known_item])()[0]):
            raise _note_fault(
                encoder,
                what=f"The device {encoder.device} of {socket.gethostname()} computes nothing finite in this pass.",
                expected="finite numbers of a known protein, on which the model's attention is as it was",
                symptom="numbers that are not finite",
            )

    return PackRunner(
        begin=begin,
        is_finite=is_finite,
        free_memory=encoder.free_memory,
        check_device=check_device,
        lock=encoder.lock,
    )


def refuse_failing_device(encoder: Encoder, error: Exception | None) -> None:
    """Run the known protein, which was right when the model was loaded, and refuse a device on which it fails now.

    Args:
        encoder: the model on its device.
        error: the error that raised doubts, None for attention that is not finite.

    Raises:
        DeviceFault: names this machine, the device and what went wrong.
    """
    doubt = "attention that is not finite" if error is None else first_line(error)
    encoder.free_memory()
    _run_known_protein(encoder, occasion=f"before that, on a protein of the atlas: {doubt}")


def confirm_device(
    encoder: Encoder, *, occasion: str = "before that, a part of a shard was computed without an error"
) -> None:
    """Run the known protein before a worker begins, or before results are kept to be joined with later ones.

    Args:
        encoder: the model on its device.
        occasion: tells in an error when the known protein was run.

    Raises:
        DeviceFault: as `refuse_failing_device`, or the device has failed already, perhaps under another shard.
    """
    refuse_faulty_device(encoder)
    with encoder.lock:
        _run_known_protein(encoder, occasion=occasion)


def _run_known_protein(encoder: Encoder, *, occasion: str) -> None:
    """Refuse a device that fails on the known protein; `occasion` tells why it was run. Raises DeviceFault."""
    try:
        check_known_protein(encoder)
    except Exception as failure:
        symptom = failure.found if isinstance(failure, Fault) else first_line(failure)
        raise _note_fault(
            encoder,
            what=f"The device {encoder.device} of {socket.gethostname()} does not work as it did when the model was "
            "loaded.",
            expected="the attention on a known protein as it was then",
            symptom=f"{symptom}; {occasion}",
        ) from None  # the tracebacks hold memory of the device


def _note_fault(encoder: Encoder, *, what: str, expected: str, symptom: str) -> DeviceFault:
    """Note that a device has failed, so that nothing more of it is published, and return the error to raise."""
    fault = DeviceFault(
        what,
        expected=expected,
        found=symptom,
        hint="see the machine's own log (nvidia-smi, dmesg); the same command goes on where this one stopped",
    )
    with encoder.fault_lock:
        encoder.fault = fault
    return fault


@contextmanager
def while_device_works(encoder: Encoder) -> Iterator[None]:
    """Publish a receipt in this context: the device is not said to have failed before it is published.

    Raises:
        DeviceFault: the device has failed already, perhaps under another thread's shard; nothing is published.
    """
    with encoder.fault_lock:
        refuse_faulty_device(encoder)
        yield


def refuse_faulty_device(encoder: Encoder) -> None:
    """Refuse to begin a shard on a device that has failed, perhaps under another thread's shard.

    Raises:
        DeviceFault: the device's own.
    """
    if encoder.fault is not None:
        raise encoder.fault
