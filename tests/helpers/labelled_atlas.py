"""An atlas of a few proteins with labelled residues, some of them relatives of each other."""

import random
from collections.abc import Mapping
from pathlib import Path

from attlas.pipeline.evaluating.evaluation import LabelledAtlas, open_labelled_atlas
from helpers.building import AMINO_ACIDS, build_here, random_proteins, write_fasta

N_STRANGERS = 12


def make_relative(sequence: str, *, seed: int) -> str:
    """Return a sequence in which about one letter of six is another."""
    choose = random.Random(seed)
    return "".join(letter if choose.random() < 0.8 else choose.choice(AMINO_ACIDS) for letter in sequence)


def draw_proteins() -> dict[str, str]:
    """Return strangers P00000 to P00011, and R0 and R1, which are relatives of the first two."""
    strangers = random_proteins([70] * N_STRANGERS, seed=3)
    return strangers | {f"R{i}": make_relative(strangers[f"P{i:05d}"], seed=i) for i in range(2)}


def build_labelled(folder: Path, model: Path, proteins: Mapping[str, str]) -> LabelledAtlas:
    """Build an atlas of proteins in a folder, each with two labelled residues, and open it with this truth."""
    build_here(write_fasta(folder / "proteins.fasta", proteins), folder / "atlas", model)
    truth = folder / "truth.tsv"
    truth.write_text("".join(f"{accession}\t{sequence[4]}5;12\n" for accession, sequence in proteins.items()))
    return open_labelled_atlas(folder / "atlas", truth)
