"""Residues per second and peak memory: ours beside what transformers offers today, in one run on one machine.

    python benchmarks/throughput.py                            # with a GPU the shape of 650M, else 8M and 35M
    python benchmarks/throughput.py --model DIR --fasta FILE   # real weights, real proteins: as fast as random ones

The ways are those of TITLES, ours and what a user has without us; "reduced" is to the same statistics, on the device.
Each way has a process of its own, whose peak memory it is. Theirs take proteins by length, one at a time or in padded
batches, smaller ones where the maps would fill the memory. After a warm-up on every eighth protein the ways take turns,
A B C A B C, so that other work on the machine falls on all of them, and the best pass of each counts. Lengths are human
(QUANTILES), letters random. On a GPU the slow ways get fewer proteins, of the same distribution: rates are per residue.

A dtype bfloat16x3 is float32 by three products of bfloat16 halves, the default on a GPU; float32 is `--exact` there.
The ceiling is the best product of large square matrices of that dtype in the same run. A share of it counts what the
whole model needs for real tokens, linear layers, q k and p v: no padding, no second pass for statistics. Ours leave out
what follows the last layer's attention, a seventh of 8M and a fortieth of 650M; it is counted all the same.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from attlas.pipeline.model.architectures import choose_attention
from attlas.pipeline.model.files import ModelShape, find_model, find_shape
from attlas.pipeline.model.precision import SPLIT, read_variant
from attlas.pipeline.plan import choose_pack_tokens, cut_packs, order_sequences
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.pipeline.sites.calling import call_sites
from attlas.pipeline.workers.resources import count_default_workers, measure_available_bytes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.tiny_esm import VOCABULARY, save_vocabulary

SHAPES = {f"{size}M": f"facebook/esm2_t{n}_{size}M_UR50D" for size, n in ((8, 6), (35, 12), (150, 30), (650, 33))}
DEFAULTS = {
    "cpu": {"shapes": "8M,35M", "proteins": 16, "slow_proteins": 16, "longest": 2000, "repeats": 2, "side": 4096},
    "cuda": {"shapes": "650M", "proteins": 2000, "slow_proteins": 256, "longest": 4000, "repeats": 3, "side": 8192},
}
# Lengths of the 20,607 proteins of the human reference proteome UP000005640, UniProt 2024 (CC BY 4.0): mean 554.
QUANTILES = {
    0.0: 2, 0.01: 51, 0.05: 108, 0.1: 137, 0.2: 210, 0.3: 283, 0.4: 340, 0.5: 411, 0.6: 492, 0.7: 593, 0.8: 757,
    0.9: 1073, 0.95: 1451, 0.98: 2073, 0.99: 2715, 0.995: 3563, 0.999: 5408, 1.0: 34350,
}  # fmt: skip
TITLES = {
    "eager": "transformers eager, `output_attentions`, maps reduced",
    "maps": "transformers eager, `output_attentions`, maps dropped unread",
    "hook": "transformers eager, a hook per layer reduces and drops its map",
    "sdpa": "transformers sdpa, no attentions",
    "bare": "attlas, no statistics",
    "full": "**attlas, all statistics**",
    "product": "product of matrices",
}
SLOW = ("eager", "maps", "hook")
N_PRODUCTS = 5
THETA = 0.3


@dataclass(frozen=True)
class Way:
    kind: str
    dtype: str
    batch: int = 0  # most proteins in a padded batch; 0: packed end to end

    @property
    def products(self) -> str:
        """Return the dtype whose matrix products are as fast."""
        return "bfloat16" if self.dtype == "mixed" else self.dtype

    @property
    def sdpa_dtype(self) -> str:
        """Return the dtype of the sdpa that a user would take instead."""
        return "bfloat16" if self.products == SPLIT else self.products

    def __str__(self) -> str:
        batch = {0: "packed", 1: "1"}.get(self.batch, f"up to {self.batch}")
        return f"| {TITLES[self.kind]} | {self.dtype} | {batch}"


BASELINES: dict[str, Callable[[Way, Way], bool]] = {  # of several ways the best counts
    "eager": lambda baseline, way: baseline.kind == "eager" and baseline.batch == 1,
    "eager_batched": lambda baseline, way: baseline.kind == "eager" and baseline.batch > 1,
    "sdpa": lambda baseline, way: baseline.kind == "sdpa" and baseline.dtype == way.sdpa_dtype,
}


def ways_of(device: str, dtype: str) -> list[Way]:
    single, half = [Way("eager", "float32", 1), Way("maps", "float32", 1)], "bfloat16"
    if device == "cuda":
        transformers_ways = [*single, Way("eager", half, 8), Way("hook", half, 8), Way("sdpa", half, 16)]
        attlas_ways = [Way(kind, dtype) for dtype in ("mixed", half) for kind in ("bare", "full")]
        attlas_ways += [Way("bare", SPLIT), Way("full", SPLIT), Way("full", "float32")]
        return [*transformers_ways, *attlas_ways]
    ways = [*single, Way("eager", "float32", 8), Way("hook", "float32", 1)]
    for way_dtype in dict.fromkeys(["float32", dtype]):
        ways += [Way("sdpa", way_dtype, 1), Way("sdpa", way_dtype, 8), Way("bare", way_dtype), Way("full", way_dtype)]
    return ways


def main() -> int:
    os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1"}
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # asking for a GPU must not open it before a fork
    # Every process is forked from a server that has imported the libraries: otherwise each would take seconds to.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "transformers.models.esm.modeling_esm", "attlas.pipeline.encoder.encoder"])

    def in_process(function: Callable, *arguments: object) -> Any:
        with ProcessPoolExecutor(1, context) as pool:
            return pool.submit(function, *arguments).result()

    options = _options()
    machine = in_process(_machine, options.device, options.threads)
    for name, default in DEFAULTS[machine["device"]].items():
        setattr(options, name, getattr(options, name) or default)

    every = _sequences(options)
    slow = spread(every, min(options.slow_proteins, len(every)))
    lengths = {kind: [*map(len, slow if kind in SLOW else every)] for kind in TITLES}
    report: dict[str, Any] = {
        "machine": machine,
        "versions": {name: version(name) for name in ("attlas", "torch", "transformers", "numpy")},
        "repeats": options.repeats,
        "lengths": {"every": lengths["full"], "slow": lengths["eager"]},
        "shapes": {},
    }

    ways = ways_of(machine["device"], options.dtype)
    ways += [Way("product", dtype) for dtype in dict.fromkeys(way.products for way in ways)]
    for name in [options.model.name] if options.model else options.shapes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            if not options.model:
                in_process(save_random_model, find_shape(SHAPES[name]), folder)
            model = find_model(str(options.model or folder))
            settings = (machine["device"], options.threads, options.side)
            jobs = {way: (way, model, slow if way.kind in SLOW else every, *settings) for way in ways}
            passes = _in_turn(jobs, lambda: ProcessPoolExecutor(1, context), repeats=options.repeats, name=name)
        report["shapes"][name] = shape_report(model.shape, passes, lengths, options.side)

    report["sites"] = {"layers": 33, "residues": 400, "ms_per_profile": in_process(_sites_ms), "bar_ms": 2.0}
    print(markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    lines = [line for shape in report["shapes"].values() for line in shape["ways"]]
    return int(any(line["failure"] for line in lines if line["kind"] in ("bare", "full")))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=DEFAULTS, help="default: cuda where there is one")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="on a CPU, beside float32")
    parser.add_argument("--model", type=Path, help="model directory, instead of shapes")
    parser.add_argument("--fasta", help="take proteins of this file, evenly by length")
    parser.add_argument("--json", type=Path, help="write every number here")
    parser.add_argument("--threads", type=int, default=count_default_workers("cpu"), help="default: all cores")
    for name, default in DEFAULTS["cpu"].items():
        text = f"default: {default}; on a GPU {DEFAULTS['cuda'][name]}"
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), help=text)
    return parser.parse_args()


def human_lengths(n: int, *, longest: int) -> list[int]:
    """Return n lengths, the middles of n equal parts of the human distribution, cut at `longest`."""
    lengths = np.interp((np.arange(n) + 0.5) / n, list(QUANTILES), list(QUANTILES.values()))
    return lengths.round().astype(int).clip(1, longest).tolist()


def random_sequences(lengths: Sequence[int]) -> list[str]:
    """Return sequences of these lengths, of random letters, always the same."""
    rng, letters = np.random.default_rng(0), list("ACDEFGHIKLMNPQRSTVWY")
    return ["".join(rng.choice(letters, n)) for n in lengths]


def spread(ordered: Sequence[str], n: int) -> list[str]:
    """Return n of an ordered sequence, the middles of n equal parts."""
    return [ordered[int((i + 0.5) * len(ordered) / n)] for i in range(n)]


def _sequences(options: argparse.Namespace) -> list[str]:
    if options.fasta is None:
        return random_sequences(human_lengths(options.proteins, longest=options.longest))
    distinct = order_sequences(read_proteome(options.fasta, max_length=options.longest).proteins)
    return spread(distinct, min(options.proteins, len(distinct)))


def _in_turn(jobs: dict[Way, tuple], start: Callable[[], ProcessPoolExecutor], *, repeats: int, name: str) -> dict:
    """Return every way's passes, or why there are none; its process stays until all are done, idle in between."""
    processes = {way: start() for way in jobs}  # they begin with their first task
    passes: dict[Way, Any] = {way: [] for way in jobs}

    for turn in range(1, repeats + 1):
        for way, job in jobs.items():
            if isinstance(passes[way], str):
                continue
            try:
                passes[way].append(processes[way].submit(_measure, *job).result())
                outcome = f"{passes[way][-1]['seconds']:.3g} s"
            except Exception as error:  # out of memory is an answer; BrokenProcessPool: killed, most likely for that
                passes[way] = outcome = f"{type(error).__name__}: {error}".splitlines()[0][:200]
                processes[way].shutdown()  # what it holds is memory that the others may need
            print(f"{name}, turn {turn} of {repeats} {way} | {outcome}", file=sys.stderr, flush=True)

    for process in processes.values():
        process.shutdown()
    return passes


_prepared: list[Callable[[], object]] = []  # in a way's own process: what is to be timed


def _measure(way: Way, model: Any, sequences: list[str], device: str, threads: int, side: int) -> dict[str, float]:
    import torch

    torch.set_num_threads(threads)
    with torch.inference_mode():
        if not _prepared:
            run = prepare_way(way, model, device, side)
            run(sequences[len(sequences[:8]) // 2 :: 8])  # warm, compiled
            _prepared.append(lambda: run(sequences))
        if device == "cpu":
            seconds = _seconds(_prepared[0])
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        else:
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.synchronize()
            seconds = _seconds(lambda: (_prepared[0](), torch.cuda.synchronize()))
            peak = torch.cuda.max_memory_allocated()
            torch.cuda.empty_cache()  # the GPU is the next way's
    return {"seconds": seconds, "peak_bytes": peak}


def prepare_way(way: Way, model: Any, device: str, side: int) -> Callable[[list[str]], object]:
    """Load what a way needs, and return a function that runs sequences."""
    if way.kind == "product":
        return _prepare_product(way, model, device, side)
    return _prepare_transformers(way, model, device, side) if way.batch else _prepare_attlas(way, model, device, side)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _prepare_attlas(way: Way, model: Any, device: str, _: int) -> Callable[[list[str]], None]:
    from attlas.pipeline.encoder.reductions import reduce_nothing

    encoder = load_encoder(model, way.dtype, device=device)
    if way.kind == "bare":  # it ends at the last layer's attention, as a build does
        encoder.kernels = encoder.kernels._replace(reduce=reduce_nothing(encoder.kernels.attend))
    pack_tokens = choose_pack_tokens(_choose_attention(model, device), device)
    return lambda sequences: run_packs(encoder, sequences, pack_tokens=pack_tokens)


def load_encoder(model: Any, dtype: str, *, device: str) -> Any:
    """Return an encoder of a dtype with its plain products, or of float32 with those of SPLIT."""
    from attlas.pipeline.encoder.encoder import Encoder

    dtype, products = read_variant(dtype)
    attention = _choose_attention(model, device)
    return Encoder(model, device=device, dtype=dtype, theta=THETA, attention=attention, products=products)


def _choose_attention(model: Any, device: str) -> str:
    return choose_attention(model.shape.architecture, device)


def run_packs(encoder: Any, sequences: Sequence[str], *, pack_tokens: int) -> None:
    """Run sequences as a build does: a pack is begun before the last one's results are waited for."""
    waiting = []
    for pack in cut_packs([*map(len, sequences)], encoder.limit_pack(pack_tokens)):
        waiting.append(encoder.start(sequences[pack]))
        if len(waiting) == 2:
            waiting.pop(0).results()
    for forward in waiting:
        forward.results()


def _prepare_transformers(way: Way, model: Any, device: str, _: int) -> Callable[[list[str]], None]:
    import torch
    from transformers import EsmModel, EsmTokenizer
    from transformers.models.esm.modeling_esm import EsmSelfAttention

    from attlas.pipeline.attention.definitions import reduce_map

    dtype, attention = getattr(torch, way.dtype), "sdpa" if way.kind == "sdpa" else "eager"
    net = EsmModel.from_pretrained(model.directory, add_pooling_layer=False, dtype=dtype, attn_implementation=attention)
    net = net.to(device).eval()
    tokenizer = EsmTokenizer.from_pretrained(model.directory)
    maps = {"hook": 1, "sdpa": 0}.get(way.kind, model.shape.n_layers) * model.shape.n_heads
    max_pairs = 0.4 * measure_available_bytes(device) / max(1, maps * dtype.itemsize)
    n_tokens: list[int] = []  # of the proteins in the batch under way
    reduced: list[torch.Tensor] = []

    def reduce(layer: torch.Tensor) -> None:  # (B, H, T, T)
        for maps_of_protein, n in zip(layer, n_tokens, strict=True):
            reduced.extend(reduce_map(maps_of_protein[:, :n, :n].float(), theta=THETA))

    def reduce_and_drop(_module: Any, _inputs: Any, outputs: tuple) -> tuple:
        reduce(outputs[1])
        return outputs[0], None

    for module in net.modules():
        if way.kind == "hook" and isinstance(module, EsmSelfAttention):
            module.register_forward_hook(reduce_and_drop)

    def run(sequences: list[str]) -> None:
        for batch in padded_batches([*map(len, sequences)], max_proteins=way.batch, max_pairs=max_pairs):
            tokens = tokenizer(sequences[batch], return_tensors="pt", padding=True)
            n_tokens[:] = tokens["attention_mask"].sum(1).tolist()
            if len(n_tokens) == 1:
                del tokens["attention_mask"]  # all ones, it would only keep sdpa from its fastest kernel
            answer = net(**tokens.to(device), output_attentions=way.kind in ("eager", "maps"))
            for layer in answer.attentions if way.kind == "eager" else ():
                reduce(layer)
            for tensor in reduced:
                tensor.cpu()  # as ours come back
            reduced.clear()

    return run


def padded_batches(lengths: Sequence[int], *, max_proteins: int, max_pairs: float) -> Iterator[slice]:
    """Yield slices of ascending lengths: at most `max_proteins`, more than one only within `max_pairs` of tokens."""
    begin = 0
    while begin < len(lengths):
        end = begin + 1
        last_end = min(begin + max_proteins, len(lengths))
        while end < last_end and (end + 1 - begin) * (lengths[end] + 2) ** 2 <= max_pairs:
            end += 1
        yield slice(begin, end)
        begin = end


def _prepare_product(way: Way, _: Any, device: str, side: int) -> Callable[[list[str]], None]:
    import torch

    a, b = (torch.randn(side, side, device=device) for _ in range(2))
    if way.dtype == SPLIT:  # of halves that were made before
        from attlas.pipeline.encoder.products import join_input, join_weights, multiply_halves

        inputs, weights = join_input(a), join_weights(b)
        return lambda _: [multiply_halves(inputs, weights) for _ in range(N_PRODUCTS)] and None
    a, b = (part.to(getattr(torch, way.dtype)) for part in (a, b))
    return lambda _: [a @ b for _ in range(N_PRODUCTS)] and None


def _sites_ms() -> float:
    rng = np.random.default_rng(0)  # log-normal, as real profiles are, layers alike, a few residues far above the rest
    profiles = np.exp(0.6 * rng.normal(size=(100, 1, 400)) + 0.3 * rng.normal(size=(100, 33, 400)))
    profiles[:, :, ::97] *= rng.uniform(2, 20, size=(100, 33, 5))
    seconds = [_seconds(lambda profile=profile: call_sites(profile)) for profile in profiles.astype(np.float32)]
    return float(np.median(seconds)) * 1e3


def _machine(device: str | None, threads: int) -> dict[str, Any]:
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    info = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    names = [line.split(": ")[1] for line in info if line.startswith("model name")] or [platform.processor()]
    name = torch.cuda.get_device_name() if device == "cuda" else f"{names[0]}, {threads} threads"
    system = f"{platform.platform()}, Python {platform.python_version()}"
    return {
        "device": device,
        "name": name,
        "threads": threads,
        "system": system,
        "free_bytes": measure_available_bytes(device),
    }


def save_random_model(shape: ModelShape, folder: str) -> None:
    from transformers import EsmConfig, EsmModel

    config = EsmConfig(
        vocab_size=len(VOCABULARY), hidden_size=shape.width, num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads, intermediate_size=shape.feed_forward, position_embedding_type="rotary",
        pad_token_id=VOCABULARY.index("<pad>"), mask_token_id=VOCABULARY.index("<mask>"), token_dropout=True,
    )  # fmt: skip
    EsmModel(config, add_pooling_layer=False).save_pretrained(folder)
    save_vocabulary(Path(folder))


def model_flops(length: int, shape: ModelShape) -> float:
    """Return the operations of the model's own products for a protein: linear layers, q k and p v."""
    tokens = length + 2
    linear = 2 * (4 * shape.width**2 + 2 * shape.width * shape.feed_forward)
    return float(tokens * shape.n_layers * (linear + 4 * tokens * shape.width))


def shape_report(shape: ModelShape, passes: dict[Way, Any], lengths: dict[str, list[int]], side: int) -> dict[str, Any]:
    best = {way: min(run["seconds"] for run in runs) for way, runs in passes.items() if isinstance(runs, list)}
    rates = {way: sum(lengths[way.kind]) / seconds for way, seconds in best.items()}
    ceilings = {way.dtype: 2 * side**3 * N_PRODUCTS / best[way] for way in best if way.kind == "product"}
    lines = {way: {**asdict(way), "failure": None if way in best else passes[way]} for way in passes}

    for way, seconds in best.items():
        flops = sum(model_flops(n, shape) for n in lengths[way.kind])
        baselines = {
            name: [rates[candidate] for candidate in rates if is_baseline(candidate, way)]
            for name, is_baseline in BASELINES.items()
        }
        lines[way] |= {
            "n_residues": sum(lengths[way.kind]),
            "seconds": [run["seconds"] for run in passes[way]],
            "residues_per_s": rates[way],
            "against": {
                name: rates[way] / max(baseline_rates) if baseline_rates else None
                for name, baseline_rates in baselines.items()
            },
            "model_flops": flops,
            "share_of_ceiling": flops / seconds / ceilings.get(way.products, float("nan")),
            "peak_bytes": max(run["peak_bytes"] for run in passes[way]),
        }

    ways = [line for way, line in lines.items() if way.kind != "product"]
    return {"shape": asdict(shape), "ceiling_flops_per_s": ceilings, "ways": ways}


def markdown(report: dict[str, Any]) -> str:
    every, slow = report["lengths"]["every"], report["lengths"]["slow"]
    fewer = f" ({', '.join(SLOW)}: {len(slow)}, {sum(slow):,} residues)" if len(slow) < len(every) else ""
    text = [", ".join([report["machine"]["name"], *(f"{name} {n}" for name, n in report["versions"].items())])]
    text += [f"{len(every)} proteins, {sum(every):,} residues, longest {max(every):,}{fewer}"]
    titles = ["way", "dtype", "batch", "residues/s", "against eager", "eager batched", "sdpa", "ceiling", "peak memory"]

    for name, shape in report["shapes"].items():
        text += ["", f"### {name}, best of {report['repeats']}", "", f"| {' | '.join(titles)} |", "|---" * 9 + "|"]
        rates = {(line["kind"], line["dtype"]): line.get("residues_per_s") for line in shape["ways"]}
        for line in shape["ways"]:
            cells = [line["failure"] or f"{line['residues_per_s']:,.0f}"]
            if not line["failure"]:
                cells += [f"{ratio:.2f}x" if ratio else "" for ratio in line["against"].values()]
                cells += [f"{line['share_of_ceiling']:.0%}", f"{line['peak_bytes'] / 2**20:,.0f} MiB"]
            text += [" | ".join([str(Way(line["kind"], line["dtype"], line["batch"])), *cells, ""]).strip()]
        for dtype, flops in shape["ceiling_flops_per_s"].items():
            bare, full = rates.get(("bare", dtype)), rates.get(("full", dtype))
            cost = f"; statistics cost {bare / full - 1:.0%} over the same forward without" if bare and full else ""
            text += ["", f"{dtype}: ceiling {flops / 1e12:,.2f} TFLOP/s{cost}."]

    sites = "Sites: {ms_per_profile:.2f} ms per profile of {layers} layers x {residues} residues, bar {bar_ms} ms."
    return "\n".join([*text, "", sites.format(**report["sites"])])


if __name__ == "__main__":
    sys.exit(main())
