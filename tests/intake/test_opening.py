"""Every way in reads every compression and encoding, and refuses the same things with the same words."""

import bz2
import gzip
import io
import lzma
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.ways_in import WAYS

from attlas.intake.compression import plain_name
from attlas.intake.files import MAX_BYTES, STANDARD_INPUT, open_file, read_file
from attlas.intake.text import stream_lines, text_of
from attlas.pipeline.annotate.formats import format_of
from attlas.pipeline.annotate.readers import uniprot_xml
from attlas.schema import InputError

Pack = Callable[[bytes], bytes]


def zstandard(data: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as packed:
        packed.write(data)
    return bytes(out.getvalue().to_pybytes())


def bgzip(data: bytes) -> bytes:
    """Blocks of their own and an empty one at the end, as samtools' bgzip writes."""
    return b"".join(bgzip_blocks(data))


def bgzip_blocks(data: bytes) -> list[bytes]:
    """The blocks of `bgzip`, each with its length in a field called BC (SAM specification, section 4.1)."""
    blocks = []
    for text in [*(data[at : at + 40] for at in range(0, len(data), 40)), b""]:
        deflated = zlib.compress(text, wbits=-15)
        head = struct.pack("<4BI2BH2s2H", 31, 139, 8, 4, 0, 0, 255, 6, b"BC", 2, len(deflated) + 25)
        blocks.append(head + deflated + struct.pack("<2I", zlib.crc32(text), len(text)))
    return blocks


COMPRESSIONS: dict[str, Pack] = {
    "gzip": gzip.compress,
    "bgzip": bgzip,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "Zstandard": zstandard,
}
ENCODINGS: dict[str, Pack] = {
    "plain": lambda data: data,
    "UTF-8 with its mark": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-16, the other way round": lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
}


every_way = pytest.mark.parametrize("way", WAYS)


@every_way
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_way_in_reads_every_compression_and_encoding(
    tmp_path: Path, way: str, compression: str, encoding: str
) -> None:
    data, read, expected = WAYS[way]
    path = tmp_path / "handed"  # by its bytes, not by its name
    path.write_bytes(COMPRESSIONS[compression](ENCODINGS[encoding](data)))
    assert read(path) == expected


@every_way
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "handed is packed with zip"),
        (gzip.compress(b"x" * 99, mtime=0)[:-9], "The gzip file handed is damaged"),
        (zstandard(bytes(range(250)) * 9)[:-9], "The Zstandard file handed is damaged"),
        (None, "There is no such file: .*handed"),
        ("folder", "is a folder"),
        ("/dev/zero", "is a pipe or a device"),
    ],
    ids=["an archive", "damaged gzip", "damaged Zstandard", "nothing", "a folder", "a device"],
)
def test_every_way_in_refuses_the_same_with_the_same_words(
    tmp_path: Path, way: str, content: bytes | str | None, message: str
) -> None:
    path = tmp_path / "handed"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "folder":
        path.mkdir()
    elif content is not None:
        path = Path(content)
    if content == "folder" and way == "compare":
        pytest.skip("a folder is another atlas")
    read = WAYS[way][1]
    with pytest.raises(InputError, match=message):
        read(path)


@pytest.mark.parametrize("way", [way for way in WAYS if not way.startswith(("annotate", "structure"))])
def test_standard_input_is_read_where_a_file_is_read_once(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    data, read, expected = WAYS[way]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(data))))
    assert read(Path("-")) == expected


def test_annotation_is_not_read_from_standard_input_and_says_why() -> None:
    with pytest.raises(InputError, match=r"read more than once(.|\n)*standard input(.|\n)*to a file first"):
        format_of(Path("-"))


# --- bounds ---


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "Zstandard"])
def test_a_bomb_is_refused_after_its_first_megabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("attlas.intake.compression.MIN_BYTES_OF_BOMB", 1 << 20)
    path = tmp_path / "bomb"
    path.write_bytes(COMPRESSIONS[name](bytes(16 << 20)))
    with pytest.raises(InputError, match=r"compressed more than any text(.|\n)*at most 250 bytes") as caught:
        read_file(path, expected="anything")
    n_unpacked = int(re.match("([0-9,]+) bytes from", caught.value.found or "")[1].replace(",", ""))  # type: ignore[index]
    assert n_unpacked < 6 << 20, "it is not unpacked to its end first"
    with pytest.raises(InputError, match="compressed more"), open_file(path, expected="anything") as handle:
        handle.read()


@pytest.mark.slow
@pytest.mark.parametrize("line", [b"\n", b"#", b"# a\n"], ids=["blank lines", "one comment", "comments"])
@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "Zstandard"])
def test_a_bomb_is_refused_before_its_first_line_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: bytes
) -> None:
    monkeypatch.setattr("attlas.intake.compression.MIN_BYTES_OF_BOMB", 1 << 20)
    path = tmp_path / "bomb"
    path.write_bytes(COMPRESSIONS[name](line * ((2 << 20) // len(line))))
    with open_file(path, expected="anything") as handle, pytest.raises(InputError, match="compressed more than any"):
        next(stream_lines(handle, name="bomb"))


def test_what_stands_before_the_damage_of_a_short_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(b"first\nsecond\n")[:-8])
    lines = []
    with open_file(path, expected="anything") as handle, pytest.raises(InputError, match="it is truncated"):
        lines.extend(line for _, line in stream_lines(handle, name="t.gz"))
    assert lines == ["first"]


def test_letters_that_repeat_are_no_bomb(tmp_path: Path) -> None:
    text = b">titin\n" + b"MKV" * 1_000_000
    (tmp_path / "t.gz").write_bytes(gzip.compress(text))
    assert read_file(tmp_path / "t.gz", expected="a FASTA file").data == text


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_above_the_bound_is_refused_and_one_at_it_is_read(tmp_path: Path, pack: Pack) -> None:
    data = os.urandom(1000)
    path = tmp_path / "large"
    path.write_bytes(pack(data))
    n = max(len(data), path.stat().st_size)
    assert read_file(path, expected="anything", max_bytes=n).data == data
    with pytest.raises(InputError, match=r"at most 999 bytes"):
        read_file(path, expected="anything", max_bytes=999)
    assert MAX_BYTES == 4 * 1024**3


def test_a_pipe_without_an_end_is_read_to_the_bound_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        n_read = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            self.n_read += len(buffer)
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    endless = Endless()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(endless)))
    with pytest.raises(InputError, match=r"standard input is larger than is read(.|\n)*may have no end"):
        read_file("-", expected="anything", max_bytes=1 << 22)
    assert endless.n_read < 1 << 23


# --- damage ---


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "Zstandard"])
def test_what_stands_behind_the_compressed_data_is_refused_and_padding_is_not(tmp_path: Path, name: str) -> None:
    path = tmp_path / "p"
    packed = COMPRESSIONS[name](b"MKV\n" * 99)
    path.write_bytes(packed + packed)
    assert read_file(path, expected="anything").data == b"MKV\n" * 198
    path.write_bytes(packed + b">b\nMK\n")
    with pytest.raises(InputError, match=f"The {name} file p is damaged"):
        read_file(path, expected="anything")
    if name != "Zstandard":
        path.write_bytes(packed + bytes(512))
        assert read_file(path, expected="anything").data == b"MKV\n" * 99


@pytest.mark.parametrize("n_padding", [1, 4095, 4096, 10_000])
def test_members_behind_padding_are_read(tmp_path: Path, n_padding: int) -> None:
    path = tmp_path / "p"
    for name in ("gzip", "bzip2", "xz"):
        packed = COMPRESSIONS[name](b"MKV\n")
        path.write_bytes(packed + bytes(n_padding) + packed + bytes(n_padding))
        assert read_file(path, expected="anything").data == b"MKV\n" * 2


@pytest.mark.parametrize("n_blocks", [1, 2, 70, 249])
def test_a_bgzip_file_whose_last_blocks_are_missing_is_damaged(tmp_path: Path, n_blocks: int) -> None:
    blocks = bgzip_blocks(b">a\nMKVLAACDEF\n" * 709)
    assert len(blocks) == 250
    path = tmp_path / "p.gz"
    path.write_bytes(b"".join(blocks))
    assert len(read_file(path, expected="anything").data) == 709 * 14
    path.write_bytes(b"".join(blocks) + b"".join(blocks))
    assert len(read_file(path, expected="anything").data) == 2 * 709 * 14
    path.write_bytes(b"".join(blocks[:n_blocks]))
    with pytest.raises(InputError, match=r"The gzip file p\.gz is damaged"):
        read_file(path, expected="anything")


def test_a_closed_standard_input_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="Standard input is closed"):
        read_file("-", expected="a FASTA file")


def test_a_damaged_file_says_on_which_line_it_breaks_off(tmp_path: Path) -> None:
    lines = b"".join(b"%d %s\n" % (i, os.urandom(20).hex().encode()) for i in range(2000))
    packed = gzip.compress(lines)
    (tmp_path / "d").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match=r"truncated; it breaks off near line [\d,]+") as caught:
        read_file(tmp_path / "d", expected="anything")
    number = int(re.search(r"near line ([\d,]+)", str(caught.value))[1].replace(",", ""))  # type: ignore[index]
    assert 800 < number < 1200


# --- text ---


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_stream_gives_the_lines_of_a_text_wherever_its_chunks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    text = "a\u2028b\r\n\r\nç\rlast but one\n\x0bend"
    path = tmp_path / "t"
    path.write_bytes(text.encode(encoding))
    expected = list(enumerate(re.split("\r\n|\r|\n", text), start=1))
    for n in (1, 2, 3, 7, 1 << 16):
        monkeypatch.setattr("attlas.intake.text._CHUNK_BYTES", max(n, 3 if encoding == "utf-8-sig" else 2))
        with open_file(path, expected="anything") as handle:
            assert list(stream_lines(handle, name="t")) == expected


def test_a_line_above_the_bound_is_refused_with_its_number_and_one_at_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attlas.intake.text._CHUNK_BYTES", 7)
    monkeypatch.setattr("attlas.intake.text.LONGEST_LINE_BYTES", 100)
    path = tmp_path / "long.tsv"
    for end in ("\n", "\r", "\r\n", ""):
        path.write_bytes(f"a{end or chr(10)}b\n{'x' * (100 - len(end))}{end}".encode())
        with open_file(path, expected="anything") as handle:
            assert [len(line) for _, line in stream_lines(handle, name=path.name)] == [1, 1, 100 - len(end)]
    path.write_bytes(b"a\n\r\nb\n" + b"x" * 1000)
    expected = r"A line of long\.tsv is longer(.|\n)*at most 100 bytes(.|\n)*more on line 4"
    with open_file(path, expected="anything") as handle, pytest.raises(InputError, match=expected):
        list(stream_lines(handle, name=path.name))


def test_the_work_on_a_line_grows_with_its_length_and_not_with_its_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are joined or split, counted: each is touched a few times, in however many chunks it comes."""
    monkeypatch.setattr("attlas.intake.text._CHUNK_BYTES", 100)
    n_touched = 0

    class Counted(bytes):
        def splitlines(self, keepends: bool = False) -> list[bytes]:
            nonlocal n_touched
            n_touched += len(self)
            return super().splitlines(keepends)

        def __radd__(self, other: bytes) -> "Counted":
            return Counted(bytes(other) + bytes(self))

        def removeprefix(self, prefix: bytes) -> "Counted":
            return Counted(super().removeprefix(prefix))

    class Chunks(io.BytesIO):
        def read1(self, n: int | None = -1) -> bytes:
            return Counted(super().read1(n or -1))

    assert [len(line) for _, line in stream_lines(Chunks(b"x" * 100_000), name="t")] == [100_000]
    assert 100_000 <= n_touched <= 300_000


def test_a_line_that_is_not_utf_8_is_latin_1_and_the_others_stay(tmp_path: Path) -> None:
    data = "α\n".encode() + "é\r".encode("latin-1") + b"end"
    assert text_of(data, name="t") == "α\né\rend"
    path = tmp_path / "t"
    path.write_bytes(data)
    with open_file(path, expected="anything") as handle:
        assert [line for _, line in stream_lines(handle, name="t")] == ["α", "é", "end"]


@pytest.mark.parametrize("data", [b"a\0b", "MK\n".encode("utf-16-le"), b"\xff\xfea"])
def test_binary_and_broken_text_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="t is no plain text"):
        text_of(data, name="t")


@pytest.mark.parametrize("encoding", ["klingon", "utf-32", "shift_jis"])
def test_xml_of_an_encoding_that_is_not_read_is_a_sentence(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "c.xml"
    path.write_text(f'<?xml version="1.0" encoding="{encoding}"?>\n<uniprot/>\n')
    with pytest.raises(InputError, match=r"c\.xml is in an encoding that is not read(.|\n)*convert it to UTF-8"):
        list(uniprot_xml.read(path))


def test_a_name_without_the_ending_of_a_compressed_file() -> None:
    names = {"a.pdb.gz": "a.pdb", "b.cif.BZ2": "b.cif", "c.fa.zst": "c.fa", "d.csv": "d.csv", ".xz": ""}
    assert {name: plain_name(name) for name in names} == names
    assert STANDARD_INPUT == "-"
