"""The precision of a run: its dtype, the products of its matrices, and how near the model's own attention it must be.

On a GPU plain float32 runs without tensor cores. There, a run of dtype float32 multiplies bfloat16 halves of its
numbers (`products`), which keeps the digits that sites depend on.
"""

from attlas.schema import EnvironmentFault, InputError
from attlas.schema.run import PLAIN

AUTO = "auto"
"""Option for the default dtype, float32, and for the device that there is."""

MIXED = "mixed"
"""A dtype of runs: matrix products in float16, everything between them in float32. It changes 3 of 100 sets of sites,
bfloat16 15 (docs/log.md); still too many for a default."""

SPLIT = "bfloat16x3"
"""Products of float32 numbers as three products of their bfloat16 halves, with sums in float32 (see `products`)."""

OLDEST_OF_BFLOAT16 = (8, 0)
"""Compute capability from which on a GPU multiplies bfloat16 by tensor cores."""

ATTENTION_BOUNDS = {"float32": 1e-3, "bfloat16": 0.25, MIXED: 0.05}
"""Largest accepted difference from a model's own eager attention, as a share of a layer's maximum, by dtype.

Attention that is computed wrong differs by 0.7 and more. Computed right, on the known protein of `guard`, it differs
by 3e-6 (float32), 0.05 (bfloat16) and 0.008 (mixed) with the weights of ESM-2 8M, and by 3e-6, 0.10 and 0.006 with
random weights in 33 layers; over 1,000 proteins half precision moved single residues by up to 0.20 and 0.02
(docs/log.md)."""


def choose_dtype(option: str) -> str:
    """Return the dtype of a run for the option `--dtype`."""
    return "float32" if option == AUTO else option


def choose_products(dtype: str, *, device: str, is_exact: bool) -> str:
    """Return the products of a run: SPLIT for float32 on a GPU, PLAIN everywhere else and where `is_exact`."""
    return SPLIT if dtype == "float32" and device == "cuda" and not is_exact else PLAIN


def refuse_exact_half(dtype: str, *, is_exact: bool) -> None:
    """Refuse exact products of a dtype that is not float32. Raises InputError."""
    if is_exact and dtype != "float32":
        raise InputError(
            f"--exact asks for plain float32, --dtype {dtype} for half precision.",
            expected="one of the two",
            hint="leave out --dtype, or --exact",
        )


def read_variant(name: str) -> tuple[str, str]:
    """Return dtype and products of a name: a dtype, with its plain products, or SPLIT, which is of float32."""
    return ("float32", SPLIT) if name == SPLIT else (name, PLAIN)


def find_attention_bound(dtype: str) -> float:
    """Return the largest accepted difference from a model's own eager attention, as a share of a layer's maximum."""
    return ATTENTION_BOUNDS[dtype]


def refuse_old_gpu(capability: tuple[int, int], *, dtype: str, products: str) -> None:
    """Refuse to multiply bfloat16 on a GPU whose tensor cores do not, such as T4 and V100. Raises EnvironmentFault."""
    is_split = products == SPLIT
    if capability < OLDEST_OF_BFLOAT16 and (is_split or dtype == "bfloat16"):
        raise EnvironmentFault(
            f"This GPU is too old for {'float32 by products of bfloat16 halves' if is_split else 'bfloat16'}.",
            expected=f"compute capability {OLDEST_OF_BFLOAT16[0]}.{OLDEST_OF_BFLOAT16[1]} or later (Ampere)",
            found=f"{capability[0]}.{capability[1]}",
            hint="plan with --exact (plain float32) into another directory, or with --dtype mixed",
        )
