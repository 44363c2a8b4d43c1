"""An atlas of seven shards, whose proteins are random letters of two organisms."""

import random
from dataclasses import replace
from pathlib import Path

from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas


def draw_proteins(n: int) -> list[SyntheticProtein]:
    """Return proteins of random letters and lengths, of two organisms."""
    choose = random.Random(4)
    return [
        SyntheticProtein(
            accession=f"R{i:04}",
            sequence="".join(choose.choices(AMINO_ACIDS, k=choose.randrange(12, 90))),
            organism=f"Organism {i % 2}",
            taxon_id=i % 2 + 1,
        )
        for i in range(n)
    ]


def write_seven_shards(root: Path) -> Path:
    """Write the atlas, with two accessions of one sequence, and proteins that were not computed."""
    proteins = draw_proteins(60)
    proteins.append(replace(proteins[20], accession="SAME1", organism="Another organism"))
    proteins.append(replace(proteins[3], accession="SKIP1", sequence="MKV*LL", status="skipped", reason="inner `*`"))
    write_atlas(root, proteins, n_shards=7)
    return root
