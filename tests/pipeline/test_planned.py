"""The plan on disk: a damaged or an older one is refused, and none depends on the order of its input."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.building import assert_whole, build_here, proteins_of, random_proteins, write_fasta

from attlas.pipeline.directory import read_plan
from attlas.pipeline.drafting import Options, draft_plan
from attlas.pipeline.seal import seal
from attlas.schema import AtlasPaths, BrokenAtlasError, PlanError

pytestmark = pytest.mark.slow


def test_a_flipped_bit_among_the_planned_proteins_is_refused(tmp_path: Path, tiny_esm: Path) -> None:
    source = write_fasta(tmp_path / "in.fasta", random_proteins([30 + i for i in range(9)]))
    build_here(source, tmp_path / "atlas", tiny_esm)
    paths = AtlasPaths(tmp_path / "atlas")
    data = paths.planned_proteins.read_bytes()
    footer = pq.read_metadata(paths.planned_proteins)
    chunk = footer.row_group(0).column(0)
    of_a_value = chunk.data_page_offset + chunk.total_compressed_size // 2
    of_a_name = data.index(b"taxon_id", len(data) - footer.serialized_size - 8)
    for place in (of_a_value, of_a_name):
        paths.planned_proteins.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(BrokenAtlasError, match=r"proteins\.parquet cannot be read(.|\n)*to do"):
            seal(paths, read_plan(paths))


def test_a_plan_of_an_earlier_version_is_refused_with_what_to_do(tmp_path: Path, tiny_esm: Path) -> None:
    source = write_fasta(tmp_path / "in.fasta", random_proteins([30, 40]))
    build_here(source, tmp_path / "atlas", tiny_esm)
    path = AtlasPaths(tmp_path / "atlas").plan
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shards": []}))
    with pytest.raises(
        PlanError, match=r"made by an earlier version of attlas(.|\n)*finish it with the attlas release"
    ):
        read_plan(AtlasPaths(tmp_path / "atlas"))


def test_proteins_are_joined_a_row_group_at_a_time_with_the_same_rows(tmp_path: Path, tiny_esm: Path) -> None:
    proteins = random_proteins([30 + i for i in range(9)])
    source = write_fasta(tmp_path / "in.fasta", {**proteins, "A1": proteins["P00003"], "A2": "MK*V"})
    build_here(source, tmp_path / "atlas", tiny_esm)
    paths = AtlasPaths(tmp_path / "atlas")
    before = proteins_of(paths.root)
    assert {row["status"] for row in before.values()} == {"ok", "skipped"}
    assert before["A1"]["n_sites"] == before["P00003"]["n_sites"]

    planned = pq.read_table(paths.planned_proteins)
    pq.write_table(planned, paths.planned_proteins, row_group_size=2)
    seal(paths, read_plan(paths))
    assert proteins_of(paths.root) == before
    assert_whole(paths.root)


def test_an_input_in_any_order_and_number_of_files_has_one_plan(tmp_path: Path, tiny_esm: Path) -> None:
    proteins = random_proteins([30 + i for i in range(9)])
    names = sorted(proteins)
    whole_file = write_fasta(tmp_path / "one.fasta", proteins)
    parts = [
        write_fasta(tmp_path / f"{i}.fasta", {name: proteins[name] for name in reversed(names[i::2])}) for i in (0, 1)
    ]
    options = Options(str(tiny_esm), device="cpu")
    (_, plan), (_, of_parts) = draft_plan(str(whole_file), options), draft_plan([str(part) for part in parts], options)
    assert plan.plan_id == of_parts.plan_id
    assert of_parts.source == "0.fasta, 1.fasta"
