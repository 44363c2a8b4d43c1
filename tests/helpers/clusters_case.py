"""An atlas of clusters, with a plan beside it as a build leaves one."""

from collections.abc import Sequence
from pathlib import Path

from attlas.pipeline.directory import write_plan_file
from attlas.pipeline.plan import Plan, Shard, sum_shards
from attlas.pipeline.stored_shards import write_shards
from attlas.schema import AtlasPaths
from helpers.building import random_proteins
from helpers.synthetic import SyntheticProtein, write_atlas


def write_clusters(root: Path, clusters: Sequence[str]) -> Path:
    """Write an atlas of these clusters, of 20 residues each."""
    sequences = random_proteins([20] * len(clusters)).values()
    proteins = [SyntheticProtein(cluster, text) for cluster, text in zip(clusters, sequences, strict=True)]
    manifest = write_atlas(root, proteins, n_layers=1, n_heads=1, n_shards=1)

    shards = (Shard(1, 0, len(clusters), 20 * len(clusters), 1.0, 1),)
    write_shards(AtlasPaths(root).shards, shards, ["digest"])
    identity = ("in.fasta", "a" * 64, len(clusters), "0" * 16, "none", 1_024)
    write_plan_file(AtlasPaths(root), Plan(manifest.run, *identity, sum_shards(shards), shards))
    return root
