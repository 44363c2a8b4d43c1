"""A fit of a real model on 100 enzymes of B. subtilis against scikit-learn on stored features."""

import gzip
from pathlib import Path

import pytest
from helpers.annotated import annotate
from helpers.building import build_here, write_fasta
from helpers.fit_case import start_silently
from helpers.fit_oracle import compare_with_scikit_learn, make_task

from attlas.pipeline.fitting.fitting import fit_atlas
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.settings import FitSettings

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
N_PROTEINS = 100


def read_shortest(n: int) -> dict[str, str]:
    """Return the shortest enzymes of the example by accession."""
    sequences: dict[str, str] = {}
    text = gzip.decompress((EXAMPLES / "bsub_enzymes.fasta.gz").read_bytes()).decode()
    for record in text.removeprefix(">").split("\n>"):
        header, *lines = record.splitlines()
        sequences[header.split("|")[1]] = "".join(lines)
    shortest = sorted(sequences, key=lambda accession: (len(sequences[accession]), accession))[:n]
    return {accession: sequences[accession] for accession in shortest}


@pytest.mark.slow
@pytest.mark.thorough
def test_a_fit_of_100_proteins_is_that_of_scikit_learn(weights: Path, tmp_path: Path) -> None:
    proteins = read_shortest(N_PROTEINS)
    build_here(write_fasta(tmp_path / "proteins.fasta", proteins), tmp_path / "atlas", weights)
    rows = [line.split("\t") for line in (EXAMPLES / "bsub_enzyme_sites.tsv").read_text().splitlines()[1:]]
    sites = [(accession, int(at)) for accession, places in rows for at in places.split(";") if accession in proteins]
    annotate(tmp_path / "atlas", [(accession, "Active site", at, at) for accession, at in sites])

    settings = FitSettings(labels=("Active site",), by="cluster40", n_folds=3)
    fitted = fit_atlas(tmp_path / "atlas", settings, start=start_silently, n_workers=0)
    assert fitted.n_sequences == N_PROTEINS
    task, names = make_task(tmp_path / "atlas", settings), (("Active site",),)
    compare_with_scikit_learn(tmp_path / "atlas", task, Shape(6, 20, 320), names, fitted.table.to_pylist())
