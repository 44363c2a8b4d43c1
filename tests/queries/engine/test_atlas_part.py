"""Parts of an atlas: every row is of one of them, also one without a `sequence_id`."""

from pathlib import Path

import pytest
from helpers.annotated import sequence_ids
from helpers.sealed_atlas import read_manifest
from helpers.seven_shards import draw_proteins
from helpers.structure_case import ACCESSION, PROTEINS, write_case
from helpers.synthetic import write_atlas
from helpers.table_files import add_rows

from attlas.queries import Atlas
from attlas.queries.engine.atlas_part import AtlasPart, connect_part, cut_atlas
from attlas.schema import HEADS, RESIDUES, SITES, Table


@pytest.mark.parametrize("table", [SITES, RESIDUES, HEADS], ids=lambda table: table.name)
@pytest.mark.parametrize("n_parts", [1, 2, 3, 7, 100])
def test_parts_follow_one_another_and_hold_everything(shards: Atlas, table: Table, n_parts: int) -> None:
    parts = cut_atlas(shards.manifest, table, n_parts)
    assert 1 <= len(parts) <= min(n_parts, 7)
    assert (parts[0].first_sequence_id, parts[-1].end_sequence_id) == (None, None)
    assert [part.first_sequence_id for part in parts[1:]] == [part.end_sequence_id for part in parts[:-1]]
    for part in parts:
        assert part.files_of(shards.manifest).of_tables([table.name])


def test_an_atlas_of_one_file_is_one_part(tmp_path: Path) -> None:
    write_atlas(tmp_path / "atlas", draw_proteins(5), n_shards=1)
    with Atlas.open(tmp_path / "atlas") as atlas:
        assert cut_atlas(atlas.manifest, HEADS, 8) == [AtlasPart(None, None)]


@pytest.mark.slow
@pytest.mark.thorough
def test_rows_without_an_id_are_of_the_part_at_the_beginning_whatever_else_their_file_holds(tmp_path: Path) -> None:
    root, _ = write_case(tmp_path)
    last = max(id for protein in PROTEINS if (id := sequence_ids(root).get(protein.accession)) is not None)
    line = {
        "accession": ACCESSION, "partner": "", "label": None, "score": None, "n_residues": None, "forms": "",
        "status": "skipped", "reason": "no protein", "source": "pairs.tsv",
    }  # fmt: skip
    rows = [{"pair_id": n, "sequence_id": id, **line, "line": n + 1} for n, id in enumerate((last, None))]
    add_rows(root, "pairs", rows, "pairs")

    manifest = read_manifest(root)
    parts = (AtlasPart(None, 1), AtlasPart(1, last), AtlasPart(last, None))
    ids = [
        connect_part(root, manifest, part).connection.execute("SELECT pair_id FROM pairs").fetchall() for part in parts
    ]
    assert ids == [[(1,)], [], [(0,)]]
