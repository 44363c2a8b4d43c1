"""The plan on disk: a task reads its own row and its own sequences, and what is damaged or older is refused."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from helpers.building import assert_whole, build_here, proteins_of, random_proteins, write_fasta

from attlas.pipeline import planned_sequences, stored_shards
from attlas.pipeline.directory import read_plan
from attlas.pipeline.drafting import Options, draft_plan
from attlas.pipeline.plan import Shard, sum_shards
from attlas.pipeline.planned_sequences import read_sequences
from attlas.pipeline.proteins.ordering import PLANNED_SEQUENCES
from attlas.pipeline.seal import seal
from attlas.pipeline.stored_shards import StoredShards, write_shards
from attlas.schema import AtlasPaths, BrokenAtlasError, PlanError

pytestmark = pytest.mark.slow

N = 23
PARTS = [Shard(1, 0, 5, 9, 1.5, 7), Shard(2, 5, 6, 9, 2.5, 8), Shard(3, 6, 23, 9, 3.5, 9)]


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AtlasPaths:
    """Return a plan of 23 sequences, of which two are in a row group and three row groups in a file."""
    monkeypatch.setattr(planned_sequences, "GROUP_SEQUENCES", 2)
    monkeypatch.setattr(planned_sequences, "FILE_GROUPS", 3)
    monkeypatch.setattr(stored_shards, "GROUP_SHARDS", 2)
    paths = AtlasPaths(tmp_path)
    columns = {"sequence_id": range(N), "sequence": [f"M{'K' * i}" for i in range(N)], "accessions": [["A"]] * N}
    rows = pa.Table.from_pydict(columns, schema=PLANNED_SEQUENCES)
    digests = planned_sequences.write_sequences(paths, [rows.slice(0, 7), rows.slice(7)], PARTS)
    write_shards(paths.shards, PARTS, digests)
    return paths


@pytest.mark.parametrize("shard", PARTS)
def test_the_sequences_of_a_shard_are_read_whatever_files_they_stand_in(paths: AtlasPaths, shard: Shard) -> None:
    sequences = read_sequences(paths, shard)["sequence"].to_pylist()
    assert sequences == [f"M{'K' * i}" for i in range(shard.first_sequence_id, shard.end_sequence_id)]


def test_a_shard_reads_no_file_of_other_sequences(paths: AtlasPaths) -> None:
    for index in (2, 3, 4):
        paths.planned_sequences(index).write_text("damaged")
    assert len(read_sequences(paths, PARTS[0])) == 5
    with pytest.raises(BrokenAtlasError, match="does not hold the sequences of shard 3"):
        read_sequences(paths, PARTS[2])


def test_sequences_of_another_plan_are_refused(paths: AtlasPaths) -> None:
    paths.planned_sequences(1).write_bytes(paths.planned_sequences(2).read_bytes())
    with pytest.raises(BrokenAtlasError, match=r"sequences of shard 1\.(.|\n)*of others among them"):
        read_sequences(paths, PARTS[0])


@pytest.mark.thorough
def test_no_flipped_bit_of_a_file_changes_a_sequence_in_silence(paths: AtlasPaths) -> None:
    sequences = read_sequences(paths, PARTS[1])
    path = paths.planned_sequences(1)
    data = path.read_bytes()
    messages = []
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            assert read_sequences(paths, PARTS[1]).equals(sequences)
        except BrokenAtlasError as error:
            messages.append(str(error))
    assert len(messages) > len(data) // 10
    assert all("to do:    start again in a new directory" in message for message in messages)
    assert any("sequences-00001.parquet cannot be read" in message for message in messages)


def test_sequences_of_another_plan_of_the_same_lengths_are_refused(paths: AtlasPaths) -> None:
    path = paths.planned_sequences(1)
    rows = pq.read_table(path)
    sequences = pc.replace_substring(rows["sequence"], "K", "R")
    pq.write_table(rows.set_column(1, PLANNED_SEQUENCES.field("sequence"), sequences), path, row_group_size=2)
    with pytest.raises(BrokenAtlasError, match=r"shard 1\.(.|\n)*other sequences in sequences-00001\.parquet"):
        read_sequences(paths, PARTS[0])


def test_a_plan_without_digests_is_read_as_one_of_an_earlier_version(paths: AtlasPaths) -> None:
    rows = pq.read_table(paths.shards)
    pq.write_table(rows.drop_columns(["sequences_sha256"]), paths.shards, row_group_size=2)
    assert len(read_sequences(paths, PARTS[2])) == 17


def test_a_digest_does_not_depend_on_the_pieces_but_on_the_borders_of_sequences() -> None:
    def digest_of(*pieces: list[str]) -> str:
        digest = planned_sequences.SequencesDigest()
        digest.add(pa.chunked_array(pieces, pa.string()))
        return str(digest)

    assert digest_of(["MK", "V"], [], ["A"]) == digest_of(["MK"], ["V", "A"])
    assert digest_of(["MK", "V"]) == hashlib.sha256(b"MK\nV\n").hexdigest()
    assert digest_of(["MK", "V"]) != digest_of(["M", "KV"])


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


def test_shards_are_read_singly_in_slices_and_all(paths: AtlasPaths) -> None:
    for read in (lambda shards: shards, lambda shards: (list(shards), shards)[1]):
        shards = read(StoredShards(paths.shards, sum_shards(PARTS)))
        assert len(shards) == 3
        assert [shards[0], shards[-1]] == [PARTS[0], PARTS[2]]
        assert list(shards[1:]) == PARTS[1:]
        assert list(shards[::-1]) == PARTS[::-1]
        assert list(shards) == PARTS


def test_one_shard_is_read_without_the_others(paths: AtlasPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    read = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_groups",
        lambda file, places, **options: groups.extend(places) or read(file, places, **options),
    )
    assert StoredShards(paths.shards, sum_shards(PARTS))[2] == PARTS[2]
    assert groups == [1]


def test_shards_with_other_numbers_than_the_plan_are_refused(paths: AtlasPaths) -> None:
    write_shards(paths.shards, [*PARTS[:2], Shard(3, 6, 23, 9, 3.5, 10)], ["digest"] * 3)
    with pytest.raises(BrokenAtlasError, match=r"shards\.parquet cannot be read(.|\n)*other numbers"):
        list(StoredShards(paths.shards, sum_shards(PARTS)))
    paths.shards.write_text("damaged")
    with pytest.raises(BrokenAtlasError, match=r"shards\.parquet cannot be read"):
        _ = StoredShards(paths.shards, sum_shards(PARTS))[0]


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
