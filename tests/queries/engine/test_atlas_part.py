"""Parts of an atlas: every row is of one of them, also one without a `sequence_id`."""

from pathlib import Path

import pytest
from helpers.annotated import add_rows, sequence_ids
from helpers.structure_case import ACCESSION, PROTEINS, write_case

from attlas.queries.engine.atlas_part import AtlasPart, connect_part
from attlas.schema import PAIRS, AtlasPaths, Manifest

pytestmark = pytest.mark.slow


@pytest.mark.thorough
def test_rows_without_an_id_are_of_the_part_at_the_beginning_whatever_else_their_file_holds(tmp_path: Path) -> None:
    root, _ = write_case(tmp_path)
    last = max(id for protein in PROTEINS if (id := sequence_ids(root).get(protein.accession)) is not None)
    line = {
        "accession": ACCESSION, "partner": "", "label": None, "score": None, "n_residues": None, "forms": "",
        "status": "skipped", "reason": "no protein", "source": "pairs.tsv",
    }  # fmt: skip
    rows = [{"pair_id": n, "sequence_id": id, **line, "line": n + 1} for n, id in enumerate((last, None))]
    add_rows(root, PAIRS, rows, "pairs")

    manifest = Manifest.read(AtlasPaths(root))
    parts = (AtlasPart(None, 1), AtlasPart(1, last), AtlasPart(last, None))
    ids = [
        connect_part(root, manifest, part).connection.execute("SELECT pair_id FROM pairs").fetchall() for part in parts
    ]
    assert ids == [[(1,)], [], [(0,)]]
