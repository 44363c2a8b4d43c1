"""Make `eager50.npz`: what the eager float64 attention of the real weights gives for every fourth of the 200 proteins.

    PYTHONPATH=tests python tests/data/make_eager50.py MODEL_DIRECTORY

By length; statistics of heads of every eighth. `pytest --thorough` computes all of it again.
"""

import sys
from pathlib import Path

from helpers.eager_oracle import PROTEINS, compute_eager, write_stored

from attlas.pipeline.model.files import find_model
from attlas.pipeline.proteins.proteome import read_proteome


def main() -> None:
    weights = Path(sys.argv[1])
    ordered = sorted(read_proteome(str(PROTEINS)).proteins, key=lambda protein: protein.length)[::4]
    answers = {p.accession: compute_eager(weights, p.sequence, has_heads=i % 2 == 0) for i, p in enumerate(ordered)}
    write_stored(answers, find_model(str(weights)).weights_sha256())


main()
