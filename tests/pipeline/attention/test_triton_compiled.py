"""The GPU's kernels compiled to machine code for GPUs that are not here: registers, shared memory, lengths of loops."""

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")  # before triton is imported: what is compiled, another process compiles
pytest.importorskip("triton")

import torch
import triton

from attlas.pipeline.attention import triton_finish, triton_kernels, triton_options, triton_receive
from attlas.pipeline.attention.blocks import read_blocks
from attlas.pipeline.model.precision import SPLIT
from attlas.schema.run import PLAIN

NVIDIA = Path(triton.__file__).parent / "backends/nvidia/bin"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Compiled:
    """What the compiler made of a kernel."""

    kernel: str
    dtype: str
    capability: int
    n_registers: int
    stack_bytes: int
    """Of each thread: what did not fit into registers."""
    shared_bytes: int
    loops: list[int]
    """Machine instructions of each loop."""


TABLES = [("hopper", 90, "bf16"), ("ampere", 80, "bf16"), ("float32", 90, "fp32"), ("split_hopper", 90, "fp32"),
          ("split_ampere", 80, "fp32")]  # fmt: skip
"""Tables of blocks, with the compute capability and the dtype that each is compiled for."""

TYPES = {
    **dict.fromkeys(("shifts", "masses", "columns", "sums", "heads", "received", "bias"), "*fp32"),
    **dict.fromkeys(("tiles", "offsets", "first_tiles"), "*i32"),
    **dict.fromkeys(("scale", "theta"), "fp32"),
}


def compile_kernel(kernel, dtype, capability, options, **constants) -> Compiled:
    """Compile for a GPU that is not here, down to machine code, and look at that with NVIDIA's tools."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    types = TYPES | dict.fromkeys(("q", "k", "v", "output"), f"*{dtype}") | dict.fromkeys(constants, "constexpr")
    signature = {name: types.get(name, "i32") for name in kernel.arg_names}
    is_aligned = {name: kind[0] == "*" or name[1:] in ("_head", "_token") for name, kind in signature.items()}
    aligned = [i for i, name in enumerate(signature) if is_aligned[name]]
    attributes = {(i,): [["tt.divisibility", 16]] for i in aligned}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=attributes)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        usage, code = (
            subprocess.run([NVIDIA / tool, option, file.name], capture_output=True, text=True, check=True).stdout
            for tool, option in (("cuobjdump", "--dump-resource-usage"), ("nvdisasm", "-c"))
        )
    used = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    n_registers, stack_bytes = map(int, used.groups())
    return Compiled(
        kernel.__name__, dtype, capability, n_registers, stack_bytes, made.metadata.shared, loop_lengths(code)
    )


def loop_lengths(code: str) -> list[int]:
    """Return the instructions of each loop, that is of each jump back, of a disassembly."""
    labels, lengths, n = {}, [], 0
    for line in code.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label[1]] = n
        elif re.match(r"\s*/\*[0-9a-f]+\*/", line):
            n += 1
            if (jump := re.search(r"BRA.*(\.L_x_\d+)", line)) and jump[1] in labels:
                lengths.append(n - labels[jump[1]])
    return lengths


OF_SCORES = ("group", "has_bias", "has_window")
SWITCHES = {
    "off": {"group": 1, "has_bias": False, "has_window": False, "hides_first": False, "hides_last": False},
    "on": {"group": 2, "has_bias": True, "has_window": True, "hides_first": True, "hides_last": True},
}


def print_compiled(tables: tuple[str, ...], name: str, dim: int) -> None:
    """Compile kernels for a head dimension; in a process of its own, because here they are interpreted."""
    of_keys = SWITCHES[name]
    of_scores = {switch: of_keys[switch] for switch in OF_SCORES}
    for table, capability, dtype in (of_table for of_table in TABLES if of_table[0] in tables):
        columns, softmax = (
            triton_options.leave_room(read_blocks(table, kernel, dim=dim), has_bias=of_keys["has_bias"])
            for kernel in ("columns", "softmax")
        )
        is_float32 = dtype == "fp32"
        size = {"dim": dim, "kept": columns.kept, "has_masses": is_float32}
        precision = {
            "precision": triton_options.SPLIT_PRECISION if table.startswith("split") else triton_options.PLAIN_PRECISION
        }
        products = SPLIT if table.startswith("split") else PLAIN
        n_warps, n_stages = triton_options.choose_band_options(
            torch.float32 if is_float32 else torch.bfloat16, products, dim=dim
        )
        band = {"num_warps": n_warps, "num_stages": n_stages}
        options = [{"num_warps": blocks.n_warps, "num_stages": blocks.n_stages} for blocks in (columns, softmax)]
        options[0]["maxnreg"] = columns.n_registers
        made = [
            compile_kernel(
                triton_kernels.columns_kernel, dtype, capability, options[0], **size, walked=columns.walked,
                **precision, **of_keys,
            ),
            compile_kernel(
                triton_kernels.softmax_kernel, dtype, capability, options[1], dim=dim, kept=softmax.kept,
                walked=softmax.walked, has_values=is_float32 or name == "on", **precision, **of_keys,
            ),
            compile_kernel(
                triton_receive.receive_kernel, dtype, capability, options[0], **size, walked=columns.walked,
                **precision, **of_keys,
            ),
        ]  # fmt: skip
        if capability == 90:
            made += [
                compile_kernel(triton_kernels.band_kernel, dtype, capability, band, **size, **precision, **of_scores)
            ]
        if table == "hopper":
            made += [compile_kernel(triton_finish.finish_kernel, dtype, capability, {}, kept=columns.kept)]
        print(*(json.dumps(asdict(kernel)) for kernel in made), sep="\n")


@pytest.mark.thorough
@pytest.mark.parametrize(("switches", "dim"), [("off", 64), ("on", 64), ("off", 128)])
def test_the_kernels_compile_for_ampere_and_hopper_without_spilling(switches, dim, tmp_path):
    """The compiler needs no GPU, and the blocks were chosen by what it says of registers and loops."""
    if not (NVIDIA / "ptxas").exists():
        pytest.skip("this Triton comes without NVIDIA's assembler")
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    # Beside the paths that are there: attlas itself may be installed in one of them.
    folders = [*map(str, Path(__file__).parents[:3:2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(folders)
    tables = tuple(name for name, _, _ in TABLES)
    code = f"import test_triton_compiled; test_triton_compiled.print_compiled({tables}, {switches!r}, {dim})"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    compiled = [Compiled(**json.loads(line)) for line in result.stdout.splitlines()]
    assert len(compiled) == 3 * len(tables) + sum("ampere" not in table for table in tables) + 1
    for made in compiled:
        assert made.stack_bytes <= (16 if dim == 64 else 64), made
        # What every GPU since Ampere has; in half precision without values half of it, so that two programs fit.
        is_half = made.dtype == "bf16" and switches == "off" and dim == 64
        assert made.shared_bytes <= (48 if is_half else 99) * 1024, made
    if switches == "on" or dim > 64:  # how long the loops are then has been measured nowhere
        return
    half = [made for made in compiled if (made.kernel, made.dtype) == ("columns_kernel", "bf16")]
    for made, table in zip(half, ("hopper", "ampere"), strict=True):
        blocks = read_blocks(table, "columns", dim=64)
        assert made.n_registers <= blocks.n_registers
        # 10.6 on Hopper, 13 on Ampere; more than 20 where sums of queries cross threads inside the loop.
        n_weights = blocks.kept * blocks.walked / (32 * blocks.n_warps)
        assert 8 < made.loops[0] / n_weights < 14.5, made
