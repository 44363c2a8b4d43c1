"""Part 5: where the device's time goes, and which sizes of the kernels' programs are fastest."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import throughput
import torch
from torch.profiler import ProfilerActivity, profile

from attlas.pipeline.attention.added_scores import OffsetScores
from attlas.pipeline.attention.blocks import BLOCKS_FILE, BlockSizes, read_tables
from attlas.pipeline.attention.definitions import LayerInputs, Pack
from attlas.pipeline.model.precision import SPLIT
from attlas.schema.publish import publish_bytes
from attlas.schema.run import PLAIN
from gpu_parts.settings import Row, Settings
from gpu_parts.workload import (
    Sample,
    describe_error,
    free_device,
    measure_s,
    model_shape,
    pack_tokens,
    random_model,
    random_proteins,
)

N_KERNELS = 20
"""Kernels that are shown, those with the most time."""

SAMPLE = Sample(120, 2000)


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the profiles of both precisions, then the sweep of the block tables that this device uses."""
    for variant in ("bfloat16", SPLIT):
        yield from profile_encoder(settings, variant)
        free_device(settings)
    yield from sweep_blocks(settings)


@torch.inference_mode()
def profile_encoder(settings: Settings, variant: str) -> Iterator[Row]:
    """Yield the kernels of an encoder by time, after the share of the time in which the device works at all."""
    encoder = throughput.load_encoder(random_model(settings), variant, device=settings.device)
    sequences = random_proteins(settings, SAMPLE)
    throughput.run_packs(encoder, sequences, pack_tokens=pack_tokens(settings))

    is_cuda = settings.device == "cuda"
    activities = [ProfilerActivity.CUDA] if is_cuda else [ProfilerActivity.CPU]
    with profile(activities=activities) as recording:
        started = time.perf_counter()
        throughput.run_packs(encoder, sequences, pack_tokens=pack_tokens(settings))
        if is_cuda:
            torch.cuda.synchronize()
        wall_ms = (time.perf_counter() - started) * 1e3

    attribute = "self_device_time_total" if is_cuda else "self_cpu_time_total"
    events = sorted(recording.key_averages(), key=lambda event: -getattr(event, attribute))
    busy_ms = sum(getattr(event, attribute) for event in events) / 1e3
    yield {"measured": f"{variant}: the device works", "ms": round(busy_ms, 1), "share": f"{busy_ms / wall_ms:.1%}"}
    for event in events[:N_KERNELS]:
        kernel_ms = getattr(event, attribute) / 1e3
        yield {
            "measured": f"{variant}: {event.key[:80]}",
            "ms": round(kernel_ms, 2),
            "share": f"{kernel_ms / busy_ms:.1%}",
            "calls": event.count,
        }


CANDIDATES = {
    "columns": [
        BlockSizes(kept, walked, n_warps, n_stages, n_registers)
        for n_registers in (255, 168)
        for n_stages in (2, 3)
        for kept, walked in ((128, 64), (128, 32), (64, 64), (64, 32))
        for n_warps in (4, 8)
    ],
    "softmax": [
        BlockSizes(kept, walked, n_warps, n_stages, 255)
        for n_stages in (2, 3)
        for kept, walked in ((128, 64), (128, 32), (64, 64), (64, 32), (128, 128))
        for n_warps in (8, 4)
    ],
}
"""Sizes that are tried, the likely ones first; the softmax kernel has no limit of registers."""

SWEEP_LIMIT_S = 30
"""Seconds after which no more sizes of a kernel are tried: each has to be compiled."""


@torch.inference_mode()
def sweep_blocks(settings: Settings) -> Iterator[Row]:
    """Yield the fastest sizes of every kernel beside those of the table, and write them where the code reads them.

    The kernel that takes the most time comes first; ways that are only compared come last.
    """
    shape = model_shape(settings)
    dim = shape.width // shape.n_heads
    lengths = [len(sequence) + 2 for sequence in random_proteins(settings, Sample(60, 4000))]
    n_heads = shape.n_heads
    if settings.is_tiny:  # of the interpreter a little is enough
        lengths, n_heads = lengths[:1], 1
    pack = Pack(tuple(lengths), torch.device(settings.device))

    numbers = torch.randn(3, n_heads, sum(lengths), dim, device=settings.device)
    tensors = {PLAIN: tuple(numbers.bfloat16()), SPLIT: tuple(numbers)}
    for kernel in ("columns", "softmax"):
        for products in (PLAIN, SPLIT):
            if not settings.is_tiny or (kernel, products) == ("columns", PLAIN):
                yield sweep_kernel(settings, kernel, tensors[products], pack, products=products)
    yield from compare_precisions(settings, tensors[SPLIT], pack)
    for products in (PLAIN,) if settings.is_tiny else (PLAIN, SPLIT):
        yield from compare_added(settings, tensors[products], pack, products=products)


def compare_precisions(settings: Settings, tensors: Sequence[torch.Tensor], pack: Pack) -> Iterator[Row]:
    """Yield for each of Triton's ways to multiply float32 a layer's time and its difference from exact products."""
    from attlas.pipeline.attention import triton_options, triton_pass

    q, k, v = tensors
    try:
        exact = triton_pass.reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.1), theta=0.3).received
    except Exception as fault:  # what comes after it may run
        yield {"measured": "a layer by exact products", "outcome": describe_error(fault)}
        return
    before = triton_options.SPLIT_PRECISION
    if settings.is_tiny:
        yield {"measured": f"a layer by {before}", "outcome": "left out, Triton's interpreter has no such products"}
    for precision in ("tf32x3", "ieee") if settings.is_tiny else ("bf16x3", "tf32x3", "ieee"):
        try:
            triton_options.SPLIT_PRECISION = precision

            def run() -> torch.Tensor:
                return triton_pass.reduce_triton(
                    LayerInputs(q, k, v, pack=pack, scaling=0.1), theta=0.3, products=SPLIT
                ).received

            error = float((run() - exact).abs().max() / exact.max())
            seconds = measure_s(settings, run, repeats=1 if settings.is_tiny else 5)
        except Exception as fault:
            yield {"measured": f"a layer by {precision}", "outcome": describe_error(fault)}
            continue
        finally:
            triton_options.SPLIT_PRECISION = before
        yield {"measured": f"a layer by {precision}", "ms": round(seconds * 1e3, 3), "differs by": f"{error:.1e}"}


def compare_added(settings: Settings, tensors: Sequence[torch.Tensor], pack: Pack, *, products: str) -> Iterator[Row]:
    """Yield a layer's time with what some architectures add to scores, beside one to which nothing is added."""
    from attlas.pipeline.attention import triton_pass

    q, k, v = tensors
    bias = torch.randn(len(q), 2 * max(pack.n_tokens) - 1, device=q.device)
    cases = {
        "nothing added": (None, len(q)),
        "a bias by j - i": (OffsetScores(bias), len(q)),
        "a window of 64": (OffsetScores(window=64), len(q)),
        "a key head for four": (None, max(1, len(q) // 4)),
    }
    for name, (added, n_key_heads) in cases.items():

        def run(added: OffsetScores | None = added, n: int = n_key_heads) -> object:
            return triton_pass.reduce_triton(
                LayerInputs(q, k[:n], v[:n], pack=pack, scaling=0.1, added=added), theta=0.3, products=products
            )

        row: Row = {"measured": f"a layer of {products} {q.dtype}, {name}"}
        try:
            yield row | {"ms": round(measure_s(settings, run, repeats=1 if settings.is_tiny else 5) * 1e3, 3)}
        except Exception as fault:  # the next may run
            yield row | {"outcome": describe_error(fault)}


def sweep_kernel(settings: Settings, kernel: str, tensors: Sequence[torch.Tensor], pack: Pack, *, products: str) -> Row:
    """Return the row of a kernel's fastest sizes.

    A build runs the softmax kernel in half precision only where no values are multiplied, in the last layer: elsewhere
    torch's flash attention takes its place. So it is measured without values.
    """
    from attlas.pipeline.attention import triton_options, triton_pass

    q, k, v = tensors
    table = triton_options.choose_table(q, products)

    def run() -> object:
        if kernel == "columns":
            return triton_pass.reduce_triton(LayerInputs(q, k, v, pack=pack, scaling=0.1), theta=0.3, products=products)
        values = v if q.dtype == torch.float32 else None
        return triton_pass.attend_by_kernel(LayerInputs(q, k, values, pack=pack, scaling=0.1), products=products)

    before = triton_options.read_blocks(table, kernel, dim=q.shape[2])
    seconds_by_blocks: dict[BlockSizes, float] = {}
    last_fault = ""
    end = time.monotonic() + SWEEP_LIMIT_S
    for blocks in [before, *CANDIDATES[kernel][: 1 if settings.is_tiny else None]]:
        if seconds_by_blocks and time.monotonic() > end:
            break
        try:
            with using_blocks(kernel, blocks):
                run()
                seconds_by_blocks[blocks] = measure_s(settings, run, repeats=1 if settings.is_tiny else 5)
        except Exception as fault:  # too many registers, or too much shared memory: no candidate
            last_fault = describe_error(fault)

    if not seconds_by_blocks:
        return {"measured": f"blocks of {table}, {kernel}", "outcome": f"no sizes could be run: {last_fault}"}
    fastest = min(seconds_by_blocks, key=lambda blocks: seconds_by_blocks[blocks])
    write_blocks(settings, table, kernel, fastest, dim=q.shape[2])
    return {
        "measured": f"blocks of {table}, {kernel}",
        "ms": round(seconds_by_blocks[fastest] * 1e3, 3),
        "sizes": list(fastest),
        "ms before": round(seconds_by_blocks[before] * 1e3, 3) if before in seconds_by_blocks else None,
        "tried": len(seconds_by_blocks),
    }


@contextmanager
def using_blocks(kernel: str, blocks: BlockSizes) -> Iterator[None]:
    """Let a kernel run with these sizes, whatever the tables say."""
    from attlas.pipeline.attention import triton_options

    read_blocks = triton_options.read_blocks

    def read(table: str, name: str, *, dim: int) -> BlockSizes:
        return blocks if name == kernel else read_blocks(table, name, dim=dim)

    triton_options.read_blocks = read
    try:
        yield
    finally:
        triton_options.read_blocks = read_blocks


def write_blocks(settings: Settings, table: str, kernel: str, blocks: BlockSizes, *, dim: int) -> None:
    """Write sizes into a copy of the tables among the figures and, from a GPU, where the code reads them."""
    copy = settings.out / BLOCKS_FILE.name
    tables = json.loads((copy if copy.is_file() else BLOCKS_FILE).read_text())
    largest_dim = next(largest for largest in tables[table][kernel] if dim <= int(largest))
    tables[table][kernel][largest_dim] = list(blocks)
    targets: list[Path] = [copy] if settings.is_tiny else [copy, BLOCKS_FILE]
    for path in targets:
        publish_bytes(path, format_tables(tables).encode())  # whole also where the part is ended meanwhile
    read_tables.cache_clear()


def format_tables(tables: dict[str, dict[str, dict[str, list[int]]]]) -> str:
    """Return the tables as JSON with a line for each kernel."""
    parts = []
    for table, kernels in tables.items():
        lines = [f"  {json.dumps(kernel)}: {json.dumps(sizes)}" for kernel, sizes in kernels.items()]
        parts.append(f" {json.dumps(table)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"
