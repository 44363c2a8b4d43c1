"""Inputs beyond memory: cut into blocks, sorted in runs and merged, they give what one read at once gives."""

import gzip
import hashlib
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.building import random_proteins

from attlas.pipeline.proteins.arranging import ArrangedProteins, Sizes, arrange_proteins, parse_input
from attlas.pipeline.proteins.parsing import Parser
from attlas.pipeline.proteins.workspace import Workspace
from attlas.schema import EnvironmentFault, InputError

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[3] / "examples"
TINY = Sizes(block_bytes=700, run_bytes=1_500, step_batches=1, n_parsers=0)
"""A few records a block and a run: every border between parts is met."""


def arranged(*sources: object, sizes: Sizes | None = None, max_length: int | None = None) -> ArrangedProteins:
    return arrange_proteins(parse_input([str(source) for source in sources], max_length=max_length, sizes=sizes))


def rows_of(tables: Iterator[pa.Table]) -> list[dict[str, object]]:
    return [row for table in tables for row in table.to_pylist()]


def contents(proteins: ArrangedProteins) -> tuple[object, ...]:
    counts = (proteins.n_records, proteins.n_proteins, proteins.n_skipped, proteins.skipped, proteins.digest)
    return (*counts, proteins.lengths.tolist(), rows_of(proteins.proteins()), rows_of(proteins.sequences()))


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """Return a file with repeats far apart, shared sequences, indents, Windows line ends and records to skip."""
    proteins = random_proteins([11 + 7 * i % 90 for i in range(60)])
    records = [f">{name} protein\r\n{text[:20]}\r\n{text[20:]}\r\n" for name, text in proteins.items()]
    shared = proteins["P00003"]
    records[9:9] = [f"  >Shared one\n{shared}\n", ">STOP\nMK*V\n", "\n>\nMKV\n\n", ">Ünï\nMKé\n"]
    records += [*records[3:6], f">Shared one\n{shared}\n", ">LONG\n" + "M" * 120]
    path = tmp_path / "messy.fasta"
    path.write_bytes("".join(records).encode())
    return path


def test_an_input_in_many_small_parts_gives_the_same_proteins_sequences_and_digest(messy: Path) -> None:
    whole = arranged(messy, max_length=100)
    parts = arranged(messy, max_length=100, sizes=TINY)
    assert (whole.workspace.is_used, parts.workspace.is_used) == (False, True)
    assert contents(parts) == contents(whole)
    assert (whole.n_records, whole.n_proteins, whole.n_skipped) == (69, 65, 3)


def test_sequences_are_in_order_of_length_and_md5_and_name_all_their_proteins(messy: Path) -> None:
    proteins = arranged(messy, sizes=TINY)
    sequences = rows_of(proteins.sequences())
    keys = [(len(row["sequence"]), hashlib.md5(row["sequence"].encode()).hexdigest()) for row in sequences]
    assert keys == sorted(set(keys))
    assert [row["sequence_id"] for row in sequences] == list(range(len(sequences)))
    assert proteins.lengths.tolist() == [length for length, _ in keys]

    computed = [row for row in rows_of(proteins.proteins()) if row["reason"] is None]
    assert [row["accession"] for row in computed] == sorted(row["accession"] for row in computed)
    for row in computed:
        sequence = sequences[row["sequence_id"]]
        assert sequence["sequence"] == row["sequence"]
        assert row["accession"] in sequence["accessions"]
    assert ["P00003", "Shared"] in [row["accessions"] for row in sequences]


def test_the_processes_that_parse_give_the_same_as_this_one(messy: Path) -> None:
    arrangement, parallel_arrangement = (
        arranged(messy, sizes=Sizes(block_bytes=700, n_parsers=n_parsers)) for n_parsers in (0, 2)
    )
    assert parallel_arrangement.workspace.is_used
    assert contents(parallel_arrangement) == contents(arrangement)


def test_a_parser_that_dies_is_reported(tmp_path: Path, messy: Path) -> None:
    parser = Parser(None)
    parser._process.kill()
    block = next(iter(parse_input_blocks(messy)))
    with pytest.raises(EnvironmentFault, match="A process that reads the input has died"):
        parser.parse(block, tmp_path / "run.arrow")
    parser.close()


def test_a_parser_that_dies_while_a_block_is_sent_is_reported_and_all_others_end(
    messy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsers: list[Parser] = []
    begin = Parser.__init__

    def begin_and_kill_the_first(parser: Parser, max_length: int | None) -> None:
        begin(parser, max_length)
        if not parsers:
            parser._process.kill()
            parser._process.wait()
        parsers.append(parser)

    monkeypatch.setattr(Parser, "__init__", begin_and_kill_the_first)
    with pytest.raises(EnvironmentFault, match="A process that reads the input has died"):
        arranged(messy, sizes=Sizes(block_bytes=700, n_parsers=3))
    assert [parser._process.poll() for parser in parsers] == [-9, -9, -9]


@pytest.mark.thorough
def test_a_parser_imports_nothing_from_the_current_folder(
    messy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('a file of the user was executed')")
    monkeypatch.chdir(tmp_path)
    assert arranged(messy, sizes=Sizes(block_bytes=700, n_parsers=1)).n_records == 69


def parse_input_blocks(path: Path) -> Iterator[object]:
    from attlas.pipeline.proteins.fasta import FastaInput

    return FastaInput([str(path)]).blocks()


def test_a_record_longer_than_a_block_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.fasta"
    long = "".join(random.Random(2).choices("ACDEFGHIKLMNPQRSTVWY", k=20_000))
    lines = "\n".join(long[i : i + 60] for i in range(0, len(long), 60))
    path.write_text(f">a\nMKV\n>long\n{lines}\n>b\nMKVL\n")
    assert [(row["accession"], row["sequence"]) for row in rows_of(arranged(path, sizes=TINY).proteins())] == [
        ("a", "MKV"),
        ("b", "MKVL"),
        ("long", long),
    ]


def bgzip(data: bytes) -> bytes:
    """Pack as bgzip does: many members, of any cut."""
    return b"".join(gzip.compress(data[i : i + 101], mtime=0) for i in range(0, len(data), 101))


@pytest.mark.parametrize("pack", [bgzip, lambda data: pa.compress(data, "zstd", asbytes=True)], ids=["bgzip", "zstd"])
def test_compressed_files_are_streamed(messy: Path, tmp_path: Path, pack) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(pack(messy.read_bytes()))
    proteins = arranged(packed, sizes=TINY)
    assert contents(proteins) == contents(arranged(messy))
    assert proteins.sha256 == hashlib.sha256(packed.read_bytes()).hexdigest()


def test_many_files_are_one_input_whose_lines_name_the_file(messy: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.fasta.gz"
    more.write_bytes(
        gzip.compress(b"\n>Q1\nMKVW\n>P00001 again\n" + random_proteins([11, 18])["P00001"].encode() + b"\n>Q2\nM-K")
    )
    both = arranged(messy, more, sizes=TINY)
    rows = {row["accession"]: row for row in rows_of(both.proteins())}
    assert both.name == "messy.fasta, more.fasta.gz"
    assert both.sha256 == hashlib.sha256(messy.read_bytes() + more.read_bytes()).hexdigest()
    assert both.n_records == arranged(messy).n_records + 3
    assert rows["P00001"]["n_records"] == 2
    assert rows["Q2"]["reason"] == "gap `-`, as in an alignment, at position 2 (line 7 of more.fasta.gz)"
    assert "line 6 of more.fasta.gz" in [skipped.place for skipped in both.skipped]
    n_lines = len(messy.read_bytes().splitlines())
    assert rows["Q1"]["line"] == n_lines + 2


def test_a_conflict_is_found_across_parts_and_files(messy: Path, tmp_path: Path) -> None:
    messy.write_bytes(messy.read_bytes() + b"\n>P00001\nMKV\n")
    with pytest.raises(
        InputError, match=r"two different sequences(.|\n)*P00001: lines 4 and \d+ \(18 and 3 residues\)"
    ):
        arranged(messy, sizes=TINY)

    other = tmp_path / "other.fasta"
    other.write_text(">P00002\nMKV\n")
    messy.write_bytes(messy.read_bytes().replace(b"\n>P00001\nMKV\n", b"\n"))
    with pytest.raises(InputError, match=r"P00002: line 7 of messy.fasta and line 1 of other.fasta"):
        arranged(messy, other, sizes=TINY)


def test_nucleotides_are_told_file_by_file_though_in_many_parts(messy: Path, tmp_path: Path) -> None:
    genes = tmp_path / "genes.fna"
    genes.write_text("".join(f">g{i}\n{'ACGT' * 30}\n" for i in range(40)))
    with pytest.raises(InputError, match=r"genes\.fna looks like nucleotides"):
        arranged(messy, genes, sizes=TINY)


def test_a_damaged_file_names_its_own_record_though_in_many_parts(messy: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(gzip.compress(messy.read_bytes())[:-20])
    with pytest.raises(InputError, match=r"breaks off near line \d+, in record (\d+)") as caught:
        arranged(messy, damaged, sizes=TINY)
    record = int(re.search(r"in record (\d+)", str(caught.value))[1])
    assert 50 < record <= 69


def test_the_temporary_folder_is_gone_when_the_input_is_refused_or_no_longer_needed(
    messy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    proteins = arranged(messy, sizes=TINY)
    assert len(list(temporary.iterdir())) == 1
    del proteins
    assert list(temporary.iterdir()) == []

    messy.write_bytes(messy.read_bytes() + b"\n>P00001\nMKV\n")
    with pytest.raises(InputError, match="two different sequences"):
        arranged(messy, sizes=TINY)
    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_process_that_was_killed_is_removed_and_one_in_use_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    script = (
        "import os; from attlas.pipeline.proteins.workspace import Workspace; "
        "workspace = Workspace(); print(workspace.folder, flush=True); os._exit(1)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    killed = Path(done.stdout.strip())
    assert killed.is_dir()
    in_use = Workspace()
    assert killed.parent == in_use.folder.parent == tmp_path
    assert not killed.exists()
    other = Workspace()
    assert {in_use.folder, other.folder} == set(tmp_path.iterdir())
    in_use.close()
    assert list(tmp_path.iterdir()) == [other.folder]


def test_without_a_folder_for_temporary_files_tmpdir_is_named(messy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/absent"])
    with pytest.raises(EnvironmentFault, match=r"no folder for temporary files(.|\n)*set TMPDIR to a folder"):
        arranged(messy, sizes=TINY)
