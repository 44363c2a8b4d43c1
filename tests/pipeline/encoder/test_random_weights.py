"""A model of random weights knows no biology: over its heads, labelled residues are told from the others by chance.

A single random head does prefer some letters, and active sites are of few letters, so its AUC is not 0.5 however many
proteins there are. What is independent is the head: their mean is 0.5 within its standard error.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.building import build_here, write_fasta
from helpers.command_line import Run
from transformers import AutoConfig, EsmModel
from transformers.utils import logging

from attlas.pipeline.probe.adding import add_probe
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.queries import Atlas

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
LONGEST = 350


@pytest.fixture(scope="module")
def random_weights(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of the architecture of the real one, as it is before training."""
    folder = tmp_path_factory.mktemp("models") / "random"
    shutil.copytree(weights, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.bin", "*.pt"))
    logging.disable_progress_bar()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        EsmModel(AutoConfig.from_pretrained(weights), add_pooling_layer=False).save_pretrained(folder)
    return folder


def head_means(model: Path, folder: Path, attlas: Run) -> np.ndarray:
    """Return the mean AUC of active sites over example proteins, of each head, (L, H)."""
    carriers = {
        line.split("\t")[0] for line in (EXAMPLES / "features.tsv").read_text().splitlines() if "active site" in line
    }
    proteins = read_proteome(str(EXAMPLES / "proteins.fasta")).proteins
    sequences = {p.accession: p.sequence for p in proteins if p.accession in carriers and p.length <= LONGEST}
    assert len(sequences) >= 4
    build_here(write_fasta(folder / "some.fasta", sequences), folder / "atlas", model)
    attlas("annotate", folder / "atlas", EXAMPLES / "features.tsv")
    quiet = {"progress": lambda plan, shards: lambda event: None, "n_workers": 0}
    add_probe(folder / "atlas", theta=0.3, types=["Active site"], is_by_letter=False, **quiet)
    with Atlas.open(folder / "atlas") as atlas:
        rows = atlas.ask("head_auc", labels="Active site", min_proteins=1).to_pylist()
    assert {row["n_proteins"] for row in rows} == {len(sequences)}
    return np.array([row["auc"] for row in sorted(rows, key=lambda row: (row["layer"], row["head"]))])


@pytest.mark.thorough
def test_heads_of_random_weights_tell_active_sites_by_chance(random_weights: Path, tmp_path: Path, attlas: Run) -> None:
    means = head_means(random_weights, tmp_path, attlas)
    error = means.std(ddof=1) / np.sqrt(len(means))
    print(f"{len(means)} random heads: AUC {means.mean():.4f} +- {error:.4f}, {means.min():.2f} to {means.max():.2f}")
    assert error < 0.02
    assert abs(means.mean() - 0.5) < 3 * error


@pytest.mark.thorough
def test_heads_of_real_weights_do_not(weights: Path, tmp_path: Path, attlas: Run) -> None:
    means = head_means(weights, tmp_path, attlas)
    assert means[-20:].mean() > 0.6  # of the last layer
