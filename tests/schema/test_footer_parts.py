"""The footer of `proteins` in parts: each is a footer of one row group, which pyarrow reads as it reads the whole."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attlas.schema import footer_parts, thrift
from attlas.schema.blocks import add_block_digests
from attlas.schema.footer_parts import FooterParts, add_footer_parts, parse_footer_part, read_footer_parts

N_ROWS, GROUP_ROWS = 365, 9


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 41 row groups: texts, nulls, numbers, lists, a text longer than statistics may be, and metadata."""
    path = tmp_path_factory.mktemp("parts") / "rows.parquet"
    numbers = list(range(N_ROWS))
    rows = pa.table(
        {
            "name": [f"P{i:05d}" if i % 7 else "x" * 5000 for i in numbers],
            "count": pa.array([None if i % 3 else i for i in numbers], pa.int32()),
            "values": pa.array([[0.5 * i] * 3 for i in numbers], pa.list_(pa.float32(), 3)),
            "is_even": [i % 2 == 0 for i in numbers],
        }
    ).replace_schema_metadata({"long": "y" * 20_000})
    pq.write_table(rows, path, row_group_size=GROUP_ROWS, compression="zstd", write_page_index=True)
    add_footer_parts(path)
    add_block_digests(path)
    return path


def _read_part(path: Path, parts: FooterParts, group: int) -> bytes:
    start, end = parts.range_of(group)
    return path.read_bytes()[start:end]


def test_a_part_says_of_its_row_group_what_the_footer_says(path: Path) -> None:
    parts, whole = read_footer_parts(path), pq.read_metadata(path)
    assert parts is not None
    assert (parts.n_parts, parts.group_rows) == (whole.num_row_groups, GROUP_ROWS) == (41, GROUP_ROWS)
    for group in range(parts.n_parts):
        metadata = parse_footer_part(_read_part(path, parts, group))
        assert (metadata.num_row_groups, metadata.num_rows) == (1, whole.row_group(group).num_rows)
        for column in range(whole.num_columns):
            stored, expected = metadata.row_group(0).column(column), whole.row_group(group).column(column)
            for name in ("path_in_schema", "dictionary_page_offset", "data_page_offset", "total_compressed_size"):
                assert getattr(stored, name) == getattr(expected, name)


def test_rows_are_read_by_a_part_as_by_the_footer(path: Path) -> None:
    parts, whole = read_footer_parts(path), pq.ParquetFile(path)
    assert parts is not None
    for group in (0, 7, 40):
        metadata = parse_footer_part(_read_part(path, parts, group))
        with pa.memory_map(str(path)) as source:
            rows = pq.ParquetFile(source, metadata=metadata).read_row_group(0)
        assert rows.to_pylist() == whole.read_row_group(group).to_pylist()


def test_a_file_of_few_row_groups_has_no_parts(tmp_path: Path) -> None:
    path = tmp_path / "few.parquet"
    pq.write_table(pa.table({"n": list(range(footer_parts.FEW_GROUPS))}), path, row_group_size=1)
    before = path.read_bytes()
    add_footer_parts(path)
    assert path.read_bytes() == before
    add_block_digests(path)
    assert read_footer_parts(path) is None


def test_metadata_tell_of_one_file_and_of_no_other(path: Path) -> None:
    parts = read_footer_parts(path)
    assert parts is not None
    metadata = parts.to_metadata()
    assert FooterParts.parse(metadata, tail_sha256=parts.tail_sha256) == parts
    assert FooterParts.parse(metadata, tail_sha256="0" * 64) is None
    assert FooterParts.parse({}, tail_sha256=parts.tail_sha256) is None
    assert FooterParts.parse(None, tail_sha256=parts.tail_sha256) is None


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ('"n_parts": 41', '"n_parts": 1000000'),
        ('"n_parts": 41', '"n_parts": 0'),
        ('"group_rows": 9', '"group_rows": 0'),
        ('"group_rows": 9', '"group_rows": "9"'),
        ('"page_digests": "', '"page_digests": "00'),
        ('"page_digests": "', '"page_digests": "zz'),
        ("{", "["),
    ],
)
def test_metadata_that_cannot_be_are_passed_over(path: Path, was: str, is_now: str) -> None:
    parts = read_footer_parts(path)
    assert parts is not None
    ((key, value),) = parts.to_metadata().items()
    changed = value.decode().replace(was, is_now, 1)
    assert changed != value.decode()
    assert FooterParts.parse({key: changed.encode()}, tail_sha256=parts.tail_sha256) is None


@pytest.mark.parametrize("number", [0, 1, 63, 64, 8191, 8192, 2**31, 2**62])
def test_a_number_is_written_as_thrift_writes_it(number: int) -> None:
    encoded = thrift.encode_number(number)
    sink, shift, zigzag = io.BytesIO(encoded), 0, 0
    while byte := sink.read(1):
        zigzag |= (byte[0] & 0x7F) << shift
        shift += 7
    assert zigzag == 2 * number
    assert [byte >> 7 for byte in encoded] == [1] * (len(encoded) - 1) + [0]


def test_a_type_that_no_footer_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no type of Parquet's metadata: 11"):
        list(thrift.field_places(bytes([0x1B, 0x00, 0x00])))
