"""The sequences of a plan on disk: a task reads its own, and those that are damaged or of others are refused."""

import hashlib

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from helpers.planned_case import SHARDS

from attlas.pipeline.plan import Shard
from attlas.pipeline.planned_sequences import SequencesDigest, read_sequences
from attlas.pipeline.proteins.ordering import PLANNED_SEQUENCES
from attlas.schema import AtlasPaths, BrokenAtlasError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("shard", SHARDS)
def test_the_sequences_of_a_shard_are_read_whatever_files_they_stand_in(
    planned_paths: AtlasPaths, shard: Shard
) -> None:
    sequences = read_sequences(planned_paths, shard)["sequence"].to_pylist()
    assert sequences == [f"M{'K' * i}" for i in range(shard.first_sequence_id, shard.end_sequence_id)]


def test_a_shard_reads_no_file_of_other_sequences(planned_paths: AtlasPaths) -> None:
    for index in (2, 3, 4):
        planned_paths.planned_sequences(index).write_text("damaged")
    assert len(read_sequences(planned_paths, SHARDS[0])) == 5
    with pytest.raises(BrokenAtlasError, match="does not hold the sequences of shard 3"):
        read_sequences(planned_paths, SHARDS[2])


def test_sequences_of_another_plan_are_refused(planned_paths: AtlasPaths) -> None:
    planned_paths.planned_sequences(1).write_bytes(planned_paths.planned_sequences(2).read_bytes())
    with pytest.raises(BrokenAtlasError, match=r"sequences of shard 1\.(.|\n)*of others among them"):
        read_sequences(planned_paths, SHARDS[0])


@pytest.mark.thorough
def test_no_flipped_bit_of_a_file_changes_a_sequence_in_silence(planned_paths: AtlasPaths) -> None:
    sequences = read_sequences(planned_paths, SHARDS[1])
    path = planned_paths.planned_sequences(1)
    data = path.read_bytes()
    messages = []
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            assert read_sequences(planned_paths, SHARDS[1]).equals(sequences)
        except BrokenAtlasError as error:
            messages.append(str(error))
    assert len(messages) > len(data) // 10
    assert all("to do:    start again in a new directory" in message for message in messages)
    assert any("sequences-00001.parquet cannot be read" in message for message in messages)


def test_sequences_of_another_plan_of_the_same_lengths_are_refused(planned_paths: AtlasPaths) -> None:
    path = planned_paths.planned_sequences(1)
    rows = pq.read_table(path)
    sequences = pc.replace_substring(rows["sequence"], "K", "R")
    pq.write_table(rows.set_column(1, PLANNED_SEQUENCES.field("sequence"), sequences), path, row_group_size=2)
    with pytest.raises(BrokenAtlasError, match=r"shard 1\.(.|\n)*other sequences in sequences-00001\.parquet"):
        read_sequences(planned_paths, SHARDS[0])


def test_a_plan_without_digests_is_read_as_one_of_an_earlier_version(planned_paths: AtlasPaths) -> None:
    rows = pq.read_table(planned_paths.shards)
    pq.write_table(rows.drop_columns(["sequences_sha256"]), planned_paths.shards, row_group_size=2)
    assert len(read_sequences(planned_paths, SHARDS[2])) == 17


def test_a_digest_does_not_depend_on_the_pieces_but_on_the_borders_of_sequences() -> None:
    def digest_of(*pieces: list[str]) -> str:
        digest = SequencesDigest()
        digest.add(pa.chunked_array(pieces, pa.string()))
        return str(digest)

    assert digest_of(["MK", "V"], [], ["A"]) == digest_of(["MK"], ["V", "A"])
    assert digest_of(["MK", "V"]) == hashlib.sha256(b"MK\nV\n").hexdigest()
    assert digest_of(["MK", "V"]) != digest_of(["M", "KV"])
