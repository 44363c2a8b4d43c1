"""What Triton's interpreter lacks: products of bfloat16, and products of float32 as a tensor core makes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import triton
from numpy.typing import NDArray

from attlas.pipeline.encoder.products import split

IS_INTERPRETED = triton.knobs.runtime.interpret


@contextmanager
def emulated_products() -> Iterator[None]:
    """Let the interpreter multiply as a GPU does; without effect where kernels are compiled.

    Up to Triton 3.9 it takes the bits of a bfloat16, held as uint16, for integers, and multiplies float32 exactly
    whatever the `input_precision`, of which it does not know "bf16x3". Here that is three products of bfloat16 halves.
    """
    if not IS_INTERPRETED:
        yield
        return
    from triton.runtime.interpreter import InterpretedFunction, InterpreterBuilder, TensorHandle
    from triton.runtime.interpreter import interpreter_builder as builder

    message = "triton was imported before TRITON_INTERPRET was set: tests/conftest.py has to set it"
    assert isinstance(triton.language.sum, InterpretedFunction), message
    multiply = InterpreterBuilder.create_dot

    def widen(part: Any) -> Any:
        if part.dtype.scalar != triton.language.bfloat16:
            return part
        return TensorHandle((part.data.astype(np.uint32) << 16).view(np.float32), triton.language.float32)

    def create_dot(self: Any, a: Any, b: Any, d: Any, precision: Any, *others: Any) -> Any:
        if "bf16x3" not in str(precision).lower():
            return multiply(self, widen(a), widen(b), d, precision, *others)

        halves = [[TensorHandle(half, part.dtype) for half in split_array(part.data)] for part in (a, b)]
        (a_high, a_low), (b_high, b_low) = halves
        for left, right in ((a_low, b_high), (a_high, b_low), (a_high, b_high)):
            d = multiply(self, left, right, d, precision, *others)
        return d

    precisions = (*builder.options.allowed_dot_input_precisions, "bf16x3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InterpreterBuilder, "create_dot", create_dot)
        patch.setattr(builder, "options", replace(builder.options, allowed_dot_input_precisions=precisions))
        yield


def split_array(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the bfloat16 halves of float32 values, as float32."""
    high, low = split(torch.from_numpy(np.ascontiguousarray(values)))
    return high.float().numpy(), low.float().numpy()
