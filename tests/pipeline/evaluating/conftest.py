"""What the tests of evaluations share: an atlas of short proteins with their truth."""

from pathlib import Path

import pytest
from helpers.building import build_here, random_proteins, write_fasta


@pytest.fixture(scope="session")
def judged_atlas(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """Return an atlas of twelve short proteins with their truth beside it."""
    folder = tmp_path_factory.mktemp("evaluating")
    proteins = random_proteins(range(24, 36))
    build_here(write_fasta(folder / "proteins.fasta", proteins), folder / "atlas", tiny_esm)
    lines = [f"{accession}\t{sequence[4]}5;12\n" for accession, sequence in proteins.items()]
    (folder / "truth.tsv").write_text("".join(lines))
    (folder / "rival.tsv").write_text("".join(f"{accession}\t5\t0.9\n" for accession in list(proteins)[:10]))
    (folder / "groups.tsv").write_text("".join(f"{accession}\tF{i}\n" for i, accession in enumerate(proteins)))
    return folder
