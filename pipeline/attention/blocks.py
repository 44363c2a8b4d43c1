"""The sizes of the kernels' programs on a GPU, from `blocks.json`, which `benchmarks/gpu_day.py` writes anew.

How they were selected, for lack of a GPU: by registers, spills and instructions of the compiled inner loop.

- `hopper`, half precision from compute capability 9 on: 128 keys, because with 64 the queries would have to come from
  L2 faster than it gives them. 4 warps, because 64 weights per thread halve what a loop costs beside them: 10.6
  instructions per weight against 12.1 with 8 warps, where exp2 alone takes the time of 8. 168 registers let three
  programs of 4 warps share a multiprocessor, 128 two of 8.
- `ampere`, the same before it: with 32 queries at a time all warps stand along the keys, and sums stay inside a thread.
- `split_hopper` and `split_ampere`, float32 as three products of bfloat16 halves: half the instructions per weight of
  blocks made for plain float32, and no more shared memory than every GPU since Ampere has, 99 KiB.
- `float32`, which tensor cores do not multiply exactly: plain multiplications, many registers.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

BLOCKS_FILE = Path(__file__).with_name("blocks.json")


class BlockSizes(NamedTuple):
    """The sizes of a program's work: tokens kept, tokens walked over at a time, and options of the compiler.

    `kept` is a multiple of `walked` and of BAND. Only the last bits of the results depend on these.
    """

    kept: int
    walked: int
    n_warps: int
    n_stages: int
    n_registers: int


@lru_cache(maxsize=1)
def read_tables() -> dict[str, dict[str, dict[str, list[int]]]]:
    """Return the sizes by table, kernel and largest head dimension, as the file has them."""
    tables: dict[str, dict[str, dict[str, list[int]]]] = json.loads(BLOCKS_FILE.read_text())
    return tables


def read_blocks(table: str, kernel: str, *, dim: int) -> BlockSizes:
    """Return the blocks of a kernel, "softmax" or "columns", for a head dimension up to LARGEST_DIM."""
    by_largest_dim = read_tables()[table][kernel]
    return BlockSizes(*next(sizes for largest, sizes in by_largest_dim.items() if dim <= int(largest)))
