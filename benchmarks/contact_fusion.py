"""Contacts by the contact head, by the best single head and by fused heads, on chains with structures.

    python benchmarks/contact_fusion.py sequences.fasta contacts/
    python benchmarks/contact_fusion.py sequences.fasta contacts/ --model DIR --best 1 3 10 --draws 20 --json FILE

SEQUENCES is FASTA. CONTACTS_DIR has a file ID.npz for each sequence, as CAMEO-PTA25 of Rome-1/plm-contact-fusion (MIT):
`positions` (N, 3) of the C-alpha atoms, angstrom, and `valid_residues` (N,). Without --model it is the copy of ESM-2 8M
that the tests use.

In each draw, heads are ranked by their mean long-range P@L/2 on a few chains drawn by a seed (arXiv 2606.21876), and
judged on all the others: never on a chain on which they were chosen. The same chains judge the contact head and as many
heads at random. L is the number of residues with coordinates; a chain counts as much as another. The table has the mean
over the judging chains, then its mean and its standard deviation over the draws. Much of that spread is in which chains
judge, the same for all methods; so the last column is the difference from the method of the first line, draw by draw.

The model runs twice over each chain: to rank the heads, and, once all draws are made, to judge them. So memory holds
the scores of one chain.

Axis letters: `L` layers, `H` heads, `N` residues, `P` pairs of long range, `C` chains.
"""

import argparse
import json
import platform
import random
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.choosing_heads import count_contacts, count_top_pairs, measure_precision, rank_heads
from attlas.pipeline.contacts.contact_head import predict_probabilities
from attlas.pipeline.contacts.single_heads import ReduceToHeadContacts, score_pairs
from attlas.pipeline.contacts.structure_contacts import StructureContacts, find_contacts
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.architectures import KERNELS
from attlas.pipeline.model.files import find_model
from attlas.pipeline.proteins.proteome import read_proteome

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
from fetch_model import PYPI_DIRECTORY, FetchError, from_pypi

CUTS = {"P@L": 1, "P@L/2": 2, "P@L/5": 5}
"""Measures of precision, with the divisor of L."""
CONTACT_HEAD = "contact head"
THETA = 0.3

Scores = NDArray[np.float32]
Precisions = dict[str, dict[str, float]]
"""Precision of each method on a chain, by measure."""


@dataclass(frozen=True)
class Chain:
    """A chain with its contacts."""

    name: str
    sequence: str
    contacts: StructureContacts


@dataclass(frozen=True)
class Draw:
    """A draw of chains: the heads chosen on some, and those taken at random, best one or first drawn at the top."""

    seed: int
    choosing: tuple[int, ...]
    """Places of the chains on which heads are chosen."""
    judging: tuple[int, ...]
    """Places of all other chains."""
    ranked: tuple[tuple[int, int], ...]
    """Every layer and head by its precision on the choosing chains."""
    shuffled: tuple[tuple[int, int], ...]
    """Every layer and head in a random order."""

    def heads_of(self, n_best: Sequence[int]) -> Iterator[tuple[str, tuple[tuple[int, int], ...]]]:
        """Yield the name of each method, and the heads whose mean it is."""
        for n in n_best:
            yield f"best {n}", self.ranked[:n]
            yield f"random {n}", self.shuffled[:n]


def main() -> int:
    options = _options()
    try:
        with redirect_stdout(sys.stderr):  # stdout is the table's
            model = find_model(options.model or str(from_pypi(PYPI_DIRECTORY)))
    except (FetchError, OSError) as error:
        print(f"contact_fusion: {error}", file=sys.stderr)
        return 1

    chains = read_chains(options.sequences, options.contacts, shortest=options.shortest)
    if len(chains) <= options.n_choosing:
        print(f"contact_fusion: {len(chains)} chains are too few to choose on {options.n_choosing}", file=sys.stderr)
        return 1

    encoder = Encoder(model, device=options.device, dtype="float32", theta=THETA, attention=KERNELS[options.device])
    precisions = np.stack([rank_on(encoder, chain) for chain in chains])  # (C, L, H)
    draws = [make_draw(precisions, options.n_choosing, seed=options.seed + i) for i in range(options.draws)]
    judged = judge_all(encoder, chains, draws, options.best)

    report = describe(options, model.name, chains, draws, summarise(draws, judged))
    print(markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sequences", metavar="SEQUENCES", help="FASTA")
    parser.add_argument("contacts", metavar="CONTACTS_DIR", type=Path, help="folder of ID.npz")
    parser.add_argument("--model", help="directory, or hub id fetched before; default: from PyPI")
    parser.add_argument("--device", choices=KERNELS, default="cpu")
    parser.add_argument("--best", type=int, nargs="+", default=[1, 3, 5, 10, 20], metavar="K", help="heads fused")
    parser.add_argument("--n-choosing", type=int, default=10, help="chains on which heads are chosen; default: 10")
    parser.add_argument("--draws", type=int, default=20, help="of these chains; default: 20")
    parser.add_argument("--seed", type=int, default=0, help="of the first draw, then one more each; default: 0")
    parser.add_argument("--shortest", type=int, default=75, help="residues of a chain; default: 75")
    parser.add_argument("--json", type=Path, help="write every number here")
    return parser.parse_args()


def read_chains(sequences: str, contacts: Path, *, shortest: int) -> list[Chain]:
    """Return the chains of `shortest` residues or more that have a file of contacts, by name."""
    chains = []
    for protein in sorted(read_proteome(sequences).proteins, key=lambda protein: protein.accession):
        path = contacts / f"{protein.accession}.npz"
        if len(protein.sequence) < shortest or not path.is_file():
            continue
        with np.load(path, allow_pickle=False) as arrays:
            positions = np.where(arrays["valid_residues"][:, None], arrays["positions"], np.nan)
        if len(positions) != len(protein.sequence):
            raise ValueError(f"{path} has {len(positions)} residues, its sequence {len(protein.sequence)}")
        chains.append(Chain(protein.accession, protein.sequence, find_contacts(positions)))
    return chains


def rank_on(encoder: Encoder, chain: Chain) -> NDArray[np.float64]:
    """Return the long-range P@L/2 of every head alone on a chain, (L, H)."""
    print(f"{chain.name}: {len(chain.sequence)} residues", file=sys.stderr, flush=True)
    return measure_precision(encoder, chain.sequence, chain.contacts)


def make_draw(precisions: NDArray[np.float64], n_choosing: int, *, seed: int) -> Draw:
    """Return a draw of chains, with the heads ranked by their precision, (C, L, H), on those that choose."""
    generator = random.Random(seed)
    choosing = sorted(generator.sample(range(len(precisions)), n_choosing))
    judging = [place for place in range(len(precisions)) if place not in choosing]

    ranked = [(head.layer, head.head) for head in rank_heads(precisions[choosing].mean(0))]
    shuffled = sorted(ranked)
    generator.shuffle(shuffled)
    return Draw(seed, tuple(choosing), tuple(judging), tuple(ranked), tuple(shuffled))


def judge_all(
    encoder: Encoder, chains: Sequence[Chain], draws: Sequence[Draw], n_best: Sequence[int]
) -> list[list[Precisions | None]]:
    """Return for each draw the precisions on each chain, None on those that chose the heads."""
    judged: list[list[Precisions | None]] = [[None] * len(chains) for _ in draws]
    for place, chain in enumerate(chains):
        scores = score_long_pairs(encoder, chain)
        by_contact_head = judge_contact_head(encoder, chain)
        for draw, precisions in zip(draws, judged, strict=True):
            if place in draw.judging:
                by_heads = {name: judge(fuse(scores, heads), chain) for name, heads in draw.heads_of(n_best)}
                precisions[place] = by_contact_head | by_heads
    return judged


def score_long_pairs(encoder: Encoder, chain: Chain) -> Scores:
    """Return the corrected score of every long-range pair by every head, (L, H, P)."""
    scores: list[Scores] = []

    def keep(attention: Scores, chains: Sequence[StructureContacts], *, theta: float) -> NDArray[np.float64]:
        scores.append(chain.contacts.select_long_pairs(score_pairs(attention)))
        return np.zeros((1, 1))

    encoder.start([chain.sequence], reduce=ReduceToHeadContacts((chain.contacts,), measure=keep))
    return np.stack(scores).reshape(encoder.n_layers, encoder.n_heads, -1)


def fuse(scores: Scores, heads: Sequence[tuple[int, int]]) -> Scores:
    """Return the mean score of some heads, (P,), from that of every head, (L, H, P)."""
    layers, places = zip(*heads, strict=True)
    return np.asarray(scores[list(layers), list(places)].mean(0))


def judge_contact_head(encoder: Encoder, chain: Chain) -> Precisions:
    """Return the precisions of the model's contact head, nothing where it has none."""
    if getattr(encoder.model, "contact_head", None) is None:
        return {}
    (probabilities,) = predict_probabilities(encoder, [chain.sequence])
    return {CONTACT_HEAD: judge(chain.contacts.select_long_pairs(probabilities), chain)}


def judge(scores: NDArray[np.floating], chain: Chain) -> dict[str, float]:
    """Return the precision of the best long-range pairs of a chain, by measure."""
    contacts = chain.contacts
    return {
        name: count_contacts(scores, contacts, divisor) / count_top_pairs(contacts, divisor)
        for name, divisor in CUTS.items()
    }


def summarise(
    draws: Sequence[Draw], judged: Sequence[Sequence[Precisions | None]]
) -> dict[str, dict[str, list[float]]]:
    """Return the mean over the judging chains in each draw, by method and measure."""
    means: dict[str, dict[str, list[float]]] = {}
    for draw, precisions in zip(draws, judged, strict=True):
        on_chains = [precisions[place] or {} for place in draw.judging]
        for method in on_chains[0]:
            for cut in CUTS:
                mean = statistics.fmean(precision[method][cut] for precision in on_chains)
                means.setdefault(method, {}).setdefault(cut, []).append(mean)
    return means


def spell(values: Sequence[float], *, sign: str = "") -> str:
    """Return the mean and the standard deviation of the draws."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):{sign}.3f} ± {spread:.3f}"


def describe(
    options: argparse.Namespace,
    model: str,
    chains: Sequence[Chain],
    draws: Sequence[Draw],
    methods: Mapping[str, Mapping[str, Sequence[float]]],
) -> dict[str, Any]:
    """Return the report."""
    backgrounds = [len(chain.contacts.long_contacts) / chain.contacts.n_long_pairs for chain in chains]
    return {
        "model": model,
        "machine": f"{options.device}, {platform.platform()}",
        "versions": {name: version(name) for name in ("attlas", "torch", "transformers", "numpy")},
        "n_chains": len(chains),
        "n_choosing": options.n_choosing,
        "n_judging": len(chains) - options.n_choosing,
        "background": statistics.fmean(backgrounds),
        "draws": [
            {
                "seed": draw.seed,
                "choosing": [chains[place].name for place in draw.choosing],
                "judging": [chains[place].name for place in draw.judging],
                "heads": [f"{layer}-{head}" for layer, head in draw.ranked[: max(options.best)]],
            }
            for draw in draws
        ],
        "methods": methods,
    }


def markdown(report: Mapping[str, Any]) -> str:
    """Return the table of the report."""
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    draws, methods = report["draws"], report["methods"]
    reference = next(iter(methods))
    text = [
        f"{report['model']} on {report['machine']}; {versions}",
        f"Long range, {report['n_chains']} chains; heads chosen on {report['n_choosing']} by P@L/2, judged on the "
        f"other {report['n_judging']}; mean ± standard deviation over {len(draws)} draws, seeds {draws[0]['seed']} to "
        f"{draws[-1]['seed']}; all pairs: {report['background']:.3f}",
        "",
        f"| contacts by | {' | '.join(CUTS)} | P@L/2 less {reference} |",
        f"|---|{'---|' * (len(CUTS) + 1)}",
    ]

    for method, by_cut in methods.items():
        pairs = zip(by_cut["P@L/2"], methods[reference]["P@L/2"], strict=True)
        differences = [value - base for value, base in pairs]
        cells = [*(spell(by_cut[cut]) for cut in CUTS), spell(differences, sign="+")]
        text.append(f"| {method} | {' | '.join(cells)} |")

    return "\n".join(text)


if __name__ == "__main__":
    sys.exit(main())
