"""A set of labelled proteins whose attention has a planted effect."""

import numpy as np

from attlas.pipeline.evaluating.columns import ProteinColumns
from attlas.pipeline.evaluating.predictors import BASELINES, list_comparisons
from attlas.pipeline.evaluating.scoring import LabelledSet
from attlas.pipeline.evaluating.truth import LabelledProtein

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def make_set(n: int, *, effect: float) -> LabelledSet:
    """Return proteins whose labels are drawn among their H and D; attention is larger at labels by `effect`."""
    generator = np.random.default_rng(0)
    proteins, columns = [], []
    for i in range(n):
        sequence = "".join(generator.choice(list(LETTERS), 50)) + "HDHD"
        places = [place for place, letter in enumerate(sequence) if letter in "HD"]
        labelled = sorted(generator.choice(places, 2, replace=False).tolist())
        proteins.append(LabelledProtein(f"P{i}", i, sequence, tuple(place + 1 for place in labelled)))
        heads = generator.normal(size=(len(sequence), 4)).astype(np.float32)
        heads[labelled, 1] += effect
        noise = generator.normal(size=(len(sequence), 9)).astype(np.float32)
        columns.append(ProteinColumns(heads, noise[:, :2], noise[:, 2:7], noise[:, 7:] > 1))
    return LabelledSet(tuple(proteins), tuple(columns), ((),) * n, tuple(f"P{i // 2}" for i in range(n)))


LETTER = BASELINES[0]
LETTER_WITH_ATTENTION = next(
    comparison.extended
    for comparison in list_comparisons()
    if comparison.baseline is LETTER and comparison.kind == "attention"
)
