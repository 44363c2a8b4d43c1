"""Heads ranked by how well each alone predicts the contacts of a few structures, and the best of them chosen.

A head is ranked by its mean long-range P@L/2 over the proteins, L being the residues with coordinates (arXiv
2606.21876). Ten proteins are drawn from those with a structure, by a seed; all others are left to judge the choice.

Axis letters: `L` layers, `H` heads, `N` residues, `K` chains, `P` proteins.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.chains import Atom, Chain, choose_chain, read_chain_contacts
from attlas.pipeline.contacts.head_choice import FORMAT, ChoosingProtein, HeadChoice, RankedHead
from attlas.pipeline.contacts.pairs import mark_highest
from attlas.pipeline.contacts.single_heads import ReduceToHeadContacts, score_pairs
from attlas.pipeline.contacts.structure_contacts import StructureContacts
from attlas.pipeline.directory import read_plan
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.pass_task import read_computed_sequences
from attlas.pipeline.plan import Plan
from attlas.pipeline.workers.resources import check_device, count_default_workers
from attlas.pipeline.workers.runners import load_plan_and_model
from attlas.schema import AtlasPaths, EnvironmentFault, InputError, Manifest

DEFAULT_BEST = 10
"""Heads whose mean predicts contacts best with the larger models."""
DEFAULT_PROTEINS = 10
"""Proteins on which heads are chosen."""
SHORTEST = 75
"""Residues with coordinates that a protein must have to rank heads: shorter ones have few long-range contacts."""
CUT = 2
"""Divisor of L: heads are ranked by P@L/2."""


@dataclass(frozen=True)
class ChoiceSettings:
    """How heads are chosen."""

    n_best: int = DEFAULT_BEST
    """Heads chosen."""
    n_proteins: int = DEFAULT_PROTEINS
    """Proteins drawn; all there are, where they are fewer."""
    seed: int = 0
    """Seed of the draw."""
    atom: Atom = "ca"
    """Atom that stands for a residue of a structure."""
    max_length: int | None = None
    """Longest sequence drawn, residues; None: no limit."""


@dataclass(frozen=True)
class ChosenHeads:
    """A choice of heads, and what is left to judge it."""

    choice: HeadChoice
    n_judges: int
    """Sequences with a fitting structure that were not drawn."""


@dataclass(frozen=True)
class _Candidate:
    """A sequence with a structure that can rank heads: the chain with most residues."""

    chain: Chain
    sequence: str
    contacts: StructureContacts


def choose_heads(root: Path, settings: ChoiceSettings) -> ChosenHeads:
    """Run the model on a few proteins of an atlas that have structures, and return its best heads for contacts.

    The atlas is not changed, and nothing but the seed decides which proteins are drawn.

    Raises:
        InputError: more heads are wanted than there are, or no protein has a structure that fits.
        PlanError: there is no plan, as in a release.
        EnvironmentFault: the model cannot be run, or its attention on a protein is not finite.
    """
    paths = AtlasPaths(root)
    manifest, plan = Manifest.read(paths), read_plan(paths)
    check_device(plan.run.device)
    _refuse_too_many(settings, plan)

    candidates = _find_candidates(paths, manifest, plan, settings)
    if not candidates:
        raise InputError(
            "No protein has a structure on which heads can be ranked.",
            expected=f"{SHORTEST} or more residues with coordinates, and a contact 24 or more residues apart",
            hint=f"`attlas annotate {root} STRUCTURE` adds structures",
        )

    drawn = draw(candidates, settings.n_proteins, seed=settings.seed)
    _, _, encoder = load_plan_and_model(str(root), count_default_workers("cpu"))
    with encoder.lock:
        precisions = np.stack([_rank_on(encoder, candidate) for candidate in drawn])  # (P, L, H)

    run = plan.run
    choice = HeadChoice(
        format=FORMAT,
        model=run.model,
        weights_sha256=run.weights_sha256,
        n_layers=run.n_layers,
        n_heads=run.n_heads,
        heads=rank_heads(precisions.mean(0))[: settings.n_best],
        proteins=tuple(_describe(candidate) for candidate in drawn),
        atom=settings.atom,
        seed=settings.seed,
    )
    return ChosenHeads(choice, n_judges=len(candidates) - len(drawn))


def draw(candidates: Sequence[_Candidate], n: int, *, seed: int) -> list[_Candidate]:
    """Return `n` candidates drawn by a seed, or all where they are fewer, in order of accession."""
    ordered = sorted(candidates, key=lambda candidate: candidate.chain.accession)
    places = random.Random(seed).sample(range(len(ordered)), min(n, len(ordered)))
    return [ordered[place] for place in sorted(places)]


def measure_precision(encoder: Encoder, sequence: str, contacts: StructureContacts) -> NDArray[np.float64]:
    """Return the long-range P@L/2 of every head alone on a sequence, (L, H); NaN where attention is not finite."""
    reduce = ReduceToHeadContacts((contacts,), measure=count_top_contacts)
    _, heads = encoder.start([sequence], reduce=reduce).stack_results()  # (L, 1, H, K = 1)
    return heads[:, 0, :, 0].astype(np.float64) / count_top_pairs(contacts, CUT)


def count_top_contacts(
    attention: NDArray[np.float32], chains: Sequence[StructureContacts], *, theta: float
) -> NDArray[np.float64]:
    """Return the contacts among the best L/2 pairs by one head's inner attention, (N, N), in each chain, (K, 1).

    Not a number where the attention is not finite. `theta` is not used: no edge is counted.
    """
    if not np.isfinite(attention.sum()):
        return np.full((len(chains), 1), np.nan)
    scores = score_pairs(attention)
    counts = [count_contacts(chain.select_long_pairs(scores), chain, CUT) for chain in chains]
    return np.array(counts, np.float64)[:, None]


def count_top_pairs(chain: StructureContacts, divisor: int) -> int:
    """Return how many of the best long-range pairs are looked at: L / divisor, at least one, at most all there are."""
    return min(max(chain.n_with_coordinates // divisor, 1), chain.n_long_pairs)


def count_contacts(scores: NDArray[np.floating], chain: StructureContacts, divisor: int) -> int:
    """Return the contacts among the long-range pairs of highest score, `count_top_pairs` of them.

    `scores` are those of the long-range pairs with coordinates, in the order of (i, j).
    """
    is_highest = mark_highest(scores, count_top_pairs(chain, divisor))
    return int(is_highest[chain.long_contacts].sum())


def rank_heads(precisions: NDArray[np.float64]) -> tuple[RankedHead, ...]:
    """Return every head by its precision, (L, H), the best one at the top; of equal ones the lower layer and head."""
    layers, heads = np.indices(precisions.shape)
    order = np.lexsort((heads.ravel(), layers.ravel(), -precisions.ravel()))
    values = precisions.ravel()
    n_heads = precisions.shape[1]
    return tuple(
        RankedHead(int(place // n_heads), int(place % n_heads), round(float(values[place]), 6)) for place in order
    )


def _refuse_too_many(settings: ChoiceSettings, plan: Plan) -> None:
    n_heads = plan.run.n_layers * plan.run.n_heads
    if not 1 <= settings.n_best <= n_heads:
        raise InputError(
            "The best heads are chosen from those of the model.",
            expected=f"1 to {n_heads}",
            found=f"{settings.n_best}",
        )
    if settings.n_proteins < 1:
        raise InputError(
            "Heads are chosen on one protein or more.", expected="1 or more", found=f"{settings.n_proteins}"
        )


def _find_candidates(paths: AtlasPaths, manifest: Manifest, plan: Plan, settings: ChoiceSettings) -> list[_Candidate]:
    """Return every sequence with a structure that can rank heads, each with one chain."""
    candidates = []
    for shard in plan.shards:
        sequences = {
            sequence_id: sequence
            for sequence_id, sequence in read_computed_sequences(paths, shard).items()
            if settings.max_length is None or len(sequence) <= settings.max_length
        }
        chains = read_chain_contacts(paths, manifest, shard, atom=settings.atom, sequences=sequences)
        for sequence_id, contacts in chains.items():
            chain = choose_chain(contacts)
            if contacts[chain].n_with_coordinates >= SHORTEST and len(contacts[chain].long_contacts):
                candidates.append(_Candidate(chain, sequences[sequence_id], contacts[chain]))
    return candidates


def _rank_on(encoder: Encoder, candidate: _Candidate) -> NDArray[np.float64]:
    """Return the precision of every head on a protein, (L, H). Raises EnvironmentFault if it is not finite."""
    precisions = measure_precision(encoder, candidate.sequence, candidate.contacts)
    if not np.isfinite(precisions).all():
        raise EnvironmentFault(
            "The model's attention is not finite on a protein that heads are to be ranked on.",
            found=str(candidate.chain),
            hint="draw other proteins with --seed, or build the atlas in float32",
        )
    return precisions


def _describe(candidate: _Candidate) -> ChoosingProtein:
    chain = candidate.chain
    md5 = hashlib.md5(candidate.sequence.encode(), usedforsecurity=False).hexdigest()
    return ChoosingProtein(chain.accession, md5, f"{chain.source} chain {chain.chain}")
